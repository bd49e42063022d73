"""What a run stands on: simulators, floor and bridge as processes of their own, and databases."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import sqlite3
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from bridge.sandbox.ringcentral import CLIENT_ID, CLIENT_SECRET, JWT, NUMBER
from bridge.sandbox.slack import BOT_TOKEN
from bridge.sandbox.supervisor import BridgeProcess, bridge_environment, free_port
from storage import cursors, inboxes, migrate, secrets, subscriptions
from storage.database import Database
from storage.tables import Inbox
from tests.bench import children, traffic
from tests.bench.fill import Amount, active_numbers, fill
from tests.bench.load import BenchFailed
from tests.bench.simulators import CHANNEL
from tests.bench.traffic import Line, Place

PATIENCE_SECONDS = 60.0
SYNC_OVERLAP_SECONDS = 6.0
ADMINISTRATOR = "Ada"
MANIFEST = Path(__file__).parents[2] / "manifests" / "slack-app.http.yaml"


@dataclass(frozen=True)
class Provider:
    """A simulator in a process of its own."""

    url: str
    bench_url: str

    @property
    def api_url(self) -> str:
        """For Slack's SDK."""
        return f"{self.url}/api/"


@dataclass(frozen=True)
class Floors:
    """Addresses of what the bridge is held against."""

    starlette_url: str
    bolt_url: str


