"""Threads: the Slack threads that show conversations."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import update
from sqlmodel import Session, col, select

from storage.deliveries import is_unsettled
from storage.tables import Delivery, Thread


def get(session: Session, thread_id: int) -> Thread:
    """The thread; it must exist."""
    return session.exec(select(Thread).where(Thread.id == thread_id)).one()


def get_current(session: Session, conversation_id: int) -> Thread | None:
    """The thread that shows the conversation today."""
    query = select(Thread).where(
        Thread.conversation_id == conversation_id, col(Thread.is_current).is_(True)
    )
    return session.exec(query).one_or_none()


def get_by_ts(session: Session, team_id: str, channel_id: str, ts: str) -> Thread | None:
    """The thread with this parent message."""
    query = select(Thread).where(
        Thread.team_id == team_id, Thread.channel_id == channel_id, Thread.ts == ts
    )
    return session.exec(query).one_or_none()


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
    session.execute(
        update(Thread).where(col(Thread.id) == thread_id, col(Thread.ts).is_(None)).values(ts=ts)
    )
