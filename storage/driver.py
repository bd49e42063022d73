"""SQLite's driver without SQLAlchemy in between, on the connection and in the transaction it has.

A statement's text and its types still come from SQLAlchemy, and an error is the one SQLAlchemy
would raise.
"""

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.dialects.sqlite import pysqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import TypeEngine
from sqlmodel import Session

from storage.units import UnitSession, sqlite_under

Process = Callable[[Any], Any]

DIALECT = pysqlite.dialect()


def connection_of(session: Session) -> Connection:
    """The connection that a session's unit runs on."""
    return session.connection_given if isinstance(session, UnitSession) else session.connection()


def sqlite_of(session: Session) -> sqlite3.Connection | None:
    """The driver's connection that a session's unit runs on; None where it is not SQLite's."""
    if isinstance(session, UnitSession):
        return session.sqlite
    return sqlite_under(session.connection())


def run(sqlite: sqlite3.Connection, text: str, parameters: Sequence[Any]) -> sqlite3.Cursor:
    """Run a statement; raises SQLAlchemy's DBAPIError."""
    try:
        return sqlite.execute(text, parameters)
    except sqlite3.Error as error:
        raise DBAPIError.instance(
            text, None, error, sqlite3.Error, hide_parameters=True, dialect=DIALECT
        ) from error


def bind_process(type_: TypeEngine[Any]) -> Process | None:
    """What a value goes through on its way in; None for what goes as it is."""
    return type_.dialect_impl(DIALECT).bind_processor(DIALECT)


def result_process(type_: TypeEngine[Any]) -> Process | None:
    """What a value goes through on its way out; None for what comes as it is."""
    return type_.dialect_impl(DIALECT).result_processor(DIALECT, None)
