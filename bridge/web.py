"""HTTP routes: Slack's events, RingCentral's webhook, health."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp

IsReady = Callable[[], Awaitable[dict[str, bool]]]


def build_web(
    *,
    slack: ASGIApp | None,
    ringcentral_routes: Sequence[BaseRoute],
    is_ready: IsReady,
    sandbox_routes: Sequence[BaseRoute] = (),
) -> Starlette:
    """The application a web process serves; `slack` is None in Socket Mode.

    `sandbox_routes` is empty everywhere but in the sandbox.
    """

    async def live(_request: Request) -> Response:
        return JSONResponse({"live": True})

    async def ready(_request: Request) -> Response:
        checks = await is_ready()
        return JSONResponse(checks, status_code=200 if all(checks.values()) else 503)

    routes: list[BaseRoute] = [
        Route("/health/live", live),
        Route("/health/ready", ready),
        *ringcentral_routes,
        *sandbox_routes,
    ]
    if slack is not None:
        routes.append(Mount("/slack", app=slack))
    return Starlette(routes=routes)
