"""The slash command: what was typed, answered within Slack's three seconds."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import assert_never

import structlog
from sqlmodel import Session

from bridge import meters
from bridge.clock import Clock, machine_now
from bridge.relay import answers, crossings, inboxes, waiting
from bridge.relay.crossings import SendAccepted, SendRefused
from bridge.relay.numbers import format_number
from bridge.relay.texts import NewText
from bridge.slack import commands_grammar as grammar
from bridge.slack import markup as marks
from bridge.slack import parse, render
from bridge.slack.client import SlackClient, SlackProblem
from bridge.slack.connecting import CommandSettings
from bridge.slack.installation import Installation
from bridge.slack.parse import Body, Typed
from bridge.slack.people import REFUSALS, People
from bridge.slack.render import Rendered
from storage import inboxes as inbox_rows
from storage.database import Database
from storage.errors import DATABASE_AWAY, CommitUnknown
from storage.tables import Answer, Inbox, SlackPerson

log = structlog.get_logger(__name__)

ANSWER_SECONDS = 2.8  # Slack waits for 3, then says that it failed and forgets what was typed
NOT_DONE = "Nothing was done: the bridge's database does not answer now. Try again in a moment."
UNSURE = (
    "This *may have been done*: the bridge's database did not tell. Look in the inbox's channel "
    "before you type it again, or a text may go twice."
)


class Commands:
    """Every use of the command."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        client: SlackClient,
        installation: Installation,
        people: People,
        settings: CommandSettings,
    ) -> None:
        self._database, self._clock, self._client = database, clock, client
        self._installation, self._people = installation, people
        self._settings = settings

    async def receive_command(self, body: Body) -> Rendered | None:
        """Do what was typed; what to answer at once, privately, or None where an answer is owed."""
        typed = parse.parse_command_body(body)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await self._receive(typed)
        except (CommitUnknown, TimeoutError):  # a unit under way is not called back
            log.warning("slack.command_unsure")
            return _give_back(UNSURE, typed)
        except DATABASE_AWAY as error:
            log.warning("slack.command_not_done", error=type(error).__name__)
            return _give_back(NOT_DONE, typed)

    async def _receive(self, typed: Typed) -> Rendered | None:
        own = [each.phone_number for each in await self._installation.inboxes()]
        command = grammar.parse_command(
            typed.text, self._settings.region, own, self._settings.command
        )
        answer = await self._obey(typed, command)
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
        | grammar.Status
        | grammar.Doctor,
        person: SlackPerson,
    ) -> Rendered | None:
        match command:
            case grammar.Send():
                return await self._send(typed, command)
            case grammar.Numbers():
                await self._owe(typed, "numbers")
                return None
            case grammar.Status():
                now = self._clock.now()
                found = await self._database.read(waiting.find_waits, now, machine_now())
                return render.sentence(render.status(found))
            case grammar.Doctor():
                if not self._people.is_administrator(person):
                    words = "Nothing was looked at: only administrators may see what it finds."
                    return _give_back(words, typed)
                await self._owe(typed, "doctor")
                return None
            case grammar.Connect() | grammar.Disconnect():
                if not self._people.is_administrator(person):
                    words = "Nothing was changed: only administrators connect numbers to channels."
                    return _give_back(words, typed)
                if isinstance(command, grammar.Connect):
                    await self._owe(typed, "connect", number=command.number, typed=_as_typed(typed))
                    return None
                return await self._disconnect(typed, command)
            case _:
                assert_never(command)

    def _help(self, typed: Typed, asked: grammar.Help) -> Rendered:
        words = render.help_text(self._settings.command)
        if not asked.typed:
            return render.sentence(words)
        meant = f"Did you mean `{self._settings.command} {asked.meant}`? " if asked.meant else ""
        return _give_back(f"That is no command, and nothing was sent. {meant}\n{words}", typed)

    async def _owe(self, asked: Typed, kind: str, **payload: str) -> None:
        """What asks other systems may take longer than the three seconds Slack waits."""
        answer = Answer(
            kind=kind,
            team_id=asked.team_id,
            channel_id=asked.channel_id,
            user_id=asked.user_id,
            response_url=asked.response_url,
            payload=payload,
            asked_at=self._clock.now(),
        )
        await self._database.write(answers.owe_answer, answer, answer.asked_at)

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

    async def _disconnect(self, typed: Typed, command: grammar.Disconnect) -> Rendered:
        number = command.number
        ended = await self._database.write(
            _disconnect, self._client.team_id, typed, number, self._clock.now()
        )
        if ended is None:
            what = "That number is not connected." if number else "No number is connected here."
            return _give_back(what, typed)
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


def _give_back(words: str, typed: Typed) -> Rendered:
    return render.sentence(words, _as_typed(typed))


def _as_typed(typed: Typed) -> str:
    return f"{typed.command} {marks.phone_text(typed.text, {}, plain=False)}"
