"""The seam between async code and the database.

Queries are plain synchronous functions over a session (units). `write` returns after a durable
commit, `read` runs on a reader. A unit never awaits, never commits, touches nothing but the
database, and may run twice.
"""

import asyncio
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Concatenate, Literal, ParamSpec, TypeVar, cast
from weakref import WeakSet

from sqlalchemy.engine import URL, make_url
from sqlmodel import Session

from storage.errors import CommitUnknown, DatabaseBusy, DatabaseClosed, UnitBroken
from storage.inserts import insert_ignore
from storage.postgres import Listener, PostgresStore
from storage.signals import Signals
from storage.sqlite import SqliteStore, database_file
from storage.units import Call, Counts, Outcome, signal

__all__ = [
    "CommitUnknown",
    "Counts",
    "Database",
    "DatabaseBusy",
    "DatabaseClosed",
    "Session",
    "UnitBroken",
    "insert_ignore",
    "parse_url",
    "signal",
]

BUSY_SECONDS = 2.0

P = ParamSpec("P")
T = TypeVar("T")

_DRIVERS = {
    "sqlite": "sqlite+pysqlite",
    "sqlite+pysqlite": "sqlite+pysqlite",
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
}

# Databases of this process on one SQLite file, which has no NOTIFY of its own
_neighbours: defaultdict[Path, WeakSet[Signals]] = defaultdict(WeakSet)
_neighbours_lock = threading.Lock()


def parse_url(url: str) -> URL:
    """A database URL with its driver; raises ValueError for one that is of neither engine."""
    parsed = make_url(url)
    if parsed.drivername not in _DRIVERS:
        raise ValueError(
            f"A database URL starts with sqlite:/// or postgresql://, not {parsed.drivername}."
        )
    return parsed.set(drivername=_DRIVERS[parsed.drivername])


class Database:
    """One process's way to the database; made by `open`, and used from that event loop only."""

    dialect: Literal["sqlite", "postgresql"]

    def __init__(self, url: URL, pool_size: int, queue_size: int) -> None:
        self.url = url
        self._loop = asyncio.get_running_loop()
        self._signals = Signals(self._loop)
        self._writes = asyncio.Semaphore(queue_size)
        self._reads = asyncio.Semaphore(queue_size)
        self._closed = False
        self._listener: Listener | None = None
        store = SqliteStore if url.get_backend_name() == "sqlite" else PostgresStore
        self._store = store(url, pool_size, self._deliver)
        self.dialect = self._store.dialect
        self.path = database_file(url) if self.dialect == "sqlite" else None

    @classmethod
    async def open(cls, url: str, *, pool_size: int = 8, queue_size: int = 2000) -> "Database":
        """Open `sqlite:///path` or `postgresql://...`; the schema is storage.migrate's business.

        At most `queue_size` units wait; `pool_size` is connections (on SQLite: readers, at most 4).
        """
        database = cls(parse_url(url), pool_size, queue_size)
        try:
            await database._join()
        except BaseException:
            await database.close()
            raise
        return database

    @property
    def counts(self) -> Counts:
        """Units, commits and reruns since the opening."""
        return self._store.counts

    async def write(
        self, unit: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a unit and return its value after a durable commit; what it raises is raised here.

        A caller cancelled while it waits for a place is forgotten; after that its unit runs to
        its commit, only the answer is dropped. Raises DatabaseBusy when no place came free in
        2 s, CommitUnknown when PostgreSQL went away during the commit.
        """
        call = await self._call(self._writes, unit, args, kwargs)
        self._store.write(call)
        return cast(T, await call.answer)

    async def read(
        self, unit: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a unit that only reads, on what is committed; a write in it is refused."""
        call = await self._call(self._reads, unit, args, kwargs)
        self._store.read(call)
        return cast(T, await call.answer)

    def on_signal(self, name: str, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` in the event loop after each commit that signalled `name`.

        Hears every process on PostgreSQL, this process alone on SQLite; may be called without
        cause. Returns a function that unsubscribes.
        """
        return self._signals.subscribe(name, callback)

    async def close(self) -> None:
        """Finish the units that were taken, refuse new ones, let go of the database."""
        if self._closed:
            return
        self._closed = True
        if self._listener:
            await self._listener.close()
        await asyncio.to_thread(self._store.close)
        with _neighbours_lock:
            if self.path:
                _neighbours[self.path].discard(self._signals)

    async def _join(self) -> None:
        if isinstance(self._store, PostgresStore):
            listener = Listener(self.url, self._signals, self._store.origin)
            await listener.start()
            self._listener = listener
        elif self.path:
            with _neighbours_lock:
                _neighbours[self.path].add(self._signals)

    async def _call(
        self,
        places: asyncio.Semaphore,
        unit: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Call:
        await (_wait_for_place(places) if places.locked() else places.acquire())
        if self._closed:
            places.release()
            raise DatabaseClosed("The database is closing.")
        return Call(unit, args, kwargs, self._loop.create_future(), places)

    def _deliver(self, outcomes: Sequence[Outcome]) -> None:
        with suppress(RuntimeError):  # the loop ended without closing us: nobody is left to answer
            self._loop.call_soon_threadsafe(self._settle, outcomes)

    def _settle(self, outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            outcome.call.places.release()
            if not outcome.call.answer.done():  # done means its caller was cancelled
                _answer(outcome)
        self._announce(frozenset().union(*(outcome.signals for outcome in outcomes)))

    def _announce(self, names: frozenset[str]) -> None:
        if not names:
            return
        self._signals.fire(names)
        for neighbour in self._neighbours():
            neighbour.fire_soon(names)

    def _neighbours(self) -> list[Signals]:
        if not self.path:
            return []
        with _neighbours_lock:
            return [signals for signals in _neighbours[self.path] if signals is not self._signals]


async def _wait_for_place(places: asyncio.Semaphore) -> None:
    try:
        async with asyncio.timeout(BUSY_SECONDS):
            await places.acquire()
    except TimeoutError:
        raise DatabaseBusy("Too many units wait for the database.") from None


def _answer(outcome: Outcome) -> None:
    match outcome.error:
        case None:
            outcome.call.answer.set_result(outcome.value)
        case StopIteration():  # a future cannot carry it
            outcome.call.answer.set_exception(RuntimeError("A unit raised StopIteration."))
        case error:
            outcome.call.answer.set_exception(error)
