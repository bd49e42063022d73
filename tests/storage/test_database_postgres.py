"""PostgreSQL's own: conflicts are run again, lost connections are told apart, signals cross."""

import asyncio
import tempfile
import threading
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlmodel import select

from storage import copies
from storage.database import CommitUnknown, Database, Session, UnitBroken, parse_url
from storage.tables import Message
from tests import makers
from tests.makers import STORE
from tests.storage.test_database import (
    ALICE,
    BEA,
    CARL,
    Ear,
    add_and_signal,
    add_contact,
    find_numbers,
)


@pytest.fixture
def database_url(new_postgres_database: Callable[[str], str], postgres_template: str) -> str:
    """As everywhere, on this engine alone."""
    return new_postgres_database(postgres_template)


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A folder whose name leaves room in the 107 bytes of a socket's path."""
    with tempfile.TemporaryDirectory(prefix="bridge-") as path:
        yield Path(path)


def rename(session: Session, number: str, name: str) -> None:
    session.execute(
        text("UPDATE contact SET name = :name WHERE phone_number = :number"),
        {"name": name, "number": number},
    )


def get_setting(session: Session, name: str) -> str:
    value: str = session.execute(text(f"SHOW {name}")).scalar_one()
    return value


def find_bodies(session: Session) -> list[str]:
    return list(session.exec(select(Message.body)))


def raise_conflict(session: Session, sqlstate: str = "40001") -> None:
    session.execute(
        text(f"DO $$ BEGIN RAISE EXCEPTION 'conflict' USING ERRCODE = '{sqlstate}'; END $$")
    )


def cut_own_connection(session: Session) -> None:
    session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))


def cut_listeners(session: Session) -> int:
    cut = session.execute(
        text(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND query LIKE 'LISTEN%'"
        )
    )
    return len(cut.all())


def cut_all_others(session: Session) -> None:
    session.execute(
        text(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid != pg_backend_pid()"
        )
    )


class Doorkeeper:
    """Stands between client and server, and can keep back the answer to a COMMIT."""

    def __init__(self, server: Path) -> None:
        self._server = server
        self.keeps_answer = False
        self.commits_kept = 0

    async def pass_on(self, client: StreamReader, to_client: StreamWriter) -> None:
        server, to_server = await asyncio.open_unix_connection(self._server)
        committing = asyncio.Event()
        async with asyncio.TaskGroup() as both_ways:
            both_ways.create_task(self._ask(client, to_server, committing))
            both_ways.create_task(self._answer(server, to_client, committing))

    async def _ask(
        self, client: StreamReader, to_server: StreamWriter, committing: asyncio.Event
    ) -> None:
        while data := await client.read(65536):
            if self.keeps_answer and b"COMMIT\0" in data:  # and not READ COMMITTED
                committing.set()
            to_server.write(data)
        to_server.close()

    async def _answer(
        self, server: StreamReader, to_client: StreamWriter, committing: asyncio.Event
    ) -> None:
        while data := await server.read(65536):
            if committing.is_set():  # the server has answered, so it has committed
                self.commits_kept += 1
                break
            to_client.write(data)
        to_client.close()


@asynccontextmanager
async def doorkeeper(url: str, place: Path) -> AsyncIterator[tuple[Doorkeeper, str]]:
    parsed = parse_url(url)
    host = parsed.query.get("host")
    keeper = Doorkeeper(Path(str(host)) / ".s.PGSQL.5432")
    server = await asyncio.start_unix_server(keeper.pass_on, place / ".s.PGSQL.5432")
    behind = parsed.set(query={"host": str(place)})
    async with server:
        yield keeper, behind.render_as_string(hide_password=False)


async def test_a_deadlock_is_resolved_by_running_again(database: Database) -> None:
    """Two units that lock the same rows in opposite order both succeed."""
    await asyncio.gather(*(database.write(add_contact, number) for number in (ALICE, BEA)))
    both_hold_one = threading.Barrier(2, timeout=10)
    runs = 0

    def rename_both(session: Session, first: str, second: str, name: str) -> None:
        nonlocal runs
        runs += 1
        rename(session, first, name)
        if runs <= 2:
            both_hold_one.wait()
        rename(session, second, name)

    await asyncio.gather(
        database.write(rename_both, ALICE, BEA, "one"),
        database.write(rename_both, BEA, ALICE, "two"),
    )
    assert database.counts.reruns >= 1
    assert runs == 2 + database.counts.reruns


async def test_a_conflict_is_run_again_a_bounded_number_of_times(database: Database) -> None:
    """A unit that conflicts is run again; one that always does fails in the end."""
    left = 3

    def conflict_thrice(session: Session) -> None:
        nonlocal left
        add_contact(session, ALICE)
        left -= 1
        if left >= 0:
            raise_conflict(session)

    await database.write(conflict_thrice)
    assert await database.read(find_numbers) == [ALICE]
    assert database.counts.reruns == 3
    with pytest.raises(DBAPIError, match="conflict"):
        await database.write(raise_conflict)
    assert database.counts.reruns == 13


