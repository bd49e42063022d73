"""Subscriptions and their event filters: who is told of what, until when."""

from __future__ import annotations

import dataclasses
import re
import uuid
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from bridge.sandbox.ringcentral.account import Account, App, Extension
from bridge.sandbox.ringcentral.clock import SimulatorClock, to_iso
from bridge.sandbox.ringcentral.errors import Refusal
from bridge.sandbox.ringcentral.messages import Message
from bridge.sandbox.ringcentral.settings import Settings

DEFAULT_SECONDS = 604_800
MAX_SECONDS = 315_360_000

STORE_PATH = re.compile(r"/restapi/v1\.0/account/(\d+)/extension/(\d+)/message-store(/instant)?")
CONSENTS_PATH = re.compile(r"/restapi/v2/accounts/(\d+)/sms/consents")
REMINDER_PATH = re.compile(r"/restapi/v1\.0/subscription/~")
# Other events RingCentral knows of; they are accepted and never sent.
SILENT_PATHS = re.compile(
    r"/restapi/v1\.0/account/(\d+)"
    r"(/extension/\d+(/presence|/shared-sms|/missed-calls|/voicemail|/telephony/sessions)?"
    r"|/extension|/directory/contacts"
    r"|/message-threads/(entries/)?sync|/a2p-sms/(messages|batches|opt-outs))"
)
TRANSPORT_SCOPES = {
    "WebHook": {"SubscriptionWebhook"},
    "WebSocket": {"WebSocket", "WebSocketsSubscription"},
}


@dataclasses.dataclass(frozen=True, slots=True)
class EventFilter:
    """One filter with its ids filled in; `options` are its query's parameters."""

    event: str
    kind: str
    account_id: int = 0
    extension_id: int = 0
    options: tuple[tuple[str, str], ...] = ()

    def option(self, name: str) -> str | None:
        return dict(self.options).get(name)

    def wants_change(self, message: Message) -> bool:
        """Whether a change filter's narrowing lets this message through."""
        if self.kind != "store" or self.extension_id != message.store_id:
            return False
        direction = self.option("direction")
        return self.option("type") in {None, "SMS"} and direction in {None, message.direction}

    def wants_instant(self, message: Message, recipients: set[int]) -> bool:
        return (
            self.kind == "instant"
            and message.direction == "Inbound"
            and self.extension_id in {message.store_id, *recipients}
        )


@dataclasses.dataclass(slots=True)
class Subscription:
    """One living subscription of one user and app."""

    subscription_id: str
    app: App
    owner: Extension
    filters: list[EventFilter]
    disabled: list[dict[str, str]]
    transport: str
    created_at: datetime
    ttl_seconds: int
    expires_at: datetime
    address: str = ""
    verification_token: str = ""
    websocket_id: str = ""
    status: str = "Active"
    failing_since: datetime | None = None
    blacklisted_at: datetime | None = None
    blacklist_reason: str = ""

    def renew(self, now: datetime) -> None:
        self.expires_at = now + timedelta(seconds=self.ttl_seconds)

    def rest(self, base_url: str, now: datetime) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "uri": f"{base_url}/restapi/v1.0/subscription/{self.subscription_id}",
            "id": self.subscription_id,
            "eventFilters": [each.event for each in self.filters],
            "expirationTime": to_iso(self.expires_at),
            "expiresIn": max(1, int((self.expires_at - now).total_seconds())),
            "status": self.status,
            "creationTime": to_iso(self.created_at),
            "deliveryMode": self._delivery_mode(),
        }
        if self.disabled:
            shown["disabledFilters"] = self.disabled
        if self.blacklisted_at is not None:
            shown["blacklistedData"] = {
                "blacklistedAt": to_iso(self.blacklisted_at),
                "reason": self.blacklist_reason,
            }
        return shown

    def _delivery_mode(self) -> dict[str, Any]:
        mode: dict[str, Any] = {"transportType": self.transport, "encryption": False}
        if self.address:
            mode["address"] = self.address
        return mode


