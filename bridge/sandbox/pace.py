"""Time in a simulated world: real, moved forward, or paused, the same for every simulator."""

from __future__ import annotations

import asyncio
import contextlib
import time
from datetime import UTC, datetime


class Pace:
    """Seconds since 1970, as the world shows them (`now`) and as its machines count (`running`).

    `running` never pauses and never goes back: rate limits, retries and delays are counted in it,
    so that a paused world still answers. Moving the world forward moves both.
    """

    def __init__(self, offset_seconds: float = 0.0) -> None:
        self._offset_seconds = offset_seconds
        self._paused_at: float | None = None
        self._ahead_seconds = offset_seconds
        self._moved = asyncio.Event()

    def now(self) -> float:
        """What a clock on the wall shows."""
        return time.time() + self._offset_seconds if self._paused_at is None else self._paused_at

    def running(self) -> float:
        """What time-outs and limits are counted in."""
        return time.time() + self._ahead_seconds

    def forward(self, seconds: float) -> None:
        """Move the world by so much; who sleeps in it looks again."""
        paused_at = None if self._paused_at is None else self._paused_at + seconds
        self.set(self._offset_seconds + seconds, paused_at)

    def set(self, offset_seconds: float, paused_at: float | None) -> None:
        """Show machine time plus the offset, or stand still at `paused_at`."""
        before = self.now()
        self._offset_seconds, self._paused_at = offset_seconds, paused_at
        self._ahead_seconds += max(0.0, self.now() - before)
        self.wake()

    def set_over_http(self, body: dict[str, object]) -> None:
        """The same from JSON: `offset_seconds`, and `paused_at` in ISO 8601 or null."""
        paused_at = body.get("paused_at")
        self.set(
            float(str(body["offset_seconds"])),
            datetime.fromisoformat(str(paused_at)).timestamp() if paused_at else None,
        )

    def wake(self) -> None:
        """Let whoever sleeps look at the time again."""
        self._moved.set()
        self._moved = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        """Sleep in running time: moving the world forward shortens it."""
        until = self.running() + seconds
        while (left_seconds := until - self.running()) > 0:
            await self.wait_moved(left_seconds)

    async def wait_moved(self, timeout_seconds: float | None) -> None:
        """Return when the world was moved or woken, or the time is over."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._moved.wait(), timeout_seconds)


def as_datetime(seconds: float) -> datetime:
    """Aware, in UTC."""
    return datetime.fromtimestamp(seconds, UTC)
