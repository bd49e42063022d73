"""One run: people write, things go wrong, everything ends, and each text is accounted for."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import random
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

import psycopg
from cryptography.fernet import Fernet

from bridge.sandbox.ringcentral import RingCentralSimulator
from bridge.sandbox.slack import SlackSimulator
from bridge.sandbox.supervisor import bridge_environment, free_port
from storage import migrate
from storage.database import parse_url
from tests.chaos.account import CALM, Account, Gust, take_account
from tests.chaos.eyes import INBOXES, Acknowledgements, Eyes, Files
from tests.chaos.fleet import Engine, Fleet, running_fleet
from tests.chaos.ledger import Ledger, fate_of
from tests.chaos.outages import SEND_SECONDS
from tests.chaos.people import COLLEAGUES, People
from tests.chaos.sky import Sky
from tests.chaos.weather import WEATHERS, Weather, blow
from tests.postgres_server import postgres_server

SlackWay = Literal["http", "socket"]

NAMED_SERVER = "BRIDGE_TEST_DATABASE_URL"  # it may be others' too
HOLD_SECONDS = 1.0
MOST_OPEN = 500  # people wait when this much is under way
FIRST_CALM_SHARE, CALM_SHARE = 0.08, 0.4  # of all the traffic's time; of each weather's time
SHORTEST_SECONDS, LONGEST_SECONDS = 1.5, 8.0
LOOK_SECONDS = 0.5
SETTLE_SECONDS = 240.0  # the longest pause before a retry is 64 s, and a question can follow it
LOOKS_AFTER = (0.4, 1.0, 5.0)
# A provider that stands still so long may do a thing after the last look for it: no fault of ours.
BEARABLE_STALL_SECONDS = LOOKS_AFTER[-1] - 2.0
STALL_LOOK_SECONDS = 0.1
QUIET_SECONDS = 2.0  # nothing is owed any more: what comes now was asked for by nothing on file
DAY_OF_RETRIES = (1.0,) * 10 + (2.0,) * 290


@dataclass(frozen=True)
class Limits:
    """What the providers allow: RingCentral's windows and penalty may be made shorter."""

    ringcentral_scale: float = 1.0
    window_seconds: float = 60.0
    penalty_seconds: float = 60.0


@dataclass(frozen=True)
class Plan:
    """What a run is; the same plan has the same traffic and the same weather."""

    texts: int = 10_000
    seed: int = 1
    engine: Engine = "sqlite"
    faults: Sequence[str] = ()  # all that the engine knows
    minutes: float = 30.0
    texts_per_second: float = 20.0
    slack: SlackWay = "http"
    limits: Limits | None = None  # none: what is played here in minutes takes days

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
    owed: Sequence[str]  # what was not settled at the end, in words
    longest_stall_seconds: float
    penalties: int  # requests that were refused for a rate limit
    pressed_on: int  # requests sent while a penalty was on

    @property
    def is_clean(self) -> bool:
        """All texts were written, each has the fate it may have, and nothing is left over."""
        return not self.troubles()

    @property
    def is_doubtful(self) -> bool:
        """The machine, and the providers on it, stood still for longer than a client can wait."""
        return self.longest_stall_seconds > BEARABLE_STALL_SECONDS

    def troubles(self) -> list[str]:
        """Why the run is not clean, a sentence each."""
        found = [f"{len(each)} {fate}" for fate, each in self.account.bad.items() if each]
        if self.account.disordered:
            found.append(f"{len(self.account.disordered)} pairs disordered")
        if self.own_deaths:
            codes = ", ".join(map(str, self.own_deaths))
            found.append(f"{len(self.own_deaths)} processes ended by themselves (exit {codes})")
        if self.owed:
            found.append(f"not settled at the end: {', '.join(self.owed)}")
        if self.was_cut:
            found.append("the time was over before all texts were written")
        return found


Tell = Callable[[str], None]


