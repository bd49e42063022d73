"""What became of an attempt, and what a look at the provider found.

Every send ends in exactly one of four outcomes:

    Accepted   the provider took it and told its id
    TryLater   it certainly did not take it, and asking again may help
    Refused    it certainly did not take it, and asking again will not help
    Unsure     it may have taken it: the connection broke after bytes had left
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from sqlmodel import Session


@dataclass(frozen=True)
class Accepted:
    """The provider's id of what it made. `scope` and `external_id` become the message's copy."""

    external_id: str | None = None
    scope: str | None = None
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class TryLater:
    """Ask again: after `after_seconds` where the provider said when, else by the retry rule.

    `closes_gate` is true for a rate limit: nothing goes through the delivery's gate until then.
    `patient` is true where only an administrator can mend it and waiting loses nothing: the
    delivery is never given up.
    """

    reason: str
    after_seconds: float | None = None
    closes_gate: bool = False
    patient: bool = False


@dataclass(frozen=True)
class Refused:
    """`reason` is a provider's code or one of ours; `detail` is for the log, never a body."""

    reason: str
    detail: str = ""


@dataclass(frozen=True)
class Unsure:
    """It may have been taken; `detail` is for the log."""

    detail: str


Outcome = Accepted | TryLater | Refused | Unsure


@dataclass(frozen=True)
class Absent:
    """The provider shows nothing that this attempt could have made.

    `after_start` is how long after the attempt's start that was, by the provider's own clock,
    where the sender knows it: whoever looks may have a clock that is ahead.
    """

    after_start: timedelta | None = None


@dataclass(frozen=True)
class Unfitting:
    """Something went the same way that does not fit; what the attempt made may show yet."""

    detail: str


@dataclass(frozen=True)
class Several:
    """More than one record could be it: only a person can tell."""

    detail: str


@dataclass(frozen=True)
class CannotLook:
    """The provider did not answer the look."""

    reason: str
    after_seconds: float | None = None


Finding = Accepted | Absent | Unfitting | Several | CannotLook


@dataclass(frozen=True)
class Claimed:
    """A delivery as its claim found it; `due_since` is when it was first due (product time).

    The last three times are set for one that is looked up.
    """

    id: int
    subject_type: str
    subject_id: int
    side: str
    kind: str
    part: int
    marker: str
    lane: str
    gate: str
    priority: int
    attempts: int
    version: int
    claim: str
    external_id: str | None
    created_at: datetime | None = None
    due_since: datetime | None = None
    started_at: datetime | None = None
    provider_started_at: datetime | None = None
    deadline_at: datetime | None = None


@dataclass(frozen=True)
class Ready:
    """What a sender sends, and what the start of the attempt records with it.

    `clock_offset` is the provider's clock minus ours, where the sender knows it.
    """

    content: object
    record: Callable[[Session], None] | None = None
    clock_offset: timedelta | None = None


class Sender(Protocol):
    """One side's hands. The worker calls load, prepare, send in this order; look when unsure."""

    def repeats(self, kind: str) -> bool:
        """True where doing it twice shows the same: an update, a reaction, a private answer."""

    def load(self, session: Session, delivery: Claimed) -> object | Ready | Refused | TryLater:
        """Read what is to be sent, inside the claim's transaction.

        Ready where nothing is left to prepare: the attempt then starts with its claim.
        """

    async def prepare(self, delivery: Claimed, loaded: object) -> Ready | Refused | TryLater:
        """Repeatable reads at the provider: names, membership. Nothing is sent."""

    async def send(self, delivery: Claimed, content: object) -> Outcome:
        """Send it, once."""

    async def look(self, delivery: Claimed, content: object) -> Finding:
        """Search the provider for what the attempt started at `started_at` may have made.

        `content` is as loaded, not prepared.
        """


@dataclass(frozen=True)
class Settlement:
    """How a delivery was settled, for the room that owns its subject.

    `outcome` is Accepted, Refused, or Unsure (parked: a person decides); or TryLater where a
    started attempt certainly did nothing and the delivery waits again.
    """

    delivery: Claimed
    outcome: Accepted | Refused | Unsure | TryLater
    settled_at: datetime


OnSettled = Callable[[Session, Settlement], None]
OnStuck = Callable[[Session, Claimed, str, datetime], None]
"""Told whenever a delivery waits for an administrator: the delivery, the reason, product time."""
