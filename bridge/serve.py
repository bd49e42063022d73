"""Running a process of the bridge until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import signal
from collections.abc import AsyncIterator, Iterator

import structlog
import uvicorn
from starlette.types import ASGIApp

from bridge import clock
from bridge.app import Bridge, open_bridge
from bridge.connections import Limits, bounded_protocol
from bridge.errors import StartRefused
from bridge.settings import Settings

log = structlog.get_logger()

START_SECONDS = 15.0
OPEN_FILES = 4096  # a login shell's 1,024 are fewer than connections and database may need


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to `serve`: uvicorn would end the process before we have stopped."""
        yield


async def serve(settings: Settings, roles: frozenset[str]) -> None:
    """Run these roles until SIGINT or SIGTERM; raises StartRefused where they cannot run."""
    _allow_open_files()
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(each, stopping.set)
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
            monitor = serving(bridge.monitor, settings.host, settings.monitor_port)
            await served.enter_async_context(monitor)
        if is_web:
            await served.enter_async_context(serving(bridge.web, settings.host, settings.port))
        yield


@contextlib.asynccontextmanager
async def serving(
    app: ASGIApp, host: str, port: int, limits: Limits | None = None
) -> AsyncIterator[int]:
    """Serve an application while the context lasts; gives the port, a free one for 0."""
    limits = limits or Limits()
    server = _Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            log_config=None,
            access_log=False,
            server_header=False,
            http=bounded_protocol(limits),
            ws="none",
            timeout_keep_alive=limits.keep_alive_seconds,
            timeout_graceful_shutdown=10,
        )
    )
    task = asyncio.create_task(server.serve(), name=f"http server {port}")
    try:
        yield await _until_listening(server, task, host, port)
    finally:
        server.should_exit = True
        await task


async def _until_listening(server: _Server, task: asyncio.Task[None], host: str, port: int) -> int:
    until = clock.monotonic() + START_SECONDS
    while not server.started:
        if task.done() or clock.monotonic() > until:
            raise StartRefused(
                f"Nothing can listen on {host}:{port}: another program may be using that port. "
                "Set PORT (or BRIDGE_MONITOR_PORT) to a free one."
            )
        await clock.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    log.info("web.listening", host=host, port=port)
    return port


def _allow_open_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
