"""The worker: claims what is due, sends it, and settles what became of it.

One delivery's way, and what a death at each line leaves behind:

1. claim     lane heads with their permits, one transaction   (dead: the lease is freed)
2. prepare   repeatable reads at the provider                 (dead: the lease is freed)
3. start     `attempt.started_at` committed                   (dead: looked up, never just resent)
             with the claim itself where there is nothing to prepare
4. send      under a deadline inside the lease                (dead: looked up)
5. settle    outcome, copy, and what follows, one transaction
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

import structlog
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

from bridge import clock, meters
from bridge.clock import Clock
from bridge.outbox import gates as permits
from bridge.outbox.granting import Granted, grant
from bridge.outbox.outcome import (
    Accepted,
    CannotLook,
    Claimed,
    Finding,
    OnSettled,
    OnStuck,
    Outcome,
    Ready,
    Refused,
    Sender,
    TryLater,
    Unsure,
)
from bridge.outbox.places import Places
from bridge.outbox.settling import Settler, Timing, detail_of, is_stale, word_of
from storage import claims, deliveries
from storage.database import Database
from storage.errors import DATABASE_AWAY
from storage.liveness import Liveness, is_alive
from storage.tables import Attempt, Delivery

log = structlog.get_logger()


@dataclass(frozen=True)
class _Loaded:
    delivery: Claimed
    content: object | Ready | Refused | TryLater
    started: tuple[int, datetime] | None = None  # attempt and deadline, where it was ready at once


@dataclass(frozen=True)
class _Batch:
    loaded: Sequence[_Loaded]
    unsure: Sequence[Claimed]
    wait_seconds: float
    resting: Mapping[tuple[str, int], datetime]  # gate and priority: no permit before then


class Worker:
    """Drains the outbox with one sender a side, telling each subject's room what was settled."""

    def __init__(
        self,
        database: Database,
        clock_: Clock,
        liveness: Liveness,
        senders: Mapping[str, Sender],
        on_settled: Mapping[str, OnSettled],
        *,
        on_stuck: OnStuck = lambda *_: None,
        budget_of: permits.BudgetOf = permits.provider_budget,
        timing: Timing | None = None,
        in_flight: int = 48,
    ) -> None:
        self._database = database
        self._clock = clock_
        self._liveness = liveness
        self._senders = senders
        self._budget_of = budget_of
        self._timing = timing or Timing()
        self._settler = Settler(clock_, senders, on_settled, on_stuck, self._timing)
        self._places = Places(in_flight)
        self._resting: Mapping[tuple[str, int], datetime] = {}
        self._numbers = itertools.count(1)
        self._awake = asyncio.Event()
        self._stopping = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._main: asyncio.Task[None] | None = None
        self._clock_watcher: asyncio.Task[None] | None = None
        self._reap_at = 0.0

    async def start(self) -> None:
        """Begin draining; what dead workers left is freed first."""
        self._forget_signal = self._database.on_signal(deliveries.SIGNAL, self._awake.set)
        await self._reap()
        self._clock_watcher = asyncio.create_task(self._watch_clock(), name="outbox clock")
        self._main = asyncio.create_task(self._run(), name="outbox worker")

    async def stop(self) -> None:
        """Claim nothing more and let what is in flight end, within a bound."""
        self._stopping = True
        self._awake.set()
        if self._main is None or self._clock_watcher is None:
            return
        until = clock.monotonic() + self._timing.stop_seconds
        # first the round under way, which may still claim; a database that is away would hold it up
        await _end([self._main], until)
        self._clock_watcher.cancel()
        self._forget_signal()
        await _end(self._tasks, until)

    @property
    def is_running(self) -> bool:
        """False once the worker has stopped or died."""
        return self._main is not None and not self._main.done()

    async def _run(self) -> None:
        while not self._stopping:
            self._awake.clear()
            try:
                wait_seconds = await self._round()
            except Exception:  # whatever the database says, the worker must go on
                log.exception("outbox.round_failed")
                wait_seconds = 1.0
            if wait_seconds > 0 and not self._stopping:
                await clock.wait_at_most(self._awake, wait_seconds)

    async def _watch_clock(self) -> None:
        # all the time, lest a move in the middle of a round be missed
        while True:
            await self._clock.wait_moved()
            self._awake.set()

    async def _round(self) -> float:
        """Claim and look once; the seconds to sleep unless woken."""
        if clock.monotonic() >= self._reap_at:
            await self._reap()
        if self._places.free <= 0:
            return self._timing.poll_seconds
        claim_name = f"{self._liveness.name}/{next(self._numbers)}"
        given_back = self._places.given_back
        try:
            batch = await self._database.write(self._claim, claim_name, self._clock.now())
        except DATABASE_AWAY:
            # whether or not it was committed nothing was sent, and only we know that
            await self._persist(self._settler.write_none_sent, claim_name, self._liveness.name)
            raise
        self._resting = batch.resting
        for loaded in batch.loaded:
            self._spawn(self._deliver(loaded), loaded.delivery, loaded.delivery.gate)
        for unsure in batch.unsure:
            self._spawn(self._look(unsure), unsure, _looks_of(unsure.side))
        if self._places.is_crowded and self._places.given_back != given_back:
            return 0.0
        return batch.wait_seconds

    def _spawn(self, work: object, delivery: Claimed, gate: str) -> None:
        assert asyncio.iscoroutine(work)
        task = asyncio.create_task(work, name=f"delivery {delivery.id}")
        self._tasks.add(task)
        self._places.take(gate, delivery.side)
        task.add_done_callback(partial(self._ended, gate, delivery.side))

    def _ended(self, gate: str, side: str, task: asyncio.Task[None]) -> None:
        if self._places.leave(gate, side):
            self._awake.set()  # there is room again; what a lane has next is signalled
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("delivery.crashed", task=task.get_name(), exc_info=task.exception())

    def _seconds_to_sleep(
        self,
        session: Session,
        now: datetime,
        machine_now: datetime,
        resting: Mapping[tuple[str, int], datetime],
    ) -> float:
        # as of the times that were claimed by: what falls due in between would be slept over
        waits = [self._timing.poll_seconds, max(0.0, self._reap_at - clock.monotonic())]
        due_at = claims.next_due_at(session, now)
        if due_at is not None:
            waits.append(self._clock.seconds_until(due_at))
        next_at = claims.next_machine_at(session, machine_now, self._sides_full_of_looks())
        machine_times = (next_at, *resting.values())
        waits += [(each - machine_now).total_seconds() for each in machine_times if each]
        return max(0.002, min(waits))

    # Claiming

    def _claim(self, session: Session, claim_name: str, now: datetime) -> _Batch:
        machine_now = clock.machine_now()
        resting = {key: until for key, until in self._resting.items() if until > machine_now}
        found = claims.find_due(
            session,
            now=now,
            machine_now=machine_now,
            per_gate=self._places.per_gate,
            resting=resting,
        )
        due = self._places.choose(found)
        granted = (
            grant(session, claims.lock_due(session, due), self._budget_of) if due else Granted()
        )
        lease_until_at = machine_now + timedelta(seconds=self._timing.lease_seconds)
        ids = [each.id for each in granted.may_go]
        rows = claims.claim(session, ids, claim_name, lease_until_at) if ids else []
        loaded = [self._load(session, row, now) for row in rows]
        unsure = self._claim_looks(session, machine_now, self._places.free - len(rows))
        resting |= granted.resting
        more = len(due) == self._places.free and (rows or granted.resting)
        wait_seconds = 0.0 if more else self._seconds_to_sleep(session, now, machine_now, resting)
        return _Batch(loaded, unsure, wait_seconds, resting)

    def _load(self, session: Session, row: Delivery, now: datetime) -> _Loaded:
        delivery = _claimed(row)
        try:
            content = self._senders[delivery.side].load(session, delivery)
        except DBAPIError:  # the transaction is broken, not the row
            raise
        except Exception:  # one broken row must not hold up every other delivery
            log.exception("delivery.load_failed", **_ids(delivery))
            return _Loaded(delivery, TryLater("load_failed", patient=True))
        if isinstance(content, Ready) and is_stale(delivery, now):
            content = Refused("stale")
        started = self._start(session, delivery, content) if isinstance(content, Ready) else None
        return _Loaded(delivery, content, started)

    # Delivering

    async def _deliver(self, loaded: _Loaded) -> None:
        delivery, content = loaded.delivery, loaded.content
        sender = self._senders[delivery.side]
        log.debug("delivery.claimed", **_ids(delivery))
        if not isinstance(content, Ready | Refused | TryLater):
            content = await self._prepare(sender, delivery, content)
            # a login that was out for hours is known to be back by now only
            if isinstance(content, Ready) and is_stale(delivery, self._clock.now()):
                content = Refused("stale")
        if not isinstance(content, Ready):
            await self._settle_unstarted(delivery, content)
            return
        log.debug("delivery.prepared", **_ids(delivery))
        started = loaded.started or await self._begin(delivery, content)
        if started is None:
            return
        log.debug("delivery.started", **_ids(delivery))
        attempt_id, deadline_at = started
        sent_from = clock.monotonic()
        outcome = await self._send(sender, delivery, content, deadline_at)
        seconds = clock.monotonic() - sent_from
        meters.ATTEMPT_SECONDS.labels(delivery.side, word_of(outcome)).observe(seconds)
        log.debug("delivery.sent", **_ids(delivery), outcome=word_of(outcome))
        await self._settle(delivery, attempt_id, outcome)

    async def _prepare(
        self, sender: Sender, delivery: Claimed, content: object
    ) -> Ready | Refused | TryLater:
        try:
            async with asyncio.timeout(self._timing.send_seconds):
                return await sender.prepare(delivery, content)
        except TimeoutError:
            return TryLater("prepare_timed_out")
        except Exception:  # nothing was sent: it is tried again, and told in the log
            log.exception("delivery.prepare_failed", **_ids(delivery))
            return TryLater("prepare_failed")

    async def _begin(self, delivery: Claimed, ready: Ready) -> tuple[int, datetime] | None:
        try:
            return await self._database.write(self._start, delivery, ready)
        except DATABASE_AWAY:
            # whether or not it was committed nothing was sent, and only we know that
            await self._persist(self._settler.write_not_started, delivery, self._liveness.name)
            return None

    def _start(
        self, session: Session, delivery: Claimed, ready: Ready
    ) -> tuple[int, datetime] | None:
        machine_now = clock.machine_now()
        deadline_at = machine_now + timedelta(seconds=self._timing.send_seconds)
        attempt_id = claims.start(
            session,
            delivery.id,
            delivery.claim,
            worker=self._liveness.name,
            machine_now=machine_now,
            deadline_at=deadline_at,
            clock_offset=ready.clock_offset,
        )
        if attempt_id is None:
            return None
        if ready.record is not None:
            ready.record(session)
        return attempt_id, deadline_at

    async def _send(
        self, sender: Sender, delivery: Claimed, ready: Ready, deadline_at: datetime
    ) -> Outcome:
        left_seconds = (deadline_at - clock.machine_now()).total_seconds()
        if left_seconds <= 0 or self._liveness.lost.is_set():
            return TryLater("started_too_late", after_seconds=0.0)
        try:
            async with asyncio.timeout(left_seconds):
                return await sender.send(delivery, ready.content)
        except TimeoutError:
            return Unsure("timed out")
        except Exception as error:  # bytes may have left: it is looked up
            log.exception("delivery.send_failed", **_ids(delivery))
            return Unsure(type(error).__name__)

    async def _settle_unstarted(self, delivery: Claimed, outcome: Refused | TryLater) -> None:
        await self._persist(self._settler.write_unstarted, delivery, outcome)
        self._tell_attempt(delivery, outcome)

    async def _settle(self, delivery: Claimed, attempt_id: int, outcome: Outcome) -> None:
        await self._persist(self._settler.write_outcome, delivery, attempt_id, outcome)
        self._tell_attempt(delivery, outcome)

    def _tell_attempt(self, delivery: Claimed, outcome: Outcome) -> None:
        _log_attempt(delivery, outcome)
        meters.ATTEMPTS.labels(delivery.side, delivery.kind, word_of(outcome)).inc()
        repeats = self._senders[delivery.side].repeats(delivery.kind)  # owed anew in the same row
        if isinstance(outcome, Accepted) and delivery.created_at is not None and not repeats:
            seconds = (self._clock.now() - delivery.created_at).total_seconds()
            meters.ACCEPTED_SECONDS.labels(delivery.side, delivery.kind).observe(max(0.0, seconds))

    async def _persist(self, unit: Callable[..., None], *args: object) -> None:
        """Write an outcome down, trying for as long as the lease lasts: it cannot be had twice."""
        until = clock.monotonic() + self._timing.lease_seconds
        wait_seconds = 0.05
        while True:
            try:
                await self._database.write(unit, *args)
                return
            except DATABASE_AWAY:
                if clock.monotonic() + wait_seconds > until:
                    raise
                log.warning("outbox.settle_delayed", wait_seconds=wait_seconds)
            await clock.sleep(wait_seconds)
            wait_seconds = min(wait_seconds * 2, 5.0)

    # Looking

    def _claim_looks(self, session: Session, machine_now: datetime, free: int) -> list[Claimed]:
        again_at = machine_now + timedelta(seconds=self._timing.send_seconds * 1.5)
        full = self._sides_full_of_looks()
        room = {side: self._places.room_behind(_looks_of(side), side) for side in self._senders}
        found: list[Claimed] = []
        for row in claims.find_looks(session, machine_now, free, full) if free > 0 else ():
            name = f"{self._liveness.name}/{next(self._numbers)}"
            assert row.id is not None, "read from its table"
            if room[row.side] > 0 and claims.claim_look(session, row.id, row.claim, name, again_at):
                room[row.side] -= 1
                attempt = claims.get_last_attempt(session, row.id)
                found.append(replace(_claimed(row, attempt), claim=name))
        return found

    def _sides_full_of_looks(self) -> list[str]:
        """Where a provider does not answer its looks hang: they leave room for what goes on."""
        return [
            side for side in self._senders if not self._places.room_behind(_looks_of(side), side)
        ]

    async def _look(self, delivery: Claimed) -> None:
        finding = await self._find(self._senders[delivery.side], delivery)
        attempt = await self._database.read(claims.get_last_attempt, delivery.id)
        fate_is_known = attempt.reported or not await is_alive(self._database, attempt.worker)
        await self._database.write(
            self._settler.write_finding, delivery, attempt, finding, fate_is_known
        )
        found = type(finding).__name__.lower()
        meters.LOOKS.labels(delivery.side, found).inc()
        log.info("delivery.looked_up", **_ids(delivery), finding=found)

    async def _find(self, sender: Sender, delivery: Claimed) -> Finding:
        try:
            async with asyncio.timeout(self._timing.send_seconds):
                content = await self._database.read(sender.load, delivery)
                if isinstance(content, Refused | TryLater):
                    return CannotLook(content.reason)
                if isinstance(content, Ready):
                    content = content.content
                return await sender.look(delivery, content)
        except TimeoutError:
            return CannotLook("timed out")
        except Exception as error:  # it found nothing out, and holds up its lane no longer for it
            log.exception("delivery.look_failed", **_ids(delivery))
            return CannotLook(type(error).__name__)

    # What dead workers left

    async def _reap(self) -> None:
        """Free what dead or late workers hold; their started attempts are looked up."""
        self._reap_at = clock.monotonic() + self._timing.poll_seconds
        leased = await self._database.read(claims.find_leased)
        names = {claim.partition("/")[0] for _, _, claim, _ in leased} - {self._liveness.name}
        dead = {name for name in names if not await is_alive(self._database, name)}
        machine_now = clock.machine_now()
        for delivery_id, state, claim, lease_until_at in leased:
            if claim.partition("/")[0] in dead or lease_until_at < machine_now:
                await self._database.write(self._settler.free, delivery_id, state, claim)


