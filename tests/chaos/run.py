"""One run: people write, things go wrong, everything ends, and each text is accounted for."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import psycopg
from cryptography.fernet import Fernet

from bridge.sandbox.ringcentral import NUMBER, RingCentralSimulator
from bridge.sandbox.slack import SlackSimulator
from bridge.sandbox.supervisor import bridge_environment, free_port
from storage import migrate
from storage.database import parse_url
from tests.chaos.eyes import CHANNEL, Acknowledgements, Files, look
from tests.chaos.fleet import Engine, Fleet, running_fleet
from tests.chaos.ledger import Account, Ledger, fate_of, take_account
from tests.chaos.people import People
from tests.chaos.weather import CALM, WEATHERS, Sky, Weather, blow
from tests.postgres_server import postgres_server

NAMED_SERVER = "BRIDGE_TEST_DATABASE_URL"  # it may be others' too
HOLD_SECONDS = 1.0
MOST_OPEN = 500  # people wait when this much is under way
CALM_SHARE = 0.4  # of a weather's time
SHORTEST_SECONDS, LONGEST_SECONDS = 1.5, 8.0
LOOK_SECONDS = 1.0
SETTLE_SECONDS = 240.0  # the longest pause before a retry is 64 s, and a question can follow it
QUIET_SECONDS = 7.0  # longer than every look: what would be doubled has been by then
DAY_OF_RETRIES = (1.0,) * 10 + (2.0,) * 290


@dataclass(frozen=True)
class Plan:
    """What a run is; the same plan has the same traffic and the same weather."""

    texts: int = 10_000
    seed: int = 1
    engine: Engine = "sqlite"
    faults: Sequence[str] = ()  # all that the engine knows
    minutes: float = 30.0
    texts_per_second: float = 20.0

    def weathers(self) -> list[Weather]:
        """Those that blow, in the order of the table."""
        wanted = set(self.faults)
        return [
            each
            for each in WEATHERS
            if self.engine in each.engines and (not wanted or each.name in wanted)
        ]


@dataclass(frozen=True)
class Result:
    """A run's account, and how it went."""

    plan: Plan
    account: Account
    seconds: float
    settle_seconds: float
    kills: int
    own_deaths: Sequence[int]
    was_cut: bool  # the time was over before all texts were written


Tell = Callable[[str], None]


class Run:
    """The stage while a run is on."""

    def __init__(self, plan: Plan, people: People, ledger: Ledger, sky: Sky, tell: Tell) -> None:
        self.plan, self._people, self._ledger = plan, people, ledger
        self._sky, self._tell = sky, tell
        self.weather = CALM
        self.open_count = 0
        self.was_cut = False
        self._began_at = time.monotonic()

    @property
    def _seconds(self) -> float:
        return time.monotonic() - self._began_at

    async def traffic(self) -> None:
        """People write all the texts of the plan, or until its time is over."""
        dice = random.Random(self.plan.seed)
        while len(self._ledger.texts) < self.plan.texts:
            if self._seconds > self.plan.minutes * 60:
                self.was_cut = True
                break
            if self.open_count < MOST_OPEN:
                await self._people.type_one(self.weather)
            await asyncio.sleep(dice.expovariate(self.plan.texts_per_second))
        await self._people.finished()

    async def weathers(self) -> None:
        """One weather after the other, calm between them, until cancelled."""
        dice = random.Random(self.plan.seed + 1)
        weathers = self.plan.weathers()
        seconds = self.plan.texts / self.plan.texts_per_second
        share = seconds / max(1, len(weathers)) / (1 + CALM_SHARE)
        share = min(max(share, SHORTEST_SECONDS), LONGEST_SECONDS)
        while True:
            for weather in dice.sample(weathers, len(weathers)):
                self.weather = CALM
                await asyncio.sleep(share * CALM_SHARE)
                self.weather = weather.name
                self._tell(f"{self._progress()}  {weather.name}")
                await blow(weather, self._sky, share)

    async def watch(self, noted: Acknowledgements) -> None:
        """Keep count, until cancelled."""
        while True:
            noted.note()
            self.open_count = len(self.find_open())
            await asyncio.sleep(LOOK_SECONDS)

    def find_open(self) -> list[str]:
        """Texts of which nothing has reached anybody yet."""
        seen = look(self._sky.slack, self._sky.ringcentral)
        return [
            token for token, text in self._ledger.texts.items() if fate_of(text, seen) == "open"
        ]

    async def settle(self, files: Files) -> None:
        """Wait, within a bound, until everything has arrived and everybody asked has decided."""
        self.weather = CALM
        until, told_at = time.monotonic() + SETTLE_SECONDS, 0.0
        quiet_since = time.monotonic()
        while time.monotonic() < until:
            asked = await self._people.decide(look(self._sky.slack, self._sky.ringcentral))
            still_open, owed = self.find_open(), await asyncio.to_thread(files.count_open)
            if still_open or owed or asked:
                quiet_since = time.monotonic()
            if time.monotonic() - quiet_since > QUIET_SECONDS:
                return
            if time.monotonic() - told_at > 5.0:
                told_at = time.monotonic()
                waits = f"{len(still_open)} open, {owed} owed, {asked} asked"
                self._tell(f"{self._progress()}  settling: {waits}")
            await asyncio.sleep(LOOK_SECONDS)
        self._tell(f"  did not settle within {SETTLE_SECONDS:.0f} s: {self.find_open()[:20]}")

    def _progress(self) -> str:
        texts = f"{len(self._ledger.texts):>6}/{self.plan.texts} texts"
        return f"{self._seconds:6.0f} s  {texts}  {self.open_count:>4} under way  " + (
            f"{self._sky.fleet.kills:>3} kills"
        )


