"""A copy of the SQLite file while it is in use.

The copy is one moment of the database: readers and the writer go on meanwhile. It owes what the
original owed at that moment, and the original goes on to send it. So the copy is told to look for
each of these at its provider before it sends anything: a restored bridge says nothing twice.
"""

import os
import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import URL, create_engine, insert, update
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, col, select

from storage import channel_cursors
from storage.database import parse_url
from storage.deliveries import is_unsettled
from storage.ids import new_marker
from storage.sqlite import database_file
from storage.tables import Attempt, Delivery

TAKER = "backup"  # no process has this name: what it started counts as a dead process's
HELD = timedelta(hours=1)  # what is due later than that was not sent by the original meanwhile
BUSY_SECONDS = 10.0


class BackupRefused(Exception):
    """Its text is a sentence that names the remedy."""


def back_up(url: str, target: Path, machine_now: datetime, *, replaces: bool = False) -> int:
    """Copy the database at `url` to `target`, readable by its owner only; its size in bytes.

    `target` comes into being whole and verified, or not at all. Raises BackupRefused.
    """
    source = _source_of(url)
    _check_target(source, target, replaces)
    part = target.with_name(f".{target.name}.{new_marker()}.part")
    try:
        _copy(source, part)
        _look_before_sending(part, machine_now)
        _verify(part)
        _keep(part)
        _check_target(source, target, replaces)
        part.replace(target)
        _keep(target.parent)
    except (OSError, sqlite3.Error, DBAPIError) as error:
        raise BackupRefused(f"The backup could not be made: {error}.") from error
    finally:
        for suffix in ("", "-wal", "-shm"):
            part.with_name(part.name + suffix).unlink(missing_ok=True)
    return target.stat().st_size


def _source_of(url: str) -> Path:
    parsed = parse_url(url)
    if parsed.get_backend_name() != "sqlite":
        raise BackupRefused(
            "This bridge keeps its data in PostgreSQL: back it up with "
            "`pg_dump --format=custom --file=bridge.dump` and its address, while it runs."
        )
    source = database_file(parsed)
    if not source.exists():
        raise BackupRefused(f"There is no database at {source}. Check DATABASE_URL.")
    return source


def _check_target(source: Path, target: Path, replaces: bool) -> None:
    if target.is_dir():
        raise BackupRefused(f"{target} is a folder: name a file in it.")
    if not target.parent.is_dir():
        raise BackupRefused(f"There is no folder {target.parent}: make it first.")
    if target.exists() and target.samefile(source):
        raise BackupRefused(f"{target} is the database itself: name another file.")
    if target.exists() and not replaces:
        raise BackupRefused(f"{target} exists: name another file, or replace it with --force.")


def _copy(source: Path, part: Path) -> None:
    """In one step: a copy in several begins anew with each commit of another process."""
    part.touch(mode=0o600)
    with (
        closing(sqlite3.connect(source, timeout=BUSY_SECONDS)) as original,
        closing(sqlite3.connect(part)) as copy,
    ):
        original.backup(copy, pages=-1)
        copy.execute("PRAGMA journal_mode = DELETE")  # one file, whole without a -wal beside it


def _look_before_sending(part: Path, machine_now: datetime) -> None:
    engine = create_engine(URL.create("sqlite+pysqlite", database=str(part)))
    try:
        with Session(engine) as session:
            _become_unsure(session, machine_now)
            channel_cursors.forget_place(session)
            session.commit()
    finally:
        engine.dispose()


def _become_unsure(session: Session, machine_now: datetime) -> None:
    """As if a process had died while it sent them. Those that repeat harmlessly just repeat."""
    query = select(Delivery.id).where(
        is_unsettled(),
        col(Delivery.state).in_(("waiting", "claimed")),
        col(Delivery.kind).in_(("text", "open", "post")),
        col(Delivery.due_at) <= machine_now + HELD,
    )
    ids = [each for each in session.exec(query) if each is not None]
    if not ids:
        return
    begun = {"worker": TAKER, "started_at": machine_now, "deadline_at": machine_now}
    session.execute(insert(Attempt), [{**begun, "delivery_id": each} for each in ids])
    for each in ids:
        session.execute(
            update(Delivery)
            .where(col(Delivery.id) == each)
            .values(state="unsure", claim=TAKER, lease_until_at=None, look_at=machine_now)
        )


def _verify(part: Path) -> None:
    with closing(sqlite3.connect(part)) as copy:
        found = [row[0] for row in copy.execute("PRAGMA integrity_check")]
        orphans = copy.execute("PRAGMA foreign_key_check").fetchall()
    if found != ["ok"] or orphans:
        raise BackupRefused(
            f"The copy is damaged ({found[0] if found != ['ok'] else 'rows are missing'}), and so "
            "probably is the database: keep every older backup, and check the disk."
        )


def _keep(path: Path) -> None:
    """Have it on the disk, not only in memory."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
