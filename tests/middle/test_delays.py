"""Texts that take long: who is told, when, and of what."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bridge.outbox.outcome import TryLater, Unsure
from bridge.relay import delays
from storage import deliveries
from storage.tables import Inbox, Message, Notice, Thread
from tests import makers
from tests.makers import NOW
from tests.middle.desk import Desk, taken


@pytest.fixture(autouse=True)
async def thread(desk: Desk) -> Thread:
    """Alice's thread, its card posted."""
    conversation = await desk.do(makers.add_conversation, await desk.the(Inbox))
    return await desk.do(makers.add_thread, conversation)


async def found(desk: Desk, seconds: float) -> list[int]:
    return await desk.database.read(delays.find_delayed, NOW + timedelta(seconds=seconds))


async def updates_of(desk: Desk, notice: Notice) -> int:
    notice_id = makers.id_of(notice)
    owed = await desk.database.read(
        deliveries.find_by_subject, "notice", notice_id, "slack", "update"
    )
    return len(owed)


async def the_reply(desk: Desk) -> Message:
    await desk.replies(makers.reply())
    return await desk.message()


async def test_a_text_is_late_ten_seconds_after_its_hold(desk: Desk) -> None:
    """Not before, and its author is told once however often it is looked at."""
    message = await the_reply(desk)
    message_id = makers.id_of(message)
    assert await found(desk, 9) == []
    assert await found(desk, 10) == [message_id]
    assert await desk.do(delays.tell_delayed, message_id, NOW)
    assert await found(desk, 11) == []
    (told,) = await desk.notices("delayed")
    assert (told.message_id, told.payload["is_asked"]) == (message_id, False)


async def test_what_left_or_was_decided_is_not_late(desk: Desk) -> None:
    """A text that the carrier took between the look and the telling is not told of."""
    message = await the_reply(desk)
    assert await found(desk, 60) == [message.id]
    await desk.accept_text(message, "77")
    assert not await desk.do(delays.tell_delayed, makers.id_of(message), NOW)
    assert await found(desk, 60) == []
    assert not await desk.notices()


async def test_what_arrives_from_phones_and_the_app_is_nobodys_wait(desk: Desk) -> None:
    """Only what a person wrote and the bridge owes to a phone is told of."""
    await desk.arrives(makers.record())
    await desk.arrives(makers.own_record())
    assert await found(desk, 600) == []


async def test_a_lost_answer_is_told_as_such(desk: Desk) -> None:
    """Whether it was sent is not known: not that it was not."""
    message = await the_reply(desk)
    await desk.attempt(await desk.text_of(message), TryLater("ConnectError"))
    begun = await desk.begin(await desk.text_of(message))
    await desk.end(begun, Unsure("lost"))
    assert await found(desk, 30) == [message.id]
    await desk.do(delays.tell_delayed, makers.id_of(message), NOW)
    (told,) = await desk.notices("delayed")
    assert told.payload["is_asked"] is True
    await desk.end(begun, taken("77"))
    assert await found(desk, 60) == []
    assert await updates_of(desk, told) == 1


async def test_what_was_deleted_in_time_is_told_in_its_place(desk: Desk) -> None:
    """An author who deletes a text that waits does not read on that it will go by itself."""
    reply = makers.reply()
    await desk.replies(reply)
    await desk.do(delays.tell_delayed, makers.id_of(await desk.message()), NOW)
    (told,) = await desk.notices("delayed")
    assert await updates_of(desk, told) == 0
    assert await desk.deletes(makers.deletion_of(reply)) == "cancelled"
    assert await updates_of(desk, told) == 1
