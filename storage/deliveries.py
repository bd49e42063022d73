"""Deliveries: what is owed to one side. Enqueued, changed, cancelled and opened again here.

Claiming, starting and settling them is in `storage.claims`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Update,
    case,
    func,
    literal,
    literal_column,
    null,
    type_coerce,
    update,
)
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from storage import prepared
from storage.database import insert_ignore, signal
from storage.ids import new_marker
from storage.tables import UNSETTLED_STATES, Attempt, Conversation, Delivery, Message
from storage.types import UtcDateTime
from storage.updates import run_update

SIGNAL = "deliveries"
NOT_STARTED = ("waiting", "claimed")
SETTLED = ("accepted", "refused", "parked", "cancelled")


def is_unsettled(delivery: type[Delivery] = Delivery) -> ColumnElement[bool]:
    """As the indexes of what is unsettled say it, word for word.

    With parameters in it SQLite reads all that was ever delivered instead.
    """
    words: list[ColumnElement[str]] = [literal_column(f"'{state}'") for state in UNSETTLED_STATES]
    return col(delivery.state).in_(words)


@dataclass(frozen=True)
class Owed:
    """A delivery to enqueue. `due_at` is product time; `priority` 0 page to 3 bulk.

    `source` is who takes turns with others behind the gate; without one all are one source.
    """

    subject_type: str
    subject_id: int
    side: str
    kind: str
    lane: str
    lane_order: str
    gate: str
    due_at: datetime
    source: str = ""
    priority: int = 1
    part: int = 0
    reason: str | None = None


def enqueue(session: Session, owed: Owed, now: datetime) -> bool:
    """Owe it, once for ever; False where the same was owed before."""
    values = {
        **vars(owed),
        "marker": new_marker(),
        "state": "waiting",
        "attempts": 0,
        "looks": 0,
        "looks_unanswered": 0,
        "version": 1,
        "shown_version": 0,
        "due_since": owed.due_at,
        "created_at": now,
    }
    inserted = bool(insert_ignore(session, Delivery, values))
    if inserted:
        signal(session, SIGNAL)
    return inserted


def owe_refused(session: Session, owed: Owed, reason: str, now: datetime) -> None:
    """Put on file what is not to go unless a person says so: `reopen` then lets it."""
    if enqueue(session, owed, now):
        mine = (owed.subject_type, owed.subject_id, owed.side, owed.kind, owed.part)
        _refuse(session, *mine, reason, now)


@prepared.rowcount
def _refuse(
    subject_type: str,
    subject_id: int,
    side: str,
    kind: str,
    part: int,
    reason: str,
    settled_at: datetime,
) -> Update:
    mine = _owed(subject_type, subject_id, side, kind, part)
    return mine.values(state="refused", reason=reason, settled_at=settled_at)


def show_again(session: Session, owed: Owed, now: datetime) -> None:
    """Owe a display of today's state; what was not shown yet is coalesced into one.

    Its place in the lane is the new one, as of a mark and its removal the last asked for stays.
    """
    mine = (owed.subject_type, owed.subject_id, owed.side, owed.kind, owed.part)
    shown_more = (*mine, owed.lane_order, owed.due_at)
    if not _show_more(session, *shown_more):
        if enqueue(session, owed, now):
            return
        _show_more(session, *shown_more)  # another process owed it meanwhile
    signal(session, SIGNAL)


@prepared.rowcount
def _show_more(
    subject_type: str,
    subject_id: int,
    side: str,
    kind: str,
    part: int,
    lane_order: str,
    due_at: datetime,
) -> Update:
    # in one statement, as every text does it: what is settled waits again, the rest stays
    is_settled = col(Delivery.state).in_(SETTLED)
    again: dict[str, Any] = {
        "state": literal("waiting"),
        "due_at": type_coerce(due_at, UtcDateTime()),
        "attempts": literal(0),
        "settled_at": null(),
        "reason": null(),
    }
    mine = _owed(subject_type, subject_id, side, kind, part)
    return mine.values(
        version=Delivery.version + 1,
        lane_order=lane_order,
        **{
            name: case((is_settled, value), else_=getattr(Delivery, name))
            for name, value in again.items()
        },
    )


def _owed(subject_type: str, subject_id: int, side: str, kind: str, part: int) -> Update:
    return update(Delivery).where(
        col(Delivery.subject_type) == subject_type,
        col(Delivery.subject_id) == subject_id,
        col(Delivery.side) == side,
        col(Delivery.kind) == kind,
        col(Delivery.part) == part,
    )


@prepared.one
def get(delivery_id: int) -> SelectOfScalar[Delivery]:
    """The delivery; it must exist."""
    return select(Delivery).where(Delivery.id == delivery_id)


@prepared.every
def find_by_subject(
    subject_type: str, subject_id: int, side: str, kind: str
) -> SelectOfScalar[Delivery]:
    """The parts of what is owed for a subject, in order."""
    query = select(Delivery).where(
        Delivery.subject_type == subject_type,
        Delivery.subject_id == subject_id,
        Delivery.side == side,
        Delivery.kind == kind,
    )
    return query.order_by(col(Delivery.part))


def change_unstarted(
    session: Session, subject_type: str, subject_id: int, side: str, due_at: datetime
) -> bool:
    """Take back what no attempt has started, so that it is read anew; False where it is too late.

    A claim in between loses its delivery: its start compares the claim, which is gone.
    """
    changed = run_update(
        session,
        _unstarted(subject_type, subject_id, side).values(
            state="waiting",
            claim=None,
            lease_until_at=None,
            due_at=due_at,
            due_since=due_at,
            version=Delivery.version + 1,
        ),
    )
    if changed:
        signal(session, SIGNAL)
    return changed > 0


def cancel_unstarted(
    session: Session, subject_type: str, subject_id: int, side: str, reason: str, now: datetime
) -> bool:
    """Cancel what no attempt has started; False where it is too late."""
    cancelled = run_update(
        session,
        _unstarted(subject_type, subject_id, side).values(
            state="cancelled", claim=None, lease_until_at=None, reason=reason, settled_at=now
        ),
    )
    if cancelled:
        signal(session, SIGNAL)
    return cancelled > 0


def reopen(
    session: Session,
    subject_type: str,
    subject_id: int,
    side: str,
    kind: str,
    *,
    from_states: tuple[str, ...],
    due_at: datetime,
    gate: str | None = None,
) -> bool:
    """Owe it again, by compare-and-set on its state, so that two clicks send once.

    Behind the same gate, or behind another one, as of a login that came in the place of the old.
    """
    reopened = run_update(
        session,
        update(Delivery)
        .where(
            col(Delivery.subject_type) == subject_type,
            col(Delivery.subject_id) == subject_id,
            col(Delivery.side) == side,
            col(Delivery.kind) == kind,
            col(Delivery.state).in_(from_states),
        )
        .values(
            state="waiting",
            due_at=due_at,
            due_since=due_at,
            attempts=0,
            looks=0,
            looks_unanswered=0,
            claim=None,
            reason=None,
            settled_at=None,
            created_at=due_at,
            gate=gate or Delivery.gate,
        ),
    )
    if reopened:
        signal(session, SIGNAL)
    return reopened > 0


def move_to_gate(session: Session, inbox_id: int, gate: str) -> None:
    """What an inbox still owes to phones goes through another gate from now on."""
    texts = (
        select(Message.id)
        .join(Conversation, col(Conversation.id) == col(Message.conversation_id))
        .where(Conversation.inbox_id == inbox_id)
    )
    owed = update(Delivery).where(
        is_unsettled(),
        col(Delivery.side) == "ringcentral",
        col(Delivery.subject_type) == "message",
        col(Delivery.gate) != gate,
        col(Delivery.subject_id).in_(texts),
    )
    if run_update(session, owed.values(gate=gate)):
        signal(session, SIGNAL)


def settle_parked(
    session: Session, subject_type: str, subject_id: int, side: str, state: str, now: datetime
) -> bool:
    """A person's word on what the bridge could not tell; False where it was settled meanwhile."""
    settled = run_update(
        session,
        update(Delivery)
        .where(
            col(Delivery.subject_type) == subject_type,
            col(Delivery.subject_id) == subject_id,
            col(Delivery.side) == side,
            col(Delivery.state) == "parked",
        )
        .values(state=state, reason="a person decided", settled_at=now),
    )
    if settled:
        signal(session, SIGNAL)
    return settled > 0


