"""The seam: a unit's commit is durable, whole, and its own. The same on both engines."""

import asyncio
import threading
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlmodel import select

from storage.database import (
    Database,
    DatabaseBusy,
    DatabaseClosed,
    Session,
    UnitBroken,
    parse_url,
    signal,
)
from storage.tables import Contact

ALICE, BEA, CARL = "+14155550100", "+14155550101", "+14155550102"


class Refused(Exception):
    """A unit's own refusal."""


def add_contact(session: Session, number: str, *, name: str | None = None) -> Contact:
    contact = Contact(phone_number=number, name=name)
    session.add(contact)
    return contact


def add_and_refuse(session: Session, number: str) -> None:
    add_contact(session, number)
    session.flush()
    raise Refused(number)


def add_and_signal(session: Session, number: str, *names: str) -> None:
    add_contact(session, number)
    for name in names:
        signal(session, name)


def find_numbers(session: Session) -> list[str]:
    return list(session.exec(select(Contact.phone_number).order_by(Contact.phone_number)))


class Ear:
    """Hears a signal, and counts."""

    def __init__(self, database: Database, name: str) -> None:
        self.heard = 0
        self._news = asyncio.Event()
        self.stop = database.on_signal(name, self._hear)

    def _hear(self) -> None:
        self.heard += 1
        self._news.set()

    async def expect(self) -> None:
        await asyncio.wait_for(self._news.wait(), 5)
        self._news.clear()


async def expect_silence(ear: Ear) -> None:
    heard = ear.heard
    await asyncio.sleep(0.1)
    assert ear.heard == heard


async def test_a_write_is_read_back(database: Database) -> None:
    """What a write returned after is there for every reader."""
    contact = await database.write(add_contact, ALICE, name="Alice")
    assert (contact.phone_number, contact.name) == (ALICE, "Alice")
    assert await database.read(find_numbers) == [ALICE]


async def test_a_refusal_reaches_its_caller_and_leaves_nothing(database: Database) -> None:
    """What a unit raises is raised to its caller, and nothing of the unit stays."""
    with pytest.raises(Refused, match="0100"):
        await database.write(add_and_refuse, ALICE)
    assert await database.read(find_numbers) == []


async def test_only_the_guilty_unit_fails(database: Database) -> None:
    """Of many units at once, one that fails takes nobody with it."""
    numbers = [f"+141555501{n:02}" for n in range(20)]
    units = [add_and_refuse if n % 7 == 3 else add_contact for n in range(20)]
    results = await asyncio.gather(
        *(database.write(unit, number) for unit, number in zip(units, numbers, strict=True)),
        return_exceptions=True,
    )
    failed = {n for n, result in enumerate(results) if isinstance(result, Refused)}
    assert failed == {3, 10, 17}
    assert await database.read(find_numbers) == [
        number for n, number in enumerate(numbers) if n not in failed
    ]


async def test_a_conflict_fails_one_caller(database: Database) -> None:
    """Of two that insert the same row one succeeds, and the other is told of the conflict."""
    results = await asyncio.gather(
        *(database.write(add_contact, ALICE) for _ in range(2)), return_exceptions=True
    )
    assert sorted(type(result).__name__ for result in results) == ["Contact", "IntegrityError"]


async def test_a_unit_may_not_commit(database: Database) -> None:
    """A unit that commits by itself is a fault, and is undone."""

    def commit_early(session: Session) -> None:
        add_contact(session, ALICE)
        session.commit()

    with pytest.raises(UnitBroken, match="never commits"):
        await database.write(commit_early)
    assert await database.read(find_numbers) == []


async def test_a_unit_may_not_hide_a_failed_flush(database: Database) -> None:
    """A unit that catches what undid it is not acknowledged as done."""
    await database.write(add_contact, ALICE)

    def hide(session: Session) -> str:
        add_contact(session, BEA)
        session.flush()
        add_contact(session, ALICE)
        try:
            session.flush()
        except IntegrityError:
            session.expunge_all()
        return "done"

    with pytest.raises(UnitBroken, match="failed flush"):
        await database.write(hide)
    assert await database.read(find_numbers) == [ALICE]


async def test_a_reader_cannot_write(database: Database) -> None:
    """A write that was handed to a reader by mistake is refused by the database."""
    with pytest.raises(DBAPIError, match=r"read-?only"):
        await database.read(add_contact, ALICE)
    assert await database.read(find_numbers) == []


async def test_stop_iteration_does_not_hang_its_caller(database: Database) -> None:
    """Even what a future cannot carry is answered."""

    def stop(_session: Session) -> None:
        next(iter(()))

    with pytest.raises(RuntimeError, match="StopIteration"):
        await asyncio.wait_for(database.write(stop), 5)


async def test_a_signal_comes_after_the_commit(database: Database) -> None:
    """Who is woken by a signal finds what was signalled."""
    woken_to: list[asyncio.Task[list[str]]] = []
    database.on_signal(
        "due", lambda: woken_to.append(asyncio.ensure_future(database.read(find_numbers)))
    )
    ear = Ear(database, "due")
    await database.write(add_and_signal, ALICE, "due")
    await ear.expect()
    assert [await task for task in woken_to] == [[ALICE]]


