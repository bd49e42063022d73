"""The watch for texts that take long."""

from __future__ import annotations

from collections.abc import Collection

import structlog

from bridge.clock import Clock
from bridge.relay import delays
from bridge.watching import keep_looking
from storage.database import Database

log = structlog.get_logger()

LOOK_SECONDS = 5.0


class DelayWatch:
    """Looks every few seconds; any number of processes may."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock
        self._seen: Collection[int] = ()

    async def run(self) -> None:
        """Look, as long as this runs."""
        await keep_looking("delays", self.look, LOOK_SECONDS)

    async def look(self) -> None:
        """Tell of what was late at the last look and is still.

        What is late at one look only is on its way: the bridge has just started, or product time
        was moved.
        """
        now = self._clock.now()
        found = await self._database.read(delays.find_delayed, now)
        for message_id in (each for each in found if each in self._seen):
            if await self._database.write(delays.tell_delayed, message_id, now):
                log.info("text.delayed", message=message_id)
        self._seen = found
