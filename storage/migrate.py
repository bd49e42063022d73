"""The schema's versions: bring a database to this one, or say why this program must not use it.

To add one: change storage/tables.py, run `draft("what changed")`, then tidy what it wrote.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, func, select, text
from sqlalchemy.engine import URL

from storage.database import parse_url
from storage.errors import DatabaseTooNew, DatabaseTooOld, SchemaMismatch
from storage.postgres import engine_for
from storage.sqlite import database_file, writing_engine

__all__ = ["DatabaseTooNew", "DatabaseTooOld", "SchemaMismatch", "check", "current", "upgrade"]

LOCK_KEY = 0x5E5_B41D6E  # of PostgreSQL's advisory locks: any number, the same in every version
WAIT_MS = 60_000  # for another process that migrates the same SQLite file

_MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(url: str) -> None:
    """Bring the database to this program's schema; two processes at once take turns.

    Everything happens in one transaction. Raises DatabaseTooNew.
    """
    with _exclusive(parse_url(url)) as connection:
        _refuse_newer(_revision(connection))
        command.upgrade(_config(connection), "head")
        _check_references(connection)


def current(url: str) -> str | None:
    """The database's revision; None where nothing has been migrated yet."""
    parsed = parse_url(url)
    if parsed.get_backend_name() == "sqlite" and not database_file(parsed).exists():
        return None
    with _connection(parsed) as connection:
        return _revision(connection)


def check(url: str) -> None:
    """Raise DatabaseTooNew or DatabaseTooOld unless the database fits this program."""
    revision = current(url)
    _refuse_newer(revision)
    if revision is None:
        raise DatabaseTooOld("The database has no tables yet: run `sms-bridge migrate`.")
    if revision != scripts().get_current_head():
        raise DatabaseTooOld(
            f"The database is of an older version (revision {revision}): stop every process of the"
            " bridge and run `sms-bridge migrate`."
        )


def draft(message: str, url: str) -> None:
    """Write a new revision that turns the database at `url`, which is up to date, into the tables
    of storage/tables.py."""
    with _connection(parse_url(url)) as connection:
        command.revision(
            _config(connection), message, autogenerate=True, rev_id=f"{_next_number():04}"
        )


def _refuse_newer(revision: str | None) -> None:
    known = {script.revision for script in scripts().walk_revisions()}
    if revision is not None and revision not in known:
        raise DatabaseTooNew(
            f"The database was migrated by a newer version of this program (revision {revision},"
            " unknown here): install that version again, or restore a backup made before it."
        )


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _next_number() -> int:
    return 1 + sum(1 for _ in scripts().walk_revisions())


def scripts() -> ScriptDirectory:
    """Every revision this program knows."""
    return ScriptDirectory(str(_MIGRATIONS))


def _config(connection: Connection) -> Config:
    config = Config(attributes={"connection": connection})
    # a percent sign is the configuration's own mark
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    return config


@contextmanager
def _connection(url: URL) -> Iterator[Connection]:
    engine = writing_engine(url) if url.get_backend_name() == "sqlite" else engine_for(url)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


@contextmanager
def _exclusive(url: URL) -> Iterator[Connection]:
    with _connection(url) as connection:
        if connection.dialect.name == "sqlite":
            driver: Any = connection.connection.dbapi_connection
            driver.execute(f"PRAGMA busy_timeout = {WAIT_MS}")
            # altering a table drops its old self, which would delete the rows that refer to it
            driver.execute("PRAGMA foreign_keys = OFF")
        with connection.begin():
            if connection.dialect.name == "postgresql":
                connection.execute(select(func.pg_advisory_xact_lock(LOCK_KEY)))
            yield connection


def _check_references(connection: Connection) -> None:
    if connection.dialect.name != "sqlite":
        return
    broken = connection.execute(text("PRAGMA foreign_key_check")).all()
    if broken:
        raise SchemaMismatch(
            f"Migrating would leave {len(broken)} rows that refer to missing ones,"
            f" first in {broken[0][0]}: nothing was changed."
        )
