"""Catch-up: replies that no event told of are read from the inboxes' channels.

Slack repeats an event for some minutes (with Delayed Events, for a day), then never again. So after
a start, after each new connection, when a channel is regained, and on a timer, each channel's
parents are listed, and those threads are read in which somebody has written since.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog

from bridge.clock import machine_now, wait_at_most
from bridge.outbox.gates import BULK
from bridge.relay.crossings import CardInFlight
from bridge.slack import parse
from bridge.slack.client import Limited, SlackClient, SlackProblem, SlackRefused
from bridge.slack.inbound import Inbound
from bridge.slack.installation import AppRemoved, Installation
from bridge.slack.outcomes import CHANNEL_AWAY
from bridge.slack.parse import NotUnderstood
from storage import channel_cursors
from storage import leases as lease_rows
from storage.database import Database
from storage.ids import new_marker
from storage.tables import ChannelCursor, Inbox

log = structlog.get_logger(__name__)

LOOK_SECONDS = 600.0
AGAIN_SECONDS = 15.0
LONGEST_RETRY_SECONDS = 300.0
LEASE_SECONDS = 180.0
# Threads are read by their order in Slack, not by when each message could be read: look back a bit.
OVERLAP = timedelta(minutes=10)
# Whoever was away looks at cards this old; whoever was not, at those of the last days.
HORIZON, SHORT_HORIZON = timedelta(days=30), timedelta(days=2)
PAGE_SIZE = 200  # Slack advises no more

Message = Mapping[str, Any]


@dataclass(frozen=True)
class Channel:
    """An inbox's channel, and from where on it is to be read."""

    team_id: str
    channel_id: str
    bot_user_id: str
    since: str
    oldest_parent: str


