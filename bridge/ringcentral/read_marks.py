"""Marking records as read, many at once: it shares the budget of sending.

A login makes at most one such request a minute, whoever of its processes asks: the lease is never
given back, it runs out.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlmodel import Session

from bridge.clock import Clock, machine_now, sleep
from bridge.outbox.gates import BULK
from bridge.relay.notices import tell_administrators
from bridge.ringcentral.client import RingCentralClient
from bridge.ringcentral.problems import Problem, Refusal
from bridge.ringcentral.stores import store_path
from storage import leases, reads
from storage.database import Database
from storage.ids import new_marker

log = structlog.get_logger(__name__)

EVERY_SECONDS = 60.0
MOST_IDS = 50  # that RingCentral takes in a path
PATIENCE_SECONDS = 5.0  # for a permit: where people send, it is for the next minute
AGAIN_AFTER = timedelta(hours=1)
GIVEN_UP_AFTER = timedelta(days=1)
FORBIDDEN_SECONDS = GIVEN_UP_AFTER.total_seconds()


@dataclass(frozen=True)
class Batch:
    """Records of one store that are marked by one request."""

    login_id: int
    store: str
    record_ids: Sequence[str]


class ReadMarks:
    """Marks what was shown in Slack, minute by minute."""

    def __init__(
        self,
        client_of: Callable[[int], RingCentralClient],
        database: Database,
        clock: Clock,
        *,
        every_seconds: float = EVERY_SECONDS,
    ) -> None:
        self._client_of = client_of
        self._database = database
        self._clock = clock
        self._every_seconds = every_seconds

    async def run(self) -> None:
        """Mark what is owed, as long as this runs."""
        while True:
            await self.mark_due()
            await sleep(self._every_seconds)

    async def mark_due(self) -> None:
        """One request for each login that may make one now; what fails waits for its next turn."""
        now = self._clock.now()
        given_up_before = now - GIVEN_UP_AFTER
        if await self._database.read(reads.is_any_owed_before, given_up_before):
            await self._database.write(reads.forget, given_up_before)
        due = await self._database.read(reads.find_due_stores, now)
        for login_id in sorted({login_id for login_id, _store in due}):
            batch = await self._database.write(
                take_batch, login_id, now, machine_now(), self._every_seconds
            )
            if batch is not None:
                await self._mark(batch)

    async def _mark(self, batch: Batch) -> None:
        now = self._clock.now()
        try:
            answer = await self._client_of(batch.login_id).request(
                "PUT",
                store_path(batch.store, f"message-store/{','.join(batch.record_ids)}"),
                json={"readStatus": "Read"},
                priority=BULK,
                patience_seconds=PATIENCE_SECONDS,
            )
        except Refusal as refusal:
            await self._refused(batch, refusal, now)
        except Problem as problem:
            log.warning("ringcentral.not_marked_read", store=batch.store, code=problem.code)
        else:
            await self._database.write(settle_batch, batch, failed_ids(answer), now)
            log.info("ringcentral.marked_read", store=batch.store, records=len(batch.record_ids))

    async def _refused(self, batch: Batch, refusal: Refusal, now: datetime) -> None:
        log.warning("ringcentral.not_marked_read", store=batch.store, code=refusal.code)
        if refusal.status == 403:
            await self._database.write(stop_for_a_day, batch, refusal.code, now, machine_now())
        elif refusal.status < 500 and refusal.status not in (401, 408, 429):
            await self._database.write(settle_batch, batch, (), now)  # deleted, as a rule


def take_batch(
    session: Session, login_id: int, now: datetime, machine_at: datetime, seconds: float
) -> Batch | None:
    """What this login marks next; None where it has had its turn, or may not."""
    stores = [
        store
        for login, store in reads.find_due_stores(session, now)
        if login == login_id and not leases.is_held(session, _forbidden(store), machine_at)
    ]
    turn = f"ringcentral-read:{login_id}"
    if not stores or not leases.take(session, turn, new_marker(), machine_at, seconds):
        return None
    return Batch(login_id, stores[0], reads.find_due(session, stores[0], now, MOST_IDS))


def settle_batch(session: Session, batch: Batch, failed: Collection[str], now: datetime) -> None:
    """All but those that failed are done with."""
    done = [each for each in batch.record_ids if each not in failed]
    reads.settle(session, batch.store, done)
    reads.put_off(session, batch.store, failed, now + AGAIN_AFTER)


def stop_for_a_day(
    session: Session, batch: Batch, code: str, now: datetime, machine_at: datetime
) -> None:
    """The login may not: tell the administrators, once, and leave this store alone for a day."""
    leases.take(session, _forbidden(batch.store), new_marker(), machine_at, FORBIDDEN_SECONDS)
    sentence = (
        f"RingCentral does not let this login mark texts as read ({code}), so its own apps show "
        "them as new although they are here in Slack. Give the app the permission Edit Messages "
        "in the developer console, and the login's role the same one; or set `BRIDGE_MARK_READ=0`."
    )
    key = f"read_marks:{batch.login_id}:{code}"
    tell_administrators(session, key, "admin", {"sentence": sentence}, now)


def failed_ids(answer: Mapping[str, Any]) -> list[str]:
    """The records that are worth another try: RingCentral had a problem of its own with them.

    A single record's answer is that record, with no entries.
    """
    return [
        str(entry.get("resourceId"))
        for entry in answer.get("entries", ())
        if _status_of(entry) == 429 or _status_of(entry) >= 500
    ]


def _status_of(entry: Mapping[str, Any]) -> int:
    status = entry.get("status")
    return status if isinstance(status, int) else 200


def _forbidden(store: str) -> str:
    return f"ringcentral-read-forbidden:{store}"
