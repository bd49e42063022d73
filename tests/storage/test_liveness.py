"""A worker's death is seen by the others, and only its death."""

import asyncio
import signal
import sys
from asyncio.subprocess import PIPE, Process, create_subprocess_exec
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from sqlalchemy import text

from storage.database import Database, Session
from storage.ids import new_marker
from storage.liveness import Liveness, is_alive

HOLDER = """
import asyncio, sys
from storage.database import Database
from storage.liveness import Liveness

async def main():
    liveness = await Liveness.hold(await Database.open(sys.argv[1]))
    print(liveness.name, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@asynccontextmanager
async def holder(url: str) -> AsyncIterator[tuple[Process, str]]:
    """Another process that is alive under the name given."""
    process = await create_subprocess_exec(sys.executable, "-c", HOLDER, url, stdout=PIPE)
    assert process.stdout
    try:
        name = await asyncio.wait_for(process.stdout.readline(), 20)
        yield process, name.decode().strip()
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def until_dead(database: Database, name: str) -> None:
    async with asyncio.timeout(10):
        while await is_alive(database, name):  # noqa: ASYNC110 -- another's death sends no event
            await asyncio.sleep(0.01)


def cut_other_connections(session: Session) -> None:
    session.execute(
        text(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid != pg_backend_pid()"
        )
    )


async def test_a_killed_process_is_seen_dead(database: Database, database_url: str) -> None:
    """A process is alive to the others until it is killed, and dead right after."""
    async with holder(database_url) as (process, name):
        assert await is_alive(database, name)
        process.kill()
        await until_dead(database, name)


async def test_a_stopped_process_is_not_taken_for_dead(
    database: Database, database_url: str
) -> None:
    """A process that only hangs keeps its name, however long it hangs."""
    async with holder(database_url) as (process, name):
        process.send_signal(signal.SIGSTOP)
        assert await is_alive(database, name)


async def test_many_may_ask_at_once(database: Database) -> None:
    """Those who ask never take each other for the process they ask about."""
    liveness = await Liveness.hold(database)
    assert all(await asyncio.gather(*(is_alive(database, liveness.name) for _ in range(20))))
    await liveness.release()
    assert not any(await asyncio.gather(*(is_alive(database, liveness.name) for _ in range(20))))


async def test_a_name_that_never_was_is_dead(database: Database) -> None:
    """An attempt by a worker nobody knows counts as one by a dead worker."""
    assert not await is_alive(database, new_marker())


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_a_cut_connection_is_noticed_and_made_up_for(database: Database) -> None:
    """A process whose sign of life was cut knows it, and goes on under another name."""
    liveness = await Liveness.hold(database)
    first_name = liveness.name
    assert not liveness.lost.is_set()
    await database.write(cut_other_connections)
    await asyncio.wait_for(liveness.lost.wait(), 10)
    await until_dead(database, first_name)
    async with asyncio.timeout(10):
        while liveness.lost.is_set():  # noqa: ASYNC110 -- an event tells of being set alone
            await asyncio.sleep(0.01)
    assert liveness.name != first_name
    assert await is_alive(database, liveness.name)
    await liveness.release()
    await until_dead(database, liveness.name)
    assert liveness.lost.is_set()
