"""The watch for inboxes that cannot receive."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from bridge.clock import Clock, machine_now
from bridge.relay import receiving
from bridge.watching import keep_looking
from storage.database import Database

log = structlog.get_logger(__name__)

LOOK_SECONDS = 15.0


class ReceivingWatch:
    """Looks every few seconds; any number of processes may.

    A process that has just started gives the catch-up, which starts with it, time to read.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        patience: timedelta,
        *,
        started_at: datetime | None = None,
    ) -> None:
        self._database, self._clock, self._patience = database, clock, patience
        self._started_at = started_at or machine_now()

    async def run(self) -> None:
        """Look, as long as this runs."""
        await keep_looking("receiving", self.look, LOOK_SECONDS)

    async def look(self) -> None:
        """Tell the channels of inboxes whose store has not been read for too long."""
        machine_at = machine_now()
        silent_since = machine_at - self._patience
        if self._started_at > silent_since:
            return
        for store in await self._database.read(receiving.find_deaf_stores, silent_since):
            told = await self._database.write(
                receiving.tell_deaf, store, silent_since, machine_at, self._clock.now()
            )
            if told:
                log.warning("inbox.deaf", store=store, inboxes=told)
