"""Marking as read: many records at once, one request a minute, and never for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from sqlmodel import Session, select

from bridge.clock import Clock, machine_now
from bridge.outbox.gates import Gates, no_budget
from bridge.ringcentral.read_marks import AGAIN_AFTER, GIVEN_UP_AFTER, MOST_IDS, ReadMarks
from bridge.ringcentral.side import build_ringcentral
from bridge.sandbox.ringcentral import NUMBER, QUEUE_NUMBER, RingCentralSimulator
from storage import cursors, reads
from storage.database import Database
from storage.tables import ReadOwed
from tests.edges.ringcentral_setting import find_notices, put_inbox, settings_for
from tests.edges.test_ringcentral_catchup import phone_text_of, store_of

ALICE = "+14155550100"


class Marking:
    """A side that marks when it is told to."""

    def __init__(self, simulator: RingCentralSimulator, database: Database, client_of: Any) -> None:
        self.simulator, self.database = simulator, database
        self.process = partial(ReadMarks, client_of, database, Clock())

    async def connect(self, number: str, extension: str, channel_id: str) -> None:
        store = store_of(self.simulator, extension)
        await self.database.write(put_inbox, number, store, channel_id=channel_id)
        await self.database.write(cursors.match_inboxes, machine_now())

    async def texts(
        self, count: int, to: str = NUMBER, extension: str = "101", age: timedelta = timedelta()
    ) -> list[int]:
        """So many texts that Slack has been shown; the ids of their records."""
        ids = []
        for number in range(count):
            message = await self.simulator.phone(ALICE).texts(f"Text {number}", to=to)
            owed_at = machine_now() - age
            store = store_of(self.simulator, extension)
            await self.database.write(reads.owe, store, str(message.message_id), owed_at)
            ids.append(message.message_id)
        return ids

    async def minute(self) -> None:
        """One turn, a minute after the one before it."""
        await self.process(every_seconds=0.0).mark_due()

    async def owed(self) -> list[ReadOwed]:
        return await self.database.read(_find_owed)

    def read(self, extension: str = "101") -> int:
        """How many records RingCentral's own apps show as read."""
        found = self.simulator.messages(extension, "Inbound")
        return [each.get("readStatus") for each in found].count("Read")

    def puts(self) -> int:
        return sum(each.method == "PUT" for each in self.simulator.requests)


def _find_owed(session: Session) -> list[ReadOwed]:
    return list(session.exec(select(ReadOwed)))


@pytest.fixture
async def marking(database: Database) -> AsyncIterator[Marking]:
    """A user's and a queue's number connected."""
    async with RingCentralSimulator(rate_limits=False) as simulator:
        side = build_ringcentral(
            settings_for(simulator.url),
            database,
            Gates(database, no_budget),
            Clock(),
            phone_text_of,
        )
        await side.open()
        made = Marking(simulator, database, side.client_of)
        await made.connect(NUMBER, "101", "C0001")
        await made.connect(QUEUE_NUMBER, "201", "C0002")
        yield made
        await side.stop()


async def test_two_hundred_texts_cost_one_request_a_minute(marking: Marking) -> None:
    """Whoever asks, however often, in however many processes; the next minute marks the next."""
    await marking.texts(200)
    processes = [marking.process() for _ in range(3)]
    await asyncio.gather(*(each.mark_due() for each in processes for _ in range(2)))
    assert (marking.puts(), marking.read()) == (1, MOST_IDS)
    for _ in range(3):
        await marking.minute()
    assert (marking.puts(), marking.read()) == (1, MOST_IDS), "the first turn's minute is not over"


async def test_all_are_marked_minute_by_minute(marking: Marking) -> None:
    """Four turns for 200 texts, then nothing is owed and nothing asked."""
    await marking.texts(200)
    for _ in range(6):
        await marking.minute()
    assert (marking.puts(), marking.read(), await marking.owed()) == (4, 200, [])


async def test_a_queues_texts_are_marked_in_its_store(marking: Marking) -> None:
    """By the queue's own path, in the turn after the one whose text waited longer."""
    await marking.texts(2)
    await marking.texts(2, to=QUEUE_NUMBER, extension="201")
    await marking.minute()
    assert (marking.read("101"), marking.read("201")) == (2, 0)
    await marking.minute()
    assert (marking.read("201"), await marking.owed()) == (2, [])


@pytest.mark.parametrize("others", [0, 2])
async def test_a_deleted_record_is_harmless(marking: Marking, others: int) -> None:
    """Alone it is a 404, among others an entry of the 207: it is owed no longer, they are read."""
    [gone, *_] = await marking.texts(1 + others)
    marking.simulator.delete(gone, purge=True)
    await marking.minute()
    assert (marking.puts(), marking.read(), await marking.owed()) == (1, others, [])


async def test_a_record_ringcentral_had_trouble_with_is_tried_again(marking: Marking) -> None:
    """The 207 says so of one of three: that one is asked for again, later; the others are done."""
    ids = await marking.texts(3)
    statuses = zip(ids, (200, 503, 404), strict=True)
    body = [{"resourceId": str(each), "status": status} for each, status in statuses]
    marking.simulator.faults.add("status", method="PUT", status=207, body=body)
    await marking.minute()
    [left] = await marking.owed()
    assert left.record_id == str(ids[1])
    assert left.due_at - machine_now() > AGAIN_AFTER / 2
    await marking.minute()
    assert marking.puts() == 1


@pytest.mark.parametrize("status", [503, 429])
async def test_a_turn_that_failed_is_repeated(marking: Marking, status: int) -> None:
    """RingCentral is away for a moment: nothing is forgotten."""
    await marking.texts(2)
    marking.simulator.faults.add(
        "status", method="PUT", status=status, headers={"Retry-After": "0.2"}
    )
    await marking.minute()
    assert len(await marking.owed()) == 2
    await marking.minute()
    assert (marking.read(), await marking.owed()) == (2, [])


async def test_who_may_not_is_told_once_and_stops(marking: Marking) -> None:
    """The app lacks Edit Messages: an administrator hears of it, and nothing more is asked."""
    await marking.texts(2)
    marking.simulator.faults.add(
        "status", method="PUT", status=403, body={"errors": [{"errorCode": "CMN-401"}]}, times=None
    )
    await marking.minute()
    await marking.texts(2)
    await marking.minute()
    assert marking.puts() == 1
    [notice] = await marking.database.read(find_notices)
    assert "Edit Messages" in notice.payload["sentence"]
    assert len(await marking.owed()) == 4


async def test_what_cannot_be_marked_for_a_day_is_given_up(marking: Marking) -> None:
    """Also in a store that nobody reads any more: the table does not grow for ever."""
    await marking.texts(1, age=GIVEN_UP_AFTER + timedelta(minutes=1))
    await marking.database.write(reads.owe, "1/999", "7", datetime(2026, 1, 1).astimezone())
    [fresh] = await marking.texts(1)
    marking.simulator.faults.add("status", method="PUT")
    await marking.minute()
    assert [each.record_id for each in await marking.owed()] == [str(fresh)]
