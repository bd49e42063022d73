"""The account's own clock, which tests may move, and the agenda of what happens later on it."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


class SimulatorClock:
    """Time as RingCentral's servers see it: real time plus a shift, aware and in UTC."""

    def __init__(self, skew_seconds: float = 0.0) -> None:
        self._shift_seconds = skew_seconds
        self._agenda: list[tuple[datetime, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._changed = asyncio.Event()
        self._runner: asyncio.Task[None] | None = None

    def now(self) -> datetime:
        return datetime.fromtimestamp(time.time() + self._shift_seconds, UTC)

    def forward(self, seconds: float) -> None:
        """Move this clock; what falls due on the way happens at once, in order."""
        self._shift_seconds += seconds
        self._changed.set()

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        """Call `act` when `seconds` have passed on this clock."""
        self.at(self.now() + timedelta(seconds=seconds), act)

    def at(self, due_at: datetime, act: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (due_at, next(self._numbers), act))
        if self._agenda[0][0] == due_at:
            self._changed.set()

    @property
    def agenda_size(self) -> int:
        return len(self._agenda)

    def next_due_at(self) -> datetime | None:
        return self._agenda[0][0] if self._agenda else None

    def start(self) -> None:
        # A fresh event: the clock may have been made under another event loop.
        self._changed = asyncio.Event()
        self._runner = asyncio.create_task(self._run())

    async def stop(self) -> None:
        if self._runner is not None:
            self._runner.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._runner

    async def _run(self) -> None:
        while True:
            self._changed.clear()
            self._do_what_is_due()
            wait_seconds = None
            if self._agenda:
                wait_seconds = max(0.0, (self._agenda[0][0] - self.now()).total_seconds())
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), wait_seconds)

    def _do_what_is_due(self) -> None:
        while self._agenda and self._agenda[0][0] <= self.now():
            heapq.heappop(self._agenda)[2]()


def to_iso(moment: datetime) -> str:
    """With milliseconds and Z, as in lastModifiedTime and in events."""
    return (
        moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
    )


def to_iso_seconds(moment: datetime) -> str:
    """Whole seconds written with zero milliseconds, as REST shows creationTime."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def from_iso(text: str) -> datetime:
    """Read a query's time; without a zone it is taken as UTC. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
