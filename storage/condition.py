"""The condition of the database itself: its space, its integrity, its clock, its connections."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import func, select, text
from sqlmodel import Session

from storage.tables import Login, Subscription, Workspace


@dataclass(frozen=True)
class FileCondition:
    """What an SQLite database takes, and what is left on its disk, in bytes."""

    size: int
    wal_size: int
    free: int


@dataclass(frozen=True)
class ServerCondition:
    """A PostgreSQL server's time, and how many of its connections are taken."""

    now: datetime
    connections: int
    most_connections: int


def file_condition(path: Path) -> FileCondition:
    """Of an SQLite file, which must exist; raises OSError."""
    wal = path.with_name(f"{path.name}-wal")
    wal_size = wal.stat().st_size if wal.exists() else 0
    return FileCondition(path.stat().st_size, wal_size, shutil.disk_usage(path.parent).free)


def find_damage(session: Session) -> str | None:
    """The first thing SQLite finds wrong with its file; None where it is whole.

    It reads the whole file: some seconds for a gigabyte.
    """
    (said,) = session.execute(text("PRAGMA quick_check(1)")).one()
    return None if said == "ok" else str(said)


def server_condition(session: Session) -> ServerCondition:
    """Of a PostgreSQL server."""
    at = session.execute(select(func.clock_timestamp())).scalar_one()
    # of its own processes none has a database
    taken = session.execute(
        text("SELECT count(*) FROM pg_stat_activity WHERE datname IS NOT NULL")
    ).scalar_one()
    most = session.execute(text("SHOW max_connections")).scalar_one()
    return ServerCondition(at, int(taken), int(most))


def read_secrets(session: Session) -> int:
    """Open the secrets that a start needs; raises SecretUnreadable where a key is missing."""
    return sum(
        len(session.execute(select(each)).all()) for each in (Workspace, Login, Subscription)
    )
