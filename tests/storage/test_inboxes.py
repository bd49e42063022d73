"""Inboxes, notices, answers and the audit log."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, select

from storage import answers, audit, inboxes, notices
from storage.database import Database
from storage.tables import Answer, AuditEntry, Inbox
from tests import makers
from tests.makers import CHANNEL, NOW, OUR_NUMBER, TEAM, at


async def test_an_inbox_is_found_while_it_is_connected(database: Database) -> None:
    """By its number, by its channel, and among all of them; not after it was disconnected."""
    inbox_id = makers.id_of(await database.write(makers.add_inbox))

    async def found() -> list[int | None]:
        rows = [
            await database.read(inboxes.get_by_number, OUR_NUMBER),
            await database.read(inboxes.get_by_channel, TEAM, CHANNEL),
            *await database.read(inboxes.find_connected),
        ]
        return [each.id if each else None for each in rows]

    assert await found() == [inbox_id] * 3
    assert await database.write(inboxes.disconnect, inbox_id, at(5))
    assert not await database.write(inboxes.disconnect, inbox_id, at(6))
    assert await found() == [None, None]
    assert (await database.read(inboxes.get, inbox_id)).disconnected_at == at(5)
    former = await database.read(inboxes.get_disconnected, OUR_NUMBER, TEAM, CHANNEL)
    assert former is not None
    assert former.id == inbox_id
    assert await database.read(inboxes.get_disconnected, OUR_NUMBER, TEAM, "C2") is None


@pytest.mark.parametrize("taken", [{"channel_id": "C2"}, {"phone_number": "+16505550102"}])
async def test_a_number_and_a_channel_are_connected_once(
    database: Database, taken: dict[str, str]
) -> None:
    """The table itself refuses a second pairing of a number, and of a channel."""
    await database.write(makers.add_inbox)
    with pytest.raises(IntegrityError):
        await database.write(makers.add_inbox, **taken)


async def test_disconnected_ones_are_in_nobodys_way(database: Database) -> None:
    """A number may have been in many channels, one after the other."""
    for seconds in range(3):
        inbox: Inbox = await database.write(makers.add_inbox)
        await database.write(inboxes.disconnect, makers.id_of(inbox), at(seconds))
    newest = await database.read(inboxes.get_disconnected, OUR_NUMBER, TEAM, CHANNEL)
    assert newest is not None
    assert newest.id == inbox.id


async def test_a_notice_is_one_for_its_cause(database: Database) -> None:
    """Of many tellings of one cause, at once, one is a notice."""
    values = {
        "key": "gap:1",
        "kind": "gap",
        "team_id": TEAM,
        "channel_id": CHANNEL,
        "thread_id": None,
        "message_id": None,
        "payload": {"store": "1"},
        "noticed_at": NOW,
    }
    ids = await asyncio.gather(*(database.write(notices.add, values) for _ in range(6)))
    (notice_id,) = [each for each in ids if each is not None]
    assert (await database.read(notices.get, notice_id)).payload == {"store": "1"}


async def test_an_answers_address_is_encrypted(database: Database) -> None:
    """Whoever has a response_url can write in its channel: it does not lie about."""
    url = "https://hooks.slack.com/commands/T0001/1/secret"
    answer = Answer(
        kind="sent", team_id=TEAM, channel_id=CHANNEL, user_id="U1", response_url=url, asked_at=NOW
    )
    answer_id = await database.write(answers.add, answer)
    assert (await database.read(answers.get, answer_id)).response_url == url

    def raw(session: Session) -> str:
        words: str = session.execute(text("SELECT response_url FROM answer")).scalar_one()
        return words

    assert "secret" not in await database.read(raw)


async def test_what_people_changed_is_on_file(database: Database) -> None:
    """Who did what to which subject, and when."""

    def write(session: Session) -> None:
        audit.write(session, NOW, "U0ADA", "connect", "inbox/1", number="+1")

    await database.write(write)

    def read(session: Session) -> AuditEntry:
        return session.exec(select(AuditEntry)).one()

    entry = await database.read(read)
    assert (entry.actor, entry.act, entry.subject, entry.at) == (
        "U0ADA",
        "connect",
        "inbox/1",
        NOW,
    )
    assert entry.detail == {"number": "+1"}
