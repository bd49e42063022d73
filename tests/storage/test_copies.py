"""Copies, originals and kept records: what makes every repeat harmless."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text
from sqlmodel import Session, select

from storage import copies, kept_records, messages, originals
from storage.database import Database
from storage.errors import Overtaken
from storage.tables import Conversation, Inbox, KeptRecord, Message
from tests import makers
from tests.makers import CHANNEL, NOW, STORE, TEAM, at

SCOPE = f"{TEAM}/{CHANNEL}"


async def test_a_copy_is_of_one_message(database: Database) -> None:
    """Whoever records a provider's id first has it; all others are told that it is known."""
    first = makers.id_of(await database.write(makers.add_message))

    def another(session: Session) -> int:
        message = messages.get(session, first)
        values = message.model_dump(exclude={"id"})
        return makers.id_of(makers.add(session, Message(**values)))

    second = await database.write(another)
    won = await asyncio.gather(
        *(
            database.write(copies.record, "ringcentral", STORE, "77", message_id)
            for message_id in (first, second) * 3
        )
    )
    assert sorted(won) == [False] * 5 + [True]
    winner = await database.read(copies.get_message_id, "ringcentral", STORE, "77")
    assert winner in (first, second)


async def test_a_copy_of_a_new_message_cannot_be_anothers(database: Database) -> None:
    """Whoever made a message for a record that has one already is told to look again."""
    message_id = makers.id_of(await database.write(makers.add_message))
    await database.write(copies.record_new, "ringcentral", STORE, "77", message_id)
    with pytest.raises(Overtaken):
        await database.write(copies.record_new, "ringcentral", STORE, "77", message_id)


async def test_ids_are_within_their_side_and_scope(database: Database) -> None:
    """The same id in another store, channel or side is something else."""
    message_id = makers.id_of(await database.write(makers.add_message))
    for side, scope in (("ringcentral", STORE), ("ringcentral", "1/102"), ("slack", SCOPE)):
        assert await database.read(copies.get_message_id, side, scope, "77") is None
        assert await database.write(copies.record, side, scope, "77", message_id)


async def test_the_first_part_stands_for_the_message(database: Database) -> None:
    """A message of several parts is found at its first."""
    message_id = makers.id_of(await database.write(makers.add_message))
    assert await database.read(copies.get_external_id, "slack", message_id) is None
    await database.write(copies.record, "slack", SCOPE, "2.0", message_id, 1)
    await database.write(copies.record, "slack", SCOPE, "3.0", message_id, 0)
    assert await database.read(copies.get_external_id, "slack", message_id) == (SCOPE, "3.0")


# Originals


async def test_an_original_has_one_row(database: Database) -> None:
    """A message, its edits and its deletion meet in one row, whichever comes first."""
    rows = await asyncio.gather(
        *(database.write(originals.lock_or_add, TEAM, CHANNEL, "1.0") for _ in range(8))
    )
    assert {(each.ts, each.message_id, each.deleted) for each in rows} == {("1.0", None, False)}
    assert await database.read(originals.get, TEAM, CHANNEL, "2.0") is None
    assert await database.read(originals.get, TEAM, CHANNEL, "1.0") is not None


async def test_an_original_is_read_as_it_is_once_locked(database: Database) -> None:
    """What was read before the lock does not hide what was written meanwhile."""
    await database.write(originals.lock_or_add, TEAM, CHANNEL, "1.0")

    def write(session: Session, markup: str) -> None:
        original = originals.lock_or_add(session, TEAM, CHANNEL, "1.0")
        original.markup = markup
        session.add(original)

    def write_two(session: Session) -> str | None:
        originals.get(session, TEAM, CHANNEL, "1.0")
        write(session, "new")
        return originals.lock_or_add(session, TEAM, CHANNEL, "1.0").markup

    assert await database.write(write_two) == "new"


# Kept records


async def test_kept_until_taken_oldest_first(database: Database) -> None:
    """Kept records of one conversation come back once, in order, and the newest of each."""

    def make(session: Session) -> tuple[int, int]:
        first = makers.add_conversation(session)
        inbox = session.exec(select(Inbox)).one()
        return makers.id_of(first), makers.id_of(makers.add_conversation(session, inbox, "+1"))

    first, second = await database.write(make)
    for record_id, conversation_id, record, seconds in (
        ("2", first, "two", 2),
        ("1", first, "one", 1),
        ("3", second, "three", 0),
        ("1", first, "one, delivered", 9),
    ):
        await database.write(
            kept_records.keep, STORE, record_id, conversation_id, record, at(seconds)
        )
    assert await database.read(kept_records.find, first) == ["one, delivered", "two"]
    assert await database.write(kept_records.take_all, first) == ["one, delivered", "two"]
    assert await database.write(kept_records.take_all, first) == []
    assert await database.read(kept_records.find, second) == ["three"]


async def test_kept_records_are_encrypted(database: Database) -> None:
    """What a customer wrote does not lie about in the database."""
    conversation_id = makers.id_of(await database.write(makers.add_conversation))
    await database.write(kept_records.keep, STORE, "1", conversation_id, "the words", NOW)

    def raw(session: Session) -> str:
        words: str = session.execute(text("SELECT record FROM kept_record")).scalar_one()
        return words

    assert "the words" not in await database.read(raw)

    def read(session: Session) -> str:
        return session.exec(select(KeptRecord)).one().record

    assert await database.read(read) == "the words"


# Messages


async def test_the_last_text(database: Database) -> None:
    """The newest by its sender's time, unless it was taken back."""
    thread = await database.write(makers.add_thread)
    for seconds, body, status in (
        (5, "later", "received"),
        (3, "earlier", "received"),
        (9, "taken back", "cancelled"),
    ):
        await database.write(
            makers.add_message, thread, sent_at=at(seconds), body=body, status=status
        )
    last = await database.read(messages.get_last, thread.conversation_id)
    assert last is not None
    assert last.body == "later"

    def last_text_at(session: Session) -> object:
        return session.exec(select(Conversation)).one().last_text_at

    assert await database.read(last_text_at) == at(9)


async def test_a_text_is_late_where_a_later_one_is_shown(database: Database) -> None:
    """A text is late if one sent after it stands in its thread already."""
    thread = await database.write(makers.add_thread)
    first = await database.write(
        makers.add_message, thread, direction="in", author_id=None, sent_at=at(1)
    )
    second = await database.write(
        makers.add_message, thread, direction="in", author_id=None, sent_at=at(60)
    )
    assert not await database.read(messages.has_later_shown, first, "slack")
    await database.write(copies.record, "slack", SCOPE, "9.0", makers.id_of(second))
    assert await database.read(messages.has_later_shown, first, "slack")
    assert not await database.read(messages.has_later_shown, second, "slack")
    assert not await database.read(messages.has_later_shown, first, "ringcentral")


async def test_a_message_is_read_anew_after_a_lock(database: Database) -> None:
    """What changed since it was first read is seen."""
    message_id = makers.id_of(await database.write(makers.add_message))

    def change(session: Session) -> tuple[str, str]:
        before = messages.get(session, message_id).status
        session.connection().exec_driver_sql("UPDATE message SET status = 'failed'")
        return before, messages.get(session, message_id).status

    assert await database.write(change) == ("queued", "failed")
