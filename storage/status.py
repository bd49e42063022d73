"""What waits, counted within bounds: however much waits, a look costs the same."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy
from sqlmodel import Session, col, func, literal_column, select

from storage.deliveries import is_unsettled
from storage.tables import UNSETTLED_STATES, Cursor, Delivery, Gate, Message, Subscription, Thread

MOST_COUNTED = 5_000  # of one state: beyond it a count stays there
MOST_GATES = 2_000
MOST_CHANNELS = 10


@dataclass(frozen=True)
class Waiting:
    """Deliveries of one side, kind, state, gate and reason, due or not; times are product time."""

    side: str
    kind: str
    state: str
    gate: str
    reason: str | None
    is_due: bool
    count: int
    first_due_at: datetime
    last_due_at: datetime
    first_created_at: datetime


@dataclass(frozen=True)
class Connections:
    """How far the stores have been read, and until when RingCentral tells us of news."""

    cursors: list[Cursor]
    subscriptions: list[Subscription]


def find_waiting(session: Session, now: datetime) -> list[Waiting]:
    """What is not settled; of each state the first due MOST_COUNTED are looked at."""
    return [each for state in UNSETTLED_STATES for each in _find_state(session, state, now)]


def _find_state(session: Session, state: str, now: datetime) -> list[Waiting]:
    first = (
        sqlalchemy.select(
            col(Delivery.side),
            col(Delivery.kind),
            col(Delivery.gate),
            col(Delivery.reason),
            (col(Delivery.due_at) <= now).label("is_due"),
            col(Delivery.due_at),
            col(Delivery.created_at),
        )
        # in words, not as a parameter: else SQLite does not see that the partial index serves
        .where(is_unsettled(), col(Delivery.state) == literal_column(f"'{state}'"))
        .order_by(col(Delivery.due_at))
        .limit(MOST_COUNTED)
        .subquery()
    )
    alike = (first.c.side, first.c.kind, first.c.gate, first.c.reason, first.c.is_due)
    query = sqlalchemy.select(
        *alike,
        func.count(),
        func.min(first.c.due_at),
        func.max(first.c.due_at),
        func.min(first.c.created_at),
    ).group_by(*alike)
    return [
        Waiting(side, kind, state, gate, reason, bool(is_due), *rest)
        for side, kind, gate, reason, is_due, *rest in session.execute(query)
    ]


def find_parked_channels(session: Session) -> list[tuple[str, int]]:
    """In which channels a person is asked what became of a text, and of how many."""
    query = (
        select(Thread.channel_id, func.count())
        .select_from(Delivery)
        .join(Message, col(Message.id) == Delivery.subject_id)
        .join(Thread, col(Thread.id) == Message.thread_id)
        .where(
            is_unsettled(),
            col(Delivery.state) == literal_column("'parked'"),
            Delivery.subject_type == "message",
        )
        .group_by(Thread.channel_id)
        .order_by(func.count().desc(), Thread.channel_id)
        .limit(MOST_CHANNELS)
    )
    return [(channel_id, count) for channel_id, count in session.exec(query)]


def find_gates(session: Session) -> list[Gate]:
    """The gates, as many as are looked at."""
    return list(session.exec(select(Gate).order_by(Gate.key).limit(MOST_GATES)))


def find_connections(session: Session) -> Connections:
    """One row a store and one a login."""
    return Connections(list(session.exec(select(Cursor))), list(session.exec(select(Subscription))))
