"""Everything the simulated RingCentral knows, in one place for its endpoints."""

from __future__ import annotations

import dataclasses
from collections import deque
from datetime import datetime

from bridge.sandbox.faults import Faults
from bridge.sandbox.ringcentral.account import Account, App
from bridge.sandbox.ringcentral.carrier import Carrier
from bridge.sandbox.ringcentral.clock import SimulatorClock
from bridge.sandbox.ringcentral.consents import Consent, Consents
from bridge.sandbox.ringcentral.limits import RateLimits
from bridge.sandbox.ringcentral.mailboxes import Mailboxes
from bridge.sandbox.ringcentral.messages import Message, Renderer
from bridge.sandbox.ringcentral.notifications import Notifier
from bridge.sandbox.ringcentral.sessions import Sessions
from bridge.sandbox.ringcentral.settings import Settings
from bridge.sandbox.ringcentral.subscriptions import Subscriptions

KEPT_REQUESTS = 200_000
FIRST_MESSAGE_ID = 3_062_991


@dataclasses.dataclass(slots=True)
class RecordedRequest:
    """One request as it was answered; status 444 means its connection was aborted by a fault."""

    at: datetime
    method: str
    path: str
    query: str
    status: int = 0
    group: str = ""
    during_penalty: bool = False
    app_id: str = ""
    extension_id: str = ""


class World:
    """The account, its stores, sessions, subscriptions and phones."""

    def __init__(
        self,
        account: Account,
        apps: list[App],
        clock: SimulatorClock,
        faults: Faults,
        settings: Settings,
    ) -> None:
        self.account = account
        self.clock = clock
        self.faults = faults
        self.settings = settings
        self.renderer = Renderer(account)
        self.mailboxes = Mailboxes(clock, FIRST_MESSAGE_ID + settings.seed)
        self.consents = Consents(clock)
        self.sessions = Sessions(account, apps, clock, settings)
        self.limits = RateLimits(clock, settings)
        self.subscriptions = Subscriptions(account, clock, settings)
        self.notifier = Notifier(
            account, clock, settings, self.renderer, self.subscriptions, faults
        )
        self.carrier = Carrier(account, clock, settings, self.mailboxes, self.consents)
        self.carrier.on_created = self._message_created
        self.carrier.on_changed = self._message_changed
        self.consents.on_change = self._consent_changed
        self.sent: list[Message] = []
        self.sync_tokens_good_from: datetime | None = None
        self.requests: deque[RecordedRequest] = deque(maxlen=KEPT_REQUESTS)

    def _message_created(self, message: Message) -> None:
        self.notifier.message_created(message)
        self.carrier.changed()

    def _message_changed(self, message: Message) -> None:
        self.notifier.message_changed(message)
        self.carrier.changed()

    def _consent_changed(self, consent: Consent) -> None:
        self.notifier.consent_changed(consent)
        self.carrier.changed()

    @property
    def base_url(self) -> str:
        return self.renderer.base_url
