"""Permits: what a provider allows, counted across all processes.

A gate's key names what the provider counts: `ringcentral:<login>:<group>`,
`slack:<team>:post:<channel>`, or `slack:<team>:<method>`.
"""

from __future__ import annotations

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
    "medium": Budget(40, 60, kept_for_pages=5),
    "heavy": Budget(10, 60),
    "auth": Budget(5, 60),
}
SLACK_POST_BUDGET = Budget(5, 5)  # one message a second in a channel, bursts of five
SLACK_METHOD_BUDGETS = {  # requests a minute for a method in a workspace (Slack, tiers)
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
    return SLACK_METHOD_BUDGETS.get(name, SLACK_OTHER_BUDGET)


def no_budget(_key: str) -> Budget | None:
    """No limit but what a provider's own refusals close: for measuring."""
    return None


class Gates:
    """Permits for requests that are not claimed deliveries, and closing after a refusal."""

    def __init__(self, database: Database, budget_of: BudgetOf = provider_budget) -> None:
        self._database = database
        self.budget_of = budget_of

    async def permit(self, key: str, priority: int = REPLY) -> None:
        """Wait until one request may go through."""
        while True:
            granted = await self._database.write(take, key, 1, priority, self.budget_of)
            if granted.count or granted.next_at is None:
                return
            wait = (granted.next_at - clock.machine_now()).total_seconds()
            await clock.sleep(max(0.01, wait))

    async def close(self, key: str, seconds: float) -> None:
        """Let nothing through for so long; returns when that is committed."""
        until_at = clock.machine_now() + timedelta(seconds=seconds)
        await self._database.write(rows.close, key, until_at)


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
