"""Sending events to webhooks and WebSockets, and suspending webhooks that keep failing."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import secrets
import uuid
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import aiohttp
from yarl import URL

from bridge.sandbox.faults import Faults
from bridge.sandbox.ringcentral.account import Account
from bridge.sandbox.ringcentral.calls import write_json
from bridge.sandbox.ringcentral.clock import SimulatorClock, to_iso
from bridge.sandbox.ringcentral.consents import Consent
from bridge.sandbox.ringcentral.errors import Refusal
from bridge.sandbox.ringcentral.messages import Message, Renderer
from bridge.sandbox.ringcentral.settings import Settings
from bridge.sandbox.ringcentral.subscriptions import EventFilter, Subscription, Subscriptions

LOOPBACK_HOSTS = {"localhost", "127.0.0.1", "::1"}
USER_AGENT = "RingCentral-WebHook/8.0"
KEPT_NOTIFICATIONS = 10_000


@dataclasses.dataclass(frozen=True, slots=True)
class SentNotification:
    """One notification that left; `status` is the webhook's answer, 0 for none."""

    subscription_id: str
    body: dict[str, Any]
    status: int
    at: datetime


class Notifier:
    """Turns what happens in the stores into notifications, each sent once, as its own task.

    RingCentral does not document a retry of a failed notification, so there is none.
    """

    def __init__(
        self,
        account: Account,
        clock: SimulatorClock,
        settings: Settings,
        renderer: Renderer,
        subscriptions: Subscriptions,
        faults: Faults,
    ) -> None:
        self._account = account
        self._clock = clock
        self._settings = settings
        self._renderer = renderer
        self._subscriptions = subscriptions
        self._faults = faults
        self._tasks: set[asyncio.Task[None]] = set()
        self._http: aiohttp.ClientSession | None = None
        self.sent: deque[SentNotification] = deque(maxlen=KEPT_NOTIFICATIONS)
        self.push_to_websocket: Callable[[str, dict[str, Any]], Awaitable[None]] = _nobody_listens

    async def start(self) -> None:
        connector = aiohttp.TCPConnector(limit=64)
        timeout = aiohttp.ClientTimeout(total=self._settings.webhook_timeout_seconds)
        self._http = aiohttp.ClientSession(connector=connector, timeout=timeout)

    async def stop(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._http is not None:
            await self._http.close()
            self._http = None

    @property
    def outstanding(self) -> int:
        return len(self._tasks)

    # What happened

    def message_created(self, message: Message) -> None:
        recipients = self._queue_recipients(message)
        for subscription, each in self._active_filters():
            if each.wants_instant(message, recipients):
                self._emit(subscription, each, self._renderer.event(message))
            if each.wants_change(message):
                change = {"newCount": 1, "newMessageIds": [message.message_id]}
                self._emit(subscription, each, self._change_body(message, change))

    def message_changed(self, message: Message) -> None:
        for subscription, each in self._active_filters():
            if each.wants_change(message):
                body = self._change_body(message, {"updatedCount": 1})
                self._emit(subscription, each, body)

    def consent_changed(self, consent: Consent) -> None:
        for subscription, each in self._active_filters():
            if each.kind == "consents":
                self._emit(subscription, each, {"records": [consent.rest()]})

    def plan_reminders(self, subscription: Subscription) -> None:
        """Remind of the coming end, from `threshold` before it on, every `interval` seconds."""
        for each in subscription.filters:
            if each.kind == "reminder":
                threshold = timedelta(seconds=int(each.option("threshold") or 0))
                self._plan_reminder(subscription, each, subscription.expires_at - threshold)

    def _plan_reminder(self, subscription: Subscription, each: EventFilter, at: datetime) -> None:
        planned_for = subscription.expires_at

        def remind() -> None:
            alive = subscription in self._subscriptions.living()
            if not alive or subscription.expires_at != planned_for:
                return
            left = int((subscription.expires_at - self._clock.now()).total_seconds())
            self._emit(subscription, each, {"expiresIn": left})
            interval = timedelta(seconds=int(each.option("interval") or 0))
            self._plan_reminder(subscription, each, at + interval)

        if at < planned_for:
            self._clock.at(at, remind)

    def _queue_recipients(self, message: Message) -> set[int]:
        store = self._account.extension(message.store_id)
        if store.type != "Department" or not self._settings.queue_events_to_recipients:
            return set()
        return self._account.number(message.own_number).sms_holder_ids

    def _active_filters(self) -> list[tuple[Subscription, EventFilter]]:
        return [
            (subscription, each)
            for subscription in self._subscriptions.living()
            if subscription.status == "Active"
            for each in subscription.filters
        ]

    def _change_body(self, message: Message, change: dict[str, Any]) -> dict[str, Any]:
        return {
            "accountId": str(self._account.account_id),
            "extensionId": str(message.store_id),
            "lastUpdated": to_iso(message.modified_at),
            "changes": [{"type": "SMS", **change}],
            "ownerId": str(message.store_id),
        }

    # Sending

    def _emit(self, subscription: Subscription, each: EventFilter, body: dict[str, Any]) -> None:
        envelope = {
            "uuid": str(uuid.uuid4()),
            "event": each.event,
            "timestamp": to_iso(self._clock.now()),
            "subscriptionId": subscription.subscription_id,
            "ownerId": str(subscription.owner.extension_id),
            "body": body,
        }
        task = asyncio.create_task(self._send(subscription, each.event, envelope))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send(self, subscription: Subscription, event: str, envelope: dict[str, Any]) -> None:
        if self._settings.notification_delay_seconds:
            await asyncio.sleep(self._settings.notification_delay_seconds)
        if subscription.transport == "WebSocket":
            await self._faults.send(
                event, lambda: self.push_to_websocket(subscription.websocket_id, envelope)
            )
        else:
            await self._faults.send(event, lambda: self._send_to_webhook(subscription, envelope))

    async def _send_to_webhook(self, subscription: Subscription, envelope: dict[str, Any]) -> None:
        headers = {}
        if subscription.verification_token:
            headers["Verification-Token"] = subscription.verification_token
        status, problem = 0, "not reachable"
        with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
            status, size, _ = await self._post(subscription.address, headers, envelope)
            problem = self._problem(status, size)
        now = self._clock.now()
        self.sent.append(SentNotification(subscription.subscription_id, envelope, status, now))
        self._judge(subscription, problem, now)

    def _problem(self, status: int, size: int) -> str:
        if status != 200:
            return f"HTTP {status}"
        return "response too big" if size > self._settings.webhook_response_limit_bytes else ""

    @staticmethod
    def _size(response: aiohttp.ClientResponse, body: bytes) -> int:
        lines = sum(len(name) + len(value) + 4 for name, value in response.raw_headers)
        return len(f"HTTP/1.1 {response.status} {response.reason}\r\n\r\n") + lines + len(body)

    async def _post(
        self, address: str, headers: dict[str, str], envelope: dict[str, Any] | None
    ) -> tuple[int, int, aiohttp.ClientResponse]:
        if self._http is None:
            raise ConnectionError("the simulator is stopped")
        data = b"" if envelope is None else write_json(envelope)
        all_headers = {"Content-Type": "application/json", "User-Agent": USER_AGENT, **headers}
        async with self._http.post(
            URL(address), data=data, headers=all_headers, allow_redirects=False
        ) as response:
            body = b""
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > self._settings.webhook_response_limit_bytes:
                    break
            return response.status, self._size(response, body), response

    def _judge(self, subscription: Subscription, problem: str, now: datetime) -> None:
        """A webhook that fails for ten minutes without one success is suspended, for good."""
        if not problem:
            subscription.failing_since = None
            return
        if subscription.failing_since is None:
            subscription.failing_since = now
        failing_for = now - subscription.failing_since
        if failing_for >= timedelta(seconds=self._settings.blacklist_after_seconds):
            subscription.status, subscription.blacklisted_at = "Blacklisted", now
            subscription.blacklist_reason = problem

    async def validate(self, address: str) -> None:
        """The handshake of a new webhook; raises the SUB- refusal that fits."""
        url = URL(address) if isinstance(address, str) else URL()
        if url.scheme not in {"http", "https"} or not url.host:
            raise Refusal("CMN-101", parameter="deliveryMode.address")
        if url.scheme == "http" and url.host not in LOOPBACK_HOSTS:
            raise Refusal("SUB-523")
        token = secrets.token_hex(16)
        try:
            status, size, response = await self._post(address, {"Validation-Token": token}, None)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Refusal("SUB-521", detail=type(error).__name__) from None
        if status != 200:
            raise Refusal("SUB-521", detail=f"HTTP {status}")
        if size > self._settings.webhook_response_limit_bytes:
            raise Refusal("SUB-525", detail="larger than 1024 bytes")
        if response.headers.get("Validation-Token") != token:
            raise Refusal("SUB-520", detail=address)
        if response.content_type != "application/json":
            raise Refusal("SUB-525", detail=f"content type {response.content_type}")


async def _nobody_listens(_websocket_id: str, _envelope: dict[str, Any]) -> None:
    return None
