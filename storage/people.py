"""People of Slack: what Slack last said of each."""

from __future__ import annotations

from collections.abc import Iterable

from sqlmodel import Session, select
from sqlmodel.sql.expression import SelectOfScalar

from storage import prepared
from storage.database import insert_ignore
from storage.tables import SlackPerson


@prepared.one_or_none
def get(team_id: str, user_id: str) -> SelectOfScalar[SlackPerson]:
    """What is known of a person."""
    return select(SlackPerson).where(SlackPerson.team_id == team_id, SlackPerson.user_id == user_id)


def find(session: Session, team_id: str, user_ids: Iterable[str]) -> list[SlackPerson]:
    """What is known of several people."""
    found = (get(session, team_id, each) for each in dict.fromkeys(user_ids))
    return [each for each in found if each is not None]


def put(session: Session, person: SlackPerson) -> None:
    """Remember what Slack says of a person now."""
    if not insert_ignore(session, SlackPerson, person.model_dump()):
        session.merge(person)
