"""Catch-up: what the notifications missed is read from the message stores.

Which stores are read when, by whom, and what follows from a failure. While a store has a gap, live
texts wait behind it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from sqlmodel import Session

from bridge.clock import Clock, machine_now, monotonic, wait_at_most
from bridge.relay.notices import tell_administrators
from bridge.relay.receiving import patience_with
from bridge.ringcentral.client import RingCentralClient
from bridge.ringcentral.outcomes import failure_of
from bridge.ringcentral.problems import AnswerLost, LoginRefused, Problem, Refusal
from bridge.ringcentral.reading import MOST_PAGES, STUCK_CODE, Reading, Room, TurnLost
from bridge.ringcentral.staging import Stager
from bridge.ringcentral.turns import Turns
from storage import cursors, inboxes
from storage.database import Database
from storage.tables import Cursor

log = structlog.get_logger(__name__)

LEASE_SECONDS = 180.0
ASK_AGAIN_SECONDS = 1.0  # while another process reads the store
EVENT_SPACING_SECONDS = 2.0  # between two syncs of one store: Light allows 50 requests a minute
LONGEST_RETRY_SECONDS = 64.0
CRASHED_WAIT_SECONDS = 5.0
# An answer to a token has no pages: one that is too large for its time never comes.
MOST_UNANSWERED = 3


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
        self._stager = Stager(database, clock, region, patience_with(sync_seconds))
        self._room = Room()
        self._sync_seconds = sync_seconds
        self._most_pages = most_pages
        self._failures: dict[str, int] = {}
        self._unanswered: dict[str, int] = {}
        self._read_at: dict[str, float] = {}
        self._rests_until: dict[str, float] = {}
        self._reading: dict[str, asyncio.Task[None]] = {}
        self._locks: dict[str, asyncio.Lock] = {}  # in this process; between processes, leases
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
        try:
            while True:
                self._changed.clear()
                await self._begin_due()
                await wait_at_most(self._changed, await self._seconds_until_next())
        except asyncio.CancelledError:  # whatever else fails here, the reads go on
            await self._end_reading()
            raise

    async def run_due(self) -> float:
        """Read the stores that are due, to their end; the seconds until the next one is."""
        await self._begin_due()
        await asyncio.gather(*self._reading.values())
        return await self._seconds_until_next()

    async def _begin_due(self) -> None:
        """A task for each store that is due: none waits for another."""
        if self._inboxes_changed:
            self._inboxes_changed = False
            await self._database.write(cursors.match_inboxes, machine_now())
        for cursor in await self._database.read(cursors.find):
            if cursor.store not in self._reading and self._seconds_until(cursor) <= 0:
                self._reading[cursor.store] = asyncio.create_task(
                    self._read(cursor.store), name=f"ringcentral store {cursor.store}"
                )

    async def _seconds_until_next(self) -> float:
        found = await self._database.read(cursors.find)
        waiting = [each for each in found if each.store not in self._reading]
        return min([self._seconds_until(each) for each in waiting], default=self._sync_seconds)

    async def _end_reading(self) -> None:
        tasks = list(self._reading.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _read(self, store: str) -> None:
        try:
            await self._sync_and_tell(store)
        except Exception:  # the database is away, or it is our fault: the other stores are read
            log.exception("ringcentral.sync_crashed", store=store)
            self._rests_until[store] = monotonic() + CRASHED_WAIT_SECONDS
        finally:
            del self._reading[store]
            self._changed.set()

    def _seconds_until(self, cursor: Cursor) -> float:
        """Events come in bursts, and a sync sees them all: leave a moment between two.

        A gap is read at once, since live texts wait behind it.
        """
        due = max(
            0.0,
            (cursor.due_at - machine_now()).total_seconds(),
            self._rests_until.get(cursor.store, 0.0) - monotonic(),
        )
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
            await self._database.write(cursors.fail, store, due_at, failure_of(problem))
            log.warning(
                "ringcentral.sync_failed", store=store, code=problem.code, again_after=retry_seconds
            )
            if isinstance(problem, Refusal) and problem.status in (403, 404):
                await self._database.write(_tell_unreadable, store, problem.code, self._clock.now())
            if isinstance(problem, LoginRefused):
                await self._database.write(tell_login_refused, problem, self._clock.now())
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
        lock = self._locks.setdefault(store, asyncio.Lock())
        async with lock, self._turns.turn(_lease_of(store), LEASE_SECONDS) as is_ours:
            again_seconds = self._sync_seconds if is_ours else ASK_AGAIN_SECONDS
            due_at = machine_now() + timedelta(seconds=again_seconds)
            await self._database.write(cursors.put_off, store, due_at)
            cursor = await self._database.read(cursors.get, store)
            if not is_ours or cursor is None:
                return is_ours
            return await self._sync(cursor)

    async def _sync(self, cursor: Cursor) -> bool:
        store = cursor.store

        async def keep_turn() -> None:
            if not await self._turns.keep(_lease_of(store), LEASE_SECONDS):
                raise TurnLost

        reading = Reading(
            self._client_of(cursor.login_id),
            cursor,
            database=self._database,
            stager=self._stager,
            room=self._room,
            keep_turn=keep_turn,
            most_pages=self._most_pages,
        )
        try:
            await reading.read()
        except TurnLost:
            log.warning("ringcentral.sync_turn_lost", store=store)
            return False
        except (AnswerLost, Refusal) as problem:
            await self._doubt_token(cursor, problem)
            raise
        self._unanswered.pop(store, None)
        return True

    async def _doubt_token(self, cursor: Cursor, problem: AnswerLost | Refusal) -> None:
        """After some failures in a row that an answer too large can cause, read by time instead."""
        if cursor.sync_token is None or (isinstance(problem, Refusal) and problem.status < 500):
            return
        unanswered = self._unanswered[cursor.store] = self._unanswered.get(cursor.store, 0) + 1
        if unanswered >= MOST_UNANSWERED:
            log.warning("ringcentral.sync_token_dropped", store=cursor.store, code=problem.code)
            await self._database.write(cursors.lose_token, cursor.store, cursor.sync_token)
            del self._unanswered[cursor.store]


def _lease_of(store: str) -> str:
    return f"ringcentral-sync:{store}"


def tell_login_refused(session: Session, refusal: LoginRefused, now: datetime) -> None:
    """Tell the administrators why, once a day for each reason."""
    key = f"login_refused:{refusal.code}:{now.date()}"
    tell_administrators(session, key, "admin", {"sentence": str(refusal)}, now)


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
