"""When a Socket Mode connection counts as silent. Pure.

A connection can be up, answer pings, and bring nothing. What shows it: we posted in a channel, and
Slack, which tells of our own posts too, has told nothing since.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

RENEWED_AFTER = timedelta(
    minutes=30
)  # without a word, as at night: a fresh connection costs little
# Where a fresh connection was silent too, something else is wrong: no use in one a minute.
PAUSE = timedelta(minutes=10)


@dataclass(frozen=True)
class Signs:
    """What was last seen, machine time: `heard_at` and `posted_at` by any process of the bridge."""

    connected_at: datetime
    own_heard_at: datetime | None
    heard_at: datetime | None
    posted_at: datetime | None
    silent_at: datetime | None = None  # when a connection of ours was last found silent
    silent_after: timedelta = timedelta(seconds=60)  # an event comes within a second or two


def verdict(signs: Signs, now: datetime) -> Literal["fine", "silent", "quiet"]:
    """silent: it should have brought something; quiet: nothing for long, which may be true."""
    heard_at = _latest(signs.heard_at, signs.own_heard_at)
    begins_at = max(each for each in (signs.connected_at, signs.posted_at) if each)
    has_posted_since = signs.posted_at is not None and (
        heard_at is None or signs.posted_at > heard_at
    )
    may_say_so = signs.silent_at is None or now - signs.silent_at >= PAUSE
    if has_posted_since and may_say_so and now - begins_at >= signs.silent_after:
        return "silent"
    last_at = _latest(signs.own_heard_at, signs.connected_at)
    if last_at is not None and now - last_at >= RENEWED_AFTER:
        return "quiet"
    return "fine"


def _latest(*times: datetime | None) -> datetime | None:
    return max((each for each in times if each is not None), default=None)