def bring_forward(session: Session, lane: str, due_at: datetime, reason: str | None = None) -> None:
    """Make what waits in a lane due by then; with `reason` only what waits for that."""
    waiting = update(Delivery).where(
        is_unsettled(),
        col(Delivery.lane) == lane,
        col(Delivery.state) == "waiting",
        col(Delivery.due_at) > due_at,
    )
    if reason is not None:
        waiting = waiting.where(col(Delivery.reason) == reason)
    if run_update(session, waiting.values(due_at=due_at)):
        signal(session, SIGNAL)


def release(session: Session, side: str, reason: str, now: datetime) -> int:
    """Make due now what waits on a side for this reason; how many that were."""
    released = run_update(
        session,
        update(Delivery)
        .where(
            is_unsettled(),
            col(Delivery.side) == side,
            col(Delivery.state) == "waiting",
            col(Delivery.reason) == reason,
        )
        .values(due_at=now, reason=None),
    )
    if released:
        signal(session, SIGNAL)
    return released


@prepared.every
def find_attempts_in_question(lane: str) -> SelectOfScalar[Attempt]:
    """The attempts of a lane that may have made something at the provider whose id we lack."""
    tried = aliased(Attempt)
    newest = select(func.max(tried.id)).where(tried.delivery_id == Delivery.id)
    return (
        select(Attempt)
        .join(Delivery, col(Delivery.id) == col(Attempt.delivery_id))
        .where(
            is_unsettled(),
            Delivery.lane == lane,
            col(Delivery.state).in_(("started", "unsure", "parked")),
            col(Attempt.id) == newest.correlate(Delivery).scalar_subquery(),
        )
    )


def count_open(session: Session) -> list[tuple[str, str, int, datetime]]:
    """What waits: side, state, how many, and since when the oldest is due."""
    query = (
        select(Delivery.side, Delivery.state, func.count(), func.min(Delivery.due_at))
        .where(is_unsettled())
        .group_by(Delivery.side, Delivery.state)
        .order_by(Delivery.side, Delivery.state)
    )
    return [(row[0], row[1], row[2], row[3]) for row in session.exec(query)]


def _unstarted(subject_type: str, subject_id: int, side: str) -> Update:
    return update(Delivery).where(
        col(Delivery.subject_type) == subject_type,
        col(Delivery.subject_id) == subject_id,
        col(Delivery.side) == side,
        col(Delivery.state).in_(NOT_STARTED),
    )
