"""Permits: what a provider allows, counted across all processes.

A gate's key names what the provider counts: `ringcentral:<login>:<group>`,
`slack:<team>:post:<channel>`, or `slack:<team>:<method>`. Some requests are counted twice: a post
by its channel and, behind `slack:<team>:posts`, by its workspace.
"""

from __future__ import annotations

import asyncio
import bisect
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from sqlmodel import Session

from bridge import clock
from storage import gates as rows
from storage.database import Database

PAGE, REPLY, AUTOMATIC, BULK = 0, 1, 2, 3


@dataclass(frozen=True)
class Budget:
    """At most `limit` requests in any `window_seconds`.

    The last ones are kept for pages, some before them for pages and people's texts: whoever asks
    first would have them otherwise, as a catch-up of hundreds of pages does.
    """

    limit: int
    window_seconds: int
    kept_for_pages: int = 0
    kept_for_replies: int = 0

    def limit_for(self, priority: int) -> int:
        """How many of the window this priority may use."""
        if priority == PAGE:
            return self.limit
        kept = self.kept_for_pages + (self.kept_for_replies if priority > REPLY else 0)
        return self.limit - kept


BudgetOf = Callable[[str], Budget | None]

RINGCENTRAL_BUDGETS = {  # requests a minute for one user and app (RingCentral, rate limits)
    "light": Budget(50, 60, kept_for_pages=5, kept_for_replies=15),
    "medium": Budget(40, 60, kept_for_pages=5, kept_for_replies=15),
    "heavy": Budget(10, 60),
    "auth": Budget(5, 60),
}
SLACK_POST_BUDGET = Budget(5, 5)  # one message a second in a channel, bursts of five
# "Several hundred a minute" in a workspace (Slack, rate limits): the least that can mean.
SLACK_POSTS_BUDGET = Budget(300, 60, kept_for_pages=20)
SLACK_METHOD_BUDGETS = {  # requests a minute for a method in a workspace (Slack, tiers)
    # Slack's pages say 50, its Java SDK 1 or a little more; a few in a row have to be possible
    "apps.connections.open": Budget(5, 60),
    "chat.update": Budget(50, 60),
    "reactions.add": Budget(50, 60),
    "reactions.remove": Budget(20, 60),
    "conversations.history": Budget(50, 60, kept_for_pages=5, kept_for_replies=15),
    "conversations.replies": Budget(50, 60, kept_for_pages=5, kept_for_replies=15),
    "conversations.info": Budget(50, 60, kept_for_pages=5),
    "conversations.open": Budget(50, 60, kept_for_pages=5),
    "users.info": Budget(100, 60, kept_for_pages=10),
}
SLACK_OTHER_BUDGET = Budget(100, 60, kept_for_pages=10)


def provider_budget(key: str) -> Budget | None:
    """What the provider allows behind a gate."""
    side, _, name = key.split(":", 2)
    if side == "ringcentral":
        return RINGCENTRAL_BUDGETS[name]
    if name.startswith("post:"):
        return SLACK_POST_BUDGET
    if name == "posts":
        return SLACK_POSTS_BUDGET
    return SLACK_METHOD_BUDGETS.get(name, SLACK_OTHER_BUDGET)


def wider_gate_of(key: str) -> str | None:
    """The gate that a provider counts the same requests behind once more; None without one."""
    match key.split(":", 3):
        case ["slack", team, "post", _channel]:
            return f"slack:{team}:posts"
    return None


def no_budget(_key: str) -> Budget | None:
    """No limit but what a provider's own refusals close: for measuring."""
    return None


class Gates:
    """Permits for requests that are not claimed deliveries, and closing after a refusal."""

    def __init__(self, database: Database, budget_of: BudgetOf = provider_budget) -> None:
        self._database = database
        self.budget_of = budget_of
        self._lines: dict[str, _Line] = {}

    async def permit(self, key: str, priority: int = REPLY) -> None:
        """Wait until one request may go through: of this process's the most urgent goes first.

        Between processes the shares that a budget keeps for the more urgent see to it.
        """
        line = self._lines.setdefault(key, _Line())
        place = line.join(priority)
        try:
            while True:
                await line.until_first(place)
                granted = await self._database.write(take, key, 1, priority, self.budget_of)
                if granted.count or granted.next_at is None:
                    return
                wait_seconds = (granted.next_at - clock.machine_now()).total_seconds()
                await line.rest(max(0.01, wait_seconds))
        finally:
            line.leave(place)
            if not line.places:
                self._lines.pop(key, None)

    async def close(self, key: str, seconds: float) -> None:
        """Let nothing through for so long; returns when that is committed."""
        until_at = clock.machine_now() + timedelta(seconds=seconds)
        await self._database.write(rows.close, key, until_at)


class _Line:
    """Those of this process who wait at one gate: the most urgent first, then as they came.

    The first alone asks: where it gets nothing, no less urgent one would.
    """

    def __init__(self) -> None:
        self.places: list[tuple[int, int]] = []
        self._numbers = itertools.count()
        self._changed = asyncio.Event()

    def join(self, priority: int) -> tuple[int, int]:
        place = (priority, next(self._numbers))
        bisect.insort(self.places, place)
        self._tell()
        return place

    def leave(self, place: tuple[int, int]) -> None:
        self.places.remove(place)
        self._tell()

    async def until_first(self, place: tuple[int, int]) -> None:
        while self.places[0] != place:
            await self._changed.wait()

    async def rest(self, seconds: float) -> None:
        """Sleep, but for somebody who comes or goes."""
        await clock.wait_at_most(self._changed, seconds)

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


def take(
    session: Session, key: str, wanted: int, priority: int, budget_of: BudgetOf
) -> rows.Granted:
    """Take up to `wanted` permits within the caller's transaction."""
    machine_now = clock.machine_now()
    budget = budget_of(key)
    if budget is None:
        gate = rows.lock(session, key)
        closed_until_at = gate.closed_until_at
        if closed_until_at is not None and closed_until_at > machine_now:
            return rows.Granted(0, closed_until_at)
        return rows.Granted(wanted, None)
    return rows.take(
        session,
        key,
        wanted,
        limit=budget.limit_for(priority),
        window_seconds=budget.window_seconds,
        machine_now=machine_now,
    )
