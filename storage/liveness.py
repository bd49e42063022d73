"""Whether the process that started something still lives, as others can see it.

A process holds a lock that its death releases: a file lock beside the SQLite file, an advisory
lock of a PostgreSQL session. Nothing expires, so a slow process is never taken for a dead one.
"""

import asyncio
import fcntl
import hashlib
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import structlog
from sqlalchemy import URL, func, select
from sqlmodel import Session

from storage.database import Database
from storage.ids import new_marker
from storage.postgres import RECONNECT_SECONDS, connect_alone

UNLOCK_SECONDS = 1.0

log = structlog.get_logger()


class Liveness:
    """This process's sign of life, made by `hold`.

    When its connection is cut, others may think the process dead: `lost` is set until it is alive
    again, under another `name`. What it started under the old one stays a dead process's.
    """

    def __init__(self) -> None:
        self.name = new_marker()
        self.lost = asyncio.Event()
        self._path: Path | None = None
        self._file: int | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._released = asyncio.Event()

    @classmethod
    async def hold(cls, database: Database) -> "Liveness":
        """Be alive under a new random name until `release`, or the end of the process."""
        liveness = cls()
        if database.path:
            liveness._path = _file_of(database.path, liveness.name)
            liveness._file = _lock_file(liveness._path)
        else:
            connection = await _lock_session(database.url, liveness.name)
            liveness._keeper = asyncio.create_task(
                liveness._keep(database.url, connection), name="liveness"
            )
        return liveness

    async def release(self) -> None:
        """Be dead to the others from now on."""
        self._released.set()
        if self._keeper:
            self._keeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._keeper
        if self._path is not None and self._file is not None:
            self._path.unlink(missing_ok=True)
            os.close(self._file)
            self._file = None
        self.lost.set()

    async def _keep(self, url: URL, connection: psycopg.AsyncConnection[Any]) -> None:
        while not self._released.is_set():
            async with connection:
                try:
                    await _until_cut(connection)
                finally:
                    await _unlock(connection)
            self.lost.set()
            log.warning("liveness.lost", name=self.name)
            connection = await self._lock_again(url)
            self.lost.clear()

    async def _lock_again(self, url: URL) -> psycopg.AsyncConnection[Any]:
        while True:
            name = new_marker()
            try:
                connection = await _lock_session(url, name)
            except psycopg.Error:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._released.wait(), RECONNECT_SECONDS)
            else:
                self.name = name
                return connection


async def is_alive(database: Database, name: str) -> bool:
    """Whether the process that holds `name` lives; False for a name that never was."""
    if database.path:
        return await asyncio.to_thread(_is_locked, _file_of(database.path, name))
    return await database.read(_is_held, name)


async def _lock_session(url: URL, name: str) -> psycopg.AsyncConnection[Any]:
    connection = await connect_alone(url)
    await connection.execute("SELECT pg_advisory_lock(%s)", [_key_of(name)])
    return connection


async def _until_cut(connection: psycopg.AsyncConnection[Any]) -> None:
    # nothing is ever notified here: waiting for it is how the driver notices a dead connection
    with suppress(psycopg.Error):
        async for _ in connection.notifies():
            pass


async def _unlock(connection: psycopg.AsyncConnection[Any]) -> None:
    # the end of a session releases its locks too, but only when the server comes to it
    with suppress(psycopg.Error, TimeoutError):
        async with asyncio.timeout(UNLOCK_SECONDS):
            await connection.execute("SELECT pg_advisory_unlock_all()")


def _file_of(database_path: Path, name: str) -> Path:
    return database_path.with_name(f"{database_path.name}.workers") / name


def _lock_file(path: Path) -> int:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return file


def _is_locked(path: Path) -> bool:
    try:
        file = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        # shared, so that two who ask at once do not take each other for the process
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        path.unlink(missing_ok=True)  # a name is never used again
        return False
    finally:
        os.close(file)


def _is_held(session: Session, name: str) -> bool:
    # shared for the same reason; released with the transaction
    return not session.scalar(select(func.pg_try_advisory_xact_lock_shared(_key_of(name))))


def _key_of(name: str) -> int:
    digest = hashlib.blake2b(name.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
