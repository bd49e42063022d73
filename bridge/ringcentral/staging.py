"""Records of a message store handed on, and the place of its cursor moved with them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from sqlmodel import Session

from bridge import arrivals
from bridge.clock import Clock, machine_now
from bridge.relay.crossings import release_gap
from bridge.relay.notices import keep_not_understood
from bridge.relay.receiving import tell_hears_again
from bridge.relay.texts import CarrierRecord, storable
from bridge.ringcentral.inbound import fault_of
from bridge.ringcentral.parse import NotUnderstood, parse_record, record_time
from storage import copies, cursors, inboxes
from storage.cursors import Place
from storage.database import Database
from storage.errors import DATABASE_AWAY

log = structlog.get_logger(__name__)

HISTORY_TOLERANCE = timedelta(minutes=10)
COMMIT_RECORDS = 100

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Step:
    """The way of a cursor with the last record of a sync, taken at `read_at` (machine time).

    `patience` is for how long the store may have been unread without anybody being told.
    """

    before: Place
    after: Place
    read_at: datetime
    patience: timedelta


class Stager:
    """Commits what was read of a store, oldest first, the cursor's step with the last of it."""

    def __init__(self, database: Database, clock: Clock, region: str, patience: timedelta) -> None:
        self._database = database
        self._clock = clock
        self._region = region
        self._patience = patience

    async def commit(
        self, store: str, records: Sequence[Record], before: Place, after: Place
    ) -> bool:
        """False where the cursor no longer stood where it was read from: somebody has read on."""
        ordered = oldest_first(records)
        parts = [
            ordered[start : start + COMMIT_RECORDS]
            for start in range(0, len(ordered), COMMIT_RECORDS)
        ] or [[]]
        for part in parts[:-1]:
            await self._stage(store, part, None)
        step = Step(before, after, machine_now(), self._patience)
        return await self._stage(store, parts[-1], step)

    async def _stage(self, store: str, records: Sequence[Record], step: Step | None) -> bool:
        now = self._clock.now()
        try:
            return await self._database.write(stage, store, records, self._region, step, now)
        except DATABASE_AWAY:
            raise
        except Exception as error:  # noqa: BLE001 -- one record must not hold up the others
            log.error("ringcentral.page_failed", store=store, **fault_of(error))
            return await self._stage_singly(store, records, step)

    async def _stage_singly(self, store: str, records: Sequence[Record], step: Step | None) -> bool:
        now = self._clock.now()
        for record in records:
            try:
                await self._database.write(stage, store, [record], self._region, None, now)
            except DATABASE_AWAY:
                raise
            except Exception as error:  # noqa: BLE001 -- as above, and it is kept whole and told
                reason = f"failed with {type(error).__name__}"
                await self._database.write(keep_record, store, record, reason, now)
        return await self._database.write(stage, store, [], self._region, step, now)


def stage(
    session: Session,
    store: str,
    records: Sequence[Record],
    region: str,
    step: Step | None,
    now: datetime,
) -> bool:
    """Hand on records, oldest first, and take the cursor's step; False where it stood elsewhere."""
    since_at = {each.phone_number: each.connected_at for each in inboxes.find_connected(session)}
    own_numbers = set(since_at)
    caught_up: Counter[str] = Counter()
    for record in records:
        try:
            parsed = parse_record(record, store=store, own_numbers=own_numbers, region=region)
        except NotUnderstood as oddity:
            keep_record(session, store, record, str(oddity), now)
            continue
        if parsed is not None and not _is_history(session, parsed, since_at):
            outcome = arrivals.receive_record(session, parsed, now)
            caught_up[parsed.own_number] += outcome == "relayed" and parsed.direction == "in"
    if caught_up.total():
        cursors.count_caught_up(session, store, caught_up)
    return step is None or _take_step(session, store, step, now)


def _take_step(session: Session, store: str, step: Step, now: datetime) -> bool:
    cursor = cursors.advance(session, store, step.before, step.after, step.read_at)
    if cursor is None:
        return False
    if step.after.sync_token is not None:
        tell_hears_again(session, cursor, step.read_at, step.patience, now)
        release_gap(session, store, now)
    return True


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


def oldest_first(records: Sequence[Record]) -> list[Record]:
    """By time, then id, each version of a record once; the ids of one second grow with time."""
    unique = {(each.get("id"), each.get("lastModifiedTime")): each for each in records}
    return sorted(unique.values(), key=_place_in_time)


def _place_in_time(record: Record) -> tuple[datetime, int]:
    number = str(record.get("id", ""))
    time = readable_time(record) or datetime.max.replace(tzinfo=UTC)
    return time, int(number) if number.isdigit() else 0


def readable_time(record: Record) -> datetime | None:
    """When a record was made, None where that cannot be read."""
    try:
        return record_time(record)
    except NotUnderstood:  # it will be kept when its turn comes
        return None
