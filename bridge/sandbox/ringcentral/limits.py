"""Rate limits: a sliding window per user, app and usage group, and the penalty behind it."""

from __future__ import annotations

import dataclasses
import math
from collections import defaultdict, deque
from datetime import datetime, timedelta

from bridge.sandbox.ringcentral.clock import SimulatorClock
from bridge.sandbox.ringcentral.errors import Refusal
from bridge.sandbox.ringcentral.settings import Settings

PER_WINDOW = {"Light": 50, "Medium": 40, "Heavy": 10, "Auth": 5}

BudgetKey = tuple[str, str, str]


@dataclasses.dataclass(slots=True)
class Budget:
    """What one user and app have used of one group."""

    used_at: deque[datetime] = dataclasses.field(default_factory=deque)
    closed_until: datetime | None = None


class RateLimits:
    """Counts requests and refuses the ones above the limit."""

    def __init__(self, clock: SimulatorClock, settings: Settings) -> None:
        self._clock = clock
        self._settings = settings
        self._budgets: defaultdict[BudgetKey, Budget] = defaultdict(Budget)

    def limit_of(self, group: str) -> int:
        return max(1, math.floor(PER_WINDOW[group] * self._settings.rate_limit_scale))

    def is_closed(self, user: str, app_id: str, group: str) -> bool:
        closed_until = self._budgets[user, app_id, group].closed_until
        return closed_until is not None and closed_until > self._clock.running()

    def take(self, user: str, app_id: str, group: str) -> dict[str, str]:
        """Count one request and give its headers; raises CMN-301 with the penalty still to wait.

        The penalty starts again with every request made during it.
        """
        if not self._settings.rate_limits or group not in PER_WINDOW:
            return {}
        budget, now = self._budgets[user, app_id, group], self._clock.running()
        if budget.closed_until is not None and budget.closed_until > now:
            raise self._close(budget, now, group)
        self._forget_the_old(budget, now)
        limit = self.limit_of(group)
        if len(budget.used_at) >= limit:
            raise self._close(budget, now, group)
        budget.used_at.append(now)
        return self._headers(group, limit - len(budget.used_at))

    def _forget_the_old(self, budget: Budget, now: datetime) -> None:
        window_start = now - timedelta(seconds=self._settings.rate_limit_window_seconds)
        while budget.used_at and budget.used_at[0] <= window_start:
            budget.used_at.popleft()

    def _close(self, budget: Budget, now: datetime, group: str) -> Refusal:
        budget.closed_until = now + timedelta(seconds=self._settings.penalty_seconds)
        headers = self._headers(group, 0)
        headers["Retry-After"] = str(math.ceil(self._settings.penalty_seconds))
        return Refusal("CMN-301", headers=headers)

    def _headers(self, group: str, remaining: int) -> dict[str, str]:
        return {
            "X-Rate-Limit-Group": group.lower(),
            "X-Rate-Limit-Limit": str(self.limit_of(group)),
            "X-Rate-Limit-Remaining": str(remaining),
            "X-Rate-Limit-Window": str(math.ceil(self._settings.rate_limit_window_seconds)),
        }