@dataclass
class Run:
    """The stage while a run is on."""

    plan: Plan
    people: People
    eyes: Eyes
    ledger: Ledger
    sky: Sky
    files: Files
    noted: Acknowledgements
    tell: Tell
    weather: str = CALM
    open_count: int = 0
    was_cut: bool = False
    gusts: list[Gust] = field(default_factory=list)
    owed: Sequence[str] = ()
    longest_stall_seconds: float = 0.0
    _unsettled: list[str] = field(default_factory=list)
    _watched: int = 0
    _began_at: float = field(default_factory=time.monotonic)

    @property
    def _seconds(self) -> float:
        return time.monotonic() - self._began_at

    async def traffic(self) -> None:
        """People write all the texts of the plan, or until its time is over."""
        dice = random.Random(self.plan.seed)
        while self.ledger.count < self.plan.texts:
            if self._seconds > self.plan.minutes * 60:
                self.was_cut = True
                break
            if self.open_count < MOST_OPEN:
                await self.people.type_one(self.weather)
            await asyncio.sleep(dice.expovariate(self.plan.texts_per_second))
        await self.people.finished()

    async def weathers(self) -> None:
        """One weather after the other, calm before and between them, until cancelled."""
        dice = random.Random(self.plan.seed + 1)
        weathers = self.plan.weathers()
        seconds = self.plan.texts / self.plan.texts_per_second
        share = seconds * (1 - FIRST_CALM_SHARE) / max(1, len(weathers)) / (1 + CALM_SHARE)
        share = min(max(share, SHORTEST_SECONDS), LONGEST_SECONDS)
        await asyncio.sleep(seconds * FIRST_CALM_SHARE)
        while True:
            for weather in dice.sample(weathers, len(weathers)):
                await self._blow(weather, share)
                await asyncio.sleep(share * CALM_SHARE)

    async def _blow(self, weather: Weather, seconds: float) -> None:
        self.weather, from_at = weather.name, time.time()
        self.tell(f"{self._progress()}  {weather.name}")
        try:
            await blow(weather, self.sky, seconds)
        finally:
            self.weather = CALM
            until_at = time.time() + weather.aftermath_seconds
            self.gusts.append(Gust(weather.name, from_at, until_at))

    async def watch(self) -> None:
        """Keep count, and let people act on what they are told, until cancelled."""
        while True:
            self.noted.note()
            self.open_count = self._count_open()
            await self.people.retry()
            await asyncio.sleep(LOOK_SECONDS)

    async def watch_machine(self) -> None:
        """Note how long this machine, and the providers on it, stood still, until cancelled."""
        while True:
            asleep_at = time.monotonic()
            await asyncio.sleep(STALL_LOOK_SECONDS)
            stalled = time.monotonic() - asleep_at - STALL_LOOK_SECONDS
            self.longest_stall_seconds = max(self.longest_stall_seconds, stalled)

    def _count_open(self) -> int:
        """About how many: a text that failed and is tried again is not counted once more."""
        seen, texts = self.eyes.look(), self.ledger.texts
        self._unsettled += itertools.islice(texts, self._watched, None)
        self._watched = len(texts)
        self._unsettled = [each for each in self._unsettled if fate_of(texts[each], seen) == "open"]
        return len(self._unsettled)

    def find_open(self) -> list[str]:
        """Texts of which nothing has reached anybody yet."""
        seen = self.eyes.look()
        return [token for token, text in self.ledger.texts.items() if fate_of(text, seen) == "open"]

    async def settle(self) -> None:
        """Wait, within a bound, until everything has arrived and everybody asked has decided."""
        self.weather = CALM
        until, told_at = time.monotonic() + SETTLE_SECONDS, 0.0
        quiet_since = time.monotonic()
        while time.monotonic() < until:
            asked = await self.people.decide()
            still_open, owed = self.find_open(), await asyncio.to_thread(self.files.find_owed)
            self.owed = [*owed, *([f"{asked} asked"] if asked else []), *still_open]
            if self.owed:
                quiet_since = time.monotonic()
            if time.monotonic() - quiet_since > QUIET_SECONDS:
                return
            if time.monotonic() - told_at > 5.0:
                told_at = time.monotonic()
                self.tell(f"{self._progress()}  settling: {', '.join(self.owed[:8]) or 'quiet'}")
            await asyncio.sleep(LOOK_SECONDS)

    def _progress(self) -> str:
        texts = f"{self.ledger.count:>6}/{self.plan.texts} texts"
        return f"{self._seconds:6.0f} s  {texts}  {self.open_count:>4} under way  " + (
            f"{self.sky.fleet.kills:>3} kills"
        )


async def run_chaos(plan: Plan, folder: Path, tell: Tell) -> Result:
    """Play a plan to its end; raises FleetFailed where the bridge cannot be brought up."""
    async with staged(plan, folder, tell) as run:
        return await _play(run)


