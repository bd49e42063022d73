"""Inboxes that cannot receive: who is told, when, and what is said when they can again."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import col

from bridge.receiving import ReceivingWatch
from bridge.relay import receiving, waiting
from bridge.relay.receiving import TOLD_AFTER
from storage import cursors
from storage.cursors import Place
from storage.tables import Cursor
from tests import makers
from tests.makers import CHANNEL, NOW, STORE
from tests.middle.desk import Desk

NUMBER = "+16505550101"


def ago(**span: float) -> datetime:
    return NOW - timedelta(**span)


@pytest.fixture(autouse=True)
async def cursor(desk: Desk) -> None:
    """The inbox's store, read to its end just now."""
    await desk.do(cursors.match_inboxes, NOW)
    await set_cursor(desk, sync_token="token", synced_at=NOW, read_at=NOW)


async def set_cursor(desk: Desk, **values: Any) -> None:
    statement = update(Cursor).where(col(Cursor.store) == STORE).values(values)
    await desk.do(lambda session: session.execute(statement))


async def deaf(desk: Desk) -> list[str]:
    return await desk.database.read(receiving.find_deaf_stores, NOW - TOLD_AFTER)


async def tell(desk: Desk) -> int:
    return await desk.do(receiving.tell_deaf, STORE, NOW - TOLD_AFTER, NOW, NOW)


async def read_to_the_end(desk: Desk) -> None:
    """What the catch-up does with the last record."""
    before = cursors.place_of(await desk.the(Cursor))
    after = Place("next", NOW, NOW)
    cursor = await desk.do(cursors.advance, STORE, before, after, NOW)
    assert cursor is not None
    await desk.do(receiving.tell_hears_again, cursor, NOW, TOLD_AFTER, NOW)


async def test_three_minutes_are_nobodys_news(desk: Desk) -> None:
    """A short trouble passes without a word, neither then nor afterwards."""
    await set_cursor(desk, read_at=ago(minutes=3), failure_code="away")
    assert await deaf(desk) == []
    assert await tell(desk) == 0
    await read_to_the_end(desk)
    assert await desk.notices() == []


async def test_an_inbox_that_cannot_receive_says_so_once(desk: Desk) -> None:
    """After four minutes unread, with the reason; however many processes look, it is said once."""
    await set_cursor(desk, read_at=ago(minutes=4, seconds=1), failure_code="login_refused")
    assert await deaf(desk) == [STORE]
    assert sorted(await asyncio.gather(tell(desk), tell(desk))) == [0, 1]
    (notice,) = await desk.notices("deaf")
    assert notice.channel_id == CHANNEL
    assert notice.payload == {
        "phone_number": NUMBER,
        "since": int(ago(minutes=4, seconds=1).timestamp()),
        "reason": "login_refused",
    }
    assert await deaf(desk) == []


async def test_each_inbox_of_a_store_is_told(desk: Desk) -> None:
    """Also one that was connected after the others were told."""
    await set_cursor(desk, read_at=ago(minutes=9))
    assert await tell(desk) == 1
    await desk.do(makers.add_inbox, phone_number="+16505550107", channel_id="C0007")
    assert await deaf(desk) == [STORE]
    assert await tell(desk) == 1
    assert {each.channel_id for each in await desk.notices("deaf")} == {CHANNEL, "C0007"}


async def test_a_new_inbox_has_its_time(desk: Desk) -> None:
    """Never read: what counts is when it was connected."""
    await set_cursor(desk, read_at=None, since_at=ago(minutes=3))
    assert await deaf(desk) == []
    await set_cursor(desk, since_at=ago(minutes=5))
    assert await deaf(desk) == [STORE]