async def run_chaos(plan: Plan, folder: Path, tell: Tell) -> Result:
    """Play a plan to its end; raises FleetFailed where the bridge cannot be brought up."""
    async with contextlib.AsyncExitStack() as ending:
        url = ending.enter_context(_database(plan.engine, folder))
        await asyncio.to_thread(migrate.upgrade, url)
        # what is played here passes in minutes; Slack's repeats take up to a day
        slack = SlackSimulator(rate_limits=False, retry_delays_seconds=DAY_OF_RETRIES)
        ringcentral = RingCentralSimulator(rate_limits=False)
        ringcentral.world.notifier.sent = deque()  # unbounded: each is taken out as it is seen
        await ending.enter_async_context(slack)
        await ending.enter_async_context(ringcentral)
        dice = random.Random(plan.seed + 2)
        fleet = await ending.enter_async_context(
            _running_bridge(plan, folder, url, slack, ringcentral, dice)
        )
        ledger = Ledger()
        noted = Acknowledgements(slack, ringcentral, ledger)
        sky = Sky(
            slack,
            ringcentral,
            fleet,
            plan.engine,
            url,
            folder / "disk-full",
            NAMED_SERVER not in os.environ,
            dice,
        )
        people = People(slack, ringcentral, ledger, noted, random.Random(plan.seed + 3))
        files = Files(url)
        ending.callback(files.close)
        return await _play(Run(plan, people, ledger, sky, tell), ledger, sky, noted, files)


async def _play(
    run: Run, ledger: Ledger, sky: Sky, noted: Acknowledgements, files: Files
) -> Result:
    began_at = time.monotonic()
    async with _in_background(run.watch(noted)):
        async with _in_background(run.weathers()):
            await run.traffic()
        written_at = time.monotonic()
        await run.settle(files)
    noted.note()
    left = await asyncio.to_thread(files.find_left, ledger)
    account = take_account(ledger.texts, look(sky.slack, sky.ringcentral), left, HOLD_SECONDS)
    return Result(
        run.plan,
        account,
        time.monotonic() - began_at,
        time.monotonic() - written_at,
        sky.fleet.kills,
        sky.fleet.own_deaths,
        run.was_cut,
    )


@contextlib.asynccontextmanager
async def _in_background(work: Any) -> AsyncIterator[None]:
    task: asyncio.Task[None] = asyncio.create_task(work)
    try:
        yield
        if task.done():
            task.result()  # it goes on until it is cancelled, or has failed
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@contextlib.asynccontextmanager
async def _running_bridge(
    plan: Plan,
    folder: Path,
    url: str,
    slack: SlackSimulator,
    ringcentral: RingCentralSimulator,
    dice: random.Random,
) -> AsyncIterator[Fleet]:
    port = free_port()
    environment = bridge_environment(
        slack,
        ringcentral,
        database_url=url,
        port=port,
        BRIDGE_SECRET_KEYS=Fernet.generate_key().decode(),
        BRIDGE_HOLD_SECONDS=str(HOLD_SECONDS),
        BRIDGE_RATE_LIMITS="0",
        BRIDGE_LOOK_SECONDS="0.4,1,4",
        BRIDGE_SEND_SECONDS="1.5",
        BRIDGE_SYNC_SECONDS="1",
        VICTIM_DISK_FULL_BY=str(folder / "disk-full") if plan.engine == "sqlite" else "",
    )
    slack.install(request_url=f"http://127.0.0.1:{port}/slack/events", mode="http")
    async with running_fleet(plan.engine, folder, environment, port, dice) as fleet:
        await slack.command("Ada", CHANNEL, "/sms", f"connect {NUMBER}")
        await ringcentral.wait_for(lambda: ringcentral.subscriptions, 30.0)
        yield fleet


@contextlib.contextmanager
def _database(engine: Engine, folder: Path) -> Any:
    if engine == "sqlite":
        yield f"sqlite:///{folder / 'bridge.db'}"
        return
    with postgres_server() as server_url:
        plain = parse_url(server_url).set(drivername="postgresql")
        name = f"bridge_chaos_{random.SystemRandom().randrange(16**8):08x}"
        with psycopg.connect(
            plain.render_as_string(hide_password=False), autocommit=True
        ) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        yield parse_url(server_url).set(database=name).render_as_string(hide_password=False)


def engine_named(name: str) -> Engine:
    """The engine of a command line."""
    return cast(Engine, name)