async def test_of_two_that_take_one_record_for_new_one_wins(database: Database) -> None:
    """Neither sees the other's copy when it looks: the slower one is run again, and then does."""
    thread = await database.write(makers.add_thread)
    both_have_looked = threading.Barrier(2, timeout=10)
    runs = 0

    def take(session: Session) -> str:
        nonlocal runs
        runs += 1
        if copies.get_message_id(session, "ringcentral", STORE, "77") is not None:
            return "repeat"
        if runs <= 2:
            both_have_looked.wait()
        message = makers.add_message(session, thread)
        copies.record_new(session, "ringcentral", STORE, "77", makers.id_of(message))
        return "new"

    taken = await asyncio.gather(database.write(take), database.write(take))
    assert sorted(taken) == ["new", "repeat"]
    assert len(await database.read(find_bodies)) == 1


async def test_other_errors_are_not_run_again(database: Database) -> None:
    """What will fail again is told at once."""
    await database.write(add_contact, ALICE)
    with pytest.raises(IntegrityError):
        await database.write(add_contact, ALICE)
    assert database.counts.reruns == 0


async def test_a_hidden_failure_is_not_acknowledged(database: Database) -> None:
    """The server answers the COMMIT of a failed transaction by undoing it: that is no success."""

    def hide(session: Session) -> None:
        add_contact(session, ALICE)
        session.flush()
        with suppress(DBAPIError):
            raise_conflict(session, "P0001")

    with pytest.raises(UnitBroken, match="failed statement"):
        await database.write(hide)
    assert await database.read(find_numbers) == []


async def test_a_connection_lost_before_the_commit_costs_one_rerun(database: Database) -> None:
    """A unit cut off before its commit was sent is run once more, on a new connection."""
    runs = 0

    def cut_once(session: Session) -> None:
        nonlocal runs
        runs += 1
        add_contact(session, ALICE)
        session.flush()
        if runs == 1:
            cut_own_connection(session)

    await database.write(cut_once)
    assert runs == 2
    assert await database.read(find_numbers) == [ALICE]
    with pytest.raises(OperationalError):
        await database.write(cut_own_connection)


async def test_connections_that_died_in_the_pool_are_replaced(database: Database) -> None:
    """After the server was restarted, the next units find it again."""
    await asyncio.gather(*(database.read(find_numbers) for _ in range(8)))
    await database.write(cut_all_others)
    results = await asyncio.gather(*(database.read(find_numbers) for _ in range(8)))
    assert results == [[]] * 8


async def test_a_commit_whose_answer_is_lost_is_not_run_again(
    database: Database, database_url: str, short_path: Path
) -> None:
    """Whether it was committed cannot be known here, so it is neither acknowledged nor repeated."""
    async with doorkeeper(database_url, short_path) as (keeper, url):
        behind = await Database.open(url, pool_size=1)
        await behind.read(find_numbers)
        keeper.keeps_answer = True
        with pytest.raises(CommitUnknown):
            await behind.write(add_contact, ALICE)
        keeper.keeps_answer = False
        assert keeper.commits_kept == 1
        assert behind.counts.reruns == 0
        assert await database.read(find_numbers) == [ALICE]
        await behind.write(add_contact, BEA)
        await behind.close()
    assert await database.read(find_numbers) == [ALICE, BEA]


async def test_a_commit_that_fails_is_told_and_passes(database_url: str) -> None:
    """A unit refused only at its commit fails for its caller, and its connection works on."""
    database = await Database.open(database_url, pool_size=1)
    await database.write(
        lambda session: session.execute(
            text("ALTER TABLE contact ADD UNIQUE (name) DEFERRABLE INITIALLY DEFERRED")
        )
    )

    def add_namesakes(session: Session) -> None:
        add_contact(session, ALICE, name="Alice")
        add_contact(session, BEA, name="Alice")

    with pytest.raises(IntegrityError):
        await database.write(add_namesakes)
    await database.write(add_contact, CARL, name="Alice")
    assert await database.read(find_numbers) == [CARL]
    await database.close()


async def test_a_listener_cut_off_listens_again(database: Database, database_url: str) -> None:
    """Signals missed while cut off are made up for by one wake-up, and later ones are heard."""
    other = await Database.open(database_url)
    ear = Ear(database, "due")
    assert await other.write(cut_listeners) == 2
    await ear.expect()
    await other.write(add_and_signal, CARL, "due")
    await ear.expect()
    await other.close()


async def test_commits_are_durable_whatever_the_servers_default(database: Database) -> None:
    """The test server does not wait for its disk by default; the bridge asks it to."""
    assert await database.write(get_setting, "synchronous_commit") == "on"
    assert await database.write(get_setting, "transaction_isolation") == "read committed"


async def test_units_run_side_by_side(database: Database) -> None:
    """A slow unit does not keep the others waiting."""
    may_go = threading.Event()
    slow = asyncio.create_task(database.write(lambda _session: may_go.wait(10)))
    await asyncio.wait_for(database.write(add_contact, ALICE), 5)
    may_go.set()
    assert await slow
