"""HTTP routes: Slack's events, RingCentral's webhook, health, metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bridge import meters
from bridge.clock import monotonic
from bridge.metrics import MetricsPage

IsReady = Callable[[], Awaitable[dict[str, bool]]]

READY_KEPT_SECONDS = 1.0


def build_web(
    *,
    slack: ASGIApp | None,
    ringcentral: ASGIApp,
    is_ready: IsReady,
    metrics: MetricsPage,
    sandbox_routes: Sequence[BaseRoute] = (),
) -> ASGIApp:
    """The application a web process serves; `slack` is None in Socket Mode.

    `sandbox_routes` is empty everywhere but in the sandbox.
    """
    doors = {"/ringcentral/webhook": ringcentral}
    if slack is not None:
        doors["/slack/"] = slack
    routes = [*_watching_routes(is_ready, metrics), *sandbox_routes]
    return Doors(doors, Starlette(routes=routes))


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


class Doors:
    """Leads the providers' requests straight to their sides, and times the answers.

    All else is Starlette's, whose layers and routes cost as much as it takes to read an event. A
    door that ends in a slash takes all that begins with it.
    """

    def __init__(self, doors: Mapping[str, ASGIApp], others: ASGIApp) -> None:
        self._doors, self._others = doors, others

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        door = next((each for each in self._doors if _leads_to(path, each)), None)
        if scope["type"] != "http" or door is None:
            await self._others(scope, receive, send)
            return
        began = monotonic()

        async def send_timed(message: Message) -> None:
            if message["type"] == "http.response.start":
                seconds = monotonic() - began
                # of paths, which strangers choose, only ours make a label
                meters.ANSWER_SECONDS.labels(door, str(message["status"])).observe(seconds)
            await send(message)

        await self._doors[door](scope, receive, send_timed)


def _leads_to(path: str, door: str) -> bool:
    return path == door or (door.endswith("/") and path.startswith(door))