@contextlib.asynccontextmanager
async def staged(plan: Plan, folder: Path, tell: Tell) -> AsyncIterator[Run]:
    """Everything a run needs, up and connected, before anybody has written."""
    async with contextlib.AsyncExitStack() as ending:
        url = ending.enter_context(_database(plan.engine, folder))
        await asyncio.to_thread(migrate.upgrade, url)
        slack, ringcentral = _simulators(plan)
        await ending.enter_async_context(slack)
        await ending.enter_async_context(ringcentral)
        dice = random.Random(plan.seed + 2)
        fleet = await ending.enter_async_context(
            _running_bridge(plan, folder, url, slack, ringcentral, dice)
        )
        ledger = Ledger()
        noted = Acknowledgements(slack, ringcentral, ledger)
        owns_server = NAMED_SERVER not in os.environ
        full_disk = folder / "disk-full"
        sky = Sky(slack, ringcentral, fleet, plan.engine, url, full_disk, owns_server, dice)
        eyes = Eyes(slack, ringcentral)
        people = People(sky, eyes, ledger, noted, random.Random(plan.seed + 3))
        files = Files(url)
        ending.callback(files.close)
        run = Run(plan, people, eyes, ledger, sky, files, noted, tell)
        async with in_background(run.watch()), in_background(run.watch_machine()):
            yield run


def _simulators(plan: Plan) -> tuple[SlackSimulator, RingCentralSimulator]:
    limits = plan.limits
    # what is played here passes in minutes; Slack's repeats take up to a day
    slack = SlackSimulator(rate_limits=limits is not None, retry_delays_seconds=DAY_OF_RETRIES)
    if limits is None:
        ringcentral = RingCentralSimulator(rate_limits=False)
    else:
        ringcentral = RingCentralSimulator(
            rate_limit_scale=limits.ringcentral_scale,
            rate_limit_window_seconds=limits.window_seconds,
            penalty_seconds=limits.penalty_seconds,
        )
    ringcentral.world.notifier.sent = deque()  # unbounded: each is taken out as it is seen
    return slack, ringcentral


async def _play(run: Run) -> Result:
    began_at = time.monotonic()
    async with in_background(run.weathers()):
        await run.traffic()
    written_at = time.monotonic()
    await run.sky.fleet.until_ready()
    await run.settle()
    return await concluded(run, began_at, written_at)


async def concluded(run: Run, began_at: float, written_at: float) -> Result:
    """The account of a run that has settled."""
    run.noted.note()
    sky = run.sky
    left = await asyncio.to_thread(run.files.find_left, run.ledger)
    seen = run.eyes.look()
    requests = sky.ringcentral.requests
    return Result(
        run.plan,
        take_account(run.ledger.texts, seen, left, HOLD_SECONDS, run.gusts),
        time.monotonic() - began_at,
        time.monotonic() - written_at,
        sky.fleet.kills,
        sky.fleet.own_deaths,
        run.was_cut,
        run.owed,
        run.longest_stall_seconds,
        sum(each.status == 429 for each in requests),
        sum(each.during_penalty for each in requests),
    )


@contextlib.asynccontextmanager
async def in_background(work: Any) -> AsyncIterator[None]:
    """Runs beside the context; what it fails with is raised at the context's end."""
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
        socket_mode=plan.slack == "socket",
        BRIDGE_SECRET_KEYS=Fernet.generate_key().decode(),
        BRIDGE_HOLD_SECONDS=str(HOLD_SECONDS),
        BRIDGE_RATE_LIMITS="0" if plan.limits is None else "1",
        BRIDGE_LOOK_SECONDS=",".join(map(str, LOOKS_AFTER)),
        BRIDGE_SEND_SECONDS=str(SEND_SECONDS),
        BRIDGE_SYNC_SECONDS="1" if plan.limits is None else "5",
        VICTIM_DISK_FULL_BY=str(folder / "disk-full") if plan.engine == "sqlite" else "",
    )
    events = f"http://127.0.0.1:{port}/slack/events" if plan.slack == "http" else None
    slack.install(request_url=events, mode=plan.slack)
    async with running_fleet(plan.engine, folder, environment, port, dice) as fleet:
        for number, channel in INBOXES.items():
            if channel not in {each.name for each in slack.workspace.channels.values()}:
                await slack.create_channel(channel, COLLEAGUES)
                await slack.invite_bot(channel)
            await slack.command("Ada", channel, "/sms", f"connect {number}")
        await ringcentral.wait_for(lambda: _are_connected(ringcentral), 30.0)
        yield fleet


def _are_connected(ringcentral: RingCentralSimulator) -> bool:
    """RingCentral tells of the texts to all our inboxes."""
    owners = [ringcentral.account.store_owner(ringcentral.account.number(n)) for n in INBOXES]
    told = {each.extension_id for one in ringcentral.subscriptions for each in one.filters}
    return {each.extension_id for each in owners if each is not None} <= told


@contextlib.contextmanager
def _database(engine: Engine, folder: Path) -> Iterator[str]:
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


def slack_way_named(name: str) -> SlackWay:
    """How Slack reaches the bridge, of a command line."""
    return cast(SlackWay, name)
