"""People of Slack: what Slack last said of each."""

from __future__ import annotations

from collections.abc import Iterable

from sqlmodel import Session, col, select

from storage.database import insert_ignore
from storage.tables import SlackPerson


def get(session: Session, team_id: str, user_id: str) -> SlackPerson | None:
    """What is known of a person."""
    query = select(SlackPerson).where(
        SlackPerson.team_id == team_id, SlackPerson.user_id == user_id
    )
    return session.exec(query).one_or_none()


def find(session: Session, team_id: str, user_ids: Iterable[str]) -> list[SlackPerson]:
    """What is known of several people."""
    query = select(SlackPerson).where(
        SlackPerson.team_id == team_id, col(SlackPerson.user_id).in_(list(user_ids))
    )
    return list(session.exec(query))


def put(session: Session, person: SlackPerson) -> None:
    """Remember what Slack says of a person now."""
    if not insert_ignore(session, SlackPerson, person.model_dump()):
        session.merge(person)