class CatchUp:
    """Reads every inbox's channel; of several processes one at a time reads a channel."""

    def __init__(
        self,
        database: Database,
        client: SlackClient,
        installation: Installation,
        inbound: Inbound,
        *,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        self._database, self._client = database, client
        self._installation, self._inbound = installation, inbound
        self._look_seconds = look_seconds
        self._holder = new_marker()
        self._was_away = True
        self._asked = asyncio.Event()
        self._failures = 0

    def wake(self) -> None:
        """Somebody may have written while nobody listened: look now, and far back."""
        self._was_away = True
        self._asked.set()

    async def run(self) -> None:
        """Look, as long as this runs."""
        while True:
            self._asked.clear()
            wait_seconds = await self._look_and_tell()
            await wait_at_most(self._asked, wait_seconds)

    async def _look_and_tell(self) -> float:
        was_away, self._was_away = self._was_away, False
        try:
            is_whole = await self.look(was_away=was_away)
        except Exception as error:
            self._was_away = self._was_away or was_away
            self._failures += 1
            wait_seconds = _retry_seconds(error, self._failures)
            if isinstance(error, SlackProblem):
                log.warning("slack.catch_up_failed", code=error.code, again_after=wait_seconds)
            else:  # Slack or the database may be away for hours: it must go on
                log.exception("slack.catch_up_crashed", again_after=wait_seconds)
            return wait_seconds
        self._failures = 0
        if is_whole:
            return self._look_seconds
        self._was_away = self._was_away or was_away
        return AGAIN_SECONDS

    async def look(self, *, was_away: bool) -> bool:
        """Read each channel that is due; False where one could not be read to its end yet."""
        try:
            workspace = await self._installation.workspace()
        except AppRemoved:
            return True  # nobody may read there; a new start with a new token looks again
        whole = True
        for inbox in await self._installation.inboxes():
            if not await self._take_turn(inbox):
                whole = False
                continue
            try:
                whole &= await self._look_at(inbox, workspace.bot_user_id, was_away)
            finally:
                await self._database.write(
                    lease_rows.give_back, _lease_of(inbox.channel_id), self._holder
                )
        return whole

    async def _take_turn(self, inbox: Inbox) -> bool:
        return await self._database.write(
            lease_rows.take,
            _lease_of(inbox.channel_id),
            self._holder,
            machine_now(),
            LEASE_SECONDS,
        )

    async def _look_at(self, inbox: Inbox, bot_user_id: str, was_away: bool) -> bool:
        cursor = await self._database.write(
            channel_cursors.get_or_add,
            inbox.team_id,
            inbox.channel_id,
            _ts(inbox.connected_at),
        )
        if cursor.read_to == channel_cursors.UNKNOWN:
            log.warning("slack.catch_up_restored", channel_id=inbox.channel_id)
            now = machine_now() + OVERLAP  # the overlap would reach back again
            place = (inbox.team_id, inbox.channel_id, _ts(now), machine_now())
            await self._database.write(channel_cursors.begin_again, *place)
            return True
        if not was_away and not self._is_due(cursor):
            return True  # another process has looked meanwhile
        horizon = HORIZON if was_away else SHORT_HORIZON
        read_to = parse.time_of(cursor.read_to)
        channel = Channel(
            inbox.team_id,
            inbox.channel_id,
            bot_user_id,
            since=_ts(read_to - OVERLAP),
            oldest_parent=_ts(min(read_to, machine_now()) - horizon),
        )
        try:
            newest = await self._read(channel, cursor.read_to)
        except CardInFlight:
            return False  # a thread that may be ours: known in a moment
        except SlackRefused as refused:
            if refused.code not in CHANNEL_AWAY:
                raise
            return True  # told when it was lost, and looked at when it is regained
        await self._database.write(
            channel_cursors.advance, inbox.team_id, inbox.channel_id, newest, machine_now()
        )
        return True

    def _is_due(self, cursor: ChannelCursor) -> bool:
        if cursor.looked_at is None:
            return True
        return machine_now() - cursor.looked_at >= timedelta(seconds=self._look_seconds / 2)

    async def _read(self, channel: Channel, read_to: str) -> str:
        """Record what is new in the channel's threads, oldest first; the newest ts there."""
        newest, threads = read_to, list[tuple[str, str]]()
        async for parent in self._pages("conversations.history", channel.oldest_parent, channel):
            latest = str(parent.get("latest_reply") or "")
            if _is_ours(parent, channel) and latest > channel.since:
                threads.append((latest, str(parent["ts"])))
        for latest, thread_ts in sorted(threads):
            await self._read_thread(channel, thread_ts)
            newest = max(newest, latest)
        return newest

    async def _read_thread(self, channel: Channel, thread_ts: str) -> None:
        found = 0
        pages = self._pages("conversations.replies", channel.since, channel, ts=thread_ts)
        async for message in pages:
            for event in _events_of(message, channel):
                await self._inbound.receive_found(event)
                found += 1
        log.info("slack.thread_read", channel_id=channel.channel_id, replies=found)

    async def _pages(
        self, method: str, oldest: str, channel: Channel, **more: str
    ) -> AsyncIterator[Message]:
        arguments: dict[str, Any] = {
            "channel": channel.channel_id,
            "oldest": oldest,
            "limit": PAGE_SIZE,
            **more,
        }
        while True:
            page = await self._client.ask(method, priority=BULK, **arguments)
            for each in page.get("messages") or ():
                if isinstance(each, dict):
                    yield each
            arguments["cursor"] = (page.get("response_metadata") or {}).get("next_cursor")
            if not arguments["cursor"]:
                return


def _lease_of(channel_id: str) -> str:
    return f"slack-catch-up:{channel_id}"


def _is_ours(parent: Message, channel: Channel) -> bool:
    """True for a parent that our app posted: a card, or words that nobody replies to."""
    thread_ts = parent.get("thread_ts")
    return parent.get("user") == channel.bot_user_id and thread_ts == parent.get("ts")


def _events_of(message: Message, channel: Channel) -> list[parse.Event]:
    """What the events of a reply would have said: that it was written, and its newest edit."""
    try:
        return parse.parse_found_reply(message, channel.team_id, channel.channel_id)
    except NotUnderstood as fault:
        log.warning("slack.found_not_understood", reason=str(fault))
        return []


def _retry_seconds(error: Exception, failures: int) -> float:
    if isinstance(error, Limited):
        return error.after_seconds
    return min(AGAIN_SECONDS * 2.0 ** min(failures - 1, 10), LONGEST_RETRY_SECONDS)


def _ts(at: datetime) -> str:
    return f"{at.timestamp():.6f}"
