"""How an attempt's end is written: the outcome, the delivery's state, and what follows.

All of it runs inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

from sqlmodel import Session

from bridge import clock
from bridge.clock import Clock
from bridge.outbox import gates as permits
from bridge.outbox import retry
from bridge.outbox.outcome import (
    Absent,
    Accepted,
    CannotLook,
    Claimed,
    Finding,
    OnSettled,
    OnStuck,
    Outcome,
    Refused,
    Sender,
    Settlement,
    TryLater,
    Unsure,
)
from storage import claims, deliveries
from storage import gates as gate_rows
from storage.tables import Attempt


@dataclass(frozen=True)
class Timing:
    """Spans of machine time. A send ends well inside its lease."""

    send_seconds: float = 20.0
    lease_seconds: float = 60.0
    looks_after_seconds: tuple[float, ...] = retry.LOOK_AFTER_SECONDS
    poll_seconds: float = 15.0  # the safety net; signals wake the worker at once
    stop_seconds: float = 20.0  # inside the 28 s in which serve.py ends the process


class Settler:
    """Writes what became of deliveries, telling each subject's room."""

    def __init__(
        self,
        clock_: Clock,
        senders: Mapping[str, Sender],
        on_settled: Mapping[str, OnSettled],
        on_stuck: OnStuck,
        timing: Timing,
    ) -> None:
        self._clock = clock_
        self._senders = senders
        self._on_settled = on_settled
        self._on_stuck = on_stuck
        self._timing = timing

    def write_unstarted(
        self, session: Session, delivery: Claimed, outcome: Refused | TryLater
    ) -> None:
        if isinstance(outcome, TryLater):
            self._wait(session, delivery, outcome, from_state="claimed")
        else:
            self._end(session, delivery, outcome)

    def write_not_started(self, session: Session, delivery: Claimed, worker: str) -> None:
        claims.take_back_start(
            session,
            delivery.id,
            delivery.claim,
            worker=worker,
            machine_now=clock.machine_now(),
            due_at=self._clock.now(),
        )

    def write_none_sent(self, session: Session, claim_name: str, worker: str) -> None:
        for delivery_id in claims.find_claimed_by(session, claim_name):
            claims.take_back_start(
                session,
                delivery_id,
                claim_name,
                worker=worker,
                machine_now=clock.machine_now(),
                due_at=self._clock.now(),
            )

    def write_outcome(
        self, session: Session, delivery: Claimed, attempt_id: int, outcome: Outcome
    ) -> None:
        claims.end_attempt(
            session,
            attempt_id,
            outcome=word_of(outcome),
            reported=True,
            machine_now=clock.machine_now(),
            detail=detail_of(outcome),
            external_id=outcome.external_id if isinstance(outcome, Accepted) else None,
        )
        match outcome:
            case Accepted() | Refused():
                self._end(session, delivery, outcome)
            case TryLater():
                self._wait(session, delivery, outcome, from_state="started")
            case Unsure() if self._senders[delivery.side].repeats(delivery.kind):
                self._wait(session, delivery, TryLater("unsure"), from_state="started")
            case Unsure():
                look_at = retry.first_look_at(clock.machine_now(), self._timing.looks_after_seconds)
                claims.become_unsure(session, delivery.id, delivery.claim, look_at)
            case _:
                assert_never(outcome)

    def _wait(
        self, session: Session, delivery: Claimed, later: TryLater, *, from_state: str
    ) -> None:
        now = self._clock.now()
        row = deliveries.get(session, delivery.id)
        decision = retry.next_try(
            later,
            attempts=max(1, row.attempts),
            due_since=row.due_since or row.created_at,
            now=now,
            goes_stale=goes_stale(delivery),
        )
        if later.closes_gate and later.after_seconds is not None:
            until_at = clock.machine_now() + timedelta(seconds=later.after_seconds)
            gate_rows.close(session, delivery.gate, until_at)
        if isinstance(decision, retry.GiveUp):
            self._end(session, delivery, Refused(decision.reason, later.reason))
            return
        if later.patient:
            self._on_stuck(session, delivery, later.reason, now)
        waits = claims.wait_again(
            session,
            delivery.id,
            delivery.claim,
            from_state=from_state,
            due_at=decision.due_at,
            reason=later.reason,
            counts=from_state == "claimed",
        )
        if waits and from_state != "claimed":
            settlement = Settlement(delivery, later, now)
            self._on_settled[delivery.subject_type](session, settlement)

    def _end(
        self, session: Session, delivery: Claimed, outcome: Accepted | Refused | Unsure
    ) -> None:
        now = self._clock.now()
        state = {Accepted: "accepted", Refused: "refused", Unsure: "parked"}[type(outcome)]
        accepted = outcome if isinstance(outcome, Accepted) else None
        settled = claims.settle(
            session,
            delivery.id,
            # What the provider accepted is recorded even where the claim was lost meanwhile.
            None if accepted else delivery.claim,
            state=state,
            now=now,
            external_id=accepted.external_id if accepted else None,
            reason=None if accepted else detail_of(outcome),
            shown_version=delivery.version,
        )
        if not settled and accepted is None:
            return
        self._on_settled[delivery.subject_type](session, Settlement(delivery, outcome, now))
        if accepted and self._senders[delivery.side].repeats(delivery.kind):
            claims.show_newer(session, delivery.id, now + timedelta(seconds=1))

    def write_finding(
        self,
        session: Session,
        delivery: Claimed,
        attempt: Attempt,
        finding: Finding,
        fate_is_known: bool,
    ) -> None:
        machine_now = clock.machine_now()
        if isinstance(finding, Accepted):
            assert attempt.id is not None, "read from its table"
            claims.end_attempt(
                session,
                attempt.id,
                outcome="accepted",
                reported=attempt.reported,
                machine_now=machine_now,
                detail="found by looking",
                external_id=finding.external_id,
            )
            self._end(session, delivery, finding)
            return
        row = deliveries.get(session, delivery.id)
        decision = retry.after_look(
            finding,
            looks=row.looks,
            looks_unanswered=row.looks_unanswered,
            deadline_at=_deadline_by(machine_now, attempt, finding),
            machine_now=machine_now,
            fate_is_known=fate_is_known,
            has_a_person=delivery.side == "ringcentral",
            looks_after=self._timing.looks_after_seconds,
        )
        match decision:
            case retry.LookAgain(look_at=look_at):
                answered = not isinstance(finding, CannotLook)
                claims.look_again(session, delivery.id, delivery.claim, look_at, answered=answered)
            case retry.CountAsAbsent():
                later = TryLater("absent", after_seconds=0.0)
                self._wait(session, delivery, later, from_state="unsure")
            case retry.AskAPerson(reason=reason):
                self._end(session, delivery, Unsure(reason))
            case _:
                assert_never(decision)

    def free(self, session: Session, delivery_id: int, state: str, claim: str) -> None:
        row = deliveries.get(session, delivery_id)
        if state == "claimed" or self._senders[row.side].repeats(row.kind):
            claims.wait_again(
                session,
                delivery_id,
                claim,
                from_state=state,
                due_at=self._clock.now(),
                reason="its worker died",
            )
            return
        look_at = retry.first_look_at(clock.machine_now(), self._timing.looks_after_seconds)
        claims.become_unsure(session, delivery_id, claim, look_at)