async def test_slices_of_a_long_gap_move_no_time(desk: Desk) -> None:
    """A gap that is read in slices is told since one moment, and once."""
    await set_cursor(desk, read_at=None, sync_token=None, since_at=ago(minutes=9), gap_open=True)
    assert await tell(desk) == 1
    before = cursors.place_of(await desk.the(Cursor))
    slice_end = Place(None, ago(minutes=8), ago(minutes=8))
    await desk.do(cursors.advance, STORE, before, slice_end, NOW)
    assert await deaf(desk) == []
    await read_to_the_end(desk)
    (again,) = await desk.notices("hears_again")
    assert again.payload["since"] == int(ago(minutes=9).timestamp())


async def test_it_was_read_between_the_look_and_the_telling(desk: Desk) -> None:
    """Then nothing is said."""
    await set_cursor(desk, read_at=ago(minutes=9))
    assert await deaf(desk) == [STORE]
    await set_cursor(desk, read_at=NOW)
    assert await tell(desk) == 0
    assert await desk.notices() == []


async def test_what_was_caught_up_is_told(desk: Desk) -> None:
    """Since when, until when, and how many texts came by reading; then all is as before."""
    await set_cursor(desk, read_at=ago(hours=1), failure_code="away")
    await tell(desk)
    await desk.do(cursors.count_caught_up, STORE, {NUMBER: 3})
    await desk.do(cursors.count_caught_up, STORE, {NUMBER: 4, "+16505550109": 1})
    await read_to_the_end(desk)
    (again,) = await desk.notices("hears_again")
    assert again.channel_id == CHANNEL
    assert again.payload == {
        "phone_number": NUMBER,
        "since": int(ago(hours=1).timestamp()),
        "until": int(NOW.timestamp()),
        "count": 7,
    }
    after = await desk.the(Cursor)
    assert (after.deaf_since_at, after.failure_code, after.caught_up) == (None, None, {})
    await read_to_the_end(desk)
    assert len(await desk.notices()) == 2


async def test_a_bridge_that_was_down_tells_what_it_missed(desk: Desk) -> None:
    """Nobody could say that it was deaf: it is said with what was caught up."""
    await set_cursor(desk, read_at=ago(hours=1), gap_open=True)
    await desk.do(cursors.count_caught_up, STORE, {NUMBER: 2})
    await read_to_the_end(desk)
    (again,) = await desk.notices()
    assert (again.kind, again.payload["count"]) == ("hears_again", 2)


async def test_texts_that_come_by_the_timer_are_not_counted(desk: Desk) -> None:
    """Without notifications each text comes by reading: that is no catching up."""
    await desk.do(cursors.count_caught_up, STORE, {NUMBER: 5})
    await set_cursor(desk, gap_open=True, read_at=ago(hours=1))
    await read_to_the_end(desk)
    (again,) = await desk.notices()
    assert again.payload["count"] == 0


async def test_a_process_that_has_just_started_waits(desk: Desk) -> None:
    """The catch-up starts with it: what it was told of a time before it proves nothing yet."""
    await set_cursor(desk, read_at=ago(days=1))
    await ReceivingWatch(desk.database, desk.clock, TOLD_AFTER).look()
    assert await desk.notices() == []
    old = ReceivingWatch(desk.database, desk.clock, TOLD_AFTER, started_at=ago(days=1))
    await old.look()
    assert [each.kind for each in await desk.notices()] == ["deaf"]


async def test_the_status_names_deaf_inboxes(desk: Desk) -> None:
    """With their channel and reason; a gap that is merely being read is another line."""
    await set_cursor(desk, read_at=ago(minutes=9), gap_open=True, failure_code="unreadable")
    before = await desk.database.read(waiting.find_waits, NOW, NOW)
    assert (before.deaf, before.is_behind) == ([], True)
    await tell(desk)
    after = await desk.database.read(waiting.find_waits, NOW, NOW)
    assert [(each.channel_id, each.reason) for each in after.deaf] == [(CHANNEL, "unreadable")]
    assert after.deaf[0].since_at == ago(minutes=9)
    assert not after.is_behind
