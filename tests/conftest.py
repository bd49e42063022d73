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
from tests.sandbox_process import SandboxProcess

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


@pytest.fixture
def new_postgres_database(postgres_url: str) -> Iterator[Callable[[str], str]]:
    """Makes databases from a template, and drops them after the test."""
    made: list[str] = []

    def make(template: str) -> str:
        made.append(_create_database(postgres_url, template))
        return made[-1]

    yield make
    for url in made:
        _drop_database(postgres_url, url)


@pytest.fixture(scope="session")
def postgres_template(postgres_url: str) -> Iterator[str]:
    """The name of a PostgreSQL database that holds the schema and no rows."""
    url = _create_database(postgres_url, "template0")
    _create_tables(url)
    yield _name_of(url)
    _drop_database(postgres_url, url)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file that holds the schema and no rows."""
    path = tmp_path_factory.mktemp("template") / "bridge.db"
    _create_tables(f"sqlite:///{path}")
    return path


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """A fresh SQLite database with the schema."""
    path = tmp_path / "bridge.db"
    shutil.copy(sqlite_template, path)
    return f"sqlite:///{path}"


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


@pytest.fixture(scope="session")
def running_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    """A sandbox as a visitor starts it, shared by the tests of one worker."""
    running = SandboxProcess(tmp_path_factory.mktemp("sandbox"))
    running.start()
    yield running
    assert running.stop() == 0


@pytest.fixture
def sandbox(running_sandbox: SandboxProcess) -> Iterator[SandboxProcess]:
    """The shared sandbox; faults, clock and bridge are put right afterwards."""
    yield running_sandbox
    running_sandbox.reset()


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """The fresh database, open."""
    opened = await Database.open(database_url)
    yield opened
    await opened.close()


def _create_database(server_url: str, template: str) -> str:
    name = f"bridge_{uuid4().hex}"  # unique across workers of one run and runs on one server
    _execute(server_url, f"CREATE DATABASE {name} TEMPLATE {template}")
    return parse_url(server_url).set(database=name).render_as_string(hide_password=False)


def _drop_database(server_url: str, url: str) -> None:
    _execute(server_url, f"DROP DATABASE {_name_of(url)} WITH (FORCE)")


def _name_of(url: str) -> str:
    return str(parse_url(url).database)


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