class Subscriptions:
    """All subscriptions of the account; the expired are forgotten when they are looked for."""

    def __init__(self, account: Account, clock: SimulatorClock, settings: Settings) -> None:
        self._account = account
        self._clock = clock
        self._settings = settings
        self._by_id: dict[str, Subscription] = {}
        self._expired: set[str] = set()

    def living(self) -> list[Subscription]:
        now = self._clock.now()
        over = [each for each in self._by_id.values() if each.expires_at <= now]
        for subscription in over:
            del self._by_id[subscription.subscription_id]
            self._expired.add(subscription.subscription_id)
        return list(self._by_id.values())

    def of(self, app: App, owner: Extension) -> list[Subscription]:
        return [each for each in self.living() if each.app is app and each.owner is owner]

    def get(self, subscription_id: str, app: App, owner: Extension) -> Subscription:
        """The caller's own subscription; raises SUB-507 for an expired one, CMN-102 for none."""
        for subscription in self.of(app, owner):
            if subscription.subscription_id == subscription_id:
                return subscription
        if subscription_id in self._expired:
            raise Refusal("SUB-507", detail=subscription_id)
        raise Refusal("CMN-102", parameter="subscriptionId")

    def check_room(self, app: App, owner: Extension) -> None:
        if len(self.of(app, owner)) >= self._settings.max_subscriptions:
            raise Refusal("SUB-505")

    def add(
        self,
        app: App,
        owner: Extension,
        transport: str,
        filters: list[EventFilter],
        disabled: list[dict[str, str]],
        ttl_seconds: int,
    ) -> Subscription:
        now = self._clock.now()
        subscription = Subscription(
            subscription_id=str(uuid.uuid4()),
            app=app,
            owner=owner,
            filters=filters,
            disabled=disabled,
            transport=transport,
            created_at=now,
            ttl_seconds=ttl_seconds,
            expires_at=now + timedelta(seconds=ttl_seconds),
        )
        self._by_id[subscription.subscription_id] = subscription
        return subscription

    def restore(self, subscription: Subscription) -> None:
        """Put back one of an earlier run."""
        self._by_id[subscription.subscription_id] = subscription

    def remove(self, subscription: Subscription) -> None:
        self._by_id.pop(subscription.subscription_id, None)

    def read_filters(
        self, texts: object, caller: Extension
    ) -> tuple[list[EventFilter], list[dict[str, str]]]:
        """The granted filters and the disabled ones; raises when there is none to grant."""
        if not isinstance(texts, list) or not texts:
            raise Refusal("CMN-101", parameter="eventFilters")
        granted: list[EventFilter] = []
        disabled: list[dict[str, str]] = []
        refused: Refusal | None = None
        for text in texts:
            parsed = self._read_filter(text, caller)
            try:
                self._check_allowed(parsed, caller)
                granted.append(parsed)
            except Refusal as refusal:
                refused = refusal
                disabled.append(
                    {"filter": parsed.event, "reason": refusal.code, "message": refusal.message}
                )
        if refused is not None and not granted:
            raise refused
        return granted, disabled

    def _read_filter(self, text: object, caller: Extension) -> EventFilter:
        if not isinstance(text, str):
            raise Refusal("CMN-101", parameter="eventFilters")
        event = text.replace("/account/~", f"/account/{self._account.account_id}")
        event = event.replace("/accounts/~", f"/accounts/{self._account.account_id}")
        event = event.replace("/extension/~", f"/extension/{caller.extension_id}")
        split = urlsplit(event)
        options = tuple(parse_qsl(split.query))
        if match := STORE_PATH.fullmatch(split.path):
            return self._read_store_filter(event, match, options)
        if match := CONSENTS_PATH.fullmatch(split.path):
            return EventFilter(event, "consents", int(match[1]), options=options)
        if REMINDER_PATH.fullmatch(split.path):
            return self._read_reminder(event, options)
        if match := SILENT_PATHS.fullmatch(split.path):
            return EventFilter(event, "silent", int(match[1]))
        raise Refusal("SUB-508", detail=text)

    @staticmethod
    def _read_store_filter(
        event: str, match: re.Match[str], options: tuple[tuple[str, str], ...]
    ) -> EventFilter:
        kind = "instant" if match[3] else "store"
        if kind == "instant" and dict(options).get("type") != "SMS":
            raise Refusal("SUB-508", detail=event)
        return EventFilter(event, kind, int(match[1]), int(match[2]), options)

    @staticmethod
    def _read_reminder(event: str, options: tuple[tuple[str, str], ...]) -> EventFilter:
        numbers = dict(options)
        if not all(numbers.get(name, "").isdecimal() for name in ("threshold", "interval")):
            raise Refusal("SUB-516", detail=event)
        return EventFilter(event, "reminder", options=options)

    def _check_allowed(self, parsed: EventFilter, caller: Extension) -> None:
        if parsed.account_id not in {0, self._account.account_id}:
            raise Refusal("SUB-406")
        if not parsed.extension_id:
            return
        owner = self._account.get_extension(parsed.extension_id)
        if owner is None:
            raise Refusal("SUB-408")
        if not self._account.may_read_store_of(caller, owner):
            raise Refusal("SUB-405")


def read_ttl(body: dict[str, Any]) -> int:
    """The top-level expiresIn; one inside deliveryMode is ignored, as RingCentral does."""
    ttl = body.get("expiresIn", DEFAULT_SECONDS)
    if not isinstance(ttl, int) or isinstance(ttl, bool) or not 1 <= ttl <= MAX_SECONDS:
        raise Refusal("CMN-101", parameter="expiresIn")
    return ttl


def check_reminders(filters: list[EventFilter], ttl_seconds: int) -> None:
    """Threshold at most half the life, interval at most half the threshold."""
    for each in filters:
        if each.kind != "reminder":
            continue
        threshold, interval = int(each.option("threshold") or 0), int(each.option("interval") or 0)
        if threshold * 2 > ttl_seconds or interval * 2 > threshold or interval < 1:
            raise Refusal("SUB-516", detail=each.event)
