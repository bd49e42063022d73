"""The RingCentral side, put together: what it offers, and what it runs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog
from starlette.types import ASGIApp

from bridge.clock import Clock, sleep, wait_at_most
from bridge.errors import ProviderProblem
from bridge.outbox.gates import Gates
from bridge.relay.texts import OwnNumber
from bridge.ringcentral.auth import Credentials, Tokens
from bridge.ringcentral.catchup import CatchUp, tell_login_refused
from bridge.ringcentral.client import RingCentralClient
from bridge.ringcentral.directory import Directory
from bridge.ringcentral.door import Door
from bridge.ringcentral.examine import RingCentralExamination
from bridge.ringcentral.inbound import Webhook
from bridge.ringcentral.parse import NotUnderstood
from bridge.ringcentral.problems import LoginRefused, NotSent
from bridge.ringcentral.read_marks import ReadMarks
from bridge.ringcentral.sender import PhoneTextOf, RingCentralSender
from bridge.ringcentral.subscription import WATCH_SECONDS, SubscriptionWatch
from bridge.ringcentral.turns import Turns
from bridge.settings import Settings
from storage import logins
from storage.database import Database
from storage.liveness import Liveness

log = structlog.get_logger(__name__)

LOGIN_NAME = "ringcentral"
WATCH_AGAIN_SECONDS = (1.0, 2.0, 5.0, 15.0, 60.0)  # the web server may start after us
TOLD_FROM_FAILURES = 2  # while one of our processes starts or stops, nobody listens for a moment
AGAIN_SECONDS = 5.0
STOP_SECONDS = 10.0


class RingCentralSide:
    """One login at RingCentral. `sender` and `asgi` exist at once, the rest after `open`."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        gates: Gates,
        clock: Clock,
        phone_text_of: PhoneTextOf,
        liveness: Liveness | None = None,
    ) -> None:
        self._settings = settings
        self._database = database
        self._gates = gates
        self._clock = clock
        self._turns = Turns(database, liveness)
        self._door: Door | None = None
        self._tokens: Tokens | None = None
        self._client: RingCentralClient | None = None
        self._directory: Directory | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._unsubscribe: list[Callable[[], None]] = []
        self._inboxes_changed = asyncio.Event()
        self._watch_now = asyncio.Event()
        self.examination = RingCentralExamination(
            settings, database, clock, self._opened, self._opened_directory
        )
        self.webhook = Webhook(database, clock, settings.region)
        self.sender = RingCentralSender(database, self.client_of, phone_text_of)
        self.catch_up = CatchUp(
            self.client_of,
            database,
            clock,
            turns=self._turns,
            region=settings.region,
            sync_seconds=settings.sync_seconds,
        )

        self.read_marks = ReadMarks(self.client_of, database, clock)

    @property
    def asgi(self) -> ASGIApp:
        """What answers at the webhook's path."""
        return self.webhook

    def client_of(self, login_id: int) -> RingCentralClient:
        """The client of a login; raises NotSent for one whose credentials are not set."""
        if self._client is None or self._client.login_id != login_id:
            raise NotSent("There are no credentials for this RingCentral login.", "unknown_login")
        return self._client

    async def numbers(self) -> list[OwnNumber]:
        """The numbers the login sees, those it can send from first; raises ProviderProblem."""
        return await self._opened_directory().numbers()

    async def number(self, phone_number: str) -> OwnNumber | None:
        """One of them (E.164) as it is now, None where the login has none; as `numbers`."""
        return await self._opened_directory().number(phone_number)

    async def open(self) -> None:
        """Make ready to ask and to send, without running anything or asking the network."""
        login = await self._database.write(logins.get_or_add, LOGIN_NAME)
        assert login.id is not None, "read from its table"
        self._door = Door(self._settings.ringcentral_url, login.id, self._gates)
        self._tokens = Tokens(self._door, self._database, self._credentials(), self._turns)
        self._client = RingCentralClient(self._door, self._tokens)
        self._directory = Directory(self._client, self._settings.region)
        self._hear("tokens", self._tokens.look_again)

    async def start(self) -> None:
        """`open`, then keep the token, the subscription and the stores up to date."""
        await self.open()
        await self._learn_inboxes()
        await self.catch_up.open_gaps()
        self._hear("cursors", self.catch_up.wake)
        self._hear("inboxes", self._note_inboxes)
        self._hear("subscriptions", self.webhook.forget_tokens)
        self._run("token", self._keep_token)
        self._run("inboxes", self._follow_inboxes)
        self._run("catch-up", self.catch_up.run)
        if self._settings.mark_read:
            self._run("read marks", self.read_marks.run)
        if self._settings.public_url:
            self._run("subscription", self._watch_subscription)

    async def stop(self) -> None:
        """End what runs, within a bound, and close the connections."""
        for unsubscribe in self._unsubscribe:
            unsubscribe()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=STOP_SECONDS)
        self._tasks.clear()
        self._unsubscribe.clear()
        if self._tokens is not None:
            await self._tokens.close()
        if self._door is not None:
            await self._door.close()

    def _credentials(self) -> Credentials:
        return Credentials(
            self._settings.ringcentral_client_id,
            self._settings.ringcentral_client_secret.get_secret_value(),
            self._settings.ringcentral_jwt.get_secret_value(),
        )

    def _opened(self) -> RingCentralClient:
        if self._client is None:
            raise ProviderProblem("The RingCentral side is not open yet.")
        return self._client

    def _opened_directory(self) -> Directory:
        if self._directory is None:
            raise ProviderProblem("The RingCentral side is not open yet.")
        return self._directory

    def _hear(self, name: str, callback: Callable[[], None]) -> None:
        self._unsubscribe.append(self._database.on_signal(name, callback))

    def _note_inboxes(self) -> None:
        self._inboxes_changed.set()
        self._watch_now.set()
        self.catch_up.wake_for_inboxes()

    def _run(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        self._tasks.append(
            asyncio.create_task(self._forever(name, work), name=f"ringcentral {name}")
        )

    async def _forever(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """What fails is told and tried again: RingCentral or the database may be away for hours."""
        while True:
            wait_seconds = AGAIN_SECONDS
            try:
                await work()
            except NotSent as problem:
                wait_seconds = problem.after_seconds or AGAIN_SECONDS
                log.warning("ringcentral.not_reached", work=name, code=problem.code)
            except ProviderProblem as problem:
                log.warning("ringcentral.work_failed", work=name, code=problem.code)
            except Exception:
                log.exception("ringcentral.work_crashed", work=name)
            await sleep(wait_seconds)

    async def _keep_token(self) -> None:
        assert self._tokens is not None, "opened"
        try:
            self.webhook.own_store = await self._tokens.identity()
            await self._tokens.keep_fresh()
        except LoginRefused as refusal:
            await self._database.write(tell_login_refused, refusal, self._clock.now())
            raise

    async def _learn_inboxes(self) -> None:
        self._inboxes_changed.clear()
        await self.webhook.learn_own_numbers()

    async def _follow_inboxes(self) -> None:
        while True:
            await self._inboxes_changed.wait()
            await self._learn_inboxes()

    async def _watch_subscription(self) -> None:
        assert self._settings.public_url is not None, "watched only with an address"
        watch = SubscriptionWatch(
            self._opened(),
            self._database,
            self._clock,
            self._settings.public_url,
            self._turns,
        )
        failures = 0
        while True:
            self._watch_now.clear()
            try:
                await watch.ensure(tells=failures >= TOLD_FROM_FAILURES)
                failures, wait_seconds = 0, WATCH_SECONDS
            except (ProviderProblem, NotUnderstood) as problem:
                wait_seconds = (*WATCH_AGAIN_SECONDS, WATCH_SECONDS)[min(failures, 5)]
                failures += 1
                log.warning("ringcentral.subscription_failed", problem=str(problem))
            await wait_at_most(self._watch_now, wait_seconds)


def build_ringcentral(
    settings: Settings,
    database: Database,
    gates: Gates,
    clock: Clock,
    phone_text_of: PhoneTextOf,
    liveness: Liveness | None = None,
) -> RingCentralSide:
    """The RingCentral side of these settings; `phone_text_of` is the Slack side's.

    With `liveness` what a dead process was at is taken over at once, else when its lease ends.
    """
    return RingCentralSide(settings, database, gates, clock, phone_text_of, liveness)
