"""Signs: when any process last saw something happen. Machine time."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Update, update
from sqlmodel import Session, col, select

from storage import prepared
from storage.database import insert_ignore
from storage.tables import Sign


def note(session: Session, name: str, seen_at: datetime) -> None:
    """It was seen then; an earlier sight never hides a later one."""
    if not insert_ignore(session, Sign, {"name": name, "seen_at": seen_at}):
        _note_again(session, name, seen_at)


@prepared.rowcount
def _note_again(name: str, seen_at: datetime) -> Update:
    mine = update(Sign).where(col(Sign.name) == name, col(Sign.seen_at) < seen_at)
    return mine.values(seen_at=seen_at)


def find(session: Session) -> dict[str, datetime]:
    """When each was last seen."""
    return {each.name: each.seen_at for each in session.exec(select(Sign))}
