"""Originals: Slack messages that people wrote, with the newest edit seen of each."""

from __future__ import annotations

from sqlalchemy import Update, update
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from storage import prepared
from storage.inserts import as_on_file, insert_ignore
from storage.tables import SlackOriginal


def lock_or_add(session: Session, team_id: str, channel_id: str, ts: str) -> SlackOriginal:
    """What is known of a Slack message, its row locked; a row is made where nothing was known."""
    values = {"team_id": team_id, "channel_id": channel_id, "ts": ts, "deleted": False}
    if insert_ignore(session, SlackOriginal, values):
        return as_on_file(SlackOriginal(team_id=team_id, channel_id=channel_id, ts=ts))
    return _lock(session, team_id, channel_id, ts)


@prepared.one
def _lock(team_id: str, channel_id: str, ts: str) -> SelectOfScalar[SlackOriginal]:
    return _named(team_id, channel_id, ts).with_for_update()


@prepared.one_or_none
def get(team_id: str, channel_id: str, ts: str) -> SelectOfScalar[SlackOriginal]:
    """What is known of a Slack message."""
    return _named(team_id, channel_id, ts)


@prepared.one_or_none
def get_by_message(message_id: int) -> SelectOfScalar[SlackOriginal]:
    """The Slack message that a text of ours came from."""
    return select(SlackOriginal).where(SlackOriginal.message_id == message_id)


def _named(team_id: str, channel_id: str, ts: str) -> SelectOfScalar[SlackOriginal]:
    return select(SlackOriginal).where(
        SlackOriginal.team_id == team_id,
        SlackOriginal.channel_id == channel_id,
        SlackOriginal.ts == ts,
    )


@prepared.rowcount
def become_message(team_id: str, channel_id: str, ts: str, message_id: int, markup: str) -> Update:
    """Remember which message of ours it became, with the newest words seen of it."""
    mine = update(SlackOriginal).where(
        col(SlackOriginal.team_id) == team_id,
        col(SlackOriginal.channel_id) == channel_id,
        col(SlackOriginal.ts) == ts,
    )
    return mine.values(message_id=message_id, markup=markup)
