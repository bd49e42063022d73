"""Claims: which deliveries go next, and how an attempt at one is started and settled.

A claim is a lease by compare-and-set: `claim` holds the worker's name and a number, and every
later step compares it. All times here except `due_at` are machine time.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, CursorResult, Tuple, and_, func, or_, tuple_, update
from sqlalchemy import select as select_columns
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from storage.database import signal
from storage.deliveries import SIGNAL, is_unsettled
from storage.tables import OPEN_STATES, Attempt, Delivery, Gate


@dataclass(frozen=True)
class Due:
    """The head of a lane that may go now."""

    id: int
    gate: str
    priority: int


def find_due(
    session: Session,
    *,
    now: datetime,
    machine_now: datetime,
    per_gate: int,
    limit: int,
    resting: Collection[tuple[str, int]] = (),
) -> list[Due]:
    """Lane heads that are due behind gates not closed: pages first, then the longest due.

    At most `per_gate` of each gate, and none behind a `resting` one (gate and priority), so that
    a long queue behind one never hides the others.
    """
    place = (
        func.row_number()
        .over(
            partition_by=Delivery.gate,
            order_by=(col(Delivery.priority), col(Delivery.due_at), col(Delivery.id)),
        )
        .label("place")
    )
    heads = (
        select_columns(
            col(Delivery.id),
            col(Delivery.gate),
            col(Delivery.priority),
            col(Delivery.due_at),
            place,
        )
        .where(
            is_unsettled(),
            col(Delivery.state) == "waiting",
            col(Delivery.due_at) <= now,
            ~_comes_after_another(in_flight_too=True),
            ~_is_closed(machine_now),
        )
        .where(*([_gate_and_priority().not_in(resting)] if resting else []))
        .subquery()
    )
    query = (
        select_columns(heads.c.id, heads.c.gate, heads.c.priority)
        .where(heads.c.place <= per_gate)
        .order_by(heads.c.priority, heads.c.due_at, heads.c.id)
        .limit(limit)
    )
    return [Due(*row) for row in session.execute(query)]


def lock_due(session: Session, due: Iterable[Due]) -> list[Due]:
    """Those of them that still wait, their rows locked, so that no permit is taken in vain.

    On PostgreSQL rows that another worker is claiming are skipped.
    """
    wanted = {each.id: each for each in due}
    query = select(Delivery.id).where(
        col(Delivery.id).in_(list(wanted)), Delivery.state == "waiting"
    )
    locked = set(session.exec(query.with_for_update(skip_locked=True)))
    return [each for each in wanted.values() if each.id in locked]


def claim(
    session: Session, delivery_ids: Iterable[int], claim_name: str, lease_until_at: datetime
) -> list[Delivery]:
    """Lease these, as far as they still wait; pages first, then the longest due."""
    ids = list(delivery_ids)
    session.execute(
        update(Delivery)
        .where(col(Delivery.id).in_(ids), col(Delivery.state) == "waiting")
        .values(state="claimed", claim=claim_name, lease_until_at=lease_until_at),
        execution_options={"synchronize_session": False},
    )
    query = select(Delivery).where(col(Delivery.id).in_(ids), Delivery.claim == claim_name)
    return list(session.exec(query.order_by(col(Delivery.priority), col(Delivery.due_at))))


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


def _gate_and_priority() -> Tuple:
    return tuple_(col(Delivery.gate), col(Delivery.priority))


def start(
    session: Session,
    delivery_id: int,
    claim_name: str,
    *,
    worker: str,
    machine_now: datetime,
    deadline_at: datetime,
) -> int | None:
    """Commit that an attempt begins; None where the claim is lost or may no longer go.

    Where its gate has closed, or an earlier text of its lane has come meanwhile, it waits again.
    """
    mine = and_(
        col(Delivery.id) == delivery_id,
        col(Delivery.claim) == claim_name,
        col(Delivery.state) == "claimed",
    )
    started = _rows(
        session,
        update(Delivery)
        .where(
            mine,
            col(Delivery.lease_until_at) > deadline_at,
            ~_is_closed(machine_now),
            ~_comes_after_another(),
        )
        .values(state="started", attempts=Delivery.attempts + 1, looks=0),
    )
    if not started:
        stepped_back = update(Delivery).where(mine)
        if _rows(session, stepped_back.values(state="waiting", claim=None, lease_until_at=None)):
            signal(session, SIGNAL)
        return None
    attempt = Attempt(
        delivery_id=delivery_id, worker=worker, started_at=machine_now, deadline_at=deadline_at
    )
    session.add(attempt)
    session.flush()
    return attempt.id


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
    waiting = _rows(
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
    _rows(session, unended.values(outcome="later", reported=True, settled_at=machine_now))
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
    mine = [col(Delivery.id) == delivery_id]
    if claim_name is None:
        mine.append(col(Delivery.state).in_((*OPEN_STATES, "parked")))
    else:
        mine.append(col(Delivery.claim) == claim_name)
        mine.append(col(Delivery.state).in_(("claimed", "started", "unsure")))
    settled = _rows(
        session,
        update(Delivery)
        .where(*mine)
        .values(
            state=state,
            claim=None,
            lease_until_at=None,
            look_at=None,
            external_id=external_id,
            reason=reason,
            shown_version=shown_version,
            settled_at=now,
        ),
    )
    if settled:
        _signal_next(session, delivery_id)
    return settled > 0


def show_newer(session: Session, delivery_id: int, due_at: datetime) -> None:
    """Open a settled display delivery again where it was asked to show more than it showed."""
    reopened = _rows(
        session,
        update(Delivery)
        .where(
            col(Delivery.id) == delivery_id,
            col(Delivery.state) == "accepted",
            col(Delivery.version) > Delivery.shown_version,
        )
        .values(state="waiting", due_at=due_at, attempts=0, settled_at=None),
    )
    if reopened:
        signal(session, SIGNAL)


def become_unsure(session: Session, delivery_id: int, claim_name: str, look_at: datetime) -> bool:
    """A started attempt whose end nobody knows: it is looked up at `look_at`."""
    unsure = _rows(
        session,
        update(Delivery)
        .where(
            col(Delivery.id) == delivery_id,
            col(Delivery.claim) == claim_name,
            col(Delivery.state) == "started",
        )
        .values(state="unsure", look_at=look_at, looks=0, lease_until_at=None),
    )
    if unsure:
        signal(session, SIGNAL)  # the worker sleeps no longer than until the look
    return unsure > 0


def find_looks(session: Session, machine_now: datetime, limit: int) -> list[Delivery]:
    """Unsure deliveries to be looked up now."""
    query = (
        select(Delivery)
        .where(is_unsettled(), Delivery.state == "unsure", col(Delivery.look_at) <= machine_now)
        .order_by(col(Delivery.look_at))
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return list(session.exec(query))


def claim_look(
    session: Session, delivery_id: int, claim_name: str | None, new_claim: str, again_at: datetime
) -> bool:
    """Take one look for this worker; `again_at` is when another may, should this one die."""
    return (
        _rows(
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
    session: Session, delivery_id: int, claim_name: str, look_at: datetime, *, counts: bool
) -> None:
    """The look decided nothing yet; `counts` is false where the provider did not answer it."""
    again = _rows(
        session,
        update(Delivery)
        .where(
            col(Delivery.id) == delivery_id,
            col(Delivery.claim) == claim_name,
            col(Delivery.state) == "unsure",
        )
        .values(look_at=look_at, looks=Delivery.looks + (1 if counts else 0)),
    )
    if again:
        signal(session, SIGNAL)


def get_last_attempt(session: Session, delivery_id: int) -> Attempt:
    """The newest attempt at a delivery; there must be one."""
    query = (
        select(Attempt)
        .where(Attempt.delivery_id == delivery_id)
        .order_by(col(Attempt.id).desc())
        .limit(1)
    )
    return session.exec(query).one()


def end_attempt(
    session: Session,
    attempt_id: int,
    *,
    outcome: str,
    reported: bool,
    machine_now: datetime,
    detail: str | None = None,
    external_id: str | None = None,
) -> None:
    """Write down how an attempt ended, whoever holds the delivery by now."""
    _rows(
        session,
        update(Attempt)
        .where(col(Attempt.id) == attempt_id)
        .values(
            outcome=outcome,
            reported=reported,
            settled_at=machine_now,
            detail=detail,
            external_id=external_id,
        ),
    )


def find_leased(session: Session) -> list[tuple[int, str, str, datetime]]:
    """Everything claimed or started: id, state, claim, end of its lease."""
    query = select(Delivery.id, Delivery.state, Delivery.claim, Delivery.lease_until_at).where(
        is_unsettled(), col(Delivery.state).in_(("claimed", "started"))
    )
    return [(row[0], row[1], row[2], row[3]) for row in session.execute(query)]


def next_due_at(session: Session, now: datetime) -> datetime | None:
    """When the next waiting delivery falls due after `now` (product time)."""
    query = select(func.min(Delivery.due_at)).where(
        is_unsettled(), Delivery.state == "waiting", Delivery.due_at > now
    )
    return session.exec(query).one()


def next_machine_at(session: Session, machine_now: datetime) -> datetime | None:
    """When a look is due, or a gate that something waits behind opens (machine time)."""
    look_at = session.exec(
        select(func.min(Delivery.look_at)).where(is_unsettled(), Delivery.state == "unsure")
    ).one()
    opens_at = session.exec(
        select(func.min(Gate.closed_until_at)).where(
            col(Gate.closed_until_at) > machine_now,
            select(Delivery.id)
            .where(is_unsettled(), Delivery.state == "waiting", Delivery.gate == Gate.key)
            .exists(),
        )
    ).one()
    times = [each for each in (look_at, opens_at) if each is not None]
    return min(times) if times else None


def _signal_next(session: Session, delivery_id: int) -> None:
    """Wake the workers where the lane has more; an empty lane wakes nobody."""
    lane = select(Delivery.lane).where(Delivery.id == delivery_id).scalar_subquery()
    more = select(Delivery.id).where(
        is_unsettled(), col(Delivery.lane) == lane, col(Delivery.state).in_(OPEN_STATES)
    )
    if session.exec(more.limit(1)).first() is not None:
        signal(session, SIGNAL)


def _rows(session: Session, statement: Any) -> int:
    result = session.execute(statement, execution_options={"synchronize_session": False})
    assert isinstance(result, CursorResult), "an UPDATE without RETURNING"
    return result.rowcount
