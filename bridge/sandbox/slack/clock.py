"""The workspace's own clock: it can be moved and paused, and makes the timestamps of messages."""

from __future__ import annotations

from bridge.sandbox.pace import Pace

MICROSECONDS = 1_000_000


class SlackClock:
    """Time as this workspace sees it, in seconds since 1970.

    Signatures are made with the real time, because the bridge checks them against its machine.
    """

    def __init__(self) -> None:
        self.pace = Pace()
        self._last_ts = 0

    def now(self) -> float:
        """What people see; it stands still while the world is paused."""
        return self.pace.now()

    def running(self) -> float:
        """What limits, triggers and retries are counted in; it is never paused."""
        return self.pace.running()

    def shift(self, seconds: float) -> None:
        """Move the workspace's time by `seconds`; timestamps stay unique and ascending."""
        self.pace.forward(seconds)

    def next_ts(self) -> str:
        """A message timestamp no other message of this workspace has, later than all before."""
        self._last_ts = max(int(self.now() * MICROSECONDS), self._last_ts + 1)
        return f"{self._last_ts // MICROSECONDS:010d}.{self._last_ts % MICROSECONDS:06d}"

    def begin_after(self, ts: str) -> None:
        """Make only timestamps later than this one."""
        self._last_ts = max(self._last_ts, int(ts.replace(".", "")))
