"""Threads: the Slack threads that show conversations."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Update, update
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from storage import prepared
from storage.deliveries import is_unsettled
from storage.tables import Delivery, Thread


@prepared.one
def get(thread_id: int) -> SelectOfScalar[Thread]:
    """The thread; it must exist."""
    return select(Thread).where(Thread.id == thread_id)


@prepared.one_or_none
def get_current(conversation_id: int) -> SelectOfScalar[Thread]:
    """The thread that shows the conversation today."""
    return select(Thread).where(
        Thread.conversation_id == conversation_id, col(Thread.is_current).is_(True)
    )


@prepared.one_or_none
def get_by_ts(team_id: str, channel_id: str, ts: str) -> SelectOfScalar[Thread]:
    """The thread with this parent message."""
    return select(Thread).where(
        Thread.team_id == team_id, Thread.channel_id == channel_id, Thread.ts == ts
    )


def has_card_in_flight(session: Session, team_id: str, channel_id: str) -> bool:
    """True while a parent may stand in the channel whose ts we do not know yet."""
    query = (
        select(Delivery.id)
        .join(Thread, col(Thread.id) == col(Delivery.subject_id))
        .where(
            is_unsettled(),
            col(Delivery.state).in_(("started", "unsure")),
            Delivery.subject_type == "card",
            Delivery.kind == "open",
            Thread.team_id == team_id,
            Thread.channel_id == channel_id,
        )
    )
    return session.exec(query.limit(1)).first() is not None


def open_current(
    session: Session, conversation_id: int, team_id: str, channel_id: str, now: datetime
) -> Thread:
    """A new current thread, its parent not posted yet; an older one stays, no longer current."""
    session.execute(
        update(Thread)
        .where(col(Thread.conversation_id) == conversation_id, col(Thread.is_current).is_(True))
        .values(is_current=False)
    )
    thread = Thread(
        conversation_id=conversation_id, team_id=team_id, channel_id=channel_id, opened_at=now
    )
    session.add(thread)
    session.flush()
    return thread


def set_ts(session: Session, thread_id: int, ts: str) -> None:
    """Record where the thread's parent was posted; of two parents the first one stays."""
    _set_ts(session, thread_id, ts)


@prepared.rowcount
def _set_ts(thread_id: int, ts: str) -> Update:
    mine = update(Thread).where(col(Thread.id) == thread_id, col(Thread.ts).is_(None))
    return mine.values(ts=ts)
