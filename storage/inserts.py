"""Inserts: those that treat a row already there as an answer, not as an error, and plain ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar, cast, overload

from sqlalchemy import ColumnElement, Insert, Table, inspect
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects import sqlite as sqlite_dialect
from sqlalchemy.orm import attributes
from sqlalchemy.sql.compiler import SQLCompiler
from sqlmodel import Session, SQLModel

from storage import driver
from storage.driver import Process

T = TypeVar("T", bound=SQLModel)

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
    table = _table_of(target)
    if isinstance(values, Mapping):
        return _insert_one(session, table, values, returning)
    return _insert_many(session, table, values, returning) if values else _nothing(returning)


def insert(session: Session, entity: SQLModel) -> None:
    """Insert an entity whose row is numbered, and give it its number.

    As adding it to the session and flushing would, for a tenth of the processor time.
    """
    session.flush()
    mapper = inspect(type(entity))
    (number,) = mapper.primary_key
    table, names = _table_of(type(entity)), _unnumbered(type(entity))
    row = {name: getattr(entity, name) for name in names}
    sqlite = driver.sqlite_of(session)
    if sqlite is not None:
        plain = _for_driver(table, names, ignores=False)
        assert plain is not None, "every column is given"
        made: Any = driver.run(sqlite, plain.text, plain.parameters(row)).lastrowid
    else:
        made = (
            driver.connection_of(session)
            .execute(table.insert().returning(number), row)
            .scalar_one()
        )
    entity.__dict__[number.name] = made
    as_on_file(entity)


def as_on_file(entity: T) -> T:
    """An entity whose row was just inserted, as if read: adding it to a session changes the row."""
    mapper = inspect(type(entity))
    key = mapper.primary_key_from_instance(entity)
    attributes.instance_state(entity).key = mapper.identity_key_from_primary_key(tuple(key))
    return entity


@lru_cache(maxsize=64)
def _unnumbered(model: type[SQLModel]) -> tuple[str, ...]:
    (number,) = inspect(model).primary_key
    return tuple(each.name for each in _table_of(model).columns if each is not number)


@dataclass(frozen=True)
class _ForDriver:
    """An INSERT for SQLite's driver: its text, and what each named value goes through."""

    text: str
    plan: Sequence[tuple[str, Process | None]]

    def parameters(self, row: Row) -> list[Any]:
        return [row[name] if process is None else process(row[name]) for name, process in self.plan]


def _insert_one(session: Session, table: Table, row: Row, returning: Any) -> Any:
    sqlite = driver.sqlite_of(session)
    if returning is None and sqlite is not None:
        ignoring = _for_driver(table, tuple(row), ignores=True)
        if ignoring is not None:
            return driver.run(sqlite, ignoring.text, ignoring.parameters(row)).rowcount == 1
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
def _table_of(target: Target) -> Table:
    return target if isinstance(target, Table) else cast(Table, inspect(target).local_table)


@lru_cache(maxsize=256)
def _statement(dialect: str, table: Table) -> Insert:
    make = sqlite_dialect.insert if dialect == "sqlite" else postgresql.insert
    # inline: no fetch of the new key, which ON CONFLICT could not promise; preserve_rowcount:
    # SQLAlchemy keeps the count of an INSERT only on request
    statement = make(table).on_conflict_do_nothing().inline()
    return statement.execution_options(preserve_rowcount=True)


@lru_cache(maxsize=256)
def _for_driver(table: Table, names: tuple[str, ...], *, ignores: bool) -> _ForDriver | None:
    """None where columns left out have defaults that SQLAlchemy makes."""
    statement = _statement("sqlite", table) if ignores else table.insert().inline()
    compiled = statement.compile(dialect=driver.DIALECT, column_keys=list(names))
    assert isinstance(compiled, SQLCompiler)
    wanted = compiled.positiontup or ()
    if set(wanted) != set(names):
        return None
    plan = [(name, driver.bind_process(table.columns[name].type)) for name in wanted]
    return _ForDriver(str(compiled), plan)
