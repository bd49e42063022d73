"""One message store, read from where its cursor stands to its end.

By a token that RingCentral gave (ISync) it is one answer without pages. Where there is no token, or
RingCentral no longer knows it, the store is read from a time on (FSync), newest first, page by
page, and handed on oldest first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog

from bridge.clock import machine_now
from bridge.outbox.gates import BULK
from bridge.ringcentral.client import RingCentralClient
from bridge.ringcentral.parse import NotUnderstood, parse_time
from bridge.ringcentral.problems import Problem, Refusal
from bridge.ringcentral.render import render_time
from bridge.ringcentral.staging import Record, Stager, readable_time
from bridge.ringcentral.stores import read_store
from storage import cursors
from storage.cursors import Place
from storage.database import Database
from storage.tables import Cursor

log = structlog.get_logger(__name__)

INVALID_TOKEN_CODES = frozenset({"CMN-101", "MSG-333", "MSG-411"})
CONNECT_OVERLAP = timedelta(seconds=5)  # no history floods a channel that was just connected
LOST_OVERLAP = timedelta(hours=1)  # receipts of texts that were under way
# Records show whole seconds and are filtered by their milliseconds: a page's oldest second is
# asked for again to its end.
ONE_SHOWN_SECOND = timedelta(milliseconds=999)
STUCK_CODE = "stuck"  # trying again will not help: nothing is skipped, somebody must look
HOUR = timedelta(hours=1)
PAGE_RECORDS = 250
MOST_PAGES = 40  # of one slice: about a minute of the Light budget, and no great part of a memory
SHORTEST_SLICE = timedelta(seconds=2)
# For a permit: many stores share one budget, and a page given up costs its whole slice. With a
# request's own time it ends inside the turn, which is taken anew before each page.
PATIENCE_SECONDS = 120.0
# Each slice is held in memory. Those with a token have room of their own: they hold little.
SLICES_AT_ONCE = 4
CHANGES_AT_ONCE = 4

KeepTurn = Callable[[], Awaitable[None]]


class TurnLost(Exception):
    """Another process reads the store by now."""


@dataclass(frozen=True)
class _Slice:
    """The records of a span of time, and what RingCentral said of the sync."""

    records: Sequence[Record]
    info: Record


class Room:
    """How much of all stores is read at once."""

    def __init__(self) -> None:
        self.slices = asyncio.Semaphore(SLICES_AT_ONCE)
        self.changes = asyncio.Semaphore(CHANGES_AT_ONCE)


class Reading:
    """One sync of one store. `keep_turn` is asked before each page; it raises TurnLost."""

    def __init__(
        self,
        client: RingCentralClient,
        cursor: Cursor,
        *,
        database: Database,
        stager: Stager,
        room: Room,
        keep_turn: KeepTurn,
        most_pages: int = MOST_PAGES,
    ) -> None:
        self._client = client
        self._cursor = cursor
        self._place = cursors.place_of(cursor)
        self._database = database
        self._stager = stager
        self._room = room
        self._keep_turn = keep_turn
        self._most_pages = most_pages

    async def read(self) -> None:
        """Bring it up to date; raises a Problem or TurnLost."""
        if self._place.sync_token is not None and await self._read_changes(self._place.sync_token):
            return
        since_at, synced_at = self._place.since_at, self._place.synced_at
        if synced_at is None:  # from then on since_at is RingCentral's time too
            since_at = since_at + await self._client.server_clock() - CONNECT_OVERLAP
        else:
            since_at = max(since_at, synced_at - LOST_OVERLAP)
        await self._read_on(since_at)

    async def _read_changes(self, token: str) -> bool:
        """What is new or changed, the filters being in the token; False where it is not known."""
        async with self._room.changes:
            try:
                answer = await self._page({"syncType": "ISync", "syncToken": token})
            except Refusal as refusal:
                if refusal.status >= 500 or INVALID_TOKEN_CODES.isdisjoint(refusal.codes):
                    raise
                log.warning("ringcentral.sync_token_lost", store=self._cursor.store)
                await self._database.write(cursors.lose_token, self._cursor.store, token)
                self._place = Place(None, self._place.synced_at, self._place.since_at)
                return False
            place = _place_after(_sync_info(answer), self._place.since_at)
            await self._commit(answer["records"], place)
        return True

    async def _read_on(self, since_at: datetime) -> None:
        """Read and commit all since then: whole, or where that is too much in slices of time.

        The oldest slice comes first and is committed before the next is read, so that whoever
        goes on after a death goes on there.
        """
        started_at = since_at
        width: timedelta | None = None
        while True:
            async with self._room.slices:  # between two slices others have their turn
                now = machine_now() + await self._client.server_clock()
                until_at = since_at + width if width and since_at + width < now else None
                found = await self._read_slice(since_at, until_at)
                if found is None:
                    width = ((until_at or now) - since_at) / 2
                    if width < SHORTEST_SLICE:
                        raise Problem("A moment of a message store has too many texts.", STUCK_CODE)
                    log.warning(
                        "ringcentral.store_sliced", store=self._cursor.store, hours=width / HOUR
                    )
                elif until_at is None:
                    await self._commit(found.records, _place_after(found.info, started_at))
                    return
                else:
                    await self._commit(found.records, Place(None, until_at, started_at))
                    since_at = until_at - ONE_SHOWN_SECOND

    async def _read_slice(self, since_at: datetime, until_at: datetime | None) -> _Slice | None:
        """All records of a span, None where it has more pages than a slice may have.

        With the first page's token: the later pages only reach back.
        """
        params: dict[str, Any] = {
            "syncType": "FSync",
            "dateFrom": render_time(since_at),
            "messageType": "SMS",
            "recordCount": PAGE_RECORDS,
        }
        if until_at is not None:
            params["dateTo"] = render_time(until_at)
        first = await self._page(params)
        records, page = list(first["records"]), first
        for _ in range(self._most_pages):
            if not _sync_info(page).get("olderRecordsExist"):
                return _Slice(records, _sync_info(first))
            oldest_at = _oldest(page["records"])
            if oldest_at is None:
                raise Problem("RingCentral shows no time on a whole page of texts.", STUCK_CODE)
            params = {**params, "dateTo": render_time(oldest_at + ONE_SHOWN_SECOND)}
            page = await self._page(params)
            if _oldest(page["records"]) == oldest_at:  # more of one second than a page holds
                params["recordCount"] *= 2
            records += page["records"]
        return None

    async def _page(self, params: Mapping[str, Any]) -> dict[str, Any]:
        await self._keep_turn()
        answer = await read_store(
            self._client, self._cursor.store, "message-sync", params, BULK, PATIENCE_SECONDS
        )
        if not isinstance(answer.get("records"), list) or not isinstance(
            answer.get("syncInfo"), dict
        ):
            raise Problem("RingCentral's answer to a sync is unreadable.", "unreadable")
        return answer

    async def _commit(self, records: Sequence[Record], place: Place) -> None:
        store = self._cursor.store
        if not await self._stager.commit(store, records, self._place, place):
            raise TurnLost
        self._place = place
        if records or self._cursor.gap_open:
            log.info("ringcentral.store_synced", store=store, records=len(records))


def _sync_info(answer: Mapping[str, Any]) -> Record:
    info: Record = answer["syncInfo"]
    return info


def _place_after(info: Record, since_at: datetime) -> Place:
    token = info.get("syncToken")
    if not isinstance(token, str) or not token:
        raise Problem("RingCentral gave no sync token.", "unreadable")
    try:
        synced_at = parse_time(info.get("syncTime"))
    except NotUnderstood:  # it bounds a later full sync only, which overlaps by an hour
        synced_at = machine_now()
    return Place(token, synced_at, since_at)


def _oldest(records: Sequence[Record]) -> datetime | None:
    times = [time for time in map(readable_time, records) if time is not None]
    return min(times, default=None)
