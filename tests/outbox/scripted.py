"""Senders that do as they are told, and an outbox around them on a real database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from sqlmodel import Session

from bridge.clock import Clock, machine_now
from bridge.outbox.gates import BudgetOf, no_budget
from bridge.outbox.outcome import (
    Absent,
    Accepted,
    Claimed,
    Finding,
    Outcome,
    Ready,
    Refused,
    Settlement,
    TryLater,
)
from bridge.outbox.settling import Timing
from bridge.outbox.worker import Worker
from storage import deliveries
from storage.database import Database
from storage.liveness import Liveness
from storage.tables import Delivery
from tests import makers

QUICK = Timing(
    send_seconds=0.3,
    lease_seconds=2.0,
    looks_after_seconds=(0.02, 0.06, 0.1),
    poll_seconds=600.0,
    stop_seconds=2.0,
)


class ScriptedSender:
    """Takes the next scripted outcome for each send, the next finding for each look.

    A step that is an exception is raised. Without a script everything is accepted and nothing is
    found. While `gate` is not set, sends wait at it.
    """

    def __init__(self, *, repeats: Iterable[str] = ("update",)) -> None:
        self.outcomes: list[Outcome | Exception] = []
        self.findings: list[Finding | Exception] = []
        self.sent: list[Claimed] = []
        self.sent_at: list[float] = []
        self.looked: list[Claimed] = []
        self.looked_at: list[float] = []
        self.looks_wait: asyncio.Event | None = None
        self.load_with: Callable[[Session, Claimed], object | Refused | TryLater] | None = None
        self.prepared: Ready | Refused | TryLater | Exception = Ready("words")
        self.preparing_seconds = 0.0
        self.sending_seconds = 0.0
        self.gate = asyncio.Event()
        self.gate.set()
        self.most_at_once = 0
        self._at_once = 0
        self._repeating = frozenset(repeats)

    def repeats(self, kind: str) -> bool:
        return kind in self._repeating

    def load(self, session: Session, delivery: Claimed) -> object | Refused | TryLater:
        return self.load_with(session, delivery) if self.load_with else "words"

    async def prepare(self, delivery: Claimed, loaded: object) -> Ready | Refused | TryLater:  # noqa: ARG002 -- the protocol's signature
        await asyncio.sleep(self.preparing_seconds)
        if isinstance(self.prepared, Exception):
            raise self.prepared
        return self.prepared

    async def send(self, delivery: Claimed, content: object) -> Outcome:  # noqa: ARG002 -- the protocol's signature
        self.sent.append(delivery)
        self.sent_at.append(asyncio.get_running_loop().time())
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            await asyncio.sleep(self.sending_seconds)
            await self.gate.wait()
        finally:
            self._at_once -= 1
        if not self.outcomes:
            return Accepted(f"id {delivery.id}/{len(self.sent)}", "scope")
        step = self.outcomes.pop(0)
        if isinstance(step, Exception):
            raise step
        return step

    async def look(self, delivery: Claimed, content: object) -> Finding:  # noqa: ARG002 -- the protocol's signature
        self.looked.append(delivery)
        self.looked_at.append(asyncio.get_running_loop().time())
        if self.looks_wait is not None:
            await self.looks_wait.wait()
        if not self.findings:
            return Absent()
        step = self.findings.pop(0)
        if isinstance(step, Exception):
            raise step
        return step

    @property
    def sent_ids(self) -> list[int]:
        """The subjects sent, in order."""
        return [each.subject_id for each in self.sent]


class Outbox:
    """A database, senders, and as many workers as a test starts."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = Clock()
        self.slack = ScriptedSender()
        self.ringcentral = ScriptedSender(repeats=())
        self.settled: list[Settlement] = []
        self.on_settled: Callable[[Session, Settlement], None] = self._note
        self._stops: list[Callable[[], Any]] = []

    def _note(self, _session: Session, settlement: Settlement) -> None:
        self.settled.append(settlement)

    async def start(
        self,
        timing: Timing = QUICK,
        *,
        budget_of: BudgetOf = no_budget,
        in_flight: int = 48,
        database: Database | None = None,
    ) -> Worker:
        """A worker that lives until `close`."""
        database = database or self.database
        liveness = await Liveness.hold(database)
        worker = Worker(
            database,
            self.clock,
            liveness,
            {"slack": self.slack, "ringcentral": self.ringcentral},
            {"thing": lambda session, settlement: self.on_settled(session, settlement)},
            budget_of=budget_of,
            timing=timing,
            in_flight=in_flight,
        )
        self._stops += [worker.stop, liveness.release]
        await worker.start()
        return worker

    async def owe(self, **changes: Any) -> Delivery:
        """Owe something, due now unless told."""
        now = self.clock.now()
        values: dict[str, Any] = {"due_at": now} | changes
        return await self.database.write(makers.add_delivery, now, **values)

    async def get(self, delivery: Delivery) -> Delivery:
        """The delivery as it is now."""
        return await self.database.read(deliveries.get, makers.id_of(delivery))

    async def expect_state(self, delivery: Delivery, state: str, seconds: float = 5.0) -> Delivery:
        """Wait for a delivery to come into this state."""
        found = await self.get(delivery)
        for _ in range(int(seconds / 0.01)):
            if found.state == state:
                return found
            await asyncio.sleep(0.01)
            found = await self.get(delivery)
        raise AssertionError(f"{state} was expected, it is {found.state} ({found.reason})")

    async def close(self) -> None:
        """Stop all workers; harmless when repeated."""
        stops, self._stops = self._stops, []
        for stop in stops:
            await stop()


async def eventually(is_so: Callable[[], bool], seconds: float = 5.0) -> None:
    """Wait until it is so."""
    for _ in range(int(seconds / 0.005)):
        if is_so():
            return
        await asyncio.sleep(0.005)
    raise AssertionError(f"not so within {seconds} s")


@asynccontextmanager
async def running_outbox(database: Database) -> AsyncIterator[Outbox]:
    """An outbox whose workers are stopped at the end."""
    outbox = Outbox(database)
    try:
        yield outbox
    finally:
        outbox.slack.gate.set()
        outbox.ringcentral.gate.set()
        await outbox.close()


def ago(seconds: float) -> Any:
    """Machine time, so many seconds ago."""
    return machine_now() - timedelta(seconds=seconds)
