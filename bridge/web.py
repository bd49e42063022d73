"""HTTP routes: Slack's events, RingCentral's webhook, health, metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bridge import meters
from bridge.clock import monotonic
from bridge.metrics import MetricsPage

IsReady = Callable[[], Awaitable[dict[str, bool]]]

READY_KEPT_SECONDS = 1.0
TIMED_ROUTES = ("/slack/", "/ringcentral/webhook")


def build_web(
    *,
    slack: ASGIApp | None,
    ringcentral_routes: Sequence[BaseRoute],
    is_ready: IsReady,
    metrics: MetricsPage,
    sandbox_routes: Sequence[BaseRoute] = (),
) -> ASGIApp:
    """The application a web process serves; `slack` is None in Socket Mode.

    `sandbox_routes` is empty everywhere but in the sandbox.
    """
    routes = [*_watching_routes(is_ready, metrics), *ringcentral_routes, *sandbox_routes]
    if slack is not None:
        routes.append(Mount("/slack", app=slack))
    return Timed(Starlette(routes=routes))


def build_monitor(is_ready: IsReady, metrics: MetricsPage) -> ASGIApp:
    """What any process may serve on a port of its own: health and metrics alone."""
    return Starlette(routes=_watching_routes(is_ready, metrics))


def _watching_routes(is_ready: IsReady, metrics: MetricsPage) -> list[BaseRoute]:
    readiness = Readiness(is_ready)

    async def live(_request: Request) -> Response:
        return JSONResponse({"live": True})

    async def ready(_request: Request) -> Response:
        checks = await readiness.checks()
        return JSONResponse(checks, status_code=200 if all(checks.values()) else 503)

    return [
        Route("/health/live", live),
        Route("/health/ready", ready),
        Route("/metrics", metrics.answer),
    ]


class Readiness:
    """What `is_ready` said, kept for a second: strangers may ask, and each look is a read."""

    def __init__(self, is_ready: IsReady) -> None:
        self._is_ready = is_ready
        self._checks: dict[str, bool] = {}
        self._kept_until = 0.0
        self._asking = asyncio.Lock()

    async def checks(self) -> dict[str, bool]:
        """Each check by name; those who ask at once wait for one answer."""
        async with self._asking:
            if monotonic() >= self._kept_until:
                self._checks = await self._is_ready()
                self._kept_until = monotonic() + READY_KEPT_SECONDS
            return self._checks


class Timed:
    """Times the answers to the providers; other paths, which strangers choose, make no label."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        route = next((each for each in TIMED_ROUTES if path.startswith(each)), None)
        if scope["type"] != "http" or route is None:
            await self._app(scope, receive, send)
            return
        began = monotonic()

        async def send_timed(message: Message) -> None:
            if message["type"] == "http.response.start":
                seconds = monotonic() - began
                meters.ANSWER_SECONDS.labels(route, str(message["status"])).observe(seconds)
            await send(message)

        await self._app(scope, receive, send_timed)
