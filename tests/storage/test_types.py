"""Columns mean the same on both engines."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Column, MetaData, String, Table, insert, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import StatementError

from storage import secrets
from storage.database import Database, Session
from storage.rotation import rotate_stored
from storage.types import Encrypted, UtcDateTime

NOON = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)

metadata = MetaData()
things = Table(
    "things",
    metadata,
    Column("name", String, primary_key=True),
    Column("at", UtcDateTime),
    Column("secret", Encrypted),
)


@pytest.fixture
async def database(database: Database) -> Database:
    await database.write(lambda session: metadata.create_all(session.connection()))
    return database


def put(session: Session, name: str, /, **values: Any) -> None:
    session.execute(insert(things), {"name": name, **values})


def get(session: Session, name: str) -> Any:
    return session.execute(select(things).where(things.c.name == name)).one()


def find_names_before(session: Session, at: datetime) -> list[str]:
    query = select(things.c.name).where(things.c.at < at).order_by(things.c.at)
    return list(session.scalars(query))


def get_raw_secret(session: Session) -> str:
    raw: str = session.execute(text("SELECT secret FROM things")).scalar_one()
    return raw


async def test_times_come_back_as_utc_to_the_microsecond(database: Database) -> None:
    """A time is the same instant after storage, in UTC, whatever zone it was given in."""
    await database.write(put, "a", at=NOON.astimezone(timezone(timedelta(hours=5, minutes=30))))
    at = (await database.read(get, "a")).at
    assert at == NOON
    assert at.tzinfo is UTC


async def test_times_order_as_instants(database: Database) -> None:
    """What is earlier sorts and compares earlier, also across zones and before 1970."""
    zone = timezone(timedelta(hours=-8))
    await database.write(put, "late", at=(NOON + timedelta(seconds=1)).astimezone(zone))
    await database.write(put, "early", at=NOON)
    await database.write(put, "ancient", at=datetime(1900, 1, 1, tzinfo=UTC))
    assert await database.read(find_names_before, NOON + timedelta(minutes=1)) == [
        "ancient",
        "early",
        "late",
    ]
    assert await database.read(find_names_before, NOON) == ["ancient"]


async def test_a_time_without_a_zone_is_refused(database: Database) -> None:
    """A naive time is a fault at the write, not an hour's error at the read."""
    with pytest.raises(StatementError, match="without a zone"):
        await database.write(put, "a", at=datetime(2026, 3, 1, 12))  # noqa: DTZ001 -- the fault under test


@given(st.datetimes(timezones=st.just(UTC)))
def test_sqlite_keeps_every_time(at: datetime) -> None:
    """Whole microseconds hold every time Python has, in order."""
    kind, dialect = UtcDateTime(), sqlite.dialect()
    stored = kind.process_bind_param(at, dialect)
    assert kind.process_result_value(stored, dialect) == at
    assert kind.process_bind_param(datetime(1, 1, 1, tzinfo=UTC), dialect) <= stored


def test_postgresql_has_real_times() -> None:
    """On PostgreSQL other tools see a timestamp with its zone."""
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]  # untyped in SQLAlchemy
    assert UtcDateTime().compile(dialect) == "TIMESTAMP WITH TIME ZONE"


async def test_nothing_stays_nothing(database: Database) -> None:
    """Null is null in every type."""
    await database.write(put, "a", at=None, secret=None)
    assert (await database.read(get, "a"))[1:3] == (None, None)


async def test_a_secret_is_not_in_the_database(database: Database) -> None:
    """Who copies the database has no tokens."""
    await database.write(put, "a", secret="a token of ours")
    assert (await database.read(get, "a")).secret == "a token of ours"
    assert "token" not in await database.read(get_raw_secret)


async def test_keys_rotate_without_a_gap(database: Database) -> None:
    """Old secrets are readable under the new keys, and after rotation without the old one."""
    old, new = secrets.new_key(), secrets.new_key()
    secrets.use_keys([old])
    await database.write(put, "a", secret="first")
    await database.write(put, "none", secret=None)
    secrets.use_keys([new, old])
    assert (await database.read(get, "a")).secret == "first"
    assert await database.write(rotate_stored, metadata) == 1
    secrets.use_keys([new])
    assert (await database.read(get, "a")).secret == "first"


async def test_a_secret_without_its_key_is_told_in_words(database: Database) -> None:
    """A lost key is named as such, with the remedy."""
    await database.write(put, "a", secret="first")
    secrets.use_keys([secrets.new_key()])
    with pytest.raises(secrets.SecretUnreadable, match="BRIDGE_SECRET_KEYS"):
        await database.read(get, "a")


def test_what_is_no_key_is_refused_without_being_shown() -> None:
    """A mistyped key is named by its place, never printed."""
    with pytest.raises(ValueError, match="Secret key 2 is not") as refused:
        secrets.use_keys([Fernet.generate_key().decode(), "hunter2"])
    assert "hunter2" not in str(refused.value)
    with pytest.raises(secrets.SecretKeysMissing):
        secrets.use_keys([])
