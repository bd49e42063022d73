"""The only place that asks the time and sleeps.

Product time (holds, retries, schedules) can be moved by the sandbox for every process at once;
machine time (leases, time-outs, signatures, token life, rate windows) never moves.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from datetime import UTC, datetime, timedelta


class Clock:
    """Product time is machine time plus `offset`, unless paused at `paused_at`."""

    def __init__(self) -> None:
        self._offset = timedelta()
        self._paused_at: datetime | None = None
        self._moved = asyncio.Event()

    def now(self) -> datetime:
        """Product time, aware UTC."""
        return self._paused_at or machine_now() + self._offset

    def move(self, *, offset: timedelta, paused_at: datetime | None = None) -> None:
        """Set product time; whoever sleeps in it looks again."""
        self._offset, self._paused_at = offset, paused_at
        self._moved.set()
        self._moved = asyncio.Event()

    def forward(self, **span: float) -> None:
        """Move product time on, as in `forward(minutes=30)`."""
        step = timedelta(**span)
        paused_at = self._paused_at + step if self._paused_at else None
        self.move(offset=self._offset + step, paused_at=paused_at)

    def seconds_until(self, due_at: datetime) -> float:
        """Seconds of product time until `due_at`; never negative."""
        return max(0.0, (due_at - self.now()).total_seconds())

    async def wait_moved(self) -> None:
        """Return when product time has been moved."""
        await self._moved.wait()


def machine_now() -> datetime:
    """Machine time, aware UTC."""
    return datetime.now(UTC)


def monotonic() -> float:
    """Seconds that only grow, for measuring spans within one process."""
    return time.monotonic()


async def sleep(seconds: float) -> None:
    """Sleep in machine time."""
    await asyncio.sleep(seconds)


async def wait_at_most(event: asyncio.Event, seconds: float | None) -> bool:
    """Wait for `event`, at most `seconds` of machine time; tell whether it came."""
    if seconds is None:
        await event.wait()
        return True
    # not wait_for: in Python 3.11 it forgets a cancellation that comes with the event
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    return event.is_set()
