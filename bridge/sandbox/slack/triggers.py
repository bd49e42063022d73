"""Trigger ids: leave to open one modal, for three seconds, once."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from bridge.sandbox.slack.clock import SlackClock
from bridge.sandbox.slack.errors import ApiError

TRIGGER_LIFE_SECONDS = 3.0


@dataclass(slots=True)
class Trigger:
    user_id: str
    issued_at: float
    view_id: str | None
    is_used: bool = False


class Triggers:
    def __init__(self, clock: SlackClock) -> None:
        self._clock = clock
        self._by_id: dict[str, Trigger] = {}

    def issue(self, user_id: str, view_id: str | None = None) -> str:
        """A new trigger; `view_id` when it comes from inside a modal."""
        now = self._clock.running()
        trigger_id = f"{int(now * 1000)}.{len(self._by_id)}.{secrets.token_hex(16)}"
        self._by_id[trigger_id] = Trigger(user_id, now, view_id)
        return trigger_id

    def use(self, trigger_id: str) -> Trigger:
        trigger = self._by_id.get(trigger_id)
        if trigger is None:
            raise ApiError("invalid_trigger_id")
        if trigger.is_used:
            raise ApiError("exchanged_trigger_id")
        if self._clock.running() - trigger.issued_at > TRIGGER_LIFE_SECONDS:
            raise ApiError("expired_trigger_id")
        trigger.is_used = True
        return trigger
