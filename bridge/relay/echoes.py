"""Whether an attempt may have made what a message store shows: by its time, by its words. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import SequenceMatcher

from bridge.relay.segments import normalised

# What RingCentral puts in front of each text of a developer account, a dash behind it.
WATERMARK = normalised("Test SMS using a RingCentral Developer account")
LIKE = 0.6
CERTAIN_WORDS = 3
_PLAIN_WORD = re.compile(r"[a-z0-9]+")
# RingCentral's times are whole seconds, and its clock is known to about one.
BEFORE = timedelta(seconds=5)
AFTER = timedelta(seconds=120)  # the last look is 60 s past the deadline
UNKNOWN_CLOCK = timedelta(minutes=10)  # where nobody knew the provider's clock: ours may be wrong


@dataclass(frozen=True)
class Window:
    """What an attempt made has a time within this, by the provider's clock."""

    earliest_at: datetime
    latest_at: datetime

    def has(self, sent_at: datetime) -> bool:
        """Whether a record of that time may be it."""
        return self.earliest_at <= sent_at <= self.latest_at


def window_of(
    started_at: datetime,
    deadline_at: datetime,
    provider_started_at: datetime | None,
    offset: timedelta | None = None,
) -> Window:
    """The window of an attempt: by the provider's clock as its sender knew it.

    Where its sender knew none, by machine times and `offset`, the provider's clock minus ours;
    without that a wide one.
    """
    spare = timedelta()
    if provider_started_at is None and offset is None:
        spare = UNKNOWN_CLOCK
    begin_at = provider_started_at or started_at + (offset or timedelta())
    end_at = begin_at + (deadline_at - started_at)
    return Window(begin_at - BEFORE - spare, end_at + AFTER + spare)


def fits(shown: str, sent: str) -> bool:
    """Whether a store that shows this was given that; a watermark may stand in front of it."""
    shown, sent = normalised(shown), normalised(sent)
    if shown == sent or not shown.startswith(WATERMARK):
        return shown == sent
    return shown.removeprefix(WATERMARK).lstrip(" -") == sent.lstrip(" -")


def is_another(shown: str, sent: str) -> bool:
    """Whether a store that shows this was certainly given something else than that.

    A carrier adds a watermark, shortens, or puts signs in the place of what it cannot show; but of
    several plain words it leaves one. Where either has too few of them nothing is certain.
    """
    words = [set(_PLAIN_WORD.findall(normalised(each).lower())) for each in (shown, sent)]
    return min(map(len, words)) >= CERTAIN_WORDS and not words[0] & words[1]


def find_likest(shown: Sequence[str], sent: str) -> int | None:
    """Which of these is the text that somebody knows was sent; None where all are other texts.

    One that fits, else the one most like it: a carrier may have changed it.
    """
    likeness = [1.0 if fits(each, sent) else _likeness(each, sent) for each in shown]
    best = max(range(len(shown)), key=likeness.__getitem__, default=None)
    return best if best is not None and likeness[best] >= LIKE else None


def _likeness(shown: str, sent: str) -> float:
    return SequenceMatcher(None, normalised(shown), normalised(sent), autojunk=False).ratio()
