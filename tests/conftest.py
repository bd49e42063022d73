"""What every test may ask for: a database of its own on either engine."""

import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine
from sqlmodel import SQLModel

from storage import migrate, secrets, tables
from storage.database import Database, parse_url
from tests.postgres_server import postgres_server

ENGINES = ("sqlite", "postgresql")
KEY = secrets.new_key()

__all__ = ["tables"]  # imported so that SQLModel knows every table


@pytest.fixture(autouse=True)
def _secret_keys() -> None:
    secrets.use_keys([KEY])


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL server; its absence fails the run."""
    with postgres_server() as url:
        yield url


@pytest.fixture(scope="session")
def new_postgres_database(postgres_url: str) -> Iterator[Callable[[str], str]]:
    """Makes databases, from a template, and drops them at the end of the run."""
    made: list[str] = []

    def make(template: str) -> str:
        name = f"bridge_{uuid4().hex}"  # unique across workers of one run and runs on one server
        _execute(postgres_url, f"CREATE DATABASE {name} TEMPLATE {template}")
        made.append(name)
        return _with_name(postgres_url, name)

    yield make
    for name in made:
        _execute(postgres_url, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def postgres_template(new_postgres_database: Callable[[str], str]) -> str:
    """The name of a PostgreSQL database that holds the schema and no rows."""
    url = new_postgres_database("template0")
    _create_tables(url)
    return url_name(url)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file that holds the schema and no rows."""
    path = tmp_path_factory.mktemp("template") / "bridge.db"
    _create_tables(f"sqlite:///{path}")
    return path


@pytest.fixture(params=ENGINES)
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database with nothing in it, on each engine in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'empty.db'}"
    make: Callable[[str], str] = request.getfixturevalue("new_postgres_database")
    return make("template0")


@pytest.fixture(params=ENGINES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A fresh database with the schema, on each engine in turn."""
    if request.param == "sqlite":
        path = tmp_path / "bridge.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        return f"sqlite:///{path}"
    template: str = request.getfixturevalue("postgres_template")
    make: Callable[[str], str] = request.getfixturevalue("new_postgres_database")
    return make(template)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """The fresh database, open."""
    opened = await Database.open(database_url)
    yield opened
    await opened.close()


def url_name(url: str) -> str:
    """The name of the database a URL points at."""
    return str(parse_url(url).database)


def _with_name(url: str, name: str) -> str:
    return parse_url(url).set(database=name).render_as_string(hide_password=False)


def _execute(url: str, statement: str) -> None:
    parameters = create_engine(parse_url(url)).dialect.create_connect_args(parse_url(url))[1]
    with psycopg.connect(**parameters, autocommit=True) as connection:
        connection.execute(statement.encode())


def _create_tables(url: str) -> None:
    # not by migrating: a table being changed must not stop every test, and test_migrate.py holds
    # the migrations against the tables
    engine = create_engine(parse_url(url))
    with engine.begin() as connection:
        SQLModel.metadata.create_all(connection)
        MigrationContext.configure(connection).stamp(migrate.scripts(), "head")
    engine.dispose()
