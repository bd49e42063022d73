"""The schema's versions: migrations make the tables, and a misfit is refused in words."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, create_engine, text
from sqlmodel import SQLModel

from storage import migrate
from storage.database import parse_url
from storage.errors import DatabaseTooNew, DatabaseTooOld, SchemaMismatch

UPGRADE = "import sys; from storage.migrate import upgrade; upgrade(sys.argv[1])"

SQLITE_SCHEMA = "SELECT name, sql FROM sqlite_master WHERE tbl_name != 'alembic_version'"
POSTGRES_SCHEMA = """
    SELECT tablename, indexname, indexdef FROM pg_indexes
    WHERE schemaname = 'public' AND tablename != 'alembic_version'
    UNION ALL
    SELECT conrelid::regclass::text, conname::text, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text != 'alembic_version'
    UNION ALL
    SELECT table_name, column_name, concat_ws(' ', data_type, is_nullable, is_identity)
    FROM information_schema.columns
    WHERE table_schema = 'public' AND table_name != 'alembic_version'
"""


def schema_of(engine: Engine) -> set[tuple[str, ...]]:
    query = SQLITE_SCHEMA if engine.dialect.name == "sqlite" else POSTGRES_SCHEMA
    with engine.connect() as connection:
        return {tuple(map(_plain, row)) for row in connection.execute(text(query))}


def _plain(part: str | None) -> str:
    """Without layout and without the order of the parts, in which constraints may differ.

    SQLite writes an added column behind the last one, on its line.
    """
    parts = [each.strip() for each in re.split(r"[,\n]", part or "")]
    return " ".join(sorted(each for each in parts if each))


def set_revision(url: str, revision: str) -> None:
    with create_engine(parse_url(url)).begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :r"), {"r": revision})


@pytest.fixture
def tables_url(empty_database_url: str, request: pytest.FixtureRequest) -> str:
    """On the same engine, a database made from the table classes."""
    if empty_database_url.startswith("sqlite"):
        return f"sqlite:///{request.getfixturevalue('sqlite_template')}"
    make: Callable[[str], str] = request.getfixturevalue("new_postgres_database")
    return make(request.getfixturevalue("postgres_template"))


def test_migrations_make_the_tables(empty_database_url: str, tables_url: str) -> None:
    """A migrated database is the one the table classes describe, to the last index."""
    migrate.upgrade(empty_database_url)
    migrated = create_engine(parse_url(empty_database_url))
    with migrated.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, SQLModel.metadata) == []
    assert schema_of(migrated) == schema_of(create_engine(parse_url(tables_url))) != set()


def test_an_empty_database_is_refused_with_the_command(empty_database_url: str) -> None:
    """Who forgot to migrate is told the command."""
    with pytest.raises(DatabaseTooOld, match="sms-bridge migrate"):
        migrate.check(empty_database_url)
    assert migrate.current(empty_database_url) is None


def test_a_migrated_database_is_accepted_and_migrating_again_is_nothing(
    empty_database_url: str,
) -> None:
    """Migrating is safe to repeat at every start."""
    migrate.upgrade(empty_database_url)
    migrate.upgrade(empty_database_url)
    migrate.check(empty_database_url)
    assert migrate.current(empty_database_url) == migrate.scripts().get_current_head()


def test_a_database_from_a_newer_version_is_refused(database_url: str) -> None:
    """A program older than its database neither runs on it nor migrates it."""
    set_revision(database_url, "9999")
    with pytest.raises(DatabaseTooNew, match="revision 9999"):
        migrate.check(database_url)
    with pytest.raises(DatabaseTooNew, match="newer version"):
        migrate.upgrade(database_url)


def test_two_processes_migrate_at_once(empty_database_url: str) -> None:
    """Two processes started together both find the schema in place."""
    command = [sys.executable, "-c", UPGRADE, empty_database_url]
    started = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(2)]
    errors = [process.communicate(timeout=60)[1].decode() for process in started]
    assert [process.returncode for process in started] == [0, 0], errors
    migrate.check(empty_database_url)


def test_migrating_sqlite_leaves_no_reference_dangling(tmp_path: Path) -> None:
    """A migration that would orphan a row is undone whole."""
    url = f"sqlite:///{tmp_path}/bridge.db"
    migrate.upgrade(url)
    with create_engine(parse_url(url)).begin() as connection:  # foreign keys are off here
        connection.execute(text("INSERT INTO copy VALUES ('slack', 'T/C', '1.2', 77, 0)"))
    with pytest.raises(SchemaMismatch, match="copy"):
        migrate.upgrade(url)
