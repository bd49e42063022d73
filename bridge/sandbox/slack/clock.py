"""The workspace's own clock: it can be shifted, and makes the timestamps that name messages."""

from __future__ import annotations

import time

MICROSECONDS = 1_000_000


class SlackClock:
    """Time as this workspace sees it, in seconds since 1970.

    Signatures are made with the real time, because the bridge checks them against its machine.
    """

    def __init__(self) -> None:
        self._shift_seconds = 0.0
        self._last_ts = 0

    def now(self) -> float:
        return time.time() + self._shift_seconds

    def shift(self, seconds: float) -> None:
        """Move the workspace's time by `seconds`; timestamps stay unique and ascending."""
        self._shift_seconds += seconds

    def next_ts(self) -> str:
        """A message timestamp no other message of this workspace has, later than all before."""
        self._last_ts = max(int(self.now() * MICROSECONDS), self._last_ts + 1)
        return f"{self._last_ts // MICROSECONDS:010d}.{self._last_ts % MICROSECONDS:06d}"