def _deadline_by(machine_now: datetime, attempt: Attempt, finding: Finding) -> datetime:
    """The attempt's deadline by the clock of whoever looked, which may not be its sender's."""
    if not isinstance(finding, Absent) or finding.after_start is None:
        return attempt.deadline_at
    return machine_now - finding.after_start + (attempt.deadline_at - attempt.started_at)


def goes_stale(delivery: Claimed) -> bool:
    """True for a person's text to a phone: after an hour it may no longer be meant."""
    return delivery.side == "ringcentral" and delivery.priority > permits.PAGE


def is_stale(delivery: Claimed, now: datetime) -> bool:
    """True for a person's text that could have left over an hour ago: it is asked about instead."""
    since = delivery.due_since or delivery.created_at
    return since is not None and retry.is_stale(since, now, goes_stale=goes_stale(delivery))


def word_of(outcome: Outcome) -> str:
    """An outcome in one word, for the log and the attempt's row."""
    return {Accepted: "accepted", Refused: "refused", TryLater: "later", Unsure: "unsure"}[
        type(outcome)
    ]


def detail_of(outcome: Outcome) -> str | None:
    """Why, where it was not accepted."""
    match outcome:
        case Accepted():
            return None
        case Refused(reason=reason) | TryLater(reason=reason):
            return reason
        case Unsure(detail=detail):
            return detail
        case _:
            assert_never(outcome)
