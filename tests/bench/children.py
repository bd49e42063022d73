"""Child processes of the bench: started, told apart by their first line, and always ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from tests.bench.load import BenchFailed

START_SECONDS = 20.0
STOP_SECONDS = 10.0


@contextlib.asynccontextmanager
async def running(log_path: Path, *arguments: str) -> AsyncIterator[str]:
    """Run a module of the bench; what it prints first, usually its address."""
    with log_path.open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            *arguments,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            start_new_session=True,  # Ctrl-C is ours to pass on
        )
    try:
        yield await _first_line(process, log_path)
    finally:
        await _end(process)


async def _first_line(process: asyncio.subprocess.Process, log_path: Path) -> str:
    assert process.stdout is not None, "asked for"
    try:
        line = await asyncio.wait_for(process.stdout.readline(), START_SECONDS)
    except TimeoutError:
        line = b""
    if not line:
        raise BenchFailed(f"A part of the bench did not start; see {log_path}.")
    return line.decode().strip()


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), STOP_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
