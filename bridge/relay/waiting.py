"""What waits, sorted out: why, since when, and until when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlmodel import Session

from bridge.relay import receiving
from bridge.relay.receiving import Deaf
from storage import status
from storage.status import Waiting

Why = Literal["held", "gate", "put_off", "in_line", "going", "looking", "person"]
What = Literal["text", "shown", "other"]

ORDER: Sequence[Why] = ("person", "put_off", "gate", "looking", "in_line", "going", "held")


@dataclass(frozen=True)
class Wait:
    """Some things of a kind that wait for the same.

    `since_at` is when the oldest was owed (product time). `until_at` is when they go on, or are
    tried next; None where nobody knows. `reason` is the code of what put them off.
    """

    why: Why
    side: str
    what: What
    count: int
    since_at: datetime
    until_at: datetime | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Waits:
    """All that waits. `asked_in` counts by channel what a person is to decide; `is_behind` is
    true while older texts of a phone number may still be missing, for no longer than a start or an
    outage explains; `deaf` are the inboxes of which that is not so."""

    waits: Sequence[Wait]
    asked_in: Sequence[tuple[str, int]] = ()
    is_behind: bool = False
    deaf: Sequence[Deaf] = ()


def find_waits(session: Session, now: datetime, machine_now: datetime) -> Waits:
    """What waits now; `now` is product time, `machine_now` machine time."""
    closed = {
        gate.key: gate.closed_until_at
        for gate in status.find_gates(session)
        if gate.closed_until_at is not None and gate.closed_until_at > machine_now
    }
    waits = [_wait_of(each, closed) for each in status.find_waiting(session, now)]
    stores = status.find_connections(session).cursors
    return Waits(
        _summed(waits),
        status.find_parked_channels(session),
        any(each.gap_open and each.deaf_since_at is None for each in stores),
        receiving.find_deaf(session, stores, machine_now, now),
    )


def _wait_of(found: Waiting, closed: Mapping[str, datetime]) -> Wait:
    why, until_at = _why(found, closed)
    reason = found.reason if why == "put_off" else None
    what = _what(found)
    return Wait(why, found.side, what, found.count, found.first_created_at, until_at, reason)


def _why(found: Waiting, closed: Mapping[str, datetime]) -> tuple[Why, datetime | None]:
    match found.state:
        case "parked":
            return "person", None
        case "unsure":
            return "looking", None
        case "claimed" | "started":
            return "going", None
        case _ if found.gate in closed:
            return "gate", closed[found.gate]
        case _ if found.is_due:
            return "in_line", None
        case _:
            return ("put_off" if found.reason else "held"), found.first_due_at


def _what(found: Waiting) -> What:
    if found.side == "ringcentral":
        return "text"
    return "shown" if found.kind in ("post", "open") else "other"


def _summed(waits: Sequence[Wait]) -> list[Wait]:
    """One for each cause, the most urgent first."""
    found: dict[tuple[object, ...], Wait] = {}
    for each in waits:
        key = (each.why, each.side, each.what, each.reason)
        found[key] = _both(found[key], each) if key in found else each
    return sorted(found.values(), key=lambda each: (ORDER.index(each.why), each.since_at))


def _both(one: Wait, other: Wait) -> Wait:
    untils = [each for each in (one.until_at, other.until_at) if each is not None]
    return Wait(
        one.why,
        one.side,
        one.what,
        one.count + other.count,
        min(one.since_at, other.since_at),
        min(untils, default=None),
        one.reason,
    )
