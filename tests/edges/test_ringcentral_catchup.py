"""Catch-up: what the notifications missed, nothing twice, oldest first."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from sqlmodel import Session, select

from bridge.clock import Clock, machine_now
from bridge.outbox.gates import Gates, no_budget
from bridge.outbox.outcome import Refused
from bridge.relay.receiving import TOLD_AFTER
from bridge.ringcentral.catchup import CatchUp
from bridge.ringcentral.client import RingCentralClient
from bridge.ringcentral.problems import AnswerLost, Refusal
from bridge.ringcentral.reading import MOST_PAGES, PAGE_RECORDS, SLICES_AT_ONCE
from bridge.ringcentral.side import RingCentralSide, build_ringcentral
from bridge.ringcentral.staging import Step, stage
from bridge.ringcentral.turns import Turns
from bridge.sandbox.ringcentral import NUMBER, QUEUE_NUMBER, RingCentralSimulator
from bridge.sandbox.ringcentral.clock import SimulatorClock
from storage import cursors, inboxes, leases
from storage.cursors import Place
from storage.database import Database
from storage.tables import Cursor, Lease
from tests.edges.ringcentral_setting import (
    eventually,
    find_kept,
    find_messages,
    find_notices,
    put_inbox,
    settings_for,
)

ALICE = "+14155550100"


async def phone_text_of(markup: str, _team_id: str, _author_id: str | None) -> str | Refused:
    """Nothing is sent here."""
    return markup


def store_of(simulator: RingCentralSimulator, extension: str = "101") -> str:
    """An extension's message store."""
    found = simulator.account.extension(extension)
    return f"{simulator.account.account_id}/{found.extension_id}"


class Reading:
    """A side that reads stores when it is told to."""

    def __init__(
        self, simulator: RingCentralSimulator, database: Database, side: RingCentralSide
    ) -> None:
        self.simulator = simulator
        self.database = database
        self.side = side
        self.alice = simulator.phone(ALICE)
        self.store = store_of(simulator)

    async def connect(
        self, number: str = NUMBER, extension: str = "101", channel_id: str = "C0001"
    ) -> None:
        """Pair a number with a channel, now."""
        await self.database.write(
            put_inbox,
            number,
            store_of(self.simulator, extension),
            channel_id=channel_id,
            connected_at=machine_now(),
        )
        await self.database.write(cursors.match_inboxes, machine_now())

    async def sync(self, extension: str = "101") -> None:
        """Read the store once."""
        assert await self.side.catch_up.sync_store(store_of(self.simulator, extension))

    async def bodies(self) -> list[str]:
        """The texts on file, as they were recorded."""
        return [each.body for each in await self.database.read(find_messages)]

    async def cursor(self) -> Cursor:
        """How far the store has been read."""
        found = await self.database.read(cursors.get, self.store)
        assert found is not None
        return found

    def syncs(self) -> list[str]:
        """The queries of the syncs RingCentral has seen."""
        return [
            each.query for each in self.simulator.requests if each.path.endswith("/message-sync")
        ]


@pytest.fixture(params=[0.0])
async def reading(request: pytest.FixtureRequest, database: Database) -> AsyncIterator[Reading]:
    """A side without notifications; the parameter is how far RingCentral's clock is ahead."""
    clock = SimulatorClock(skew_seconds=request.param)
    async with RingCentralSimulator(rate_limits=False, clock=clock) as simulator:
        side = build_ringcentral(
            settings_for(simulator.url, sync_seconds=0.2),
            database,
            Gates(database, no_budget),
            Clock(),
            phone_text_of,
        )
        await side.open()
        yield Reading(simulator, database, side)
        await side.stop()


async def test_history_is_left_alone(reading: Reading) -> None:
    """Texts from before the connecting stay in RingCentral; the overlap is a few seconds."""
    reading.simulator.fill(50)  # one a second, until now
    await reading.connect()
    await reading.alice.texts("Is my order ready?", to=NUMBER)
    await reading.sync()
    bodies = await reading.bodies()
    assert bodies[-1] == "Is my order ready?"
    assert len(bodies) <= 8


