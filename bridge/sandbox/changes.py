"""Telling whoever watches over HTTP that something has changed, by server-sent events."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

from aiohttp import web

GATHER_SECONDS = 0.03
HEARTBEAT_SECONDS = 15.0


def event_line(data: Any, name: str = "") -> bytes:
    """One server-sent event."""
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(data)}\n\n".encode()


async def open_stream(request: web.Request) -> web.StreamResponse:
    """Begin an answer of server-sent events."""
    headers = {"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    await response.write(b"retry: 1000\n\n")  # a sandbox that is started again is found soon
    return response


class Changes:
    """Counts changes; every watcher hears of the newest count, several changes at once as one."""

    def __init__(self) -> None:
        self.revision = 0
        self.is_over = False
        self._noted = asyncio.Event()

    def note(self) -> None:
        """Something has changed."""
        self.revision += 1
        self._wake()

    def end(self) -> None:
        """Let all watchers go."""
        self.is_over = True
        self._wake()

    def begin(self) -> None:
        """Take watchers again, after an end."""
        self.is_over = False

    def _wake(self) -> None:
        self._noted.set()
        self._noted = asyncio.Event()

    async def newer_than(self, revision: int, timeout_seconds: float = HEARTBEAT_SECONDS) -> int:
        """The first revision above this one; the same one where none came in time."""
        if self.revision == revision and not self.is_over:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._noted.wait(), timeout_seconds)
            await asyncio.sleep(GATHER_SECONDS)
        return self.revision

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """An endless answer: each new revision as an event, the present one first."""
        response = await open_stream(request)
        told = -1
        with contextlib.suppress(ConnectionError):
            while not self.is_over:
                revision = await self.newer_than(told)
                await response.write(
                    event_line({"revision": revision}) if revision != told else b":\n\n"
                )
                told = revision
        return response
