"""The faults a visitor can switch on by name: what goes wrong, for which requests or events.

Each is a few rules of `Faults` under one name, or a state of the simulated account. They act until
they are switched off, or until they are used up (`times`), and are forgotten with the process.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from bridge.sandbox.faults import Faults, Kind
from bridge.sandbox.ringcentral import Phone, RingCentralSimulator
from bridge.sandbox.slack import SlackSimulator

Provider = Literal["slack", "ringcentral"]
Json = dict[str, Any]

# What the app does in Slack; what it asks is let alone, so that it can look for what became of it.
SLACK_WRITES = r"/api/(chat|reactions|views|files)\."
SENDS = r"/(sms|mms)$"
TEXT_EVENTS = "message-store"
NEW_TEXTS = "message-store/instant"
CHANGE_EVENTS = "message-store$"  # new texts come by the instant event besides
WAIT_SECONDS = 5
SLOW_SECONDS = 4.0
LATE_SECONDS = 10.0

SLACK_LIMITED = {
    "status": 429,
    "body": {"ok": False, "error": "ratelimited"},
    "headers": {"Retry-After": str(WAIT_SECONDS)},
}
RINGCENTRAL_LIMITED = {
    "status": 429,
    "body": {
        "errorCode": "CMN-301",
        "message": "Request rate exceeded",
        "errors": [{"errorCode": "CMN-301", "message": "Request rate exceeded"}],
    },
    "headers": {
        "Retry-After": str(WAIT_SECONDS),
        "X-Rate-Limit-Group": "medium",
        "X-Rate-Limit-Limit": "40",
        "X-Rate-Limit-Remaining": "0",
        "X-Rate-Limit-Window": "60",
    },
}
UNAVAILABLE = {"status": 503, "body": "Service Unavailable"}


@dataclass(frozen=True)
class Switch:
    """A fault by name; without `kind` it is a state of the account, `is_final` for good."""

    provider: Provider
    name: str
    label: str
    says: str
    kind: Kind | None = None
    path: str = ""
    method: str = ".*"
    times: int | None = None
    told: Mapping[str, Any] = field(default_factory=dict)
    is_final: bool = False

    def rule(self) -> Json:
        """What `Faults.add` is told."""
        return {
            "kind": self.kind,
            "path": self.path,
            "method": self.method,
            "times": self.times,
            "name": self.name,
            **self.told,
        }


SWITCHES = (
    Switch("slack", "rate_limit", "Rate limit",
           f"What the app writes is answered 429: wait {WAIT_SECONDS} s.",
           "status", SLACK_WRITES, told=SLACK_LIMITED),
    Switch("slack", "server_error", "Server error",
           "What the app writes is answered 503; nothing is done.",
           "status", SLACK_WRITES, told=UNAVAILABLE),
    Switch("slack", "slow", "Slow", f"What the app writes takes {SLOW_SECONDS:.0f} s.",
           "slow", SLACK_WRITES, told={"seconds": SLOW_SECONDS}),
    Switch("slack", "drop_before", "Dropped before acceptance",
           "The connection of the next post breaks; it is not posted.",
           "drop_before", r"/api/chat\.postMessage", times=1),
    Switch("slack", "drop_after", "Dropped after acceptance",
           "The connection of the next post breaks; it is posted.",
           "drop_after", r"/api/chat\.postMessage", times=1),
    Switch("slack", "duplicate", "Events twice", "Every event reaches the app twice.", "duplicate"),
    Switch("slack", "reorder", "Events out of order",
           "A message is overtaken by the next, or told 5 s later.", "reorder", "^message"),
    Switch("slack", "late", "Events late", f"Every event comes {LATE_SECONDS:.0f} s late.",
           "delay", told={"seconds": LATE_SECONDS}),
    Switch("ringcentral", "rate_limit", "Rate limit",
           f"Sending is answered 429: wait {WAIT_SECONDS} s.",
           "status", SENDS, "POST", told=RINGCENTRAL_LIMITED),
    Switch("ringcentral", "server_error", "Server error",
           "Sending is answered 503; nothing is sent.", "status", SENDS, "POST", told=UNAVAILABLE),
    Switch("ringcentral", "slow", "Slow", f"Sending takes {SLOW_SECONDS:.0f} s.",
           "slow", SENDS, "POST", told={"seconds": SLOW_SECONDS}),
    Switch("ringcentral", "drop_before", "Dropped before acceptance",
           "The connection of the next text breaks; it is not sent.",
           "drop_before", SENDS, "POST", times=1),
    Switch("ringcentral", "drop_after", "Dropped after acceptance",
           "The connection of the next text breaks; it is sent.",
           "drop_after", SENDS, "POST", times=1),
    Switch("ringcentral", "duplicate", "Events twice", "Every event reaches the webhook twice.",
           "duplicate", TEXT_EVENTS),
    Switch("ringcentral", "reorder", "Events out of order",
           "A text is overtaken by the next, or told 5 s later.", "reorder", NEW_TEXTS),
    Switch("ringcentral", "late", "Events late", f"Every event comes {LATE_SECONDS:.0f} s late.",
           "delay", TEXT_EVENTS, told={"seconds": LATE_SECONDS}),
    Switch("ringcentral", "lost_receipt", "Receipts lost",
           "The webhook never hears what became of a text; the store knows.",
           "lose", CHANGE_EVENTS),
    Switch("ringcentral", "opted_out", "Opted-out numbers",
           "Phones refuse all texts, without having texted STOP."),
    Switch("ringcentral", "blacklisted", "Subscription blacklisted",
           "RingCentral gives up on the webhook for good. Texts come late, when the store is read, "
           "until the bridge looks again: within 5 minutes of real time, or when it starts.",
           is_final=True),
)  # fmt: skip


@dataclass(frozen=True)
class _State:
    """A state of the account: whom it concerns now, and how it is turned."""

    find: Callable[[], list[str]]
    turn: Callable[[bool, str], None]


class Switchboard:
    """The switches of one sandbox's simulators."""

    def __init__(self, slack: SlackSimulator, ringcentral: RingCentralSimulator) -> None:
        self._faults: Mapping[Provider, Faults] = {
            "slack": slack.faults,
            "ringcentral": ringcentral.faults,
        }
        self._ringcentral = ringcentral
        self._states: Mapping[str, _State] = {
            "opted_out": _State(self._find_opted_out, self._opt),
            "blacklisted": _State(self._find_blacklisted, self._blacklist),
        }

    def turn(self, provider: str, name: str, is_on: bool, number: str = "") -> None:
        """Switch one on or off; `number` narrows `opted_out` to a phone.

        Raises LookupError where there is no such switch, ValueError where it cannot be turned.
        """
        switch = self._get(provider, name)
        if switch.kind is None:
            self._states[name].turn(is_on, number)
            return
        faults = self._faults[switch.provider]
        faults.clear(name)
        if is_on:
            faults.add(**switch.rule())

    def as_json(self) -> list[Json]:
        """Every switch with how it stands and how often it acted since it was switched on."""
        return [self._show(each) for each in SWITCHES]

    def _show(self, switch: Switch) -> Json:
        faults = self._faults[switch.provider]
        rules = [each for each in faults.rules if each.name == switch.name]
        concerned = [] if switch.kind else self._states[switch.name].find()
        return {
            "provider": switch.provider,
            "name": switch.name,
            "label": switch.label,
            "says": switch.says,
            "times": switch.times,
            "is_on": bool(concerned) or any(not each.is_used_up for each in rules),
            "is_final": switch.is_final,
            "hits": sum(each.hits for each in rules),
            "of": concerned,
        }

    @staticmethod
    def _get(provider: str, name: str) -> Switch:
        for each in SWITCHES:
            if (each.provider, each.name) == (provider, name):
                return each
        raise LookupError(f"there is no fault {name} of {provider}")

    # States of the account

    def _find_opted_out(self) -> list[str]:
        return [each.number for each in self._phones() if self._ringcentral.is_blocked(each)]

    def _opt(self, is_out: bool, number: str) -> None:
        for phone in self._phones():
            if number in ("", phone.number):
                self._ringcentral.block(phone, is_on=is_out)

    def _phones(self) -> list[Phone]:
        return list(self._ringcentral.world.carrier.phones.values())

    def _find_blacklisted(self) -> list[str]:
        living = self._ringcentral.subscriptions
        return [each.subscription_id for each in living if each.status == "Blacklisted"]

    def _blacklist(self, is_on: bool, _number: str) -> None:
        if not is_on:
            raise ValueError("RingCentral never takes it back: the bridge has to subscribe anew")
        self._ringcentral.blacklist_webhooks()
