"""Slack's rate tiers: a sliding minute per method, and a message a second per channel."""

from __future__ import annotations

import math
from collections import deque

from bridge.sandbox.slack.clock import SlackClock

# Requests a minute. Where documents disagree the lower figure is taken (fact sheet, 4.1).
TIERS = {1: 1, 2: 20, 3: 50, 4: 100}
SPECIAL_PER_MINUTE = 600
POSTS_PER_MINUTE = 300
POST_BURST = 5
POSTS_PER_SECOND = 1.0


class SlidingMinute:
    """At most `limit` in any 60 seconds."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._times: deque[float] = deque()

    def wait_seconds(self, now: float) -> float:
        """Take a place; 0 when there was one, else the time until there is."""
        while self._times and self._times[0] <= now - 60:
            self._times.popleft()
        if len(self._times) >= self._limit:
            return self._times[0] + 60 - now
        self._times.append(now)
        return 0.0


class Bucket:
    """A burst of `size`, refilled at `per_second`."""

    def __init__(self, size: int, per_second: float, now: float) -> None:
        self._size, self._per_second = size, per_second
        self._tokens, self._at = float(size), now

    def wait_seconds(self, now: float) -> float:
        gained = max(0.0, now - self._at) * self._per_second
        self._tokens, self._at = min(self._size, self._tokens + gained), now
        if self._tokens < 1:
            return (1 - self._tokens) / self._per_second
        self._tokens -= 1
        return 0.0


class RateLimits:
    """Budgets of one app in one workspace."""

    def __init__(self, clock: SlackClock) -> None:
        self._clock = clock
        self._methods: dict[str, SlidingMinute] = {}
        self._channels: dict[str, Bucket] = {}
        self._posts = SlidingMinute(POSTS_PER_MINUTE)

    def retry_after_seconds(self, method: str, tier: int | None, channel: str | None) -> int:
        """0 when the call may go on, else the whole seconds of the Retry-After header."""
        now = self._clock.running()
        if method == "chat.postMessage":
            return math.ceil(self._wait_for_post(channel or "", now))
        budget = self._methods.get(method)
        if budget is None:
            limit = TIERS[tier] if tier else SPECIAL_PER_MINUTE
            budget = self._methods[method] = SlidingMinute(limit)
        return math.ceil(budget.wait_seconds(now))

    def _wait_for_post(self, channel: str, now: float) -> float:
        bucket = self._channels.get(channel)
        if bucket is None:
            bucket = self._channels[channel] = Bucket(POST_BURST, POSTS_PER_SECOND, now)
        return bucket.wait_seconds(now) or self._posts.wait_seconds(now)
