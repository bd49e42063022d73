"""What goes wrong, by name: each blows for its time and leaves nothing behind."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from bridge.sandbox.faults import Faults
from bridge.sandbox.ringcentral import RingCentralSimulator
from bridge.sandbox.slack import SlackSimulator
from storage.database import parse_url
from tests.chaos.fleet import Engine, Fleet

CALM = "calm"
SEND = r"/sms$"
STORE = r"/(sms|message-store|message-sync)"
POST = r"/api/chat\.postMessage"
ANY_METHOD = r"/api/(chat|reactions|conversations|users)\."
MOST_COPIES = 11
LEASE_SECONDS = 4.5

Rule = tuple[Faults, str, dict[str, Any]]


@dataclass
class Sky:
    """What the weathers act on."""

    slack: SlackSimulator
    ringcentral: RingCentralSimulator
    fleet: Fleet
    engine: Engine
    database_url: str
    full_disk: Path
    owns_server: bool  # PostgreSQL's: it may be crashed
    dice: random.Random

    @property
    def faults(self) -> tuple[Faults, Faults]:
        """Both simulators'."""
        return self.slack.faults, self.ringcentral.faults

    async def wait(self, longest_seconds: float) -> None:
        """A moment of any length up to this."""
        await asyncio.sleep(self.dice.uniform(0.02, longest_seconds))

    async def sprinkle(self, rules: Sequence[Rule], gap_seconds: float = 0.3) -> None:
        """One fault after the other, each for one request or notification, until cancelled."""
        try:
            while True:
                faults, kind, options = self.dice.choice(rules)
                if "seconds" in options:
                    options = {**options, "seconds": self.dice.uniform(*options["seconds"])}
                if "copies" in options:
                    options = {**options, "copies": self.dice.randint(2, MOST_COPIES)}
                faults.add(kind, name="weather", **options)  # type: ignore[arg-type]  # a Kind
                await self.wait(gap_seconds)
        finally:
            for each in self.faults:
                each.clear("weather")


Blow = Callable[[Sky], Awaitable[None]]


@dataclass(frozen=True)
class Weather:
    """`blow` goes on until it is cancelled, and cleans up then."""

    name: str
    blow: Blow
    engines: tuple[Engine, ...] = ("sqlite", "postgresql")


def _refusal(code: str) -> dict[str, Any]:
    return {"errorCode": code, "message": code, "errors": [{"errorCode": code, "message": code}]}


def _limits(sky: Sky) -> list[Rule]:
    slack = {"status": 429, "headers": {"Retry-After": "1"}}
    words = {"body": {"ok": False, "error": "ratelimited"}}
    carrier = {"status": 429, "body": _refusal("CMN-301")}
    return [
        (sky.slack.faults, "status", {"path": ANY_METHOD, **slack, **words}),
        (sky.ringcentral.faults, "status", {"path": STORE, **carrier, "headers": slack["headers"]}),
    ]


def _errors(sky: Sky) -> list[Rule]:
    return [
        (faults, kind, {"path": path, "status": status})
        for faults, paths in zip(sky.faults, ((POST, ANY_METHOD), (SEND, STORE)), strict=True)
        for path in paths
        for kind in ("status", "status_after")
        for status in (500, 502, 503)
    ]


def _drops(sky: Sky) -> list[Rule]:
    return [
        (faults, kind, {"path": path})
        for faults, paths in zip(sky.faults, ((POST, ANY_METHOD), (SEND, STORE)), strict=True)
        for path in paths
        for kind in ("drop_before", "drop_after")
    ]


def _timeouts(sky: Sky) -> list[Rule]:
    # What a provider does later than the last look no client can know of: what is slow is done long
    # before, also where this machine is busy.
    return [
        (faults, kind, {"path": path, "seconds": (1.2, longest)})
        for faults, path in zip(sky.faults, (POST, SEND), strict=True)
        for kind, longest in (("slow", 1.8), ("slow_after", 4.0))
    ]


def _refusals(sky: Sky) -> list[Rule]:
    return [
        (sky.ringcentral.faults, "status", {"path": SEND, "status": 403, "body": _refusal(code)})
        for code in ("MSG-388", "MSG-384")
    ]


def _duplicates(sky: Sky) -> list[Rule]:
    return [(faults, "duplicate", {"copies": MOST_COPIES}) for faults in sky.faults]


