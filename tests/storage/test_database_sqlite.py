"""SQLite's own: group commit, one writer, a file that another process may hold."""

import asyncio
import shutil
import signal as signals
import sqlite3
import stat
import sys
import threading
from asyncio.subprocess import PIPE, create_subprocess_exec
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, OperationalError

from storage.database import Database, DatabaseBusy, Session, UnitBroken
from tests.storage.test_database import (
    ALICE,
    BEA,
    CARL,
    Refused,
    add_and_refuse,
    add_contact,
    find_numbers,
)


@pytest.fixture
def database_url(tmp_path: Path, sqlite_template: Path) -> str:
    """As everywhere, on this engine alone."""
    return f"sqlite:///{shutil.copy(sqlite_template, tmp_path / 'bridge.db')}"


WRITER = """
import asyncio, sys
from sqlalchemy import text
from storage.database import Database

def add(session, number):
    session.execute(text("INSERT INTO contact (phone_number) VALUES (:n)"), {"n": number})

async def write(database, first):
    for number in range(first, 10_000_000, 8):
        await database.write(add, str(number))
        print(number, flush=True)

async def main():
    database = await Database.open(sys.argv[1])
    await asyncio.gather(*(write(database, first) for first in range(8)))

asyncio.run(main())
"""


class Held:
    """Keeps the writer busy with one unit, so that what comes meanwhile is one batch."""

    def __init__(self, database: Database) -> None:
        self._may_go = threading.Event()
        has_begun = threading.Event()

        def hold(_session: Session) -> None:
            has_begun.set()
            assert self._may_go.wait(10)

        self._unit = asyncio.create_task(database.write(hold))
        self._has_begun = has_begun

    async def __aenter__(self) -> None:
        await asyncio.to_thread(self._has_begun.wait, 10)

    async def __aexit__(self, *_error: object) -> None:
        self._may_go.set()
        await self._unit


def set_pragma(session: Session, pragma: str, value: int) -> None:
    session.execute(text(f"PRAGMA {pragma} = {value}"))


def get_pragma(session: Session, pragma: str) -> str | int:
    value: str | int = session.execute(text(f"PRAGMA {pragma}")).scalar_one()
    return value


async def test_what_waits_is_committed_together(database: Database) -> None:
    """Fifty units that wait cost one commit."""
    async with Held(database):
        commits = database.counts.commits
        writes = [
            asyncio.create_task(database.write(add_contact, f"+141555501{n:02}")) for n in range(50)
        ]
        await asyncio.sleep(0)
    await asyncio.gather(*writes)
    assert database.counts.commits == commits + 2
    assert len(await database.read(find_numbers)) == 50


async def test_a_guilty_unit_costs_its_batch_a_rerun_in_order(database: Database) -> None:
    """The rest of a guilty unit's batch is run again, one by one, in the order it came."""
    ran: list[str] = []

    def add(session: Session, number: str) -> None:
        ran.append(number)
        add_contact(session, number)

    async with Held(database):
        commits = database.counts.commits
        first = asyncio.create_task(database.write(add, ALICE))
        guilty = asyncio.create_task(database.write(add_and_refuse, BEA))
        last = asyncio.create_task(database.write(add, CARL))
        await asyncio.sleep(0)
    await asyncio.gather(first, last)
    with pytest.raises(Refused):
        await guilty
    assert ran == [ALICE, ALICE, CARL]
    assert database.counts.commits == commits + 1 + 2
    assert await database.read(find_numbers) == [ALICE, CARL]


async def test_every_connection_is_durable(database: Database) -> None:
    """Writer and readers all have WAL, full syncs and foreign keys."""
    for run in (database.write, database.read):
        assert await run(get_pragma, "journal_mode") == "wal"
        assert await run(get_pragma, "synchronous") == 2
        assert await run(get_pragma, "foreign_keys") == 1


async def test_the_file_is_the_owners_alone(tmp_path: Path) -> None:
    """Nobody else on the machine can read customers' texts, nor the journal beside them."""
    database = await Database.open(f"sqlite:///{tmp_path}/var/new.db")
    await database.write(set_pragma, "user_version", 1)
    files = list((tmp_path / "var").iterdir())
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert len(files) >= 2
    await database.close()


async def test_a_database_in_memory_is_refused() -> None:
    """What would be lost at the end of the process is refused at its start."""
    with pytest.raises(ValueError, match="needs a file"):
        await Database.open("sqlite://")


