"""What is away for a while: tokens, logins, the app, the database, processes."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psycopg

from storage.database import parse_url
from tests.chaos.showers import TOKEN
from tests.chaos.sky import Sky

SEND_SECONDS = 1.5  # what the bridge gives a send in a run
LEASE_SECONDS = 3 * SEND_SECONDS
LOCK_WAIT_SECONDS = 5.0
SLACK_QUIET_SECONDS = 10.0


async def blacklisted(sky: Sky) -> None:
    """RingCentral has suspended the webhook for good."""
    sky.ringcentral.blacklist_webhooks()
    await asyncio.Event().wait()


async def tokens_revoked(sky: Sky) -> None:
    """RingCentral's tokens end, the refresh token too; Slack's is refused for a moment."""
    await sky.fleet.until_ready()  # no process starts while Slack refuses its token: it would end
    installation = sky.slack.workspace.installation
    try:
        while True:
            sky.ringcentral.expire_access_tokens()
            await sky.wait(0.5)
            sky.ringcentral.expire_sync_tokens()
            sky.slack.revoke_token()
            await sky.wait(1.5)
            sky.ringcentral.end_sessions()
            installation.token_error = None
            await sky.wait(1.5)
    finally:
        installation.token_error = None


async def login_refused(sky: Sky) -> None:
    """The JWT is no longer good, until an administrator sets a new one and starts the bridge."""
    body = {"error": "invalid_grant", "errors": [{"errorCode": "OAU-213", "message": "no"}]}
    refuse = {"path": TOKEN, "status": 400, "body": body, "times": None, "name": "login"}
    sky.ringcentral.faults.add("status", **refuse)  # type: ignore[arg-type]  # of several types
    try:
        sky.ringcentral.end_sessions()
        await asyncio.Event().wait()
    finally:
        sky.ringcentral.faults.clear("login")
        sky.fleet.restart_all()


async def uninstalled(sky: Sky) -> None:
    """Somebody removes the app, and installs it again with its token set anew.

    What is written in Slack meanwhile no bridge hears of, so nobody writes there.
    """
    await sky.fleet.until_ready()
    sky.is_slack_closed = True
    installation = sky.slack.workspace.installation
    try:
        await sky.slack.settled(SLACK_QUIET_SECONDS)
        await sky.slack.uninstall()
        await asyncio.Event().wait()
    finally:
        installation.token_error = None
        sky.fleet.restart_all()
        sky.is_slack_closed = False


async def locked(sky: Sky) -> None:
    """Another process holds the file: a backup, say."""
    path = parse_url(sky.database_url).database
    assert path is not None, "SQLite has a file"
    while True:
        await _hold(sky, path)
        await sky.wait(1.5)


async def _hold(sky: Sky, path: str) -> None:
    connection = sqlite3.connect(
        path, timeout=LOCK_WAIT_SECONDS, isolation_level=None, check_same_thread=False
    )
    try:
        if await _in_thread(lambda: _begin(connection)):
            await sky.wait(4.0)
            await _in_thread(lambda: connection.execute("ROLLBACK"))
    finally:
        connection.close()


def _begin(connection: sqlite3.Connection) -> bool:
    with suppress(sqlite3.OperationalError):  # somebody else held it for all of the time
        connection.execute("BEGIN IMMEDIATE")
        return True
    return False


async def _in_thread(work: Callable[[], Any]) -> Any:
    """Done to its end also where the weather is over meanwhile: SQLite waits without the loop."""
    task = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise


async def full(sky: Sky) -> None:
    """No room for another page."""
    try:
        while True:
            sky.full_disk.touch()
            await sky.wait(3.0)
            sky.full_disk.unlink()
            await sky.wait(2.0)
    finally:
        sky.full_disk.unlink(missing_ok=True)


async def restarted(sky: Sky) -> None:
    """PostgreSQL goes and comes again."""
    while True:
        await restart_database(sky)
        await sky.wait(4.0)


async def restart_database(sky: Sky) -> None:
    """Once; a server that is somebody else's loses our connections only."""
    crash = crash_server if sky.owns_server else cut_connections
    with suppress(psycopg.OperationalError):
        await asyncio.to_thread(crash, sky.database_url)


def crash_server(url: str) -> None:
    """A process of the server dies, upon which PostgreSQL ends all others and recovers."""
    with _connected(url) as connection:
        os.kill(connection.info.backend_pid, signal.SIGKILL)


def cut_connections(url: str) -> None:
    """All that a server of somebody else's can be asked for."""
    with _connected(url) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def _connected(url: str) -> psycopg.Connection[Any]:
    plain = parse_url(url).set(drivername="postgresql")
    return psycopg.connect(plain.render_as_string(hide_password=False), autocommit=True)


async def killed(sky: Sky) -> None:
    """Whichever process, at any moment."""
    while True:
        await sky.wait(1.2)
        await sky.fleet.kill_one()


async def frozen(sky: Sky) -> None:
    """A worker stops in the middle of whatever it does, past its lease, and then goes on."""
    while True:
        worker = sky.dice.choice(sky.fleet.workers)
        worker.freeze()
        try:
            await asyncio.sleep(LEASE_SECONDS + sky.dice.uniform(0.5, 3.0))
        finally:
            worker.thaw()
        await sky.wait(1.0)
