"""SQLite: one thread writes in groups, a few threads read."""

import queue
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Connection, Engine, NullPool, RootTransaction, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from storage.errors import DatabaseBusy, UnitBroken
from storage.units import Call, Counts, Outcome, UnitSession, run

MAX_BATCH = 128  # units in one commit: bounds how long the first of them waits for the last
BUSY_MS = 2_000
BEGIN_TRIES = 5  # with BUSY_MS: another process may hold the file for ten seconds
MAX_READERS = 4

_PRAGMAS = {
    "busy_timeout": BUSY_MS,
    "journal_mode": "wal",
    "synchronous": 2,  # FULL: not inherited by a connection, and NORMAL loses acknowledged commits
    "foreign_keys": 1,
    "cache_size": -16_000,  # KiB; with the default 2,000 a million messages halve the rate
}


def database_file(url: URL) -> Path:
    """The absolute path of the file a URL names; raises ValueError where it names none."""
    if not url.database or url.database == ":memory:" or url.query.get("mode") == "memory":
        raise ValueError(
            "SQLite needs a file, as in sqlite:///var/bridge.db: what is only in memory is lost."
        )
    return Path(url.database).absolute()


def writing_engine(url: URL, begin: Literal["IMMEDIATE", "EXCLUSIVE"] = "IMMEDIATE") -> Engine:
    """An engine whose transactions hold the write lock from their beginning."""
    _make_private(database_file(url))
    return _engine(url, f"BEGIN {begin}", poolclass=NullPool)


def is_busy(error: BaseException | None) -> bool:
    """Whether another process holds the lock that was asked for."""
    code = getattr(error, "sqlite_errorcode", None) if isinstance(error, sqlite3.Error) else None
    # the low byte is the primary code; the rest says which kind of busy
    return code is not None and code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


class SqliteStore:
    """Runs units on one file. `deliver` is called from its threads, once per batch."""

    dialect: Literal["sqlite"] = "sqlite"

    def __init__(
        self, url: URL, pool_size: int, deliver: Callable[[Sequence[Outcome]], None]
    ) -> None:
        self.counts = Counts()
        self._deliver = deliver
        self._waiting: queue.SimpleQueue[Call | None] = queue.SimpleQueue()
        self._engine = writing_engine(url)
        self._connection = self._engine.connect()
        readers = min(pool_size, MAX_READERS)
        self._reading = _engine(url, "BEGIN", pool_size=readers, max_overflow=0)
        event.listen(self._reading, "connect", _forbid_writing)
        self._readers = ThreadPoolExecutor(readers, thread_name_prefix="database-reader")
        self._writer = threading.Thread(target=self._write_all, name="database-writer", daemon=True)
        self._writer.start()

    def write(self, call: Call) -> None:
        """Queue a unit for the next commit."""
        self._waiting.put(call)

    def read(self, call: Call) -> None:
        """Queue a unit for a reader."""
        self._readers.submit(self._read, call)

    def close(self) -> None:
        """Finish what was queued, then let go of the file. Blocks."""
        self._waiting.put(None)
        self._writer.join()
        self._readers.shutdown()
        self._reading.dispose()
        self._connection.close()
        self._engine.dispose()

    def _write_all(self) -> None:
        while (first := self._waiting.get()) is not None:
            batch, is_last = self._take_batch(first)
            self._deliver(self._write_batch(batch))
            if is_last:
                return

    def _take_batch(self, first: Call) -> tuple[list[Call], bool]:
        batch = [first]
        while len(batch) < MAX_BATCH:
            try:
                call = self._waiting.get_nowait()
            except queue.Empty:
                break
            if call is None:
                return batch, True
            batch.append(call)
        return batch, False

    def _write_batch(self, batch: list[Call]) -> list[Outcome]:
        self.counts.units += len(batch)
        try:
            return self._commit(batch)
        except BaseException as error:  # noqa: BLE001 -- it belongs to the callers, never to this thread
            if len(batch) == 1 or isinstance(error, DatabaseBusy):
                return [Outcome(call, error=error) for call in batch]
        self.counts.reruns += len(batch)
        return [self._write_alone(call) for call in batch]

    def _write_alone(self, call: Call) -> Outcome:
        try:
            return self._commit([call])[0]
        except BaseException as error:  # noqa: BLE001 -- as above
            return Outcome(call, error=error)

    def _commit(self, batch: list[Call]) -> list[Outcome]:
        with self._transaction() as transaction, UnitSession(self._connection) as session:
            outcomes = [run(session, call) for call in batch]
            # SQLite may have rolled back by itself (disk full), and the driver's commit is then
            # silently nothing
            if not _dbapi(self._connection).in_transaction:
                raise UnitBroken("A unit went on after SQLite had undone its transaction.")
            transaction.commit()
        self.counts.commits += 1
        return outcomes

    @contextmanager
    def _transaction(self) -> Iterator[RootTransaction]:
        transaction = self._begin()
        try:
            yield transaction
        except BaseException:
            self._roll_back()
            raise

    def _begin(self) -> RootTransaction:
        for _ in range(BEGIN_TRIES):
            try:
                if self._connection.closed:
                    self._connection = self._engine.connect()
                return self._connection.begin()
            except DBAPIError as error:
                if not is_busy(error.orig):
                    raise
        raise DatabaseBusy("Another process holds the database file.")

    def _roll_back(self) -> None:
        try:
            self._connection.rollback()
            # after a failed COMMIT SQLAlchemy holds the transaction for ended; SQLite does not
            _dbapi(self._connection).rollback()
        except (DBAPIError, sqlite3.Error):
            # a connection that cannot even undo is not to be trusted with the next unit
            self._connection.invalidate()
            self._connection.close()

    def _read(self, call: Call) -> None:
        try:
            outcome = self._run_read(call)
        except BaseException as error:  # noqa: BLE001 -- as above
            outcome = Outcome(call, error=error)
        self._deliver([outcome])

    def _run_read(self, call: Call) -> Outcome:
        with self._reading.connect() as connection:
            connection.begin()
            with UnitSession(connection) as session:
                return run(session, call)


def _engine(url: URL, begin: str, **options: Any) -> Engine:
    # isolation_level None switches off the driver's own idea of when a transaction starts
    engine = create_engine(
        url,
        connect_args={"isolation_level": None, "check_same_thread": False},
        hide_parameters=True,  # an error is logged, the text it was about is not
        **options,
    )
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(begin))
    return engine


def _configure(connection: sqlite3.Connection, _record: object) -> None:
    for name, value in _PRAGMAS.items():
        connection.execute(f"PRAGMA {name} = {value}")
        (actual,) = connection.execute(f"PRAGMA {name}").fetchone()
        if actual != value:
            raise RuntimeError(f"SQLite refused PRAGMA {name} = {value}: it stays {actual!r}.")


def _forbid_writing(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA query_only = ON")


def _dbapi(connection: Connection) -> sqlite3.Connection:
    driver: Any = connection.connection.dbapi_connection
    assert isinstance(driver, sqlite3.Connection)
    return driver


def _make_private(path: Path) -> None:
    """Create the file readable by its owner only; SQLite gives its WAL the same mode."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
