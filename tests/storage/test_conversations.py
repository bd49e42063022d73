"""Conversations, the carrier's names for them, and the threads that show them."""

from __future__ import annotations

import asyncio

from sqlmodel import Session, select

from storage import conversations, threads
from storage.database import Database
from storage.tables import Conversation, Inbox, RingCentralConversation, Thread
from tests import makers
from tests.makers import ALICE, CHANNEL, DAN, NOW, STORE, TEAM


async def test_a_conversation_is_its_set_of_numbers(database: Database) -> None:
    """The order of numbers, and how often each is named, does not count."""
    inbox = await database.write(makers.add_inbox)
    opened = [
        await database.write(conversations.lock_or_open, makers.id_of(inbox), numbers, NOW)
        for numbers in ((ALICE, DAN), (DAN, ALICE), (DAN, ALICE, DAN))
    ]
    assert len({each.id for each in opened}) == 1
    assert conversations.outside_numbers_of(opened[0]) == [ALICE, DAN]


async def test_each_inbox_has_its_own(database: Database) -> None:
    """The same customer texts two of our numbers in two conversations."""
    first = await database.write(makers.add_inbox)
    second = await database.write(makers.add_inbox, phone_number="+16505550102", channel_id="C2")
    ids = {
        (await database.write(makers.add_conversation, inbox, ALICE)).id
        for inbox in (first, second)
    }
    assert len(ids) == 2


async def test_opened_once_by_all_who_come_at_once(database: Database) -> None:
    """Ten first texts at the same moment open one conversation."""
    inbox_id = makers.id_of(await database.write(makers.add_inbox))
    opened = await asyncio.gather(
        *(database.write(conversations.lock_or_open, inbox_id, (ALICE,), NOW) for _ in range(10))
    )
    assert len({each.id for each in opened}) == 1


async def test_the_carriers_names_lead_to_it(database: Database) -> None:
    """Several ids may name one conversation; the first meaning of an id stays."""
    first = makers.id_of(await database.write(makers.add_conversation))

    def other(session: Session) -> int:
        return makers.id_of(
            makers.add_conversation(session, session.exec(select(Inbox)).one(), DAN)
        )

    second = await database.write(other)
    huge = str(2**64 + 1)
    for conversation_id, name in ((first, huge), (first, "2"), (second, huge), (second, None)):
        await database.write(conversations.name_ringcentral_id, STORE, name, conversation_id)

    def find(session: Session) -> set[tuple[str, int]]:
        rows = session.exec(select(RingCentralConversation)).all()
        return {(each.ringcentral_conversation_id, each.conversation_id) for each in rows}

    assert await database.read(find) == {(huge, first), ("2", first)}


async def test_one_current_thread(database: Database) -> None:
    """A new thread takes the place of the one before, which is still found by its ts."""
    conversation = await database.write(makers.add_conversation)
    old = await database.write(makers.add_thread, conversation, "1.000100")
    new = await database.write(makers.add_thread, conversation, None)
    current = await database.read(threads.get_current, makers.id_of(conversation))
    assert current is not None
    assert current.id == new.id
    found = await database.read(threads.get_by_ts, TEAM, CHANNEL, "1.000100")
    assert found is not None
    assert (found.id, found.is_current) == (old.id, False)


async def test_a_parent_is_recorded_once(database: Database) -> None:
    """The first ts of a thread stays: what is shown stands under it."""
    thread = await database.write(makers.add_thread, None, None)
    for ts in ("1.000100", "1.000200"):
        await database.write(threads.set_ts, makers.id_of(thread), ts)
    assert await database.read(threads.get_by_ts, TEAM, CHANNEL, "1.000200") is None
    found: Thread = await database.read(threads.get, makers.id_of(thread))
    assert found.ts == "1.000100"


async def test_a_ts_is_of_its_channel(database: Database) -> None:
    """The same ts in another channel or workspace is another message."""
    await database.write(makers.add_thread)
    assert await database.read(threads.get_by_ts, TEAM, "C2", "1700000000.000100") is None
    assert await database.read(threads.get_by_ts, "T2", CHANNEL, "1700000000.000100") is None


async def test_a_lock_orders_who_decides(database: Database) -> None:
    """Two that decide about one conversation see each other's work."""
    conversation_id = makers.id_of(await database.write(makers.add_conversation))

    def count_up(session: Session) -> None:
        conversations.lock(session, conversation_id)
        row = session.exec(
            select(Conversation)
            .where(Conversation.id == conversation_id)
            .execution_options(populate_existing=True)
        ).one()
        row.participants_key = f"+{int(row.participants_key) + 1}"
        session.add(row)

    before = (await database.read(conversations.get, conversation_id)).participants_key
    await asyncio.gather(*(database.write(count_up) for _ in range(12)))
    after = (await database.read(conversations.get, conversation_id)).participants_key
    assert int(after) - int(before) == 12
