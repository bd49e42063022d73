"""Catch-up: what the notifications missed, nothing twice, oldest first."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlmodel import Session

from bridge.clock import Clock, machine_now
from bridge.outbox.gates import Gates, no_budget
from bridge.outbox.outcome import Refused
from bridge.ringcentral.catchup import PAGE_RECORDS, CatchUp, Place, stage
from bridge.ringcentral.client import RingCentralClient
from bridge.ringcentral.problems import AnswerLost
from bridge.ringcentral.side import RingCentralSide, build_ringcentral
from bridge.ringcentral.turns import Turns
from bridge.sandbox.ringcentral import NUMBER, QUEUE_NUMBER, RingCentralSimulator
from bridge.sandbox.ringcentral.clock import SimulatorClock
from storage import cursors, inboxes, leases
from storage.database import Database
from storage.tables import Cursor
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
    place = Place("token", machine_now(), machine_now())
    for _ in range(2):
        await reading.database.write(stage, reading.store, [odd, fine], "US", place, machine_now())
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