@pytest.mark.parametrize("reading", [-75.0, 90.0], indirect=True)
async def test_a_skewed_clock_loses_nothing(reading: Reading) -> None:
    """The moment of connecting is told to RingCentral in RingCentral's time."""
    await reading.connect()
    await reading.alice.texts("Is my order ready?", to=NUMBER)
    await reading.sync()
    assert await reading.bodies() == ["Is my order ready?"]


async def test_the_overlap_repeats_nothing(reading: Reading) -> None:
    """RingCentral sends the last seconds again with every sync, by design."""
    await reading.connect()
    for number in range(3):
        await reading.alice.texts(f"Text {number}", to=NUMBER)
        await reading.sync()
    await reading.sync()
    assert await reading.bodies() == ["Text 0", "Text 1", "Text 2"]
    assert [query.startswith("syncType=ISync") for query in reading.syncs()] == [False, *[True] * 3]


async def test_a_text_from_the_app_is_shown_as_such(reading: Reading) -> None:
    """What a colleague sends from RingCentral's own app is part of the conversation."""
    await reading.connect()
    await reading.simulator.app_sends("101", NUMBER, ALICE, "From the app")
    await reading.sync()
    [message] = await reading.database.read(find_messages)
    assert (message.body, message.direction, message.origin) == (
        "From the app",
        "out",
        "ringcentral_app",
    )


async def test_a_lost_token_loses_nothing(reading: Reading) -> None:
    """The token is refused: a full sync from where we were, nothing missing, nothing twice."""
    await reading.connect()
    await reading.alice.texts("Before", to=NUMBER)
    await reading.sync()
    reading.simulator.expire_sync_tokens()
    await reading.alice.texts("After", to=NUMBER)
    await reading.sync()
    assert await reading.bodies() == ["Before", "After"]
    cursor = await reading.cursor()
    assert cursor.sync_token is not None
    assert not cursor.gap_open


@pytest.mark.parametrize("code", ["CMN-101", "MSG-333", "MSG-411"])
async def test_each_code_of_an_invalid_token(reading: Reading, code: str) -> None:
    """All three that RingCentral uses lead to a full sync."""
    await reading.connect()
    await reading.sync()
    reading.simulator.faults.add(
        "status", path="/message-sync", status=400, body={"errors": [{"errorCode": code}]}
    )
    await reading.sync()
    assert [query.split("&")[0] for query in reading.syncs()] == [
        "syncType=FSync",
        "syncType=ISync",
        "syncType=FSync",
    ]


async def test_a_long_gap_comes_oldest_first(reading: Reading) -> None:
    """Hours of texts, several pages of them, in the order they were sent."""
    await reading.connect()
    await reading.sync()
    reading.simulator.expire_sync_tokens()
    count = PAGE_RECORDS * 2 + 50
    for number in range(count):
        await reading.alice.texts(f"Text {number}", to=NUMBER)
        reading.simulator.clock.forward(1)
    await reading.sync()
    assert await reading.bodies() == [f"Text {number}" for number in range(count)]


