"""Claims: which deliveries go next, and how an attempt at one is started and settled.

A claim is a lease by compare-and-set: `claim` holds the worker's name and a number, and every
later step compares it. All times here except `due_at` are machine time.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    Update,
    and_,
    func,
    or_,
    update,
)
from sqlalchemy import select as select_columns
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from storage import prepared
from storage.database import signal
from storage.deliveries import SIGNAL, is_unsettled
from storage.inserts import insert
from storage.tables import OPEN_STATES, Attempt, Delivery, Gate, GateTurn
from storage.updates import run_update


@dataclass(frozen=True)
class Due:
    """The head of a lane that may go now; `place` is its turn behind its gate, from 1."""

    id: int
    side: str
    gate: str
    source: str
    priority: int
    place: int


def find_due(
    session: Session,
    *,
    now: datetime,
    machine_now: datetime,
    per_gate: int,
    limit: int | None = None,
    resting: Collection[tuple[str, int]] = (),
) -> list[Due]:
    """Lane heads that are due behind gates not closed: pages first, then in turn.

    Behind a gate its sources take turns, each with what is longest due: first the source that was
    served longest ago, and the second of one comes after the first of every other. At most
    `per_gate` of each gate, and none behind a `resting` one (gate and priority), so that a long
    queue behind one never hides the others.
    """
    heads = [Due(*row) for row in _find_due(session, now, machine_now, per_gate)]
    return [each for each in heads if (each.gate, each.priority) not in resting][:limit]


@prepared.rows
def _find_due(now: datetime, machine_now: datetime, per_gate: int) -> Select[tuple[Any, ...]]:
    head = _due_heads(now, machine_now).subquery().c
    place = func.row_number().over(
        partition_by=head.gate,
        order_by=(
            head.priority,
            head.place_in_source,
            head.served_at.nulls_first(),
            head.due_at,
            head.id,
        ),
    )
    wanted = select_columns(*head, place.label("place")).subquery().c
    return (
        select_columns(
            wanted.id, wanted.side, wanted.gate, wanted.source, wanted.priority, wanted.place
        )
        .where(wanted.place <= per_gate)
        .order_by(wanted.priority, wanted.place, wanted.due_at, wanted.id)
    )


def _due_heads(now: datetime, machine_now: datetime) -> Select[tuple[Any, ...]]:
    """Lane heads that may go now, numbered within their source, with its last turn."""
    place_in_source = func.row_number().over(
        partition_by=(col(Delivery.gate), col(Delivery.priority), col(Delivery.source)),
        order_by=(col(Delivery.due_at), col(Delivery.id)),
    )
    its_turn = and_(
        col(GateTurn.gate) == col(Delivery.gate), col(GateTurn.source) == col(Delivery.source)
    )
    columns: list[Any] = [
        col(each)
        for each in (
            Delivery.id,
            Delivery.side,
            Delivery.gate,
            Delivery.source,
            Delivery.priority,
            Delivery.due_at,
            GateTurn.served_at,
        )
    ]
    heads: Select[tuple[Any, ...]] = select_columns(
        *columns, place_in_source.label("place_in_source")
    )
    return heads.outerjoin(GateTurn, its_turn).where(
        is_unsettled(),
        col(Delivery.state) == "waiting",
        col(Delivery.due_at) <= now,
        ~_comes_after_another(in_flight_too=True),
        ~_is_closed(machine_now),
    )


def lock_due(session: Session, due: Iterable[Due]) -> list[Due]:
    """Those of them that still wait, their rows locked, so that no permit is taken in vain.

    On PostgreSQL rows that another worker is claiming are skipped.
    """
    wanted = {each.id: each for each in due}
    locked = set(_lock_waiting(session, list(wanted)))
    return [each for each in wanted.values() if each.id in locked]


@prepared.every
def _lock_waiting(delivery_ids: Sequence[int]) -> SelectOfScalar[int | None]:
    waiting = select(col(Delivery.id)).where(
        col(Delivery.id).in_(delivery_ids), Delivery.state == "waiting"
    )
    return waiting.with_for_update(skip_locked=True)


def claim(
    session: Session, delivery_ids: Iterable[int], claim_name: str, lease_until_at: datetime
) -> list[Delivery]:
    """Lease these, as far as they still wait; pages first, then the longest due."""
    ids = list(delivery_ids)
    _claim(session, ids, claim_name, lease_until_at)
    return _find_claimed(session, ids, claim_name)


@prepared.rowcount
def _claim(delivery_ids: Sequence[int], claim_name: str, lease_until_at: datetime) -> Update:
    waiting = update(Delivery).where(
        col(Delivery.id).in_(delivery_ids), col(Delivery.state) == "waiting"
    )
    return waiting.values(state="claimed", claim=claim_name, lease_until_at=lease_until_at)


@prepared.every
def _find_claimed(delivery_ids: Sequence[int], claim_name: str) -> SelectOfScalar[Delivery]:
    mine = select(Delivery).where(col(Delivery.id).in_(delivery_ids), Delivery.claim == claim_name)
    return mine.order_by(col(Delivery.priority), col(Delivery.due_at))


def _comes_after_another(*, in_flight_too: bool = False) -> ColumnElement[bool]:
    """True for a delivery whose lane holds an open one in an earlier place.

    With `in_flight_too` also where any other of the lane is on its way: a lane goes one at a time.
    """
    other = aliased(Delivery)
    comes_before = or_(
        col(other.lane_order) < Delivery.lane_order,
        and_(col(other.lane_order) == Delivery.lane_order, col(other.id) < Delivery.id),
    )
    if in_flight_too:
        comes_before = or_(comes_before, col(other.state).in_(("claimed", "started")))
    return (
        select(other.id)
        .where(
            is_unsettled(other),
            other.lane == Delivery.lane,
            col(other.state).in_(OPEN_STATES),
            comes_before,
        )
        .exists()
    )


def _is_closed(machine_now: datetime) -> ColumnElement[bool]:
    return (
        select(Gate.key)
        .where(Gate.key == Delivery.gate, col(Gate.closed_until_at) > machine_now)
        .exists()
    )


def start(
    session: Session,
    delivery_id: int,
    claim_name: str,
    *,
    worker: str,
    machine_now: datetime,
    deadline_at: datetime,
    clock_offset: timedelta | None = None,
) -> int | None:
    """Commit that an attempt begins; None where the claim is lost or may no longer go.

    Where its gate has closed, or an earlier text of its lane has come meanwhile, it waits again.
    """
    if not _start(session, delivery_id, claim_name, machine_now, deadline_at):
        if _step_back(session, delivery_id, claim_name):
            signal(session, SIGNAL)
        return None
    attempt = Attempt(
        delivery_id=delivery_id,
        worker=worker,
        started_at=machine_now,
        provider_started_at=None if clock_offset is None else machine_now + clock_offset,
        deadline_at=deadline_at,
    )
    insert(session, attempt)
    return attempt.id


@prepared.rowcount
def _start(
    delivery_id: int, claim_name: str, machine_now: datetime, deadline_at: datetime
) -> Update:
    mine = update(Delivery).where(
        _is_claimed_by(delivery_id, claim_name),
        col(Delivery.lease_until_at) > deadline_at,
        ~_is_closed(machine_now),
        ~_comes_after_another(),
    )
    return mine.values(state="started", attempts=Delivery.attempts + 1, looks=0, looks_unanswered=0)


@prepared.rowcount
def _step_back(delivery_id: int, claim_name: str) -> Update:
    mine = update(Delivery).where(_is_claimed_by(delivery_id, claim_name))
    return mine.values(state="waiting", claim=None, lease_until_at=None)


def _is_claimed_by(delivery_id: int, claim_name: str) -> ColumnElement[bool]:
    return and_(
        col(Delivery.id) == delivery_id,
        col(Delivery.claim) == claim_name,
        col(Delivery.state) == "claimed",
    )


def wait_again(
    session: Session,
    delivery_id: int,
    claim_name: str,
    *,
    from_state: str,
    due_at: datetime,
    reason: str,
    counts: bool = False,
) -> bool:
    """Put a claimed or started delivery back in its lane, due at `due_at` (product time)."""
    values: dict[str, Any] = {
        "state": "waiting",
        "claim": None,
        "lease_until_at": None,
        "look_at": None,
        "due_at": due_at,
        "reason": reason,
    }
    if counts:
        values["attempts"] = Delivery.attempts + 1
    waiting = run_update(
        session,
        update(Delivery)
        .where(
            col(Delivery.id) == delivery_id,
            col(Delivery.claim) == claim_name,
            col(Delivery.state) == from_state,
        )
        .values(**values),
    )
    if waiting:
        signal(session, SIGNAL)
    return waiting > 0


def take_back_start(
    session: Session,
    delivery_id: int,
    claim_name: str,
    *,
    worker: str,
    machine_now: datetime,
    due_at: datetime,
) -> None:
    """Nothing was sent, whether or not the start was committed: it waits again."""
    unended = update(Attempt).where(
        col(Attempt.delivery_id) == delivery_id,
        col(Attempt.worker) == worker,
        col(Attempt.outcome).is_(None),
    )
    run_update(session, unended.values(outcome="later", reported=True, settled_at=machine_now))
    for state in ("claimed", "started"):
        wait_again(
            session,
            delivery_id,
            claim_name,
            from_state=state,
            due_at=due_at,
            reason="not started",
        )


def settle(
    session: Session,
    delivery_id: int,
    claim_name: str | None,
    *,
    state: str,
    now: datetime,
    external_id: str | None = None,
    reason: str | None = None,
    shown_version: int = 0,
) -> bool:
    """End a delivery: with `claim_name` while it is ours, with None unless it was settled.

    A display delivery that was asked to show a newer state meanwhile waits again instead.
    """
    end = (state, external_id, reason, shown_version, now)
    if claim_name is None:
        settled = _settle_open(session, delivery_id, *end)
    else:
        settled = _settle_mine(session, delivery_id, claim_name, *end)
    if settled:
        _signal_next(session, delivery_id)
    return settled > 0


@prepared.rowcount
def _settle_open(
    delivery_id: int,
    state: str,
    external_id: str | None,
    reason: str | None,
    shown_version: int,
    now: datetime,
) -> Update:
    is_open = col(Delivery.state).in_((*OPEN_STATES, "parked"))
    mine = update(Delivery).where(col(Delivery.id) == delivery_id, is_open)
    return mine.values(_end(state, external_id, reason, shown_version, now))


@prepared.rowcount
def _settle_mine(
    delivery_id: int,
    claim_name: str,
    state: str,
    external_id: str | None,
    reason: str | None,
    shown_version: int,
    now: datetime,
) -> Update:
    mine = update(Delivery).where(
        col(Delivery.id) == delivery_id,
        col(Delivery.claim) == claim_name,
        col(Delivery.state).in_(("claimed", "started", "unsure")),
    )
    return mine.values(_end(state, external_id, reason, shown_version, now))


def _end(
    state: str, external_id: str | None, reason: str | None, shown_version: int, now: datetime
) -> dict[str, Any]:
    return {
        "state": state,
        "claim": None,
        "lease_until_at": None,
        "look_at": None,
        "external_id": external_id,
        "reason": reason,
        "shown_version": shown_version,
        "settled_at": now,
    }


def show_newer(session: Session, delivery_id: int, due_at: datetime) -> None:
    """Open a settled display delivery again where it was asked to show more than it showed."""
    if _open_newer(session, delivery_id, due_at):
        signal(session, SIGNAL)


@prepared.rowcount
def _open_newer(delivery_id: int, due_at: datetime) -> Update:
    settled = update(Delivery).where(
        col(Delivery.id) == delivery_id,
        col(Delivery.state) == "accepted",
        col(Delivery.version) > Delivery.shown_version,
    )
    return settled.values(state="waiting", due_at=due_at, attempts=0, settled_at=None)


def become_unsure(session: Session, delivery_id: int, claim_name: str, look_at: datetime) -> bool:
    """A started attempt whose end nobody knows: it is looked up at `look_at`."""
    unsure = run_update(
        session,
        update(Delivery)
        .where(
            col(Delivery.id) == delivery_id,
            col(Delivery.claim) == claim_name,
            col(Delivery.state) == "started",
        )
        .values(state="unsure", look_at=look_at, looks=0, looks_unanswered=0, lease_until_at=None),
    )
    if unsure:
        signal(session, SIGNAL)  # the worker sleeps no longer than until the look
    return unsure > 0


def find_looks(
    session: Session, machine_now: datetime, limit: int, resting_sides: Collection[str] = ()
) -> list[Delivery]:
    """Unsure deliveries to be looked up now, pages first; none of the sides that rest."""
    if resting_sides:
        return _find_looks_but(session, machine_now, limit, resting_sides)
    return _find_looks(session, machine_now, limit)


@prepared.every
def _find_looks(machine_now: datetime, limit: int) -> SelectOfScalar[Delivery]:
    return _due_looks(machine_now, limit)


@prepared.every
def _find_looks_but(
    machine_now: datetime, limit: int, resting_sides: Collection[str]
) -> SelectOfScalar[Delivery]:
    return _due_looks(machine_now, limit, col(Delivery.side).not_in(resting_sides))


def _due_looks(
    machine_now: datetime, limit: int, *also: ColumnElement[bool]
) -> SelectOfScalar[Delivery]:
    due = select(Delivery).where(
        is_unsettled(), Delivery.state == "unsure", col(Delivery.look_at) <= machine_now, *also
    )
    in_turn = due.order_by(col(Delivery.priority), col(Delivery.look_at))
    return in_turn.limit(limit).with_for_update(skip_locked=True)


def claim_look(
    session: Session, delivery_id: int, claim_name: str | None, new_claim: str, again_at: datetime
) -> bool:
    """Take one look for this worker; `again_at` is when another may, should this one die."""
    return (
        run_update(
            session,
            update(Delivery)
            .where(
                col(Delivery.id) == delivery_id,
                col(Delivery.claim) == claim_name,
                col(Delivery.state) == "unsure",
            )
            .values(claim=new_claim, look_at=again_at),
        )
        > 0
    )


def look_again(
    session: Session, delivery_id: int, claim_name: str, look_at: datetime, *, answered: bool
) -> None:
    """The look decided nothing yet; `answered` is false where the provider did not answer it."""
    again = run_update(
        session,
        update(Delivery)
        .where(
            col(Delivery.id) == delivery_id,
            col(Delivery.claim) == claim_name,
            col(Delivery.state) == "unsure",
        )
        .values(
            look_at=look_at,
            looks=Delivery.looks + (1 if answered else 0),
            looks_unanswered=0 if answered else Delivery.looks_unanswered + 1,
        ),
    )
    if again:
        signal(session, SIGNAL)


@prepared.one
def get_last_attempt(delivery_id: int) -> SelectOfScalar[Attempt]:
    """The newest attempt at a delivery; there must be one."""
    tried = select(Attempt).where(Attempt.delivery_id == delivery_id)
    return tried.order_by(col(Attempt.id).desc()).limit(1)


@prepared.rowcount
def end_attempt(
    attempt_id: int,
    *,
    outcome: str,
    reported: bool,
    machine_now: datetime,
    detail: str | None = None,
    external_id: str | None = None,
) -> Update:
    """Write down how an attempt ended, whoever holds the delivery by now."""
    mine = update(Attempt).where(col(Attempt.id) == attempt_id)
    return mine.values(
        outcome=outcome,
        reported=reported,
        settled_at=machine_now,
        detail=detail,
        external_id=external_id,
    )


def find_claimed_by(session: Session, claim_name: str) -> list[int]:
    """What one claim holds."""
    held = select(col(Delivery.id)).where(is_unsettled(), Delivery.claim == claim_name)
    return [each for each in session.exec(held) if each is not None]


def find_leased(session: Session) -> list[tuple[int, str, str, datetime]]:
    """Everything claimed or started: id, state, claim, end of its lease."""
    query = select(Delivery.id, Delivery.state, Delivery.claim, Delivery.lease_until_at).where(
        is_unsettled(), col(Delivery.state).in_(("claimed", "started"))
    )
    return [(row[0], row[1], row[2], row[3]) for row in session.execute(query)]


@prepared.one_or_none
def next_due_at(now: datetime) -> SelectOfScalar[datetime]:
    """When the next waiting delivery falls due after `now` (product time)."""
    return select(func.min(Delivery.due_at)).where(
        is_unsettled(), Delivery.state == "waiting", Delivery.due_at > now
    )


def next_machine_at(
    session: Session, machine_now: datetime, resting_sides: Collection[str] = ()
) -> datetime | None:
    """When a look is due, or a gate that something waits behind opens (machine time)."""
    look_at = _next_look_but(session, resting_sides) if resting_sides else _next_look_at(session)
    times = (look_at, _next_opening_at(session, machine_now))
    return min((each for each in times if each is not None), default=None)


@prepared.one
def _next_look_at() -> SelectOfScalar[datetime | None]:
    return select(func.min(Delivery.look_at)).where(is_unsettled(), Delivery.state == "unsure")


@prepared.one
def _next_look_but(resting_sides: Collection[str]) -> SelectOfScalar[datetime | None]:
    return select(func.min(Delivery.look_at)).where(
        is_unsettled(), Delivery.state == "unsure", col(Delivery.side).not_in(resting_sides)
    )


@prepared.one
def _next_opening_at(machine_now: datetime) -> SelectOfScalar[datetime | None]:
    waiting = select(Delivery.id).where(
        is_unsettled(), Delivery.state == "waiting", Delivery.gate == Gate.key
    )
    return select(func.min(Gate.closed_until_at)).where(
        col(Gate.closed_until_at) > machine_now, waiting.exists()
    )


def _signal_next(session: Session, delivery_id: int) -> None:
    """Wake the workers where the lane has more; an empty lane wakes nobody."""
    if _get_another(session, delivery_id) is not None:
        signal(session, SIGNAL)


@prepared.first
def _get_another(delivery_id: int) -> SelectOfScalar[int | None]:
    lane = select(Delivery.lane).where(Delivery.id == delivery_id).scalar_subquery()
    more = select(col(Delivery.id)).where(
        is_unsettled(), col(Delivery.lane) == lane, col(Delivery.state).in_(OPEN_STATES)
    )
    return more.limit(1)
