"""When Slack was last heard, and last posted to, by any process of the bridge."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from bridge.clock import machine_now, sleep
from storage import signs
from storage.database import Database
from storage.errors import DATABASE_AWAY

log = structlog.get_logger(__name__)

HEARD, POSTED = "slack_heard", "slack_posted"
WRITTEN_EVERY = timedelta(seconds=10)


class SlackSigns:
    """Notes in memory at once, and on file from time to time: it is on the path of every text."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.heard_at: datetime | None = None
        self.posted_at: datetime | None = None
        self._written: dict[str, datetime] = {}
        self._shared: dict[str, datetime] = {}
        self._shared_at: datetime | None = None

    def note_heard(self) -> None:
        """Slack has told this process something."""
        self.heard_at = machine_now()

    def note_posted(self, channel_id: str, began_at: datetime) -> None:
        """Slack has taken a post of ours; of direct messages it tells us nothing."""
        if channel_id.startswith(("C", "G")):
            self.posted_at = began_at

    async def share(self) -> dict[str, datetime]:
        """Put on file what was noted since, and read what all processes have, now and then."""
        now = machine_now()
        if self._shared_at is not None and now - self._shared_at < WRITTEN_EVERY:
            return self._shared
        for name, seen_at in ((HEARD, self.heard_at), (POSTED, self.posted_at)):
            if seen_at is not None and seen_at != self._written.get(name):
                await self._database.write(signs.note, name, seen_at)
                self._written[name] = seen_at
        self._shared, self._shared_at = await self._database.read(signs.find), now
        return self._shared

    async def keep_shared(self) -> None:
        """Tell the processes that listen what this one, which only posts, has posted."""
        while True:
            try:
                await self.share()
            except DATABASE_AWAY:
                log.warning("slack.signs_not_shared")
            await sleep(WRITTEN_EVERY.total_seconds())
