"""Catch-up: what the notifications missed is read from the message stores.

A store is read by a token that RingCentral gives (ISync). Where there is none, or it is no longer
known, it is read from a time on (FSync), newest first, page by page, and handed on oldest first;
until then the store has a gap, behind which live texts wait.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from sqlmodel import Session

from bridge import arrivals
from bridge.clock import Clock, machine_now, monotonic, wait_at_most
from bridge.outbox.gates import BULK
from bridge.relay.crossings import release_gap
from bridge.relay.notices import keep_not_understood, tell_administrators
from bridge.relay.texts import CarrierRecord, storable
from bridge.ringcentral.client import RingCentralClient
from bridge.ringcentral.inbound import fault_of
from bridge.ringcentral.parse import NotUnderstood, parse_record, parse_time, record_time
from bridge.ringcentral.problems import Problem, Refusal
from bridge.ringcentral.render import render_time
from bridge.ringcentral.stores import read_store
from bridge.ringcentral.turns import Turns
from storage import copies, cursors, inboxes
from storage.database import Database
from storage.errors import DATABASE_AWAY
from storage.tables import Cursor

log = structlog.get_logger(__name__)

INVALID_TOKEN_CODES = frozenset({"CMN-101", "MSG-333", "MSG-411"})
CONNECT_OVERLAP = timedelta(seconds=5)  # no history floods a channel that was just connected
LOST_OVERLAP = timedelta(hours=1)  # receipts of texts that were under way
# Records show whole seconds and are filtered by their milliseconds: a page's oldest second is
# asked for again to its end.
ONE_SHOWN_SECOND = timedelta(milliseconds=999)
STUCK_CODE = "stuck"  # trying again will not help: nothing is skipped, somebody must look
HISTORY_TOLERANCE = timedelta(minutes=10)
HOUR = timedelta(hours=1)
PAGE_RECORDS = 250
MOST_PAGES = 40  # of one slice: about a minute of the Light budget, and no great part of a memory
SHORTEST_SLICE = timedelta(seconds=2)
COMMIT_RECORDS = 100
LEASE_SECONDS = 180.0
ASK_AGAIN_SECONDS = 1.0  # while another process reads the store
EVENT_SPACING_SECONDS = 2.0  # between two syncs of one store: Light allows 50 requests a minute
LONGEST_RETRY_SECONDS = 64.0

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Place:
    """Where a cursor goes with the last record of a sync. Times are RingCentral's.

    Without a token all up to `synced_at` is read, and the gap stays open.
    """

    token: str | None
    synced_at: datetime
    since_at: datetime


@dataclass(frozen=True)
class _Slice:
    """The records of a span of time, and what RingCentral said of the sync."""

    records: Sequence[Record]
    info: Record


class CatchUp:
    """Reads every store with a connected inbox, at start, on a timer, and when it changed."""

    def __init__(
        self,
        client_of: Callable[[int], RingCentralClient],
        database: Database,
        clock: Clock,
        *,
        turns: Turns,
        region: str,
        sync_seconds: float,
        most_pages: int = MOST_PAGES,
    ) -> None:
        self._client_of = client_of
        self._database = database
        self._clock = clock
        self._turns = turns
        self._region = region
        self._sync_seconds = sync_seconds
        self._most_pages = most_pages
        self._failures: dict[str, int] = {}
        self._read_at: dict[str, float] = {}
        self._changed = asyncio.Event()
        self._inboxes_changed = True

    def wake(self) -> None:
        """A cursor was marked due."""
        self._changed.set()

    def wake_for_inboxes(self) -> None:
        """An inbox was connected or disconnected."""
        self._inboxes_changed = True
        self._changed.set()

    async def open_gaps(self) -> None:
        """Nobody may have listened before this start: live texts wait for what was missed."""
        now = machine_now()
        await self._database.write(cursors.match_inboxes, now)
        await self._database.write(cursors.open_gaps, now)

    async def run(self) -> None:
        """Read what is due, as long as this runs."""
        while True:
            self._changed.clear()
            wait_seconds = await self.run_due()
            await wait_at_most(self._changed, wait_seconds)

    async def run_due(self) -> float:
        """Read the stores that are due; the seconds until the next one is."""
        if self._inboxes_changed:
            self._inboxes_changed = False
            await self._database.write(cursors.match_inboxes, machine_now())
        found = await self._database.read(cursors.find)
        due = [each for each in found if self._seconds_until(each) <= 0]
        await asyncio.gather(*(self._sync_and_tell(each.store) for each in due))
        left = await self._database.read(cursors.find)
        return min([self._seconds_until(each) for each in left], default=self._sync_seconds)

    def _seconds_until(self, cursor: Cursor) -> float:
        """Events come in bursts, and a sync sees them all: leave a moment between two.

        A gap is read at once, since live texts wait behind it.
        """
        due = max(0.0, (cursor.due_at - machine_now()).total_seconds())
        if cursor.gap_open:
            return due
        spacing = min(EVENT_SPACING_SECONDS, self._sync_seconds)
        rested = self._read_at.get(cursor.store, -spacing) + spacing - monotonic()
        return max(due, rested)

    async def _sync_and_tell(self, store: str) -> None:
        try:
            await self.sync_store(store)
        except Problem as problem:
            failures = self._failures[store] = self._failures.get(store, 0) + 1
            retry_seconds = min(2.0 ** min(failures, 16), LONGEST_RETRY_SECONDS, self._sync_seconds)
            due_at = machine_now() + timedelta(seconds=retry_seconds)
            await self._database.write(cursors.put_off, store, due_at)
            log.warning(
                "ringcentral.sync_failed", store=store, code=problem.code, again_after=retry_seconds
            )
            if isinstance(problem, Refusal) and problem.status in (403, 404):
                await self._database.write(_tell_unreadable, store, problem.code, self._clock.now())
            if problem.code == STUCK_CODE:
                await self._database.write(_tell_stuck, store, str(problem), self._clock.now())
        else:
            self._failures.pop(store, None)

    async def sync_store(self, store: str) -> bool:
        """Bring one store up to date; False where another process is at it. Raises a Problem.

        1. due again later   (a change that is told from here on makes it due once more)
        2. read              (dead: the cursor still stands before it)
        3. commit            records oldest first, the cursor with the last of them
        """
        self._read_at[store] = monotonic()
        async with self._turns.turn(f"ringcentral-sync:{store}", LEASE_SECONDS) as is_ours:
            again_seconds = self._sync_seconds if is_ours else ASK_AGAIN_SECONDS
            due_at = machine_now() + timedelta(seconds=again_seconds)
            await self._database.write(cursors.put_off, store, due_at)
            cursor = await self._database.read(cursors.get, store)
            if is_ours and cursor is not None:
                await self._sync(cursor)
            return is_ours

    async def _sync(self, cursor: Cursor) -> None:
        client = self._client_of(cursor.login_id)
        if cursor.sync_token is not None:
            try:
                answer = await self._read_changes(client, cursor, cursor.sync_token)
            except Refusal as refusal:
                if refusal.status >= 500 or INVALID_TOKEN_CODES.isdisjoint(refusal.codes):
                    raise
                log.warning("ringcentral.sync_token_lost", store=cursor.store)
                await self._database.write(cursors.lose_token, cursor.store)
            else:
                place = _place(_sync_info(answer), cursor.since_at)
                await self._commit(cursor, answer["records"], place)
                return
        if cursor.synced_at is None:  # from then on since_at is RingCentral's time too
            since_at = cursor.since_at + await client.server_clock() - CONNECT_OVERLAP
        else:
            since_at = max(cursor.since_at, cursor.synced_at - LOST_OVERLAP)
        await self._read_on(client, cursor, since_at)

    async def _read_changes(
        self, client: RingCentralClient, cursor: Cursor, token: str
    ) -> dict[str, Any]:
        """What is new or changed; the filters are in the token."""
        params = {"syncType": "ISync", "syncToken": token}
        return _checked(await read_store(client, cursor.store, "message-sync", params, BULK))

    async def _read_on(self, client: RingCentralClient, cursor: Cursor, since_at: datetime) -> None:
        """Read and commit all since then: whole, or where that is too much in slices of time.

        The oldest slice comes first and is committed before the next is read, so that whoever
        goes on after a death goes on there.
        """
        started_at = since_at
        width: timedelta | None = None
        while True:
            now = machine_now() + await client.server_clock()
            until_at = since_at + width if width and since_at + width < now else None
            found = await self._read_slice(client, cursor, since_at, until_at)
            if found is None:
                width = ((until_at or now) - since_at) / 2
                if width < SHORTEST_SLICE:
                    raise Problem("A moment of a message store has too many texts.", STUCK_CODE)
                log.warning("ringcentral.store_sliced", store=cursor.store, hours=width / HOUR)
            elif until_at is None:
                await self._commit(cursor, found.records, _place(found.info, started_at))
                return
            else:
                await self._commit(cursor, found.records, Place(None, until_at, started_at))
                since_at = until_at - ONE_SHOWN_SECOND

    async def _read_slice(
        self,
        client: RingCentralClient,
        cursor: Cursor,
        since_at: datetime,
        until_at: datetime | None,
    ) -> _Slice | None:
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
        first = _checked(await read_store(client, cursor.store, "message-sync", params, BULK))
        records, page = list(first["records"]), first
        for _ in range(self._most_pages):
            if not _sync_info(page).get("olderRecordsExist"):
                return _Slice(records, _sync_info(first))
            oldest_at = _oldest(page["records"])
            if oldest_at is None:
                raise Problem("RingCentral shows no time on a whole page of texts.", STUCK_CODE)
            params = {**params, "dateTo": render_time(oldest_at + ONE_SHOWN_SECOND)}
            page = _checked(await read_store(client, cursor.store, "message-sync", params, BULK))
            if _oldest(page["records"]) == oldest_at:  # more of one second than a page holds
                params["recordCount"] *= 2
            records += page["records"]
        return None

    async def _commit(self, cursor: Cursor, records: Sequence[Record], place: Place) -> None:
        ordered = _oldest_first(records)
        parts = [
            ordered[start : start + COMMIT_RECORDS]
            for start in range(0, len(ordered), COMMIT_RECORDS)
        ] or [[]]
        for part in parts[:-1]:
            await self._stage(cursor.store, part)
        await self._stage(cursor.store, parts[-1], place)
        if ordered or cursor.gap_open:
            log.info("ringcentral.store_synced", store=cursor.store, records=len(ordered))

    async def _stage(
        self, store: str, records: Sequence[Record], place: Place | None = None
    ) -> None:
        now = self._clock.now()
        try:
            await self._database.write(stage, store, records, self._region, place, now)
        except DATABASE_AWAY:
            raise
        except Exception as error:  # noqa: BLE001 -- one record must not hold up the others
            log.error("ringcentral.page_failed", store=store, **fault_of(error))
            await self._stage_singly(store, records, place)

    async def _stage_singly(
        self, store: str, records: Sequence[Record], place: Place | None
    ) -> None:
        now = self._clock.now()
        for record in records:
            try:
                await self._database.write(stage, store, [record], self._region, None, now)
            except DATABASE_AWAY:
                raise
            except Exception as error:  # noqa: BLE001 -- as above, and it is kept whole and told
                reason = f"failed with {type(error).__name__}"
                await self._database.write(keep_record, store, record, reason, now)
        await self._database.write(stage, store, [], self._region, place, now)


def stage(
    session: Session,
    store: str,
    records: Sequence[Record],
    region: str,
    place: Place | None,
    now: datetime,
) -> None:
    """Hand on records, oldest first; with the last of them comes the new place of the cursor."""
    since_at = {each.phone_number: each.connected_at for each in inboxes.find_connected(session)}
    own_numbers = set(since_at)
    for record in records:
        try:
            parsed = parse_record(record, store=store, own_numbers=own_numbers, region=region)
        except NotUnderstood as oddity:
            keep_record(session, store, record, str(oddity), now)
            continue
        if parsed is not None and not _is_history(session, parsed, since_at):
            arrivals.receive_record(session, parsed, now)
    if place is not None:
        cursors.advance(session, store, place.token, place.synced_at, place.since_at)
        if place.token is not None:
            release_gap(session, store, now)


def _is_history(session: Session, record: CarrierRecord, since_at: Mapping[str, datetime]) -> bool:
    """A text from before its number was connected, changed since: no news to anybody in Slack.

    A tolerance for clocks, and no such judgement by a product time that was moved ahead.
    """
    connected_at = since_at.get(record.own_number)
    if connected_at is None or connected_at > machine_now():
        return False
    if record.sent_at >= connected_at - HISTORY_TOLERANCE:
        return False
    known = copies.get_message_id(session, "ringcentral", record.store, record.record_id)
    return known is None


def keep_record(session: Session, store: str, record: Record, reason: str, now: datetime) -> None:
    """Keep a record that was not understood, once in each of its versions."""
    key = storable(f"{store}/{record.get('id')}/{record.get('lastModifiedTime')}")
    keep_not_understood(session, "ringcentral", key, reason, json.dumps(record), now)


def _tell_stuck(session: Session, store: str, why: str, now: datetime) -> None:
    sentence = f"Texts that came meanwhile are not shown yet, and are tried for again. {why}"
    tell_administrators(
        session, f"stuck:{store}:{now.date()}", "admin", {"sentence": sentence}, now
    )


def _tell_unreadable(session: Session, store: str, code: str, now: datetime) -> None:
    numbers = ", ".join(
        inbox.phone_number for inbox in inboxes.find_connected(session) if inbox.store == store
    )
    sentence = (
        f"RingCentral no longer lets this login read the texts of {numbers} ({code}): make its "
        "user a super admin, or a manager of the call queue with full access to its messages."
    )
    key = f"unreadable:{store}:{now.date()}"
    tell_administrators(session, key, "admin", {"sentence": sentence}, now)


def _checked(answer: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(answer.get("records"), list) or not isinstance(answer.get("syncInfo"), dict):
        raise Problem("RingCentral's answer to a sync is unreadable.", "unreadable")
    return answer


def _sync_info(answer: Mapping[str, Any]) -> Record:
    info: Record = answer["syncInfo"]
    return info


def _place(info: Record, since_at: datetime) -> Place:
    token = info.get("syncToken")
    if not isinstance(token, str) or not token:
        raise Problem("RingCentral gave no sync token.", "unreadable")
    try:
        synced_at = parse_time(info.get("syncTime"))
    except NotUnderstood:  # it bounds a later full sync only, which overlaps by an hour
        synced_at = machine_now()
    return Place(token, synced_at, since_at)


def _oldest(records: Sequence[Record]) -> datetime | None:
    times = [time for time in map(_readable_time, records) if time is not None]
    return min(times, default=None)


def _readable_time(record: Record) -> datetime | None:
    try:
        return record_time(record)
    except NotUnderstood:  # it will be kept when its turn comes
        return None


def _oldest_first(records: Sequence[Record]) -> list[Record]:
    """By time, then id, each version of a record once; the ids of one second grow with time."""
    unique = {(each.get("id"), each.get("lastModifiedTime")): each for each in records}
    return sorted(unique.values(), key=_place_of)


def _place_of(record: Record) -> tuple[datetime, int]:
    number = str(record.get("id", ""))
    time = _readable_time(record) or datetime.max.replace(tzinfo=UTC)
    return time, int(number) if number.isdigit() else 0
