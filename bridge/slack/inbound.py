"""What Slack tells us, recorded: each event parsed, written in one unit, acknowledged after it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import assert_never

import structlog
from sqlmodel import Session

from bridge import meters
from bridge.clock import Clock, machine_now
from bridge.relay import changes, crossings, notices
from bridge.relay.texts import Reply, ReplyDeletion, ReplyEdit, storable
from bridge.slack import parse
from bridge.slack.installation import Installation
from bridge.slack.outcomes import CHANNEL_AWAY
from bridge.slack.parse import (
    AccessRevoked,
    Body,
    ChannelLost,
    ChannelRegained,
    NotUnderstood,
    ParentDeleted,
    PersonChanged,
    Unwanted,
)
from bridge.slack.people import People
from storage import deliveries
from storage.database import Database

log = structlog.get_logger(__name__)

# Slack's own repeats come within some six minutes; what is older its author may no longer mean.
OFFER_AFTER_SECONDS = 600.0


class Inbound:
    """Events of inbox channels, of people, and of the installation itself."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        installation: Installation,
        people: People,
        *,
        offer_after_seconds: float = OFFER_AFTER_SECONDS,
    ) -> None:
        self._database, self._clock = database, clock
        self._installation, self._people = installation, people
        self._offer_after = timedelta(seconds=offer_after_seconds)
        self.on_regained: Callable[[], None] = lambda: None

    async def receive_event(self, body: Body) -> None:
        """Record what an event says; returns after the commit, raises where there was none."""
        try:
            event = await self._parse(body)
        except NotUnderstood as fault:
            await self.keep(json.dumps(body), str(fault), body.get("event_id"))
            return
        became = await self._receive(event)
        if became is not None:
            meters.EVENTS.labels("slack", became).inc()
            log.info("slack.event_received", event_kind=type(event).__name__, became=became)

    async def receive_found(self, event: parse.Event) -> str | None:
        """Record what was found in a channel and no event may have told of; as `receive_event`."""
        became = await self._receive(event)
        if became not in (None, "repeat", "not_ours"):
            meters.EVENTS.labels("slack", f"{became}_found").inc()
            log.info("slack.missed_found", event_kind=type(event).__name__, became=became)
        return became

    async def keep(self, text: str, reason: str, event_id: object = None) -> None:
        """Keep what is authentic but not understood, encrypted, and tell the administrators."""
        digest = sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        key = f"slack:{event_id if isinstance(event_id, str) else digest}"[:200]
        await self._database.write(
            notices.keep_not_understood,
            "slack",
            storable(key),
            storable(reason),
            storable(text),
            self._clock.now(),
        )
        meters.EVENTS.labels("slack", "not_understood").inc()
        log.warning("slack.event_kept", reason=reason)

    async def _parse(self, body: Body) -> parse.Event:
        workspace = await self._installation.workspace()
        event = body.get("event")
        if not isinstance(event, dict):
            return Unwanted()
        if event.get("type") == "message" and not await self._is_in_inbox(event):
            return Unwanted()
        return parse.parse_event(body, workspace.bot_user_id)

    async def _is_in_inbox(self, event: Body) -> bool:
        channel_id = parse.message_channel_of(event)
        if await self._installation.has_inbox(channel_id):
            return True
        # A reply in a thread of a number that was disconnected: its author is told, not ignored.
        is_spoken = event.get("subtype") in parse.SPOKEN_SUBTYPES
        return is_spoken and await self._installation.had_inbox(channel_id)

    async def _receive(self, event: parse.Event) -> str | None:
        now = self._clock.now()
        match event:
            case Unwanted():
                return None
            case Reply():
                is_late = machine_now() - parse.time_of(event.ts) > self._offer_after
                reply = replace(event, is_late=is_late)
                return await self._database.write(crossings.relay_slack_to_sms, reply, now)
            case ReplyEdit():
                return await self._database.write(changes.change_reply, event, now)
            case ReplyDeletion():
                return await self._database.write(changes.cancel_reply, event, now)
            case ParentDeleted(team_id=team_id, channel_id=channel_id, ts=ts):
                moved = await self._database.write(changes.move_on, team_id, channel_id, ts, now)
                return "moved_on" if moved else None
            case ChannelLost():
                return await self._receive_channel_lost(event, now)
            case ChannelRegained(channel_id=channel_id):
                return await self._receive_channel_regained(channel_id, now)
            case AccessRevoked(team_id=team_id):
                return "revoked" if await self._installation.revoke(team_id, now) else None
            case PersonChanged(team_id=team_id, user=user):
                await self._people.remember(team_id, user, now)
                return None
            case _:
                assert_never(event)

    async def _receive_channel_lost(self, lost: ChannelLost, now: datetime) -> str | None:
        if not await self._installation.has_inbox(lost.channel_id):
            return None
        await self._database.write(_tell_channel_lost, lost, now)
        return lost.how

    async def _receive_channel_regained(self, channel_id: str, now: datetime) -> str | None:
        if not await self._installation.has_inbox(channel_id):
            return None
        await self._database.write(_let_go, now)
        self.on_regained()
        return "regained"


def _let_go(session: Session, now: datetime) -> None:
    """What waits for a channel need not wait for its next try; another one's is only tried."""
    for reason in CHANNEL_AWAY:
        deliveries.release(session, "slack", reason, now)


def _tell_channel_lost(session: Session, lost: ChannelLost, now: datetime) -> None:
    notices.tell_administrators(
        session,
        # Slack tells one loss in several events; a second loss is told again.
        f"channel_lost:{lost.channel_id}:{lost.how}:{now:%Y-%m-%dT%H}",
        "channel_lost",
        {"channel_id": lost.channel_id, "how": lost.how},
        now,
    )