async def test_another_process_holding_the_file_is_waited_for(database: Database) -> None:
    """A backup or a command that holds the file for a moment only delays the writer."""
    assert database.path
    with sqlite3.connect(database.path, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        write = asyncio.create_task(database.write(add_contact, ALICE))
        await asyncio.sleep(0.3)
        assert not write.done()
        other.execute("COMMIT")
        await asyncio.wait_for(write, 5)


async def test_a_file_held_too_long_is_busy(database: Database) -> None:
    """When another process does not let go, callers are told so, and later writes work."""
    assert database.path
    await database.write(set_pragma, "busy_timeout", 20)
    with sqlite3.connect(database.path, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        results = await asyncio.gather(
            *(database.write(add_contact, number) for number in (ALICE, BEA)),
            return_exceptions=True,
        )
        assert [type(result) for result in results] == [DatabaseBusy, DatabaseBusy]
        other.execute("COMMIT")
    await database.write(add_contact, CARL)
    assert await database.read(find_numbers) == [CARL]


async def test_a_full_disk_acknowledges_nothing_and_passes(database: Database) -> None:
    """On a full disk every caller gets the error; with room again, writing goes on."""
    pages = await database.write(get_pragma, "page_count")
    await database.write(set_pragma, "max_page_count", int(pages))
    long_name = "x" * 100_000
    async with Held(database):
        writes = [
            asyncio.create_task(database.write(add_contact, number, name=long_name))
            for number in (ALICE, BEA)
        ]
        await asyncio.sleep(0)
    results = await asyncio.gather(*writes, return_exceptions=True)
    assert [type(result) for result in results] == [OperationalError, OperationalError]
    assert "full" in str(results[0])
    assert await database.read(find_numbers) == []
    await database.write(set_pragma, "max_page_count", 1_000_000)
    await database.write(add_contact, CARL, name=long_name)
    assert await database.read(find_numbers) == [CARL]


async def test_a_transaction_that_undid_itself_is_not_acknowledged(database: Database) -> None:
    """A rollback by SQLite itself, hidden by a unit, is an error and not a silent nothing."""

    def undo(session: Session) -> None:
        add_contact(session, ALICE)
        session.flush()
        session.execute(text("ROLLBACK"))

    with pytest.raises(UnitBroken, match="undone"):
        await database.write(undo)
    await database.write(add_contact, BEA)
    assert await database.read(find_numbers) == [BEA]


async def test_a_commit_that_fails_is_its_units_alone(database: Database) -> None:
    """A unit that fails only at the commit takes nobody with it, and writing goes on."""

    def orphan(session: Session) -> None:
        session.execute(text("PRAGMA defer_foreign_keys = ON"))
        session.execute(text("INSERT INTO copy VALUES ('slack', 'T/C', '1.2', 77, 0)"))

    async with Held(database):
        first = asyncio.create_task(database.write(add_contact, ALICE))
        guilty = asyncio.create_task(database.write(orphan))
        await asyncio.sleep(0)
    await asyncio.wait_for(first, 5)
    with pytest.raises(IntegrityError, match="FOREIGN KEY"):
        await asyncio.wait_for(guilty, 5)
    await database.write(add_contact, BEA)
    assert await database.read(find_numbers) == [ALICE, BEA]


async def test_a_broken_connection_is_replaced(database: Database) -> None:
    """A connection that fails altogether costs the unit it failed, and no later one."""

    def break_it(session: Session) -> None:
        driver = session.connection().connection.dbapi_connection
        assert driver
        driver.close()

    for _ in range(2):
        with pytest.raises(sqlite3.ProgrammingError, match="closed database"):
            await asyncio.wait_for(database.write(break_it), 5)
    await asyncio.wait_for(database.write(add_contact, ALICE), 5)
    assert await database.write(get_pragma, "synchronous") == 2
    assert await database.read(find_numbers) == [ALICE]


async def test_two_writers_of_one_file_take_turns(database: Database, database_url: str) -> None:
    """A command beside the running bridge, on the same file, disturbs nobody."""
    other = await Database.open(database_url)
    numbers = [f"+141555501{n:02}" for n in range(60)]
    await asyncio.gather(
        *((database, other)[n % 2].write(add_contact, number) for n, number in enumerate(numbers))
    )
    assert await database.read(find_numbers) == numbers
    await other.close()


async def test_a_killed_process_has_kept_what_it_acknowledged(
    database: Database, database_url: str
) -> None:
    """Every write that returned is in the file, however the process ended."""
    process = await create_subprocess_exec(sys.executable, "-c", WRITER, database_url, stdout=PIPE)
    assert process.stdout
    acknowledged = [await asyncio.wait_for(process.stdout.readline(), 20) for _ in range(200)]
    process.send_signal(signals.SIGKILL)
    acknowledged += (await asyncio.wait_for(process.stdout.read(), 20)).splitlines(keepends=True)
    await process.wait()
    whole = {line.decode().strip() for line in acknowledged if line.endswith(b"\n")}
    assert whole <= set(await database.read(find_numbers))
    assert len(whole) >= 200
