"""Putting what is stored under the newest key."""

from operator import eq
from typing import Any

from sqlalchemy import Column, MetaData, Table, Text, and_, select, type_coerce, update
from sqlmodel import Session

from storage.secrets import rotate
from storage.types import Encrypted


def rotate_stored(session: Session, metadata: MetaData) -> int:
    """Put every stored secret under the newest key, in one transaction; returns how many.

    Each row is replaced only while it still holds what was read, so a token refreshed meanwhile
    by another process is left as that process wrote it.
    """
    columns = [column for table in metadata.sorted_tables for column in _secret_columns(table)]
    return sum(_rotate_column(session, column) for column in columns)


def _secret_columns(table: Table) -> list[Column[Any]]:
    return [column for column in table.columns if isinstance(column.type, Encrypted)]


def _rotate_column(session: Session, column: Column[Any]) -> int:
    token = type_coerce(column, Text)
    key = tuple(column.table.primary_key.columns)
    rows = session.execute(select(token, *key).where(token.is_not(None))).all()
    for old, *identity in rows:
        is_the_row = and_(token == old, *map(eq, key, identity))
        change = update(column.table).where(is_the_row)
        session.execute(change.values({column: type_coerce(rotate(old), Text)}))
    return len(rows)
