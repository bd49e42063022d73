"""PostgreSQL: the same units on a small pool of threads, and news of commits by LISTEN."""

import asyncio
import random
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Literal

import psycopg
import structlog
from psycopg.pq import TransactionStatus
from sqlalchemy import Connection, Engine, bindparam, create_engine, event, func, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import Text

from storage.errors import CommitUnknown, Overtaken, UnitBroken
from storage.ids import new_marker
from storage.signals import Signals
from storage.units import Call, Counts, Outcome, UnitSession, run

CHANNEL = "bridge_signals"
CONFLICT_RERUNS = 10
BACKOFF_SECONDS = 0.01
LONGEST_BACKOFF_SECONDS = 0.2
CONNECT_TIMEOUT_SECONDS = 10
RECONNECT_SECONDS = 1.0

_CONFLICTS = frozenset({"40001", "40P01"})  # serialization failure, deadlock: undone, run it again
_UNDECIDED = frozenset({"40003", "08007"})  # the server itself does not know
_KEEPALIVES = {"keepalives_idle": 20, "keepalives_interval": 5, "keepalives_count": 3}
_SETTINGS = (
    # a frozen process must not hold its row locks for ever
    "SET idle_in_transaction_session_timeout = '30s'",
    # durable means written, also where the server's default is off; a stronger default stays
    "SELECT set_config('synchronous_commit', 'on', false)"
    " WHERE current_setting('synchronous_commit') = 'off'",
)
_ALONE_SETTINGS = (
    # the server must notice a client whose machine is gone, or its locks would be held for hours
    "SET tcp_keepalives_idle = 20",
    "SET tcp_keepalives_interval = 5",
    "SET tcp_keepalives_count = 3",
    "SET idle_session_timeout = 0",
)
_NOTIFY = select(
    func.pg_notify(CHANNEL, func.unnest(bindparam("payloads", type_=ARRAY(Text)), type_=Text))
)

log = structlog.get_logger()


def engine_for(url: URL, **options: Any) -> Engine:
    """An engine at READ COMMITTED whose commits are durable."""
    engine = create_engine(
        url,
        isolation_level="READ COMMITTED",
        connect_args={"connect_timeout": CONNECT_TIMEOUT_SECONDS, **_KEEPALIVES},
        hide_parameters=True,  # an error is logged, the text it was about is not
        **options,
    )
    event.listen(engine, "connect", _configure)
    return engine


async def connect_alone(url: URL) -> psycopg.AsyncConnection[Any]:
    """A connection of its own, outside the pool and outside transactions.

    Listening and session locks belong to a connection, so they do not work through a pooler that
    hands out connections per transaction.
    """
    engine = create_engine(url)
    _, parameters = engine.dialect.create_connect_args(url)
    parameters = {**parameters, "connect_timeout": CONNECT_TIMEOUT_SECONDS, **_KEEPALIVES}
    connection = await psycopg.AsyncConnection.connect(**parameters, autocommit=True)
    for setting in _ALONE_SETTINGS:
        await connection.execute(setting)
    return connection


