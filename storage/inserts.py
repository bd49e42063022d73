"""Inserts that treat a row already there as an answer, not as an error."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, cast, overload

from sqlalchemy import ColumnElement, Insert, Table, inspect
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, SQLModel

Row = Mapping[str, Any]
Target = Table | type[SQLModel]


@overload
def insert_ignore(session: Session, target: Target, values: Row) -> bool: ...
@overload
def insert_ignore(session: Session, target: Target, values: Row, *, returning: Any) -> Any: ...
@overload
def insert_ignore(session: Session, target: Target, values: Sequence[Row]) -> int: ...
@overload
def insert_ignore(
    session: Session, target: Target, values: Sequence[Row], *, returning: Any
) -> list[Any]: ...
def insert_ignore(
    session: Session, target: Target, values: Row | Sequence[Row], *, returning: Any = None
) -> Any:
    """INSERT ... ON CONFLICT DO NOTHING on both engines; any unique constraint counts.

    One row: whether it was inserted, or `returning`'s value of the new row (None: it was there).
    Rows, all with the same keys: how many were inserted, or `returning`'s values of the new ones,
    in no order. Columns left out get their defaults.
    """
    session.flush()  # what the rows refer to may still be pending in the session
    table = target if isinstance(target, Table) else cast(Table, inspect(target).local_table)
    if isinstance(values, Mapping):
        return _insert_one(session, table, values, returning)
    return _insert_many(session, table, values, returning) if values else _nothing(returning)


def _insert_one(session: Session, table: Table, row: Row, returning: Any) -> Any:
    statement = _statement(session.get_bind().dialect.name, table)
    if returning is None:
        return _rowcount(session, statement, row) == 1
    return session.execute(statement.returning(_column(returning)), row).scalar_one_or_none()


def _insert_many(session: Session, table: Table, rows: Sequence[Row], returning: Any) -> Any:
    statement = _statement(session.get_bind().dialect.name, table)
    if returning is None:
        return _rowcount(session, statement, rows)
    return list(session.execute(statement.returning(_column(returning)), rows).scalars())


def _nothing(returning: Any) -> Any:
    return 0 if returning is None else []


def _rowcount(session: Session, statement: Insert, rows: Row | Sequence[Row]) -> int:
    count: int = session.execute(statement, rows).rowcount  # type: ignore[attr-defined]  # DML gives a CursorResult
    return count


def _column(returning: Any) -> ColumnElement[Any]:
    element = (
        returning.__clause_element__() if hasattr(returning, "__clause_element__") else returning
    )
    return cast(ColumnElement[Any], element)


@lru_cache(maxsize=256)
def _statement(dialect: str, table: Table) -> Insert:
    insert = sqlite.insert if dialect == "sqlite" else postgresql.insert
    # inline: no fetch of the new key, which ON CONFLICT could not promise; preserve_rowcount:
    # SQLAlchemy keeps the count of an INSERT only on request
    statement = insert(table).on_conflict_do_nothing().inline()
    return statement.execution_options(preserve_rowcount=True)