async def test_a_signal_repeated_in_a_unit_comes_once(database: Database) -> None:
    """A unit that enqueues ten deliveries wakes the workers once."""
    ear, other = Ear(database, "due"), Ear(database, "other")
    await database.write(add_and_signal, ALICE, *["due"] * 10)
    await ear.expect()
    await expect_silence(ear)
    assert (ear.heard, other.heard) == (1, 0)


async def test_nothing_is_signalled_for_what_was_undone(database: Database) -> None:
    """A unit that failed wakes nobody, nor does it by the unit that came after it."""

    def signal_and_refuse(session: Session) -> None:
        signal(session, "due")
        raise Refused

    ear = Ear(database, "due")
    with pytest.raises(Refused):
        await database.write(signal_and_refuse)
    await database.write(add_contact, ALICE)
    await expect_silence(ear)


async def test_a_signal_is_heard_by_another_database(database: Database, database_url: str) -> None:
    """A commit in one process wakes the workers of another."""
    other = await Database.open(database_url)
    ear, own = Ear(other, "due"), Ear(database, "due")
    await database.write(add_and_signal, ALICE, "due")
    await asyncio.gather(ear.expect(), own.expect())
    await expect_silence(own)
    assert own.heard == 1
    await other.close()


async def test_who_unsubscribed_hears_no_more(database: Database) -> None:
    """A worker that stopped is not called."""
    ear, still = Ear(database, "due"), Ear(database, "due")
    ear.stop()
    ear.stop()
    await database.write(add_and_signal, ALICE, "due")
    await still.expect()
    assert ear.heard == 0


async def test_a_callback_that_raises_stops_no_other(database: Database) -> None:
    """A fault in one listener reaches the loop's handler, and the others still hear."""
    faults: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, fault: faults.append(fault))

    def fail() -> None:
        raise Refused

    database.on_signal("due", fail)
    ear = Ear(database, "due")
    await database.write(add_and_signal, ALICE, "due")
    await ear.expect()
    assert [type(fault["exception"]) for fault in faults] == [Refused]


async def test_a_cancelled_caller_loses_only_the_answer(database: Database) -> None:
    """A unit once taken is committed whole, also when its caller went away."""
    may_go, has_begun = threading.Event(), threading.Event()

    def add_slowly(session: Session) -> None:
        has_begun.set()
        assert may_go.wait(5)
        add_contact(session, ALICE)

    caller = asyncio.create_task(database.write(add_slowly))
    await asyncio.to_thread(has_begun.wait, 5)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    may_go.set()
    await database.write(add_contact, BEA)
    await database.close()  # on PostgreSQL the two run side by side
    assert database.counts.commits >= 1
    reopened = await Database.open(database.url.render_as_string(hide_password=False))
    assert await reopened.read(find_numbers) == [ALICE, BEA]
    await reopened.close()


async def test_close_finishes_what_was_taken(database: Database, database_url: str) -> None:
    """What was handed over before the close is committed and answered; what comes later refused."""
    writes = [
        asyncio.create_task(database.write(add_contact, f"+141555501{n:02}")) for n in range(50)
    ]
    await asyncio.sleep(0)
    await database.close()
    assert len(await asyncio.gather(*writes)) == 50
    with pytest.raises(DatabaseClosed):
        await database.write(add_contact, ALICE)
    reopened = await Database.open(database_url)
    assert len(await reopened.read(find_numbers)) == 50
    await reopened.close()


async def test_a_full_queue_says_so_after_two_seconds(database_url: str) -> None:
    """When too much waits, a caller waits 2 s and is then told to come again."""
    database = await Database.open(database_url, pool_size=1, queue_size=3)
    may_go = threading.Event()
    stuck = [
        asyncio.create_task(database.write(lambda _session: may_go.wait(20))) for _ in range(3)
    ]
    await asyncio.sleep(0)
    started_at = asyncio.get_running_loop().time()
    with pytest.raises(DatabaseBusy):
        await database.write(add_contact, ALICE)
    assert 1.9 < asyncio.get_running_loop().time() - started_at < 4
    waiting = asyncio.create_task(database.write(add_contact, BEA))
    await asyncio.sleep(0.05)
    may_go.set()
    await asyncio.wait_for(waiting, 5)
    await asyncio.gather(*stuck)
    assert await database.read(find_numbers) == [BEA]
    await database.close()


@pytest.mark.parametrize(
    ("given", "driver"),
    [
        ("sqlite:///a.db", "sqlite+pysqlite"),
        ("sqlite+pysqlite:///a.db", "sqlite+pysqlite"),
        ("postgres://u:p@h/d", "postgresql+psycopg"),
        ("postgresql://h/d", "postgresql+psycopg"),
        ("postgresql+psycopg://h/d", "postgresql+psycopg"),
    ],
)
def test_urls_of_both_engines_are_read(given: str, driver: str) -> None:
    """A URL as people and hosts write it names its engine."""
    assert parse_url(given).drivername == driver


async def test_other_databases_are_refused_in_words() -> None:
    """A database that is neither is refused before anything is opened."""
    with pytest.raises(ValueError, match="sqlite:/// or postgresql://"):
        await Database.open("mysql://h/d")