class PostgresStore:
    """Runs units on a server. `deliver` is called from its threads."""

    dialect: Literal["postgresql"] = "postgresql"

    def __init__(
        self, url: URL, pool_size: int, deliver: Callable[[Sequence[Outcome]], None]
    ) -> None:
        self.counts = Counts()
        self.origin = new_marker()
        self._deliver = deliver
        self._engine = engine_for(url, pool_size=pool_size, max_overflow=0, pool_use_lifo=True)
        self._reading = self._engine.execution_options(postgresql_readonly=True)
        self._threads = ThreadPoolExecutor(pool_size, thread_name_prefix="database")
        self._closing = threading.Event()

    def write(self, call: Call) -> None:
        """Queue a unit for the next free thread."""
        self._threads.submit(self._answer, self._write, call)

    def read(self, call: Call) -> None:
        """Queue a unit that only reads."""
        self._threads.submit(self._answer, self._read, call)

    def close(self) -> None:
        """Finish what was queued, then let go of the server. Blocks."""
        self._closing.set()
        self._threads.shutdown()
        self._engine.dispose()

    def _answer(self, run_call: Callable[[Call], Outcome], call: Call) -> None:
        self.counts.units += 1
        try:
            outcome = self._rerun(run_call, call)
        except BaseException as error:  # noqa: BLE001 -- it belongs to the caller, never to this thread
            outcome = Outcome(call, error=error)
        self._deliver([outcome])

    def _rerun(self, run_call: Callable[[Call], Outcome], call: Call) -> Outcome:
        was_lost = False
        for rerun in range(CONFLICT_RERUNS):
            try:
                return run_call(call)
            except Overtaken:
                pass  # the other unit has committed: it will be seen
            except DBAPIError as error:
                is_lost = error.connection_invalidated
                if not _is_conflict(error) and (was_lost or not is_lost):
                    raise
                was_lost = was_lost or is_lost
            self._back_off(rerun)
        return run_call(call)

    def _back_off(self, rerun: int) -> None:
        # at once it would often overtake the very unit it yielded to, and deadlock again
        longest_seconds = min(BACKOFF_SECONDS * 2**rerun, LONGEST_BACKOFF_SECONDS)
        self._closing.wait(random.uniform(longest_seconds / 2, longest_seconds))
        self.counts.reruns += 1

    def _write(self, call: Call) -> Outcome:
        with self._engine.connect() as connection:
            connection.begin()
            with UnitSession(connection) as session:
                outcome = run(session, call)
            if outcome.signals:
                payloads = [f"{self.origin} {name}" for name in outcome.signals]
                connection.execute(_NOTIFY, {"payloads": payloads})
            _commit(connection)
        self.counts.commits += 1
        return outcome

    def _read(self, call: Call) -> Outcome:
        with self._reading.connect() as connection:
            connection.begin()
            with UnitSession(connection) as session:
                return run(session, call)


class Listener:
    """Hears the signals of other processes, and connects again whenever it is cut off."""

    def __init__(self, url: URL, signals: Signals, origin: str) -> None:
        self._url = url
        self._signals = signals
        self._origin = origin
        self._closing = asyncio.Event()

    async def start(self) -> None:
        """Listen from now on; raises psycopg.OperationalError where the server cannot be had."""
        self._connection = await self._listen()
        self._task = asyncio.create_task(self._hear(), name="database-listener")

    async def close(self) -> None:
        """Stop listening."""
        self._closing.set()
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        await self._connection.close()

    async def _listen(self) -> psycopg.AsyncConnection[Any]:
        connection = await connect_alone(self._url)
        await connection.execute(f"LISTEN {CHANNEL}")
        return connection

    async def _hear(self) -> None:
        while not self._closing.is_set():
            try:
                async for heard in self._connection.notifies():
                    self._tell(heard.payload)
            except psycopg.Error as error:
                log.warning("database.listener_lost", reason=type(error).__name__)
            await self._connection.close()
            await self._listen_again()

    async def _listen_again(self) -> None:
        while not self._closing.is_set():
            try:
                self._connection = await self._listen()
            except psycopg.Error:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._closing.wait(), RECONNECT_SECONDS)
            else:
                self._signals.fire_all()  # whatever was signalled meanwhile went unheard
                return

    def _tell(self, payload: str) -> None:
        origin, _, name = payload.partition(" ")
        if origin != self._origin:  # our own were told at the commit, without the round trip
            self._signals.fire([name])


def _commit(connection: Connection) -> None:
    driver: Any = connection.connection.dbapi_connection
    if driver.info.transaction_status == TransactionStatus.INERROR:
        # the server answers COMMIT with a rollback here, and the driver raises nothing
        raise UnitBroken("A unit went on after a failed statement, which undid all it had written.")
    try:
        connection.commit()
    except DBAPIError as error:
        if error.connection_invalidated or _sqlstate(error) in _UNDECIDED:
            raise CommitUnknown(
                "The database connection was lost while committing: it may have been committed."
            ) from error
        raise


def _is_conflict(error: DBAPIError) -> bool:
    return _sqlstate(error) in _CONFLICTS


def _sqlstate(error: DBAPIError) -> str | None:
    return error.orig.sqlstate if isinstance(error.orig, psycopg.Error) else None


def _configure(connection: psycopg.Connection[Any], _record: object) -> None:
    for setting in _SETTINGS:
        connection.execute(setting)
    connection.commit()
