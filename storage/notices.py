"""Notices: words the bridge itself posts."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlmodel import Session, col, select
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


def find_known(session: Session, keys: Collection[str]) -> set[str]:
    """Those of the keys whose notice was recorded."""
    return set(session.exec(select(Notice.key).where(col(Notice.key).in_(keys))))


def get(session: Session, notice_id: int) -> Notice:
    """The notice; it must exist."""
    return session.exec(select(Notice).where(Notice.id == notice_id)).one()
