"""Running a process of the bridge until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from typing import Any

import structlog
import uvicorn
from starlette.types import ASGIApp

from bridge import clock
from bridge.app import Bridge, open_bridge
from bridge.connections import Limits, bounded_protocol
from bridge.errors import StartRefused
from bridge.settings import Settings
from storage.errors import DATABASE_AWAY

log = structlog.get_logger()

START_SECONDS = 15.0
STOP_SECONDS = 28.0  # less than the 30 s after which process managers kill
CUT_SHORT = 1
DATABASE_SECONDS, DATABASE_PAUSE_SECONDS = 20.0, 1.0
OPEN_FILES = 4096  # a login shell's 1,024 are fewer than connections and database may need


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to `serve`: uvicorn would end the process before we have stopped."""
        yield


async def serve(settings: Settings, roles: frozenset[str]) -> None:
    """Run these roles until SIGINT or SIGTERM; raises StartRefused where they cannot run.

    A database that goes away before all runs, as in its own restart, is waited for a while; what
    it said last is raised after that. From the signal on the process lives STOP_SECONDS at most,
    whatever hangs; a second signal ends it at once. What was started is looked up by the next
    process, what was not is sent by it.
    """
    _allow_open_files()
    stopping = _stopping_on_signals()
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
    served = contextlib.AsyncExitStack()
    try:
        if await _unless(stopping, _start(bridge, settings, roles, served)):
            log.info("bridge.started", roles=sorted(roles), database=bridge.database.dialect)
            await stopping.wait()
        log.info("bridge.stopping")
    finally:
        # side by side: a request under way must not keep the worker claiming
        await asyncio.gather(served.aclose(), bridge.stop_working())
        await bridge.stop()
    log.info("bridge.stopped")


def _stopping_on_signals() -> asyncio.Event:
    stopping = asyncio.Event()

    def stop() -> None:
        if stopping.is_set():
            _end_at_once()
        stopping.set()
        # a thread's timer, as neither a blocked loop nor a hanging thread may outlive it
        last = threading.Timer(STOP_SECONDS, _end_at_once)
        last.daemon = True
        last.start()

    for each in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(each, stop)
    return stopping


def _end_at_once() -> None:
    log.warning("bridge.stop_cut_short", what="process")
    os._exit(CUT_SHORT)


async def _start(
    bridge: Bridge, settings: Settings, roles: frozenset[str], served: contextlib.AsyncExitStack
) -> None:
    await bridge.open()
    await served.enter_async_context(listening(bridge, settings, "web" in roles))
    await bridge.start()


async def _unless(stopping: asyncio.Event, starting: Coroutine[Any, Any, None]) -> bool:
    """Whether it came to its end before we were told to stop; cancelled where it did not."""
    start, stop = asyncio.create_task(starting), asyncio.create_task(stopping.wait())
    await asyncio.wait({start, stop}, return_when=asyncio.FIRST_COMPLETED)
    stop.cancel()
    if not start.done():
        start.cancel()
        await asyncio.wait({start})
        return False
    start.result()
    return True


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