def _reorders(sky: Sky) -> list[Rule]:
    return [(faults, "reorder", {"seconds": (0.2, 2.0)}) for faults in sky.faults]


def _delays(sky: Sky) -> list[Rule]:
    return [(faults, "delay", {"seconds": (0.5, 4.0)}) for faults in sky.faults]


def _losses(sky: Sky) -> list[Rule]:
    return [(sky.ringcentral.faults, "lose", {})]


def _sprinkled(rules_of: Callable[[Sky], list[Rule]], gap_seconds: float = 0.3) -> Blow:
    async def blow(sky: Sky) -> None:
        await sky.sprinkle(rules_of(sky), gap_seconds)

    return blow


async def _blacklisted(sky: Sky) -> None:
    sky.ringcentral.blacklist_webhooks()
    await asyncio.Event().wait()


async def _revoked(sky: Sky) -> None:
    installation = sky.slack.workspace.installation
    try:
        while True:
            sky.ringcentral.expire_access_tokens()
            await sky.wait(0.5)
            sky.ringcentral.expire_sync_tokens()
            sky.slack.revoke_token()
            await sky.wait(1.5)
            installation.token_error = None
            await sky.wait(1.5)
    finally:
        installation.token_error = None


async def _locked(sky: Sky) -> None:
    """Another process holds the file: a backup, say."""
    path = parse_url(sky.database_url).database
    assert path is not None, "SQLite has a file"
    while True:
        connection = sqlite3.connect(path, timeout=5.0, isolation_level=None)
        try:
            with suppress(sqlite3.OperationalError):
                connection.execute("BEGIN IMMEDIATE")
                await sky.wait(4.0)
                connection.execute("ROLLBACK")
        finally:
            connection.close()
        await sky.wait(1.5)


async def _full(sky: Sky) -> None:
    try:
        while True:
            sky.full_disk.touch()
            await sky.wait(3.0)
            sky.full_disk.unlink()
            await sky.wait(2.0)
    finally:
        sky.full_disk.unlink(missing_ok=True)


async def _restarted(sky: Sky) -> None:
    while True:
        crash = crash_server if sky.owns_server else cut_connections
        with suppress(psycopg.OperationalError):
            await asyncio.to_thread(crash, sky.database_url)
        await sky.wait(4.0)


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


async def _killed(sky: Sky) -> None:
    while True:
        await sky.wait(1.2)
        await sky.fleet.kill_one()


async def _frozen(sky: Sky) -> None:
    """A worker stops in the middle of whatever it does, past its lease, and then goes on."""
    while True:
        worker = sky.dice.choice(sky.fleet.workers)
        worker.freeze()
        try:
            await asyncio.sleep(LEASE_SECONDS + sky.dice.uniform(0.5, 3.0))
        finally:
            worker.thaw()
        await sky.wait(1.0)


async def _storm(sky: Sky) -> None:
    """All of it at once."""
    rules = [
        rule
        for rules_of in (_limits, _errors, _drops, _timeouts, _duplicates, _reorders, _delays)
        for rule in rules_of(sky)
    ]
    async with asyncio.TaskGroup() as group:
        group.create_task(sky.sprinkle(rules))
        group.create_task(_killed(sky))


WEATHERS = (
    Weather("rate limits", _sprinkled(_limits, 0.8)),
    Weather("5xx", _sprinkled(_errors)),
    Weather("dropped", _sprinkled(_drops)),
    Weather("time-outs", _sprinkled(_timeouts, 0.6)),
    Weather("refusals", _sprinkled(_refusals, 1.0)),
    Weather("duplicates", _sprinkled(_duplicates, 0.1)),
    Weather("reordered", _sprinkled(_reorders, 0.1)),
    Weather("late events", _sprinkled(_delays, 0.1)),
    Weather("lost events", _sprinkled(_losses, 0.2)),
    Weather("blacklisted", _blacklisted),
    Weather("tokens revoked", _revoked),
    Weather("database locked", _locked, ("sqlite",)),
    Weather("disk full", _full, ("sqlite",)),
    Weather("database restarted", _restarted, ("postgresql",)),
    Weather("killed", _killed),
    Weather("frozen past lease", _frozen),
    Weather("storm", _storm),
)


async def blow(weather: Weather, sky: Sky, seconds: float) -> None:
    """Let it blow for a while; what it raises by itself is raised."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await weather.blow(sky)
