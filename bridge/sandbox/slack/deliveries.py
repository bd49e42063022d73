"""Events on their way to the app: who hears of what, the envelope, repeats, and the record."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal

from bridge.sandbox.faults import Faults
from bridge.sandbox.slack.channels import Channel
from bridge.sandbox.slack.clock import SlackClock
from bridge.sandbox.slack.errors import Json
from bridge.sandbox.slack.installation import VERIFICATION_TOKEN, Installation
from bridge.sandbox.slack.people import TEAM_ID
from bridge.sandbox.slack.sending import Answer, Retry, Transport
from bridge.sandbox.slack.workspace import Workspace

State = Literal["pending", "delivered", "given_up"]
RETRY_DELAYS_SECONDS = (1.0, 60.0, 300.0)
# A subscription is switched off when more than 95 % fail within an hour of at least 1,000 events.
FAILURE_SHARE, FAILURE_WINDOW_SECONDS, FAILURE_MINIMUM = 0.95, 3600.0, 1000


@dataclass(slots=True, eq=False)
class Delivery:
    """One event on its way; `attempts` holds what each try was answered.

    `delivered_at` is the machine's time, in seconds since 1970, of the answer that took it.
    """

    subscription: str
    body: Json
    state: State = "pending"
    delivered_at: float | None = None
    attempts: list[Answer] = field(default_factory=list)

    @property
    def event_id(self) -> str:
        return str(self.body["event_id"])

    @property
    def event(self) -> Json:
        event: Json = self.body["event"]
        return event


class Deliveries:
    """Delivers events at once and repeats them as Slack does, each on its own."""

    def __init__(
        self,
        workspace: Workspace,
        transport: Callable[[], Transport],
        faults: Faults,
        retry_delays_seconds: tuple[float, ...] = RETRY_DELAYS_SECONDS,
        keep: int = 50_000,
    ) -> None:
        self._workspace = workspace
        self._transport = transport
        self._faults = faults
        self._retry_delays_seconds = retry_delays_seconds
        self._tasks: set[asyncio.Task[None]] = set()
        self._outcomes: deque[tuple[float, bool]] = deque()
        self.log: deque[Delivery] = deque(maxlen=keep)
        self.under_way = 0
        self.is_disabled = False

    @property
    def _installation(self) -> Installation:
        return self._workspace.installation

    @property
    def _clock(self) -> SlackClock:
        return self._workspace.clock

    def announce(self, subscription: str, event: Json, channel: Channel | None, team: str) -> None:
        """Tell the app of a change it subscribed to, in a channel it is a member of."""
        self._workspace.changed()
        if not self.is_wanted(subscription, channel):
            return
        is_shared = channel is not None and channel.is_shared

        async def send() -> None:
            await self._deliver(Delivery(subscription, self.envelope(event, is_shared, team)))

        self.under_way += 1
        self.start(self._through_faults(subscription, send))

    def resume(self, delivery: Delivery) -> None:
        """Deliver an event of an earlier run."""

        async def send() -> None:
            await self._deliver(delivery)

        self.under_way += 1
        self.start(self._through_faults(delivery.subscription, send))

    def is_wanted(self, subscription: str, channel: Channel | None) -> bool:
        installation = self._installation
        if not installation.is_installed or self.is_disabled:
            return False
        if subscription not in installation.bot_events:
            return False
        return channel is None or installation.bot_user_id in channel.members

    def envelope(self, event: Json, is_shared: bool = False, team_id: str = TEAM_ID) -> Json:
        """The outer event; `team_id` is where it happened, which may be another workspace."""
        installation = self._installation
        return {
            "token": VERIFICATION_TOKEN,
            "team_id": team_id,
            "context_team_id": TEAM_ID,
            "context_enterprise_id": None,
            "api_app_id": installation.app_id,
            "event": event,
            "type": "event_callback",
            "event_id": f"Ev{secrets.token_hex(5).upper()}",
            "event_time": int(self._clock.now()),
            "authorizations": [
                {
                    "enterprise_id": None,
                    "team_id": TEAM_ID,
                    "user_id": installation.bot_user_id,
                    "is_bot": True,
                    "is_enterprise_install": False,
                }
            ],
            "is_ext_shared_channel": is_shared,
            "event_context": f"4-{secrets.token_urlsafe(24)}",
        }

    def start(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _through_faults(self, subscription: str, send: Callable[[], Awaitable[None]]) -> None:
        try:
            await self._faults.send(subscription, send)
        finally:
            self.under_way -= 1
            self._workspace.changed()

    async def _deliver(self, delivery: Delivery) -> None:
        """The first attempt; repeats go on by themselves, so that nothing waits behind them."""
        self.log.append(delivery)
        if not await self._attempt(delivery, None):
            self.under_way += 1
            self.start(self._repeat(delivery))

    async def _repeat(self, delivery: Delivery) -> None:
        try:
            for number, delay_seconds in enumerate(self._retry_delays_seconds, start=1):
                if delivery.attempts[-1].no_retry:
                    break
                await self._clock.pace.sleep(delay_seconds)
                reason = delivery.attempts[-1].failure or "unknown_error"
                if await self._attempt(delivery, Retry(number, reason)):
                    return
            delivery.state = "given_up"
        finally:
            self.under_way -= 1
            self._workspace.changed()

    async def _attempt(self, delivery: Delivery, retry: Retry | None) -> bool:
        url = self._installation.request_url
        answer = await self._transport().send("events_api", delivery.body, url, retry)
        delivery.attempts.append(answer)
        self._note_outcome(answer.failure is None)
        if answer.failure is None:
            delivery.state, delivery.delivered_at = "delivered", time.time()
        self._workspace.changed()
        return answer.failure is None

    def _note_outcome(self, succeeded: bool) -> None:
        now = self._clock.running()
        self._outcomes.append((now, succeeded))
        while self._outcomes[0][0] < now - FAILURE_WINDOW_SECONDS:
            self._outcomes.popleft()
        if succeeded or len(self._outcomes) < FAILURE_MINIMUM:
            return
        failed = sum(not one for _, one in self._outcomes)
        self.is_disabled = failed > FAILURE_SHARE * len(self._outcomes)

    async def stop(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
