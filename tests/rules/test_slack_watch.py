"""When a Socket Mode connection counts as silent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bridge.slack.watch import Signs, verdict

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("signs", "now", "found"),
    [
        ({}, 59, "fine"),
        ({}, 1_799, "fine"),
        ({}, 1_800, "quiet"),
        ({"own_heard_at": at(1_700)}, 1_800, "fine"),
        ({"own_heard_at": at(1_700)}, 3_500, "quiet"),
        ({"posted_at": at(10)}, 69, "fine"),
        ({"posted_at": at(10)}, 70, "silent"),
        # a post from before this connection: its event went over the one before, or comes yet
        ({"posted_at": at(-50)}, 59, "fine"),
        ({"posted_at": at(-50)}, 60, "silent"),
        ({"posted_at": at(10), "own_heard_at": at(11)}, 500, "fine"),
        # another process has the event: Slack gives each to one connection
        ({"posted_at": at(10), "heard_at": at(11)}, 500, "fine"),
        ({"posted_at": at(10), "heard_at": at(9)}, 70, "silent"),
        # a fresh connection was as silent: not one a minute
        ({"posted_at": at(10), "silent_at": at(0)}, 70, "fine"),
        ({"posted_at": at(10), "silent_at": at(0)}, 600, "silent"),
    ],
)
def test_what_is_silent(signs: dict[str, Any], now: float, found: str) -> None:
    """It should have brought something, or nothing came for long, or all is well."""
    defaults: dict[str, Any] = {
        "connected_at": NOON,
        "own_heard_at": None,
        "heard_at": None,
        "posted_at": None,
    }
    assert verdict(Signs(**(defaults | signs)), at(now)) == found
