"""The composition root: the only file that knows every room."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field

import structlog
from sqlmodel import Session, select
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from bridge.clock import Clock
from bridge.delays import DelayWatch
from bridge.doctor import CHECK_SECONDS, Doctor, examine
from bridge.errors import StartRefused
from bridge.findings import Finding
from bridge.metrics import MetricsPage
from bridge.outbox.gates import BudgetOf, Gates, no_budget, provider_budget
from bridge.outbox.settling import Timing
from bridge.outbox.worker import Worker
from bridge.receiving import ReceivingWatch
from bridge.relay.read_marks import message_settled
from bridge.relay.receiving import patience_with
from bridge.relay.settled import ON_SETTLED, tell_stuck
from bridge.ringcentral.side import RingCentralSide, build_ringcentral
from bridge.settings import Settings
from bridge.slack.side import SlackSide, build_slack
from bridge.web import build_monitor, build_web
from bridge.xray import sandbox_routes, set_clock_from
from storage import inboxes, migrate
from storage.database import Database
from storage.errors import DATABASE_AWAY, SchemaMismatch
from storage.liveness import Liveness
from storage.secrets import use_keys

log = structlog.get_logger()

ALL_ROLES = frozenset({"web", "worker"})
READY_SECONDS = 3.0
ANSWER_SHARE = 0.8  # of the time in which an answer is prepared
SIDE_STOP_SECONDS = 3.0
LET_GO_SECONDS = 1.5
SENDS_PER_LEASE = 3.0  # a send, and what is read before it, end well inside the lease


@dataclass
class Bridge:
    """One process of the bridge; `web` and `monitor` are served by whoever started it."""

    settings: Settings
    roles: frozenset[str]
    clock: Clock
    database: Database
    liveness: Liveness
    slack: SlackSide
    ringcentral: RingCentralSide
    doctor: Doctor
    worker: Worker | None
    web: ASGIApp
    monitor: ASGIApp
    _watching: list[asyncio.Task[None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.delays = DelayWatch(self.database, self.clock)
        patience = patience_with(self.settings.sync_seconds)
        self.receiving = ReceivingWatch(self.database, self.clock, patience)
        self.slack.use_doctor(self.examine_in_time)

    async def examine(self, seconds: float = CHECK_SECONDS) -> list[Finding]:
        """Look at all the bridge needs, each look bounded; both sides must be open."""
        checks = [
            *self.doctor.checks(),
            *self.slack.examination.checks(),
            *self.ringcentral.examination.checks(),
        ]
        return await examine(checks, seconds)

    async def examine_in_time(self) -> list[Finding]:
        """The same within the time in which an answer is prepared."""
        return await self.examine(min(CHECK_SECONDS, ANSWER_SHARE * self.settings.send_seconds))

    async def open(self) -> None:
        """Learn whose Slack this is: before anything is answered, lest an event be misjudged."""
        await self.slack.start(receives="web" in self.roles)

    async def start(self) -> None:
        """Log in to RingCentral, subscribe, and drain the outbox: once `web` is being served."""
        await self.ringcentral.start()
        if self.worker is not None:
            await self.worker.start()
            self._watching = [
                asyncio.create_task(self.delays.run(), name="delays"),
                asyncio.create_task(self.receiving.run(), name="receiving"),
            ]
        if not await self.database.read(inboxes.find_connected):
            log.warning("bridge.no_inbox", remedy=first_steps(self.settings))

    async def stop_working(self) -> None:
        """Claim nothing more, and let what is being sent end, within a bound."""
        for task in self._watching:
            task.cancel()
        if self._watching:
            await asyncio.wait(self._watching)
        if self.worker is not None:
            await self.worker.stop()

    async def stop(self) -> None:
        """Take nothing new, let what is in flight end, and let go of everything.

        Each step is bounded, so that one that hangs does not keep the next from being done.
        """
        await self.stop_working()
        async with asyncio.TaskGroup() as sides:
            sides.create_task(_within(SIDE_STOP_SECONDS, "ringcentral", self.ringcentral.stop()))
            sides.create_task(_within(SIDE_STOP_SECONDS, "slack", self.slack.stop()))
        await _within(LET_GO_SECONDS, "liveness", self.liveness.release())
        await _within(LET_GO_SECONDS, "database", self.database.close())


async def _within(seconds: float, what: str, step: Awaitable[None]) -> None:
    try:
        async with asyncio.timeout(seconds):
            await step
    except TimeoutError:
        log.warning("bridge.stop_cut_short", what=what, after_seconds=seconds)


def first_steps(settings: Settings) -> str:
    """What to do where no number is connected yet."""
    command = settings.command
    return (
        f"No number is connected yet. In Slack: invite the app to the channel that shall show "
        f"the texts, type `{command} numbers` there to see what can be connected, then "
        f"`{command} connect <number>`."
    )


async def open_bridge(
    settings: Settings, *, clock: Clock | None = None, roles: frozenset[str] = ALL_ROLES
) -> Bridge:
    """Build a process of the bridge; raises StartRefused with a remedy where it cannot run."""
    use_keys(settings.secret_key_list)
    try:
        await asyncio.to_thread(migrate.check, settings.database_url)
    except SchemaMismatch as mismatch:
        raise StartRefused(str(mismatch)) from mismatch
    clock = clock or Clock()
    database = await Database.open(settings.database_url)
    try:
        return await _compose(settings, clock, database, roles)
    except BaseException:
        await database.close()
        raise


async def _compose(
    settings: Settings, clock: Clock, database: Database, roles: frozenset[str]
) -> Bridge:
    budget_of = provider_budget if settings.rate_limits else no_budget
    gates = Gates(database, budget_of)
    liveness = await Liveness.hold(database)
    slack = build_slack(settings, database, gates, clock)
    ringcentral = build_ringcentral(settings, database, gates, clock, slack.phone_text_of, liveness)
    slack.use_numbers(ringcentral)
    worker = None
    if "worker" in roles:
        worker = Worker(
            database,
            clock,
            liveness,
            {"slack": slack.sender, "ringcentral": ringcentral.sender},
            {**ON_SETTLED, "message": message_settled} if settings.mark_read else ON_SETTLED,
            on_stuck=tell_stuck,
            budget_of=budget_of,
            timing=Timing(
                send_seconds=settings.send_seconds,
                lease_seconds=SENDS_PER_LEASE * settings.send_seconds,
                looks_after_seconds=settings.look_after_seconds,
            ),
        )

    async def is_ready() -> dict[str, bool]:
        return {
            "database": await _answers(database),
            "worker": worker is None or worker.is_running,
        }

    metrics = _metrics_page(settings, clock, database, budget_of)
    web = build_web(
        slack=slack.asgi,
        ringcentral=ringcentral.asgi,
        is_ready=is_ready,
        metrics=metrics,
        sandbox_routes=_sandbox_routes(settings, clock, database, budget_of),
    )
    monitor = build_monitor(is_ready, metrics)
    doctor = Doctor(settings, database, clock, budget_of)
    return Bridge(
        settings, roles, clock, database, liveness, slack, ringcentral, doctor, worker, web, monitor
    )


def _metrics_page(
    settings: Settings, clock: Clock, database: Database, budget_of: BudgetOf
) -> MetricsPage:
    token = settings.metrics_token
    return MetricsPage(
        database,
        clock,
        budget_of,
        token=token.get_secret_value() if token is not None else None,
        is_open=not settings.is_public,
    )


def _sandbox_routes(
    settings: Settings, clock: Clock, database: Database, budget_of: BudgetOf
) -> Sequence[BaseRoute]:
    if settings.sandbox_token is None:
        return ()
    if settings.sandbox_clock:
        set_clock_from(clock, settings.sandbox_clock)
    return sandbox_routes(settings.sandbox_token.get_secret_value(), clock, database, budget_of)


async def _answers(database: Database) -> bool:
    try:
        async with asyncio.timeout(READY_SECONDS):
            return await database.read(_one) == 1
    except (*DATABASE_AWAY, TimeoutError):
        return False


def _one(session: Session) -> int:
    return session.scalar(select(1)) or 0
