"""`sms-bridge sandbox`: simulators and page in this process, the bridge as a child.

It knows the bridge only by its command line and its environment, as an installation would.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

from bridge.sandbox.bridge_process import (
    LOOPBACK,
    BridgeProcess,
    SandboxFailed,
    bridge_environment,
    free_port,
)
from bridge.sandbox.conversation import Narrator, play, play_on
from bridge.sandbox.page import Page
from bridge.sandbox.sandbox import Sandbox

__all__ = [
    "LOOPBACK",
    "BridgeProcess",
    "SandboxFailed",
    "bridge_environment",
    "free_port",
    "run",
]


async def run(data: Path, *, port: int, fresh: bool, once: bool) -> int:
    """Bring everything up and stay until Ctrl-C; the exit code.

    A new sandbox plays a short conversation; `once` plays all of it in a new one, then stops.
    """
    with _own_terminal():
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        for each in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(each, stopping.set)
        try:
            sandbox = Sandbox(data / "sandbox", is_fresh=fresh or once)
            return await _run(sandbox, port, once, stopping)
        except (SandboxFailed, TimeoutError) as failure:
            print(f"\nThe sandbox stops: {failure}", file=sys.stderr)
            return 1


async def _run(sandbox: Sandbox, port: int, once: bool, stopping: asyncio.Event) -> int:
    narrator = Narrator(sys.stdout)
    async with sandbox.running(), Page(sandbox).served(port) as url:
        narrator.opening(url, sandbox.folder)
        await sandbox.start_bridge()
        if sandbox.is_new:
            await _until_first(play(narrator, sandbox.slack, sandbox.ringcentral), stopping)
        if once:
            await _until_first(play_on(narrator, sandbox.slack, sandbox.ringcentral), stopping)
        else:
            narrator.closing(url, is_new=sandbox.is_new)
            await stopping.wait()
    narrator.line("\nStopped. Nothing is left running.")
    return 0


async def _until_first(work: Coroutine[Any, Any, None], stopping: asyncio.Event) -> None:
    task = asyncio.create_task(work)
    stop = asyncio.create_task(stopping.wait())
    await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
    stop.cancel()
    if task.done():
        task.result()
        return
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


@contextlib.contextmanager
def _own_terminal() -> Iterator[None]:
    """Take the terminal's foreground, so that Ctrl-C reaches us and not a `make` above us.

    make would answer it with an error of its own although we stop cleanly.
    """
    if not sys.stdin.isatty():
        yield
        return
    before = os.tcgetpgrp(0)
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    try:
        os.setpgid(0, 0)
        os.tcsetpgrp(0, os.getpgrp())
    except PermissionError:  # already the leader of a session: nobody is above us
        pass
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            os.tcsetpgrp(0, before)
