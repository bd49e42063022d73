"""When a delivery is tried again, looked up again, or given to a person. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from bridge.outbox.outcome import Absent, CannotLook, Finding, TryLater, Unfitting

LONGEST_WAIT_SECONDS = 64.0  # RingCentral's advice for its 5xx: 2, 4, 8 ... 64 s
LONGEST_PATIENT_WAIT_SECONDS = 300.0
STALE_AFTER = timedelta(hours=1)  # a person's text that waited longer may no longer be meant
LOOK_AFTER_SECONDS = (2.0, 10.0, 60.0)
LOOK_PAUSE_SECONDS = 10.0
# Past the last look's time. With a person to ask, a lane waits 90 s in all; without one, where a
# double would be the price, as long as an outage may last.
UNANSWERED_SECONDS = {True: 10.0, False: 3600.0}
# In a row: after a long stop that time is over before anybody could have looked.
UNANSWERED_LOOKS = 3


@dataclass(frozen=True)
class Again:
    """Try it again at `due_at`, product time."""

    due_at: datetime


@dataclass(frozen=True)
class GiveUp:
    """Do not try it again by yourself: tell the person why."""

    reason: str


def next_try(
    later: TryLater, *, attempts: int, due_since: datetime, now: datetime, goes_stale: bool
) -> Again | GiveUp:
    """When to try again what certainly did not happen.

    `attempts` counts those made; `due_since` is when it was first due. What `goes_stale` is given
    back to its author after an hour, unless only an administrator can mend it: that waits, and is
    asked about once it could leave (`is_stale`).
    """
    wait = later.after_seconds
    if wait is None:
        longest = LONGEST_PATIENT_WAIT_SECONDS if later.patient else LONGEST_WAIT_SECONDS
        wait = min(2.0 ** max(1, min(attempts, 16)), longest)
    due_at = now + timedelta(seconds=wait)
    if goes_stale and not later.patient and due_at - due_since > STALE_AFTER:
        return GiveUp("stale")
    return Again(due_at)


def is_stale(due_since: datetime, now: datetime, *, goes_stale: bool) -> bool:
    """True for what was first due over an hour ago and could not leave, as after a long stop."""
    return goes_stale and now - due_since > STALE_AFTER


@dataclass(frozen=True)
class LookAgain:
    """Look once more at `look_at`, machine time."""

    look_at: datetime


@dataclass(frozen=True)
class CountAsAbsent:
    """It was never taken: try it again."""


@dataclass(frozen=True)
class AskAPerson:
    """Nobody but a person can tell."""

    reason: str


def first_look_at(
    reported_at: datetime, looks_after: tuple[float, ...] = LOOK_AFTER_SECONDS
) -> datetime:
    """When to look first, after an attempt was reported or found unsure."""
    return reported_at + timedelta(seconds=looks_after[0])


def after_look(
    finding: Finding,
    *,
    looks: int,
    looks_unanswered: int = 0,
    deadline_at: datetime,
    machine_now: datetime,
    fate_is_known: bool,
    has_a_person: bool = True,
    looks_after: tuple[float, ...] = LOOK_AFTER_SECONDS,
) -> LookAgain | CountAsAbsent | AskAPerson:
    """What to do when a look found nothing, could not be made, or found too much.

    `looks` counts the answered ones before this, `looks_unanswered` those since the last answer.
    `looks_after` are spans since the attempt was reported; the last one counts from its deadline
    instead, so that nothing can still be on its way, and that look alone can tell that nothing is
    there, or nothing that fits. `fate_is_known` is true where the sender itself told that it
    failed, or is known to be dead: a worker that is only stopped may send yet. `has_a_person` is
    true where somebody can be asked instead of the provider.
    """
    last_at = deadline_at + timedelta(seconds=looks_after[-1])
    match finding:
        case CannotLook(after_seconds=after_seconds):
            until_at = last_at + timedelta(seconds=UNANSWERED_SECONDS[has_a_person])
            if machine_now >= until_at and looks_unanswered + 1 >= UNANSWERED_LOOKS:
                return AskAPerson("the provider does not answer")
            look_at = machine_now + timedelta(seconds=after_seconds or LOOK_PAUSE_SECONDS)
            return LookAgain(look_at if machine_now >= until_at else min(look_at, until_at))
        case Absent() if machine_now >= last_at:
            return CountAsAbsent() if fate_is_known else AskAPerson("its sender may still send")
        case Unfitting() if machine_now >= last_at:
            return AskAPerson("what went the same way does not fit")
        case Absent() | Unfitting() if looks + 1 < len(looks_after) - 1:
            # the spans count from the report, and this look was made at one of them
            wait = looks_after[looks + 1] - looks_after[looks]
            return LookAgain(min(machine_now + timedelta(seconds=wait), last_at))
        case Absent() | Unfitting():
            return LookAgain(last_at)
        case _:
            return AskAPerson("more than one record could be it")
