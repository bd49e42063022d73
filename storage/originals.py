"""Originals: Slack messages that people wrote, with the newest edit seen of each."""

from __future__ import annotations

from sqlmodel import Session, select

from storage.database import insert_ignore
from storage.tables import SlackOriginal


def lock_or_add(session: Session, team_id: str, channel_id: str, ts: str) -> SlackOriginal:
    """What is known of a Slack message, its row locked; a row is made where nothing was known."""
    values = {"team_id": team_id, "channel_id": channel_id, "ts": ts, "deleted": False}
    insert_ignore(session, SlackOriginal, values)
    query = (
        select(SlackOriginal)
        .where(
            SlackOriginal.team_id == team_id,
            SlackOriginal.channel_id == channel_id,
            SlackOriginal.ts == ts,
        )
        .with_for_update()
        .execution_options(populate_existing=True)  # it may have been read before it was locked
    )
    return session.exec(query).one()


def get(session: Session, team_id: str, channel_id: str, ts: str) -> SlackOriginal | None:
    """What is known of a Slack message."""
    query = select(SlackOriginal).where(
        SlackOriginal.team_id == team_id,
        SlackOriginal.channel_id == channel_id,
        SlackOriginal.ts == ts,
    )
    return session.exec(query).one_or_none()
