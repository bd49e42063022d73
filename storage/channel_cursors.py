"""How far each inbox's channel has been read for replies that no event told of."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Update, update
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from storage import prepared
from storage.database import insert_ignore
from storage.tables import ChannelCursor, Inbox


def get_or_add(session: Session, team_id: str, channel_id: str, read_to: str) -> ChannelCursor:
    """The cursor; a new one begins at `read_to`."""
    found = _get(session, team_id, channel_id)
    if found is not None:
        return found
    values = {"team_id": team_id, "channel_id": channel_id, "read_to": read_to}
    insert_ignore(session, ChannelCursor, values)
    added = _get(session, team_id, channel_id)
    assert added is not None, "just added, by us or another process"
    return added


@prepared.one_or_none
def _get(team_id: str, channel_id: str) -> SelectOfScalar[ChannelCursor]:
    return select(ChannelCursor).where(
        ChannelCursor.team_id == team_id, ChannelCursor.channel_id == channel_id
    )


@prepared.rowcount
def advance(team_id: str, channel_id: str, read_to: str, looked_at: datetime) -> Update:
    """All up to `read_to` is recorded; never backwards."""
    mine = update(ChannelCursor).where(
        col(ChannelCursor.team_id) == team_id,
        col(ChannelCursor.channel_id) == channel_id,
        col(ChannelCursor.read_to) <= read_to,
    )
    return mine.values(read_to=read_to, looked_at=looked_at)


UNKNOWN = "9999999999.999999"  # in a copy: what was written since may have been texted already


def forget_place(session: Session) -> None:
    """In a backup: nobody can tell which later replies were texted before it is restored."""
    session.execute(update(ChannelCursor).values(read_to=UNKNOWN))
    for inbox in session.exec(select(Inbox).where(col(Inbox.disconnected_at).is_(None))).all():
        place = {"team_id": inbox.team_id, "channel_id": inbox.channel_id, "read_to": UNKNOWN}
        insert_ignore(session, ChannelCursor, place)


@prepared.rowcount
def begin_again(team_id: str, channel_id: str, read_to: str, looked_at: datetime) -> Update:
    """After a restore: from here on, so that nothing is texted twice."""
    mine = update(ChannelCursor).where(
        col(ChannelCursor.team_id) == team_id, col(ChannelCursor.channel_id) == channel_id
    )
    return mine.values(read_to=read_to, looked_at=looked_at)
