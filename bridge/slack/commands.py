"""The slash command: what was typed, answered within Slack's three seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

import structlog
from sqlmodel import Session

from bridge import meters
from bridge.clock import Clock, machine_now
from bridge.errors import ProviderProblem
from bridge.relay import crossings, inboxes, waiting
from bridge.relay.crossings import SendAccepted, SendRefused
from bridge.relay.inboxes import NotPaired, Pairing
from bridge.relay.numbers import format_number
from bridge.relay.texts import NewText, OwnNumber
from bridge.slack import commands_grammar as grammar
from bridge.slack import markup as marks
from bridge.slack import parse, render
from bridge.slack.client import SlackClient, SlackProblem, SlackRefused
from bridge.slack.installation import Installation
from bridge.slack.parse import Body, Typed
from bridge.slack.people import REFUSALS, People
from bridge.slack.render import Rendered
from storage import answers
from storage import inboxes as inbox_rows
from storage.database import Database, DatabaseBusy
from storage.tables import Answer, Inbox, SlackPerson

log = structlog.get_logger(__name__)

CONNECT_SECONDS = 2.5

NumbersOf = Callable[[], Awaitable[Sequence[OwnNumber]]]


@dataclass(frozen=True)
class CommandSettings:
    """What the command needs of the settings."""

    command: str
    region: str
    hold_seconds: float


@dataclass(frozen=True)
class _Channel:
    is_member: bool
    is_direct: bool
    is_private: bool
    is_shared: bool


class Commands:
    """Every use of the command. `numbers_of` lists our numbers, asking the other side."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        client: SlackClient,
        installation: Installation,
        people: People,
        numbers_of: NumbersOf,
        settings: CommandSettings,
    ) -> None:
        self._database, self._clock, self._client = database, clock, client
        self._installation, self._people = installation, people
        self._numbers_of, self._settings = numbers_of, settings

    async def receive_command(self, body: Body) -> Rendered | None:
        """Do what was typed; what to answer at once, privately, or None where an answer is owed."""
        typed = parse.parse_command_body(body)
        own = [each.phone_number for each in await self._installation.inboxes()]
        command = grammar.parse_command(
            typed.text, self._settings.region, own, self._settings.command
        )
        try:
            answer = await self._obey(typed, command)
        except DatabaseBusy:
            answer = _give_back("Nothing was done: the bridge is overloaded. Try again.", typed)
        meters.EVENTS.labels("slack", f"command_{type(command).__name__.lower()}").inc()
        log.info(
            "slack.command_received",
            command_kind=type(command).__name__,
            answered="at once" if answer else "later",
        )
        return answer

    async def _obey(self, typed: Typed, command: grammar.Command) -> Rendered | None:
        if isinstance(command, grammar.Help):
            return self._help(typed, command)
        if isinstance(command, grammar.Refused):
            return _give_back(marks.slack_escape(command.sentence), typed)
        try:
            person = await self._people.get(typed.user_id)
        except SlackProblem:
            return _give_back("Nothing was done: Slack did not say who you are. Try again.", typed)
        if person.standing != "member":
            return _give_back(f"Nothing was done: {REFUSALS[person.standing]}.", typed)
        return await self._obey_member(typed, command, person)

    async def _obey_member(
        self,
        typed: Typed,
        command: grammar.Send
        | grammar.Numbers
        | grammar.Connect
        | grammar.Disconnect
        | grammar.Status,
        person: SlackPerson,
    ) -> Rendered | None:
        match command:
            case grammar.Send():
                return await self._send(typed, command)
            case grammar.Numbers():
                await self._database.write(_owe_numbers, typed, self._clock.now())
                return None
            case grammar.Status():
                now = self._clock.now()
                found = await self._database.read(waiting.find_waits, now, machine_now())
                return render.sentence(render.status(found))
            case grammar.Connect() | grammar.Disconnect():
                if not self._people.is_administrator(person):
                    words = "Nothing was changed: only administrators connect numbers to channels."
                    return _give_back(words, typed)
                if isinstance(command, grammar.Connect):
                    return await self._connect(typed, command.number)
                return await self._disconnect(typed, command)
            case _:
                assert_never(command)

    def _help(self, typed: Typed, asked: grammar.Help) -> Rendered:
        words = render.help_text(self._settings.command)
        if not asked.typed:
            return render.sentence(words)
        meant = f"Did you mean `{self._settings.command} {asked.meant}`? " if asked.meant else ""
        return _give_back(f"That is no command, and nothing was sent. {meant}\n{words}", typed)

    # Sending

    async def _send(self, typed: Typed, send: grammar.Send) -> Rendered | None:
        text = NewText(
            team_id=self._client.team_id,
            channel_id=typed.channel_id,
            author_id=typed.user_id,
            to_number=send.number,
            markup=send.body,
            trigger_id=typed.trigger_id,
            response_url=typed.response_url,
        )
        result = await self._database.write(crossings.send_text, text, self._clock.now())
        match result:
            case SendAccepted():
                return None
            case SendRefused(sentence=sentence):
                return _give_back(sentence, typed)
            case _:
                assert_never(result)

    # Pairing a number with a channel

    async def _connect(self, typed: Typed, number: str) -> Rendered:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                channel, own = await asyncio.gather(
                    self._channel(typed.channel_id), self._own_number(number)
                )
        except TimeoutError:
            words = "Nothing was connected: Slack or RingCentral did not answer in time. Try again."
            return _give_back(words, typed)
        except ProviderProblem as problem:
            return _give_back(f"Nothing was connected: {marks.slack_escape(str(problem))}", typed)
        refusal = self._why_not(channel, own, number)
        if refusal is not None:
            return _give_back(refusal, typed)
        assert own is not None, "refused above"
        return await self._pair(typed, channel, own)

    async def _pair(self, typed: Typed, channel: _Channel, own: OwnNumber) -> Rendered:
        pairing = Pairing(
            phone_number=own.phone_number,
            region=self._settings.region,
            login_id=own.login_id,
            store=own.store,
            owner_name=own.owner_name,
            team_id=self._client.team_id,
            channel_id=typed.channel_id,
            hold_seconds=self._settings.hold_seconds,
            by_user_id=typed.user_id,
        )
        paired = await self._database.write(inboxes.connect, pairing, self._clock.now())
        if isinstance(paired, NotPaired):
            return _give_back(paired.sentence, typed)
        await self._installation.refresh()
        log.info("slack.inbox_connected", inbox_id=paired.id, channel_id=typed.channel_id)
        return render.sentence(self._paired_words(own, channel))

    def _paired_words(self, own: OwnNumber, channel: _Channel) -> str:
        words = [f"{format_number(own.phone_number, self._settings.region)} is connected here."]
        if not channel.is_private:
            words.append(
                "This channel is *public*: everybody in the workspace can read its texts. A "
                "private channel keeps them to its members."
            )
        if channel.is_shared:
            words.append("It is *shared with another organisation*, which can read them too.")
        if own.why_not:
            words.append(marks.slack_escape(own.why_not))
        return " ".join(words)

    def _why_not(self, channel: _Channel, own: OwnNumber | None, number: str) -> str | None:
        command = self._settings.command
        if channel.is_direct:
            return "Nothing was connected: type it in a channel; a number needs a channel."
        if not channel.is_member:
            return (
                "Nothing was connected: this app is not a member of the channel. Type "
                "`/invite` and the app's name here, then the command again."
            )
        written = format_number(number, self._settings.region)
        if own is None:
            return (
                f"Nothing was connected: the RingCentral login has no number {written}. "
                f"`{command} numbers` lists those it has."
            )
        if not own.can_send and not own.can_receive:
            why = marks.slack_escape(own.why_not or "it can neither send nor receive texts.")
            return f"Nothing was connected: {why}"
        return None

    async def _channel(self, channel_id: str) -> _Channel:
        try:
            told = await self._client.ask("conversations.info", channel=channel_id)
        except SlackRefused as refused:
            if refused.code not in ("channel_not_found", "missing_scope"):
                raise
            # A private channel that the app is no member of; or direct messages, which it has no
            # scope to read.
            is_direct = channel_id.startswith("D") or refused.code == "missing_scope"
            return _Channel(is_member=False, is_direct=is_direct, is_private=True, is_shared=False)
        channel = told["channel"]
        return _Channel(
            is_member=bool(channel.get("is_member")),
            is_direct=bool(channel.get("is_im") or channel.get("is_mpim")),
            is_private=bool(channel.get("is_private")),
            is_shared=bool(channel.get("is_ext_shared")),
        )

    async def _own_number(self, number: str) -> OwnNumber | None:
        own = await self._numbers_of()
        return next((each for each in own if each.phone_number == number), None)

    async def _disconnect(self, typed: Typed, command: grammar.Disconnect) -> Rendered:
        number = command.number
        ended = await self._database.write(
            _disconnect, self._client.team_id, typed, number, self._clock.now()
        )
        if ended is None:
            what = "That number is not connected." if number else "No number is connected here."
            return _give_back(what, typed)
        await self._installation.refresh()
        log.info("slack.inbox_disconnected", inbox_id=ended.id, channel_id=ended.channel_id)
        written = format_number(ended.phone_number, self._settings.region)
        return render.sentence(
            f"{written} is no longer connected to <#{ended.channel_id}>. Its texts are kept."
        )


def _disconnect(
    session: Session, team_id: str, typed: Typed, number: str | None, now: datetime
) -> Inbox | None:
    channel_id = typed.channel_id
    if number is not None:
        inbox = inbox_rows.get_by_number(session, number)
        if inbox is None:
            return None
        channel_id = inbox.channel_id
    return inboxes.disconnect(session, team_id, channel_id, typed.user_id, now)


def _owe_numbers(session: Session, typed: Typed, now: datetime) -> None:
    answer_id = answers.add(
        session,
        Answer(
            kind="numbers",
            team_id=typed.team_id,
            channel_id=typed.channel_id,
            user_id=typed.user_id,
            response_url=typed.response_url,
            asked_at=now,
        ),
    )
    crossings.enqueue_answer(session, answer_id, typed.team_id, now)


def _give_back(words: str, typed: Typed) -> Rendered:
    return render.sentence(
        words, f"{typed.command} {marks.phone_text(typed.text, {}, plain=False)}"
    )