class Stage:
    """Simulators that run, a database template with one connected inbox, and the way to more."""

    def __init__(
        self,
        folder: Path,
        slack: Provider,
        ringcentral: Provider,
        http: aiohttp.ClientSession,
        program: tuple[str, ...] | None,
    ) -> None:
        self.slack, self.ringcentral = slack, ringcentral
        self.places: Sequence[Place] = ()
        self._folder, self._http, self._program = folder, http, program
        self._port = free_port()
        self._template = folder / "template.db"
        self._environment = bridge_environment(
            slack,
            ringcentral,
            database_url="",
            port=self._port,
            BRIDGE_HOLD_SECONDS="0",
            BRIDGE_RATE_LIMITS="0",
        )
        self._inbox: Inbox | None = None
        self._line: Line | None = None
        self._rested_at = 0.0
        self._tokens: dict[str, str] = {}

    @property
    def line(self) -> Line:
        assert self._line is not None, "prepared before"
        return self._line

    @property
    def events_url(self) -> str:
        """Where Slack posts events to the bridge."""
        return f"http://127.0.0.1:{self._port}{traffic.EVENTS_PATH}"

    # Preparing

    async def prepare(self) -> None:
        """Connect a number to a channel as an administrator does, and keep that database."""
        await self._install()
        await asyncio.to_thread(migrate.upgrade, f"sqlite:///{self._template}")
        async with self.running_bridge(self._template, "up"):
            act = {"user": ADMINISTRATOR, "channel": CHANNEL, "name": "/sms"}
            await self._post(
                f"{self.slack.url}/_sandbox/command", {**act, "text": f"connect {NUMBER}"}
            )
            await self._until(self._is_subscribed, "The bridge made no subscription")
        await self._learn()
        self.places = await self._open_threads()

    async def _install(self) -> None:
        """Slack posts to the bridge over HTTP what an app of the bridge's manifest is told."""
        await self._post(
            f"{self.slack.url}/_sandbox/install",
            {"request_url": self.events_url, "mode": "http", "bot_events": _subscribed_events()},
        )

    def _is_subscribed(self) -> bool:
        return bool(
            _query(self._template, "SELECT ringcentral_subscription_id FROM subscription")
            not in ([], [("",)])
        )

    async def _learn(self) -> None:
        secrets.use_keys([self._environment["BRIDGE_SECRET_KEYS"]])
        database = await Database.open(f"sqlite:///{self._template}")
        try:
            (inbox,) = await database.read(inboxes.find_connected)
            (token,) = await database.read(subscriptions.find_verification_tokens)
        finally:
            await database.close()
        self._inbox = inbox
        self._line = Line(
            bridge_url=f"http://127.0.0.1:{self._port}",
            own_number=inbox.phone_number,
            store=inbox.store,
            channel_id=inbox.channel_id,
            verification_token=token,
        )

    async def _open_threads(self) -> list[Place]:
        """The cards of the conversations that are texted in, posted with the bridge's token."""
        places = []
        for number in active_numbers():
            told = await self._post(
                f"{self.slack.api_url}chat.postMessage",
                {"channel": self.line.channel_id, "text": f"Texts with {number}"},
                {"Authorization": f"Bearer {BOT_TOKEN}"},
            )
            places.append(Place(number, told["ts"]))
        return places

    async def new_database(self, name: str, amount: Amount) -> Path:
        """A copy of the template with so much on file, and the conversations that are texted in."""
        assert self._inbox is not None, "prepared before"
        path = self.copy_database(self._template, name)
        await asyncio.to_thread(fill, path, self._inbox, self.places, amount)
        return path

    def copy_database(self, source: Path, name: str) -> Path:
        """Another copy of a database that nobody has open."""
        path = self._folder / f"{name}.db"
        with contextlib.closing(sqlite3.connect(source)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        for old in self._folder.glob(f"{name}.db-*"):
            old.unlink()
        shutil.copyfile(source, path)
        return path

    async def _start_from_here(self, path: Path) -> None:
        """Put the cursor of a database at the simulated store's end.

        Else the bridge would find there, and show, what other databases' bridges have sent. A sync
        reaches back over 5 s before its token, so nothing may have been sent for as long.
        """
        await asyncio.sleep(max(0.0, self._rested_at - asyncio.get_running_loop().time()))
        url = f"{self.ringcentral.url}{traffic.SYNC_PATH}"
        params = {"syncType": "FSync", "messageType": "SMS", "recordCount": "1"}
        headers = {"Authorization": f"Bearer {await self.access_token(JWT)}"}
        async with self._http.get(url, params=params, headers=headers) as answer:
            place = (await answer.json())["syncInfo"]
        synced_at = datetime.fromisoformat(place["syncTime"])
        database = await Database.open(f"sqlite:///{path}")
        try:
            cursor = await database.read(cursors.get, self.line.store)
            assert cursor is not None, "the template has an inbox"
            after = cursors.Place(place["syncToken"], synced_at, synced_at)
            before = cursors.place_of(cursor)
            await database.write(cursors.advance, self.line.store, before, after, synced_at)
        finally:
            await database.close()

    # Running

    @contextlib.asynccontextmanager
    async def running_bridge(self, path: Path, role: str) -> AsyncIterator[BridgeProcess]:
        """The bridge in this role on this database, started and at rest."""
        if path != self._template:
            await self._start_from_here(path)
        environment = {**self._environment, "DATABASE_URL": f"sqlite:///{path}"}
        bridge = BridgeProcess(
            self._port, environment, self._folder / "bridge.log", (*self._python_arguments(), role)
        )
        try:
            await bridge.start()
            await self._until(lambda: _is_at_rest(path), "The bridge did not come to rest")
            yield bridge
        finally:
            await bridge.stop()
            self._rested_at = asyncio.get_running_loop().time() + SYNC_OVERLAP_SECONDS

    def _python_arguments(self) -> tuple[str, ...]:
        return self._program or ("-m", "bridge")

    @contextlib.asynccontextmanager
    async def running_floors(self) -> AsyncIterator[Floors]:
        """A bare Starlette route and a bare Bolt, each on a database of its own."""
        urls = {}
        async with contextlib.AsyncExitStack() as stack:
            for name in ("starlette", "bolt"):
                path = self._folder / f"{name}.db"
                await asyncio.to_thread(migrate.upgrade, f"sqlite:///{path}")
                child = children.running(
                    self._folder / f"{name}.log", "tests.bench.floor", name, f"sqlite:///{path}"
                )
                urls[name] = await stack.enter_async_context(child)
            yield Floors(urls["starlette"], urls["bolt"])

    # Traffic

    async def new_replies(self, count: int) -> list[dict[str, Any]]:
        """Replies that a person typed into the threads, as the events Slack would make of them."""
        wanted = {"threads": [each.thread_ts for each in self.places], "count": count}
        replies: list[dict[str, Any]] = await self._post(f"{self.slack.bench_url}/replies", wanted)
        return replies

    async def access_token(self, jwt: str) -> str:
        """A token of our own for whose JWT this is; one only, as a user has five sessions."""
        if jwt not in self._tokens:
            self._tokens[jwt] = await self._buy_token(jwt)
        return self._tokens[jwt]

    async def _buy_token(self, jwt: str) -> str:
        form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": jwt}
        auth = aiohttp.BasicAuth(CLIENT_ID, CLIENT_SECRET)
        url = f"{self.ringcentral.url}/restapi/oauth/token"
        async with self._http.post(url, data=form, auth=auth) as answer:
            token: str = (await answer.json())["access_token"]
            return token

    async def arrivals(self, provider: Provider, names: Sequence[str]) -> dict[str, float]:
        """When each of these texts came in at a provider; each must, and once."""
        wanted = set(names)
        deadline = asyncio.get_running_loop().time() + PATIENCE_SECONDS
        while True:
            found = await self._arrived(provider, wanted)
            if len(found) == len(wanted):
                return found
            if asyncio.get_running_loop().time() > deadline:
                missing = len(wanted) - len(found)
                raise BenchFailed(f"{missing} of {len(wanted)} texts never arrived.")
            await asyncio.sleep(1.0)

    async def _arrived(self, provider: Provider, wanted: set[str]) -> dict[str, float]:
        async with self._http.get(f"{provider.bench_url}/arrivals") as answer:
            told = await answer.json()
        found: dict[str, float] = {}
        for text, at in told:
            name = traffic.name_in(text)
            if name in wanted:
                if name in found:
                    raise BenchFailed(f"The text {name} arrived twice.")
                found[name] = at
        return found

    async def _post(
        self, url: str, body: Mapping[str, Any], headers: Mapping[str, str] | None = None
    ) -> Any:
        async with self._http.post(url, json=body, headers=headers) as answer:
            told = await answer.json()
            if answer.status != 200 or (isinstance(told, dict) and told.get("ok") is False):
                raise BenchFailed(f"{url} answered {answer.status}: {told}")
            return told

    async def _until(self, is_so: Any, otherwise: str) -> None:
        deadline = asyncio.get_running_loop().time() + PATIENCE_SECONDS
        while not is_so():
            if asyncio.get_running_loop().time() > deadline:
                raise BenchFailed(f"{otherwise}; its log is {self._folder / 'bridge.log'}.")
            await asyncio.sleep(0.1)


def _subscribed_events() -> list[str]:
    """What the app asks Slack to be told of."""
    settings = yaml.safe_load(MANIFEST.read_text())["settings"]
    events: list[str] = settings["event_subscriptions"]["bot_events"]
    return events


def _is_at_rest(path: Path) -> bool:
    """Caught up, with nothing due."""
    gaps = _query(path, "SELECT 1 FROM cursor WHERE gap_open LIMIT 1")
    owed = _query(
        path,
        "SELECT 1 FROM delivery WHERE state IN ('waiting', 'claimed', 'started', 'unsure') LIMIT 1",
    )
    return not gaps and not owed


def _query(path: Path, statement: str) -> list[tuple[Any, ...]]:
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return connection.execute(statement).fetchall()


@contextlib.asynccontextmanager
async def open_stage(
    folder: Path, *, program: tuple[str, ...] | None = None
) -> AsyncIterator[Stage]:
    """A prepared stage in this folder; `program` stands in for `-m bridge` where it is profiled."""
    async with contextlib.AsyncExitStack() as stack:
        http = await stack.enter_async_context(aiohttp.ClientSession())
        slack, ringcentral = [
            Provider(
                **json.loads(
                    await stack.enter_async_context(
                        children.running(folder / f"{which}.log", "tests.bench.simulators", which)
                    )
                )
            )
            for which in ("slack", "ringcentral")
        ]
        stage = Stage(folder, slack, ringcentral, http, program)
        await stage.prepare()
        yield stage