async def _end(tasks: Collection[asyncio.Task[None]], until: float) -> None:
    """Wait until then, and cancel what is late: the next worker looks what became of it."""
    if not tasks:
        return
    _, late = await asyncio.wait(tasks, timeout=max(0.0, until - clock.monotonic()))
    for task in late:
        task.cancel()
    await asyncio.gather(*late, return_exceptions=True)


def _looks_of(side: str) -> str:
    """Looks of one side share a gate of their own in this process."""
    return f"looks:{side}"


def _claimed(row: Delivery, attempt: Attempt | None = None) -> Claimed:
    assert row.id is not None, "read from its table"
    return Claimed(
        id=row.id,
        subject_type=row.subject_type,
        subject_id=row.subject_id,
        side=row.side,
        kind=row.kind,
        part=row.part,
        marker=row.marker,
        lane=row.lane,
        gate=row.gate,
        priority=row.priority,
        attempts=row.attempts,
        version=row.version,
        claim=row.claim or "",
        external_id=row.external_id,
        created_at=row.created_at,
        due_since=row.due_since,
        started_at=attempt.started_at if attempt else None,
        provider_started_at=attempt.provider_started_at if attempt else None,
        deadline_at=attempt.deadline_at if attempt else None,
    )


def _ids(delivery: Claimed) -> dict[str, object]:
    return {
        "delivery": delivery.id,
        "subject": f"{delivery.subject_type}/{delivery.subject_id}",
        "side": delivery.side,
        "kind": delivery.kind,
    }


def _log_attempt(delivery: Claimed, outcome: Outcome) -> None:
    log.info(
        "delivery.attempted",
        **_ids(delivery),
        outcome=word_of(outcome),
        reason=detail_of(outcome),
        attempt=delivery.attempts + 1,
    )
