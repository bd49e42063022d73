"""Running a process of the bridge until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Iterator

import structlog
import uvicorn
from starlette.types import ASGIApp

from bridge import clock
from bridge.app import Bridge, open_bridge
from bridge.errors import StartRefused
from bridge.settings import Settings
from storage.errors import DATABASE_AWAY

log = structlog.get_logger()

START_SECONDS = 15.0
DATABASE_SECONDS, DATABASE_PAUSE_SECONDS = 20.0, 1.0
BACKLOG_LIMIT = 1000  # requests under way before new ones are answered 503


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to `serve`: uvicorn would end the process before we have stopped."""
        yield


async def serve(settings: Settings, roles: frozenset[str]) -> None:
    """Run these roles until SIGINT or SIGTERM; raises StartRefused where they cannot run.

    A database that goes away before all runs, as in its own restart, is waited for a while; what
    it said last is raised after that.
    """
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(each, stopping.set)
    give_up_at = clock.monotonic() + DATABASE_SECONDS
    while not stopping.is_set():
        try:
            await _serve_until(stopping, settings, roles)
        except DATABASE_AWAY as error:
            if clock.monotonic() > give_up_at and not stopping.is_set():
                raise
            log.warning("bridge.start_delayed", error=type(error).__name__)
            await clock.wait_at_most(stopping, DATABASE_PAUSE_SECONDS)


async def _serve_until(stopping: asyncio.Event, settings: Settings, roles: frozenset[str]) -> None:
    bridge = await open_bridge(settings, roles=roles)
    try:
        await bridge.open()
        async with listening(bridge, settings, "web" in roles):
            await bridge.start()
            log.info("bridge.started", roles=sorted(roles), database=bridge.database.dialect)
            await stopping.wait()
            log.info("bridge.stopping")
    finally:
        await bridge.stop()
    log.info("bridge.stopped")


@contextlib.asynccontextmanager
async def listening(bridge: Bridge, settings: Settings, is_web: bool) -> AsyncIterator[None]:
    """Serve the bridge's HTTP routes while the context lasts."""
    async with contextlib.AsyncExitStack() as served:
        if settings.monitor_port:
            monitor = _serving(bridge.monitor, settings.host, settings.monitor_port)
            await served.enter_async_context(monitor)
        if is_web:
            await served.enter_async_context(_serving(bridge.web, settings.host, settings.port))
        yield


@contextlib.asynccontextmanager
async def _serving(app: ASGIApp, host: str, port: int) -> AsyncIterator[None]:
    server = _Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            log_config=None,
            access_log=False,
            server_header=False,
            limit_concurrency=BACKLOG_LIMIT,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=10,
        )
    )
    serving = asyncio.create_task(server.serve(), name=f"http server {port}")
    try:
        await _until_listening(server, serving, host, port)
        yield
    finally:
        server.should_exit = True
        await serving


async def _until_listening(
    server: _Server, serving: asyncio.Task[None], host: str, port: int
) -> None:
    until = clock.monotonic() + START_SECONDS
    while not server.started:
        if serving.done() or clock.monotonic() > until:
            raise StartRefused(
                f"Nothing can listen on {host}:{port}: another program may be using that port. "
                "Set PORT (or BRIDGE_MONITOR_PORT) to a free one."
            )
        await clock.sleep(0.01)
    log.info("web.listening", host=host, port=port)
