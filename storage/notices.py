"""Notices: words the bridge itself posts."""

from __future__ import annotations

from typing import Any

from sqlmodel import Session, select
from sqlmodel.sql.expression import SelectOfScalar

from storage import prepared
from storage.database import insert_ignore
from storage.tables import Notice


def add(session: Session, values: dict[str, Any]) -> int | None:
    """Record a notice; None where one of the same key was recorded before."""
    if not insert_ignore(session, Notice, values):
        return None
    return session.exec(select(Notice.id).where(Notice.key == values["key"])).one()


@prepared.one_or_none
def get_by_key(key: str) -> SelectOfScalar[Notice]:
    """The notice of this key. Asked for each text that is settled."""
    return select(Notice).where(Notice.key == key)


def get(session: Session, notice_id: int) -> Notice:
    """The notice; it must exist."""
    return session.exec(select(Notice).where(Notice.id == notice_id)).one()
