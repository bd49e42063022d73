"""Reads: records of message stores that are to be marked as read. Times are product time."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Delete, delete, update
from sqlmodel import Session, col, func, select
from sqlmodel.sql.expression import SelectOfScalar

from storage import prepared
from storage.database import insert_ignore
from storage.tables import Cursor, ReadOwed
from storage.updates import run_update


def owe(session: Session, store: str, record_id: str, now: datetime) -> None:
    """A record was shown; once is enough."""
    values = {"store": store, "record_id": record_id, "owed_at": now, "due_at": now}
    insert_ignore(session, ReadOwed, values)


def find_due_stores(session: Session, now: datetime) -> list[tuple[int, str]]:
    """Logins and the stores they read that have something due, the longest owed first."""
    query = (
        select(Cursor.login_id, Cursor.store)
        .join(ReadOwed, col(ReadOwed.store) == Cursor.store)
        .where(ReadOwed.due_at <= now)
        .group_by(col(Cursor.login_id), Cursor.store)
        .order_by(func.min(ReadOwed.owed_at))
    )
    return list(session.exec(query))


@prepared.every
def find_due(store: str, now: datetime, limit: int) -> SelectOfScalar[str]:
    """Records of a store that are due, the longest owed first."""
    return (
        select(ReadOwed.record_id)
        .where(ReadOwed.store == store, ReadOwed.due_at <= now)
        .order_by(col(ReadOwed.owed_at), ReadOwed.record_id)
        .limit(limit)
    )


def settle(session: Session, store: str, record_ids: Collection[str]) -> None:
    """They are marked, or need not be."""
    session.execute(
        delete(ReadOwed).where(
            col(ReadOwed.store) == store, col(ReadOwed.record_id).in_(record_ids)
        )
    )


def put_off(session: Session, store: str, record_ids: Collection[str], due_at: datetime) -> None:
    """They are tried again then."""
    statement = update(ReadOwed).where(
        col(ReadOwed.store) == store, col(ReadOwed.record_id).in_(record_ids)
    )
    run_update(session, statement.values(due_at=due_at))


def is_any_owed_before(session: Session, owed_before: datetime) -> bool:
    """Whether anything has been owed for longer."""
    return _get_owed_before(session, owed_before) is not None


@prepared.first
def _get_owed_before(owed_before: datetime) -> SelectOfScalar[str]:
    return select(ReadOwed.record_id).where(col(ReadOwed.owed_at) < owed_before).limit(1)


@prepared.rowcount
def forget(owed_before: datetime) -> Delete:
    """Give up what has been owed for longer."""
    return delete(ReadOwed).where(col(ReadOwed.owed_at) < owed_before)
