"""The account's own clock, which tests may move, and the agenda of what happens later on it."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
from collections.abc import Callable
from datetime import UTC, datetime

from bridge.sandbox.pace import Pace, as_datetime


class SimulatorClock:
    """Time as RingCentral's servers see it, aware and in UTC, and what is planned on it.

    `now` is what records and answers show, and stands still while the world is paused; `running`
    is what limits and the agenda are counted in, and never does.
    """

    def __init__(self, skew_seconds: float = 0.0) -> None:
        self.pace = Pace(skew_seconds)
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._runner: asyncio.Task[None] | None = None

    def now(self) -> datetime:
        return as_datetime(self.pace.now())

    def running(self) -> datetime:
        return as_datetime(self.pace.running())

    def forward(self, seconds: float) -> None:
        """Move this clock; what falls due on the way happens at once, in order."""
        self.pace.forward(seconds)

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        """Call `act` when `seconds` have passed on this clock."""
        due_at = self.pace.running() + seconds
        heapq.heappush(self._agenda, (due_at, next(self._numbers), act))
        if self._agenda[0][0] == due_at:
            self.pace.wake()

    def at(self, due_at: datetime, act: Callable[[], None]) -> None:
        """Call `act` when this clock shows `due_at`, unless it is paused meanwhile: then before."""
        self.after((due_at - self.now()).total_seconds(), act)

    def start(self) -> None:
        # The clock may have been made under another event loop: no waiter of that one is left.
        self.pace.wake()
        self._runner = asyncio.create_task(self._run())

    async def stop(self) -> None:
        if self._runner is not None:
            self._runner.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._runner

    async def _run(self) -> None:
        while True:
            self._do_what_is_due()
            wait_seconds = None
            if self._agenda:
                wait_seconds = max(0.0, self._agenda[0][0] - self.pace.running())
            await self.pace.wait_moved(wait_seconds)

    def _do_what_is_due(self) -> None:
        while self._agenda and self._agenda[0][0] <= self.pace.running():
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
