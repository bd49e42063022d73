"""Inboxes: our numbers, each paired with one Slack channel while it is connected."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import update
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from storage import prepared
from storage.tables import Inbox


@prepared.one
def get(inbox_id: int) -> SelectOfScalar[Inbox]:
    """The inbox; it must exist."""
    return select(Inbox).where(Inbox.id == inbox_id)


def find_connected(session: Session) -> list[Inbox]:
    """All connected inboxes, oldest first."""
    query = select(Inbox).where(col(Inbox.disconnected_at).is_(None)).order_by(col(Inbox.id))
    return list(session.exec(query))


@prepared.one_or_none
def get_by_number(phone_number: str) -> SelectOfScalar[Inbox]:
    """The connected inbox of one of our numbers."""
    return select(Inbox).where(
        Inbox.phone_number == phone_number, col(Inbox.disconnected_at).is_(None)
    )


def get_by_channel(session: Session, team_id: str, channel_id: str) -> Inbox | None:
    """The connected inbox of a channel."""
    query = select(Inbox).where(
        Inbox.team_id == team_id,
        Inbox.channel_id == channel_id,
        col(Inbox.disconnected_at).is_(None),
    )
    return session.exec(query).one_or_none()


def get_disconnected(
    session: Session, phone_number: str, team_id: str, channel_id: str
) -> Inbox | None:
    """The newest inbox that once paired this number with this channel."""
    query = (
        select(Inbox)
        .where(
            Inbox.phone_number == phone_number,
            Inbox.team_id == team_id,
            Inbox.channel_id == channel_id,
            col(Inbox.disconnected_at).is_not(None),
        )
        .order_by(col(Inbox.id).desc())
    )
    return session.exec(query).first()


def find_disconnected_channels(session: Session, team_id: str) -> list[str]:
    """The channels that once were inboxes and may hold their threads."""
    query = select(Inbox.channel_id).where(
        Inbox.team_id == team_id, col(Inbox.disconnected_at).is_not(None)
    )
    return list(session.exec(query.distinct()))


def disconnect(session: Session, inbox_id: int, now: datetime) -> bool:
    """End the pairing; False where it had ended already."""
    result = session.execute(
        update(Inbox)
        .where(col(Inbox.id) == inbox_id, col(Inbox.disconnected_at).is_(None))
        .values(disconnected_at=now)
    )
    return bool(result.rowcount)  # type: ignore[attr-defined]  # a CursorResult, for an UPDATE
