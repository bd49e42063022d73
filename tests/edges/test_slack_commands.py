"""The slash command over real HTTP: what is sent, what is refused, and with which words."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlmodel import Session, func, select

from bridge.relay.texts import OwnNumber
from bridge.sandbox.slack.people import user_id_for
from storage import inboxes
from storage.database import Database, DatabaseBusy
from storage.errors import CommitUnknown, DatabaseClosed
from storage.tables import Answer, Inbox, Login, Message
from tests.edges.slack_world import ALICE, OUR_NUMBER, STORE, SlackWorld, open_world

NOT_DONE: list[Exception] = [
    DatabaseBusy(),
    DatabaseClosed(),
    PoolTimeout(),
    OperationalError("COMMIT", None, Exception("server closed the connection")),
    InterfaceError("SELECT", None, Exception("the connection is closed")),
]
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

QUEUE_NUMBER = "+16505550102"
WHY_NOT = "This login has no right to send from it: an administrator can assign it."


@pytest.fixture
async def world(database: Database) -> AsyncIterator[SlackWorld]:
    async with open_world(database) as world:
        world.numbers += [
            _own(OUR_NUMBER, "Dana", can_send=True),
            _own(QUEUE_NUMBER, "Front desk queue", can_send=False),
        ]
        await database.write(_log_in)
        yield world


def _log_in(session: Session) -> None:
    session.add(Login(name="default", account_id="1", extension_id="101"))


def _own(number: str, owner: str, *, can_send: bool) -> OwnNumber:
    return OwnNumber(
        phone_number=number,
        login_id=1,
        store=STORE,
        owner_name=owner,
        owner_kind="user",
        can_send=can_send,
        can_receive=can_send,
        takes_files=True,
        why_not=None if can_send else WHY_NOT,
    )


async def answer_to(world: SlackWorld, user: str, text: str, channel: str = "front-desk") -> str:
    """What this person is answered, privately, to the command."""
    before = len(world.slack.private_answers(user))
    result = await world.slack.command(user, channel, "/sms", text)
    assert result.refused is None
    answers = await world.slack.wait_for(lambda: world.slack.private_answers(user)[before:])
    return answers[0].shown


def _count_messages(session: Session) -> int:
    return session.exec(select(func.count()).select_from(Message)).one()


async def test_a_text_is_sent_and_linked(world: SlackWorld) -> None:
    """The command texts the number, shows the text in a new thread and answers with its link."""
    await world.connect()
    shown = await answer_to(world, "Bea", "+1 415 555 0100 Your table is ready, @Carl")
    root = await world.thread("Your table is ready, Carl")
    assert "(415) 555-0100" in shown
    assert root.permalink in str(world.slack.private_answers("Bea")[0].blocks)
    assert "Sent by Bea" in root.replies[0].shown
    assert not root.replies[0].pings
    await world.slack.wait_for(lambda: root.replies[0].reactions)
    assert world.carrier.sent == ["Your table is ready, Carl"]


async def test_a_command_delivered_twice_is_one_text(world: SlackWorld) -> None:
    """The same command, told twice by Slack, is one text."""
    await world.connect()
    result = await world.slack.command("Bea", "front-desk", "/sms", "+1 415 555 0100 Once")
    await world.thread("Once")
    await world.side.listeners.commands.receive_command(result.payload)
    assert await world.database.read(_count_messages) == 1


@pytest.mark.parametrize("user", ["Gus", "Sam"])
async def test_guests_are_refused(world: SlackWorld, user: str) -> None:
    """A guest is told so, gets the typed text back, and nothing is sent."""
    await world.connect()
    await world.slack.join(user, "front-desk")
    shown = await answer_to(world, user, "+1 415 555 0100 Hello there")
    assert "guests cannot text customers" in shown
    assert "/sms +1 415 555 0100 Hello there" in shown
    assert await world.database.read(_count_messages) == 0


async def test_strangers_are_refused(world: SlackWorld) -> None:
    """People of other organisations cannot use the command on customers."""
    await world.connect("partners")
    body = (await world.slack.command("Bea", "partners", "/sms", "help")).payload
    stranger = {**body, "user_id": user_id_for("Otto"), "text": "+1 415 555 0100 Hello"}
    rendered = await world.side.listeners.commands.receive_command(stranger)
    assert rendered is not None
    assert "other organisations" in rendered.text
    assert await world.database.read(_count_messages) == 0


async def test_silence_of_slack_sends_nothing(world: SlackWorld) -> None:
    """Where Slack does not say who somebody is, nothing is sent and the text is given back."""
    await world.connect()
    world.slack.faults.add("slow", path="users.info", seconds=5)
    shown = await answer_to(world, "Bea", "+1 415 555 0100 Hello there")
    assert "Nothing was done" in shown
    assert "Hello there" in shown
    assert await world.database.read(_count_messages) == 0


WRONG = {
    "John Hello": "number",
    "911 Help": "",
    "+1 415 555 0100": "Write the text after the number",
    "numbers please": "Nothing comes after it",
    "+1 650 555 0101 To ourselves": "our own",
}


@pytest.mark.parametrize("typed", WRONG)
async def test_wrong_uses_are_answered(world: SlackWorld, typed: str) -> None:
    """A wrong use gets a sentence that says what to write instead, and the typed text back."""
    await world.connect()
    shown = await answer_to(world, "Bea", typed)
    assert WRONG[typed].lower() in shown.lower()
    assert typed in shown
    assert await world.database.read(_count_messages) == 0


async def test_help_explains_itself(world: SlackWorld) -> None:
    """`/sms` alone and `/sms help` are the help; a misspelt word is guessed."""
    for typed in ("", "help"):
        assert "a reply in the thread is a text" in await answer_to(world, "Bea", typed)
    assert "Did you mean `/sms numbers`" in await answer_to(world, "Bea", "nubmers")


async def test_a_mention_given_back_pings_nobody(world: SlackWorld) -> None:
    """What was typed comes back as words, never as a mention."""
    await answer_to(world, "Bea", "John <!channel> @Carl")
    assert not world.slack.private_answers("Bea")[0].pings


async def test_numbers_are_listed(world: SlackWorld) -> None:
    """The list names owner and inbox, and says why a number cannot be used."""
    await world.connect()
    shown = await answer_to(world, "Bea", "numbers")
    assert "*(650) 555-0101* (user Dana): inbox #front-desk" in shown
    assert f"*(650) 555-0102* (user Front desk queue): {WHY_NOT}" in shown


async def test_administrators_connect(world: SlackWorld) -> None:
    """An administrator pairs a number with the channel, is warned of a public one, undoes it."""
    shown = await answer_to(world, "Ada", "connect (650) 555-0101")
    assert "is connected here" in shown
    assert "public" in shown
    connected = await world.database.read(inboxes.find_connected)
    assert [(each.phone_number, each.owner_name) for each in connected] == [(OUR_NUMBER, "Dana")]
    await world.text_in("Now it works")
    await world.thread("Now it works")
    assert "no longer connected" in await answer_to(world, "Ada", "disconnect")
    assert await world.database.read(inboxes.find_connected) == []
    assert "No number is connected here" in await answer_to(world, "Ada", "disconnect")


async def test_an_answer_given_again_says_the_same(world: SlackWorld) -> None:
    """A process that dies between the pairing and its answer leaves no riddle."""
    shown = await answer_to(world, "Ada", "connect (650) 555-0101")
    (answer,) = await world.database.read(lambda session: session.exec(select(Answer)).all())
    again = await world.side._connecting.connect(answer)
    assert shown in again.text
    assert len(await world.database.read(inboxes.find_connected)) == 1


REFUSED_CONNECTIONS = {
    ("Bea", "front-desk", "connect +1 650 555 0101"): "only administrators",
    ("Ada", "front-desk", "connect +1 650 555 0199"): "has no number (650) 555-0199",
    ("Ada", "front-desk", "connect +1 650 555 0102"): WHY_NOT,
    ("Ada", "general", "connect +1 650 555 0101"): "/invite",
    ("Ada", "back-office", "connect +1 650 555 0101"): "/invite",
    ("Ada", "front-desk", "connect John"): "not a phone number",
}


@pytest.mark.parametrize("case", REFUSED_CONNECTIONS)
async def test_connections_are_refused_in_words(
    world: SlackWorld, case: tuple[str, str, str]
) -> None:
    """Whoever may not connect, or cannot, is told why."""
    user, channel, typed = case
    await world.slack.join(user, channel)
    assert REFUSED_CONNECTIONS[case] in await answer_to(world, user, typed, channel)
    assert await world.database.read(inboxes.find_connected) == []


async def test_a_reply_after_disconnecting_is_told(world: SlackWorld) -> None:
    """Who replies in a thread of a disconnected number hears that it was not sent."""
    await world.connect()
    await world.text_in("Hello?")
    root = await world.thread("Hello?")
    await answer_to(world, "Ada", "disconnect")
    await world.slack.say("Bea", "front-desk", "Too late", thread_ts=root.ts)
    await world.slack.wait_for(lambda: [each for each in root.replies if "not sent" in each.shown])
    assert world.carrier.sent == []


async def test_named_administrators_connect(database: Database) -> None:
    """Whoever the settings name is an administrator, whatever the workspace says."""
    async with open_world(database, administrators=user_id_for("Bea")) as world:
        world.numbers.append(_own(OUR_NUMBER, "Dana", can_send=True))
        await database.write(_log_in)
        assert "is connected here" in await answer_to(world, "Bea", "connect +1 650 555 0101")


async def test_a_direct_message_is_no_inbox(world: SlackWorld) -> None:
    """A number needs a channel, not a direct message."""
    direct = await world.slack.direct_message("Ada")
    shown = await answer_to(world, "Ada", "connect +1 650 555 0101", direct.channel_id)
    assert "type it in a channel" in shown


async def test_status_tells_what_waits(world: SlackWorld) -> None:
    """The status says whether anything waits."""
    assert "Nothing waits" in await answer_to(world, "Bea", "status")


async def test_several_inboxes_ask_for_a_channel(world: SlackWorld) -> None:
    """With two inboxes the command is typed in the channel of one."""
    first = await world.connect()
    await world.database.write(_connect_second, first.login_id, world)
    await world.side.installation.refresh()
    await world.slack.invite_bot("general")
    shown = await answer_to(world, "Bea", f"{ALICE} Hello", "general")
    assert "channel of one" in shown


def _connect_second(session: Session, login_id: int, world: SlackWorld) -> None:
    session.add(
        Inbox(
            phone_number=QUEUE_NUMBER,
            region="US",
            login_id=login_id,
            store=STORE,
            owner_name="Queue",
            team_id=world.slack.team_id,
            channel_id=world.slack.channel("partners").channel_id,
            connected_by="U0ADA",
            connected_at=world.clock.now(),
        )
    )


class LostDatabase(Database):
    """A database that is lost at the next unit of this name, before it or in its commit."""

    lost_at: str = ""
    hangs_at: str = ""
    after, then_lost_at = "", ""  # lost at the second once the first is done
    error: Exception = CommitUnknown()

    async def write(self, unit: Any, *args: Any, **kwargs: Any) -> Any:
        return await self._run(super().write, unit, *args, **kwargs)

    async def read(self, unit: Any, *args: Any, **kwargs: Any) -> Any:
        return await self._run(super().read, unit, *args, **kwargs)

    async def _run(self, run: Any, unit: Any, *args: Any, **kwargs: Any) -> Any:
        if unit.__name__ == self.hangs_at:
            await asyncio.Event().wait()
        if unit.__name__ != self.lost_at:
            if unit.__name__ == self.after:
                self.lost_at = self.then_lost_at
            return await run(unit, *args, **kwargs)
        self.lost_at = ""
        if isinstance(self.error, CommitUnknown):
            await run(unit, *args, **kwargs)
        raise self.error


@pytest.fixture
async def lost(database_url: str) -> AsyncIterator[LostDatabase]:
    """A database that can be lost."""
    database = await LostDatabase.open(database_url)
    yield database  # type: ignore[misc]  # `open` makes one of its own class
    await database.close()


@pytest.mark.parametrize("error", NOT_DONE, ids=lambda error: type(error).__name__)
async def test_a_command_that_was_not_done_is_given_back(
    lost: LostDatabase, error: Exception
) -> None:
    """Whatever the database says, its person reads that nothing was done, and has the text back."""
    async with open_world(lost) as world:
        await world.connect()
        lost.lost_at, lost.error = "send_text", error
        shown = await answer_to(world, "Bea", "+1 415 555 0100 Your table is ready")
        assert "Nothing was done" in shown
        assert "/sms +1 415 555 0100 Your table is ready" in shown
        assert await lost.read(_count_messages) == 0


async def test_a_command_whose_commit_was_lost_may_have_been_done(lost: LostDatabase) -> None:
    """It may go out: nobody is told that it failed, and it is not typed again without a look."""
    async with open_world(lost) as world:
        await world.connect()
        lost.lost_at, lost.error = "send_text", CommitUnknown()
        shown = await answer_to(world, "Bea", "+1 415 555 0100 Your table is ready")
        assert "may have been done" in shown
        assert "/sms +1 415 555 0100 Your table is ready" in shown
        await world.thread("Your table is ready")


async def test_a_command_that_hangs_is_answered_in_time(lost: LostDatabase) -> None:
    """Slack waits three seconds; by then its person knows that nobody knows."""
    async with open_world(lost) as world:
        await world.connect()
        lost.hangs_at = "send_text"
        shown = await answer_to(world, "Bea", "+1 415 555 0100 Your table is ready")
        assert "may have been done" in shown
        assert "/sms +1 415 555 0100 Your table is ready" in shown


async def test_a_number_that_was_disconnected_is_said_to_be(lost: LostDatabase) -> None:
    """A database that is busy after the commit does not make it undone."""
    async with open_world(lost, works=False) as world:
        await world.connect()
        body = (await world.slack.command("Ada", "front-desk", "/sms", "help")).payload
        lost.after, lost.then_lost_at, lost.error = "_disconnect", "_read", DatabaseBusy()
        commands = world.side.listeners.commands
        rendered = await commands.receive_command({**body, "text": "disconnect"})
        assert rendered is not None
        assert "no longer connected" in rendered.text