class _Interrupted:
    """A client whose connection breaks at its n-th request, and is well afterwards."""

    def __init__(self, client: RingCentralClient, breaks_at: int) -> None:
        self._client, self._left = client, breaks_at
        self.server_clock = client.server_clock

    async def request(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        self._left -= 1
        if self._left == 0:
            raise AnswerLost("broken", "broken")
        return await self._client.request(*args, **kwargs)


@pytest.mark.parametrize("breaks_at", [0, 7])
async def test_a_gap_of_more_pages_than_are_read_at_once(reading: Reading, breaks_at: int) -> None:
    """It is read in slices, oldest first, goes on where it was broken off, and skips nothing."""
    await reading.connect()
    await reading.sync()
    reading.simulator.expire_sync_tokens()
    count = PAGE_RECORDS * 2 + 50
    for number in range(count):
        await reading.alice.texts(f"Text {number}", to=NUMBER)
        reading.simulator.clock.forward(1)
    client: Any = _Interrupted(reading.side.client_of(1), breaks_at)
    catch_up = CatchUp(
        lambda _login_id: client,
        reading.database,
        Clock(),
        turns=Turns(reading.database),
        region="US",
        sync_seconds=0.2,
        most_pages=1,
    )
    if breaks_at:
        with pytest.raises(AnswerLost):
            await catch_up.sync_store(reading.store)
        done = await reading.bodies()
        assert 0 < len(done) < count
        assert (await reading.cursor()).gap_open
    await catch_up.sync_store(reading.store)
    assert await reading.bodies() == [f"Text {number}" for number in range(count)]
    cursor = await reading.cursor()
    assert cursor.sync_token is not None
    assert not cursor.gap_open


async def test_more_of_one_second_than_a_page_holds(reading: Reading) -> None:
    """Paging by time gets past a second with more texts than a page."""
    await reading.connect()
    await reading.sync()
    reading.simulator.expire_sync_tokens()
    count = PAGE_RECORDS + 100
    for number in range(count):
        message = await reading.alice.texts(f"Text {number}", to=NUMBER)
        message.created_at = message.created_at.replace(microsecond=0)
    await reading.sync()
    assert len(set(await reading.bodies())) == count


async def test_a_queues_store_is_read_by_its_own_path(reading: Reading) -> None:
    """A call queue's texts live in the queue's store."""
    await reading.connect(QUEUE_NUMBER, "201")
    await reading.alice.texts("To the queue", to=QUEUE_NUMBER)
    await reading.sync("201")
    assert await reading.bodies() == ["To the queue"]


async def test_a_store_that_was_closed_to_us_is_told(reading: Reading) -> None:
    """The login may no longer read the queue: an administrator hears of it, not silence."""
    await reading.connect(QUEUE_NUMBER, "201")
    reading.simulator.account.extension("101").is_admin = False
    reading.simulator.account.extension("201").manager_ids.clear()
    await reading.side.catch_up.run_due()
    [notice] = await reading.database.read(find_notices)
    assert QUEUE_NUMBER in notice.payload["sentence"]


async def test_a_deleted_record_harms_nothing(reading: Reading) -> None:
    """Of a deleted record only its id and availability are left."""
    await reading.connect()
    await reading.sync()
    message = await reading.alice.texts("Deleted soon", to=NUMBER)
    reading.simulator.delete(message.message_id)
    await reading.alice.texts("Still here", to=NUMBER)
    await reading.sync()
    assert await reading.bodies() == ["Still here"]


async def test_a_record_that_is_not_understood_holds_up_no_other(reading: Reading) -> None:
    """It is kept whole and told; the texts around it are shown, and the cursor moves on."""
    await reading.connect()
    message = await reading.alice.texts("Fine", to=NUMBER)
    fine = reading.simulator.show(message)
    odd = {"id": 7, "type": "SMS", "direction": "Sideways"}
    before = cursors.place_of(await reading.cursor())
    after = Place("token", machine_now(), machine_now())
    for place in (before, after):
        step = Step(place, after, machine_now(), TOLD_AFTER)
        await reading.database.write(stage, reading.store, [odd, fine], "US", step, machine_now())
    assert await reading.bodies() == ["Fine"]
    [kept] = await reading.database.read(find_kept)
    assert '"Sideways"' in kept.body
    assert (await reading.cursor()).sync_token == "token"


async def test_a_failed_sync_is_tried_again(reading: Reading) -> None:
    """RingCentral is away for two turns: the third one finds what it missed."""
    await reading.connect()
    await reading.alice.texts("While away", to=NUMBER)
    reading.simulator.faults.add("status", path="/message-sync", times=2)
    for _ in range(3):
        await asyncio.sleep(await reading.side.catch_up.run_due())
    assert await reading.bodies() == ["While away"]


async def test_one_process_at_a_time_reads_a_store(reading: Reading) -> None:
    """While another process holds the store's lease nothing is read; it comes back to it."""
    await reading.connect()
    lease = f"ringcentral-sync:{reading.store}"
    assert await reading.database.write(leases.take, lease, "other", machine_now(), 60.0)
    assert not await reading.side.catch_up.sync_store(reading.store)
    assert reading.syncs() == []
    await reading.database.write(leases.give_back, lease, "other")
    await reading.sync()
    assert len(reading.syncs()) == 1


async def test_a_start_closes_the_gap(reading: Reading) -> None:
    """From start until the first sync the gap is open; what was missed while down is shown."""
    await reading.connect()
    await reading.sync()
    await reading.alice.texts("While down", to=NUMBER)
    await reading.side.catch_up.open_gaps()
    assert (await reading.cursor()).gap_open
    await asyncio.sleep(await reading.side.catch_up.run_due())
    await reading.side.catch_up.run_due()
    assert not (await reading.cursor()).gap_open
    assert await reading.bodies() == ["While down"]


async def test_an_inbox_that_comes_back_later_starts_anew(reading: Reading) -> None:
    """What came while the number was disconnected is not shown."""
    await reading.connect()
    await reading.sync()
    await reading.database.write(inboxes.disconnect, 1, machine_now())
    await reading.database.write(cursors.match_inboxes, machine_now())
    await reading.alice.texts("While disconnected", to=NUMBER)
    reading.simulator.clock.forward(20)
    later = machine_now() + timedelta(seconds=20)

    def reconnect(session: Session, connected_at: datetime) -> None:
        put_inbox(session, NUMBER, reading.store, connected_at=connected_at)
        cursors.match_inboxes(session, connected_at)

    await reading.database.write(reconnect, later)
    await reading.alice.texts("Connected again", to=NUMBER)
    await reading.sync()
    assert await reading.bodies() == ["Connected again"]


async def test_a_change_is_read_at_once(reading: Reading) -> None:
    """A side that runs reads the store as soon as it is marked due, and sleeps otherwise."""
    await reading.connect()
    await reading.side.start()
    await eventually(lambda: _as_seen(reading.syncs()))
    await reading.alice.texts("Now", to=NUMBER)
    await reading.database.write(cursors.mark_due, reading.store, machine_now())
    assert await eventually(reading.bodies) == ["Now"]


async def _as_seen(seen: list[str]) -> list[str]:
    return seen


# A long read, and a second process


class _Watched:
    """A client that tells of each request to a store before it is made."""

    def __init__(self, client: RingCentralClient, before: Callable[[str], Awaitable[None]]) -> None:
        self._client, self._before = client, before
        self.server_clock = client.server_clock

    async def request(self, method: str, path: str, **how: Any) -> dict[str, Any]:
        await self._before(path)
        return await self._client.request(method, path, **how)


def catch_up_of(
    reading: Reading, before: Callable[[str], Awaitable[None]], most_pages: int = MOST_PAGES
) -> CatchUp:
    """One more process's catch-up, its requests told to `before`."""
    client: Any = _Watched(reading.side.client_of(1), before)
    return CatchUp(
        lambda _login_id: client,
        reading.database,
        Clock(),
        turns=Turns(reading.database),
        region="US",
        sync_seconds=30.0,
        most_pages=most_pages,
    )


async def fill_a_gap(reading: Reading, pages: int = 3) -> list[str]:
    """Texts of so many pages behind a token that is lost; returns their words."""
    await reading.connect()
    await reading.sync()
    reading.simulator.expire_sync_tokens()
    bodies = [f"Text {number}" for number in range(PAGE_RECORDS * (pages - 1) + 20)]
    for body in bodies:
        await reading.alice.texts(body, to=NUMBER)
        reading.simulator.clock.forward(1)
    return bodies


async def take_lease_away(reading: Reading) -> None:
    """The lease ran out while a process stood still, and another one has taken it."""

    def unit(session: Session) -> None:
        holder = leases.get_holder(session, lease_name)
        assert holder is not None
        assert leases.take_over(session, lease_name, holder, "other", machine_now(), 60.0)

    lease_name = f"ringcentral-sync:{reading.store}"
    await reading.database.write(unit)


async def test_a_long_read_keeps_its_turn(reading: Reading) -> None:
    """Before each page the lease is taken anew: a read of many pages never outlives it."""
    await fill_a_gap(reading)
    ends: list[datetime] = []

    async def note_lease(_path: str) -> None:
        def unit(session: Session) -> datetime:
            return session.exec(select(Lease.until_at)).one()

        ends.append(await reading.database.read(unit))

    await catch_up_of(reading, note_lease).sync_store(reading.store)
    assert len(ends) >= 4
    assert ends == sorted(set(ends))


async def test_who_lost_its_turn_stops(reading: Reading) -> None:
    """Another process took the lease over: no further page is read, the gap stays open."""
    await fill_a_gap(reading)
    asked: list[str] = []

    async def lose_it(path: str) -> None:
        asked.append(path)
        if len(asked) == 3:
            await take_lease_away(reading)

    assert not await catch_up_of(reading, lose_it).sync_store(reading.store)
    assert len(asked) == 3
    assert (await reading.cursor()).gap_open


@pytest.mark.parametrize("most_pages", [1, MOST_PAGES])
async def test_a_late_slice_undoes_nothing(reading: Reading, most_pages: int) -> None:
    """A stands still at a page past its lease; B takes over, reads all, closes the gap.

    What A then commits is on file already: B's token stays, and the gap stays closed.
    """
    bodies = await fill_a_gap(reading)
    asked: list[str] = []
    places: list[str | None] = []

    async def stand_still(path: str) -> None:
        asked.append(path)
        if len(asked) == 4:
            await take_lease_away(reading)
            await reading.database.write(
                leases.give_back, f"ringcentral-sync:{reading.store}", "other"
            )
            await reading.sync()
            places.append((await reading.cursor()).sync_token)

    assert not await catch_up_of(reading, stand_still, most_pages).sync_store(reading.store)
    assert len(asked) == 4
    cursor = await reading.cursor()
    assert [cursor.sync_token] == places
    assert not cursor.gap_open
    assert sorted(await reading.bodies()) == sorted(bodies)
    await reading.sync()
    assert reading.syncs()[-1].startswith("syncType=ISync")


# Several stores


async def test_a_store_that_hangs_holds_up_no_other(reading: Reading) -> None:
    """One store's read does not end; the queue's is read, and read again when it changed."""
    await reading.connect()
    await reading.connect(QUEUE_NUMBER, "201", "C0002")
    hanging = asyncio.Event()

    async def hang(path: str) -> None:
        if path.startswith(f"/restapi/v1.0/account/{reading.store.replace('/', '/extension/')}/"):
            await hanging.wait()

    catch_up = catch_up_of(reading, hang)
    task = asyncio.create_task(catch_up.run())
    queue = store_of(reading.simulator, "201")
    try:
        for number in range(2):
            await reading.alice.texts(f"Text {number}", to=QUEUE_NUMBER)
            await reading.database.write(cursors.mark_due, queue, machine_now())
            catch_up.wake()
            await eventually(partial(_has, reading, number + 1), 10.0)
        await reading.alice.texts("At last", to=NUMBER)
        hanging.set()
        await eventually(lambda: _has(reading, 3))
    finally:
        task.cancel()
        await asyncio.wait([task])
    assert await reading.bodies() == ["Text 0", "Text 1", "At last"]


async def _has(reading: Reading, count: int) -> bool:
    return len(await reading.bodies()) == count


async def test_a_read_that_crashes_stops_no_other(reading: Reading) -> None:
    """What fails with an error of our own is told in the log, and tried again after a while."""
    await reading.connect()
    await reading.connect(QUEUE_NUMBER, "201", "C0002")
    await reading.alice.texts("To the queue", to=QUEUE_NUMBER)
    crashes: list[str] = []

    async def crash(path: str) -> None:
        if "/extension/" + reading.store.split("/")[1] + "/" in path:
            crashes.append(path)
            raise RuntimeError("a mistake of ours")

    catch_up = catch_up_of(reading, crash)
    assert await catch_up.run_due() > 0.5
    assert await reading.bodies() == ["To the queue"]
    assert len(crashes) == 1
    assert await catch_up.run_due() > 0.5
    assert len(crashes) == 1


async def test_many_gaps_are_read_some_at_a_time(reading: Reading) -> None:
    """Each slice is held in memory: of many stores with a gap so many are read at once."""
    stores = [f"{reading.store.split('/')[0]}/90{number}" for number in range(6)]
    for number, store in enumerate(stores):
        await reading.database.write(
            put_inbox, f"+1650555012{number}", store, channel_id=f"C001{number}"
        )
    await reading.side.client_of(1).server_clock()
    asked: list[str] = []
    hanging = asyncio.Event()

    async def hang(path: str) -> None:
        asked.append(path)
        await hanging.wait()

    due = asyncio.create_task(catch_up_of(reading, hang).run_due())
    await eventually(lambda: _as_seen(asked[SLICES_AT_ONCE - 1 :]))
    await asyncio.sleep(0.1)
    assert len(asked) == SLICES_AT_ONCE < len(stores)
    hanging.set()
    await due
    assert len(set(asked)) == len(stores)


# Changes that are too many for one answer


async def test_changes_too_large_to_be_answered_are_read_by_time(reading: Reading) -> None:
    """An ISync has no pages: after three without an answer the store is read in slices."""
    await reading.connect()
    await reading.sync()
    await reading.alice.texts("One of very many", to=NUMBER)
    reading.simulator.faults.add("status", path="/message-sync", status=504, times=3)
    for _ in range(3):
        with pytest.raises(Refusal):
            await reading.sync()
    await reading.sync()
    assert await reading.bodies() == ["One of very many"]
    assert [query.split("&")[0] for query in reading.syncs()] == [
        "syncType=FSync",
        *["syncType=ISync"] * 3,
        "syncType=FSync",
    ]


async def test_failures_with_an_answer_between_keep_the_token(reading: Reading) -> None:
    """Two failures, an answer, two failures: RingCentral was away for moments, nothing more."""
    await reading.connect()
    await reading.sync()
    for _ in range(2):
        reading.simulator.faults.add("status", path="/message-sync", status=503, times=2)
        for _ in range(2):
            with pytest.raises(Refusal):
                await reading.sync()
        await reading.sync()
    assert {query.split("&")[0] for query in reading.syncs()[1:]} == {"syncType=ISync"}


# How far back


async def test_an_outage_of_days_is_caught_up(reading: Reading) -> None:
    """RingCentral's own window is the last 24 hours: every full sync says from when on."""
    await reading.connect()
    await reading.sync()
    await reading.alice.texts("On Friday evening", to=NUMBER)
    reading.simulator.clock.forward(3 * 86_400)
    reading.simulator.expire_sync_tokens()
    await reading.sync()
    assert await reading.bodies() == ["On Friday evening"]
    full = [query for query in reading.syncs() if query.startswith("syncType=FSync")]
    assert len(full) == 2
    assert all("dateFrom=" in query for query in full)


async def test_a_store_is_read_on_a_timer(reading: Reading) -> None:
    """Without any event, and without a public address, texts come by the timer alone."""
    await reading.connect()
    await reading.side.start()
    await eventually(lambda: _as_seen(reading.syncs()))
    await reading.alice.texts("Nobody told of it", to=NUMBER)
    assert await eventually(reading.bodies) == ["Nobody told of it"]
