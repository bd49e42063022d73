"""What our numbers are, and pairing one with a channel: answers that RingCentral is asked for.

They are worked out when the outbox gives them: RingCentral may take longer than the three seconds
that Slack waits, and a process may die meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import structlog
from sqlmodel import Session

from bridge.clock import Clock
from bridge.errors import ProviderProblem
from bridge.relay import inboxes
from bridge.relay.inboxes import NotPaired, Pairing
from bridge.relay.numbers import format_number
from bridge.relay.texts import OwnNumber
from bridge.slack import markup as marks
from bridge.slack import render
from bridge.slack.client import SlackClient, SlackRefused
from bridge.slack.installation import Installation
from bridge.slack.render import Rendered
from storage import answers
from storage.database import Database
from storage.tables import Answer, Inbox

log = structlog.get_logger(__name__)

CONNECT_SECONDS = 15.0  # inside the time the outbox gives to preparing an answer


class OwnNumbers(Protocol):
    """Who knows our numbers: the other side. Both raise ProviderProblem."""

    async def numbers(self) -> Sequence[OwnNumber]:
        """All of them."""

    async def number(self, phone_number: str) -> OwnNumber | None:
        """One of them, by E.164."""


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


class Connecting:
    """Answers to `numbers` and `connect`. `own_numbers` is set once the other side is built."""

    own_numbers: OwnNumbers

    def __init__(
        self,
        database: Database,
        clock: Clock,
        client: SlackClient,
        installation: Installation,
        settings: CommandSettings,
    ) -> None:
        self._database, self._clock, self._client = database, clock, client
        self._installation, self._settings = installation, settings

    async def list_numbers(self, _answer: Answer) -> Rendered:
        """Our numbers, each with its owner and its channel."""
        try:
            own = await self.own_numbers.numbers()
        except ProviderProblem as problem:
            return render.sentence(marks.slack_escape(str(problem)))
        connected = await self._installation.inboxes()
        channels = {each.phone_number: each.channel_id for each in connected}
        return render.numbers(own, channels, self._settings.region, self._settings.command)

    async def connect(self, answer: Answer) -> Rendered:
        """Pair the number with the channel, or say why not; the same words when asked again."""
        payload: Mapping[str, Any] = answer.payload
        if "sentence" in payload:
            return render.sentence(payload["sentence"])
        channel_id, number = answer.channel_id, payload["number"]
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                channel, own = await asyncio.gather(
                    self._channel(channel_id), self.own_numbers.number(number)
                )
        except TimeoutError:
            words = "Nothing was connected: Slack or RingCentral did not answer in time. Try again."
            return render.sentence(words, payload["typed"])
        except ProviderProblem as problem:
            words = f"Nothing was connected: {marks.slack_escape(str(problem))}"
            return render.sentence(words, payload["typed"])
        refusal = self._why_not(channel, own, number)
        if refusal is not None:
            return render.sentence(refusal, payload["typed"])
        assert own is not None, "refused above"
        return await self._pair(answer, channel, own)

    async def _pair(self, answer: Answer, channel: _Channel, own: OwnNumber) -> Rendered:
        pairing = Pairing(
            phone_number=own.phone_number,
            region=self._settings.region,
            login_id=own.login_id,
            store=own.store,
            owner_name=own.owner_name,
            team_id=answer.team_id,
            channel_id=answer.channel_id,
            hold_seconds=self._settings.hold_seconds,
            by_user_id=answer.user_id,
        )
        assert answer.id is not None, "read from its table"
        words = self._paired_words(own, channel)
        paired = await self._database.write(_pair, answer.id, pairing, words, self._clock.now())
        if isinstance(paired, NotPaired):
            return render.sentence(paired.sentence, answer.payload["typed"])
        log.info("slack.inbox_connected", inbox_id=paired.id, channel_id=answer.channel_id)
        return render.sentence(words)

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


def _pair(
    session: Session, answer_id: int, pairing: Pairing, words: str, now: datetime
) -> Inbox | NotPaired:
    paired = inboxes.connect(session, pairing, now)
    if isinstance(paired, Inbox):
        answers.conclude(session, answer_id, words)
    return paired
