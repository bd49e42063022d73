"""Customers with phones, and colleagues who answer, correct and delete: what they do, by dice."""

from __future__ import annotations

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from bridge.sandbox.ringcentral import RingCentralSimulator
from bridge.sandbox.slack import ClientRefused, Message
from bridge.slack.render import IT_WAS_SENT, RETRY, SEND_AGAIN
from tests.chaos.eyes import INBOXES, Acknowledgements, numbers_on, told_in
from tests.chaos.ledger import TOKEN, Kind, Ledger, Seen, Text, conversation_of, failures_of
from tests.chaos.sky import Sky

COLLEAGUES = ("Bea", "Carl", "Ada", "Olga")
ALONE, GROUPS = 44, 4
FAILING = "+16285550199"  # its carrier never delivers
FAILS_WITH = "SMS-CAR-411"
KINDS = {"phone": 42, "reply": 42, "command": 5, "app": 5, "twin": 6}
EDITS, DELETIONS = 0.12, 0.06  # of replies
SECOND_THOUGHTS_SECONDS = 2.5
RETRIED = 0.5  # of texts told to have failed
MARK = "white_check_mark"


@dataclass
class Conversation:
    """The inbox and the outside numbers of one, and its newest card once there is one."""

    inbox: str
    numbers: tuple[str, ...]
    card_ts: str | None = None

    @property
    def channel(self) -> str:
        """Where it is shown."""
        return INBOXES[self.inbox]

    @property
    def others(self) -> tuple[str, ...]:
        """Who else is in it, for the phone that writes."""
        return (self.inbox, *self.numbers[1:])


def make_conversations() -> dict[str, Conversation]:
    """A mix: many with one phone, some groups, and one phone that is never reached."""
    alone = [(f"+1415555{100 + each:04d}",) for each in range(ALONE)]
    groups = [(f"+1628555{100 + 2 * n:04d}", f"+1628555{101 + 2 * n:04d}") for n in range(GROUPS)]
    front, night = INBOXES
    made = [Conversation(front, each) for each in (*alone, *groups, (FAILING,))]
    made += [Conversation(night, each) for each in (*alone[: ALONE // 4], groups[0])]
    return {conversation_of(each.inbox, each.numbers): each for each in made}


class People:
    """Everybody outside the bridge."""

    def __init__(
        self, sky: Sky, ledger: Ledger, noted: Acknowledgements, dice: random.Random
    ) -> None:
        self._sky, self._slack = sky, sky.slack
        self._ringcentral: RingCentralSimulator = sky.ringcentral
        self._ledger, self._noted, self._dice = ledger, noted, dice
        self._conversations = make_conversations()
        self._last_card_ts = dict.fromkeys(INBOXES, "")
        self._busy: set[asyncio.Task[None]] = set()
        self._dealt_with: set[tuple[str, str]] = set()  # channel and ts of a notice
        self._typed: defaultdict[str, list[Message]] = defaultdict(list)  # twins in Slack
        self._ringcentral.phone(FAILING).fails_with = FAILS_WITH

    async def type_one(self, weather: str) -> None:
        """Somebody writes a text."""
        self._learn_cards()
        kind = self._dice.choices(list(KINDS), list(KINDS.values()))[0]
        conversation = self._dice.choice(list(self._conversations.values()))
        can_reply = conversation.card_ts is not None and not self._sky.is_slack_closed
        if kind == "reply" and can_reply:
            await self._reply(conversation, weather)
        elif kind == "command" and len(conversation.numbers) == 1 and not self._sky.is_slack_closed:
            self._go(self._command(conversation, weather))
        elif kind == "app":
            await self._app_sends(conversation, weather)
        elif kind == "twin" and conversation.numbers != (FAILING,):
            is_reply = can_reply and self._dice.random() < 0.5
            self._go(self._twins("reply" if is_reply else "phone", conversation, weather))
        else:
            text = self._write("phone", conversation, weather)
            await self._phone_texts(conversation, text)

    async def finished(self) -> None:
        """All second thoughts have been had."""
        while self._busy:
            await asyncio.wait(self._busy)

    def _learn_cards(self) -> None:
        for inbox, name in INBOXES.items():
            channel = self._slack.channel(name)
            for message in reversed(channel.roots):
                if message.ts <= self._last_card_ts[inbox]:
                    break
                key = conversation_of(inbox, numbers_on(message))
                known = self._conversations.get(key) if message.bot_id else None
                if known is not None:
                    known.card_ts = max(known.card_ts or "", message.ts)
            self._last_card_ts[inbox] = channel.root_order[-1] if channel.root_order else ""

    def _go(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._busy.add(task)
        task.add_done_callback(self._busy.discard)

    def _write(self, kind: Kind, into: Conversation, weather: str, copies: int = 1) -> Text:
        return self._ledger.write(kind, into.numbers, weather, into.inbox, copies)

    async def _phone_texts(self, conversation: Conversation, text: Text) -> None:
        sender = self._ringcentral.phone(conversation.numbers[0])
        record = await sender.texts(text.words, to=list(conversation.others))
        _note_typed(text, record.created_at.timestamp(), f"{record.message_id:020d}")

    async def _app_sends(self, conversation: Conversation, weather: str) -> None:
        text = self._write("app", conversation, weather)
        to, inbox = list(conversation.numbers), conversation.inbox
        record = await self._ringcentral.app_sends("101", inbox, to, text.words)
        _note_typed(text, record.created_at.timestamp(), f"{record.message_id:020d}")

    async def _command(self, conversation: Conversation, weather: str) -> None:
        text = self._write("command", conversation, weather)
        text.typed_at = time.time()
        typed = f"{conversation.numbers[0]} {text.words}"
        who = self._dice.choice(COLLEAGUES)
        result = await self._slack.command(who, conversation.channel, "/sms", typed)
        text.was_unanswered = result.refused is not None
        # what is answered at once is always a refusal
        text.was_refused = bool(result.answer and result.answer.body)

    async def _reply(self, conversation: Conversation, weather: str) -> None:
        text = self._write("reply", conversation, weather)
        who = self._dice.choice(COLLEAGUES)
        message = await self._say(who, conversation, text)
        thought = self._dice.random()
        if thought < EDITS + DELETIONS:
            after = self._dice.uniform(0.0, SECOND_THOUGHTS_SECONDS)
            deletes = thought < DELETIONS
            self._go(self._think_again(who, conversation, message.ts, text, deletes, after))

    async def _say(self, who: str, conversation: Conversation, text: Text) -> Message:
        thread_ts, channel = conversation.card_ts, conversation.channel
        message = await self._slack.say(who, channel, text.words, thread_ts=thread_ts)
        _note_typed(text, float(message.ts), message.ts)
        self._noted.by_ts[message.ts] = text.token
        return message

    async def _think_again(
        self,
        who: str,
        conversation: Conversation,
        ts: str,
        text: Text,
        deletes: bool,
        after_seconds: float,
    ) -> None:
        await asyncio.sleep(after_seconds)
        await self._until_slack_opens()
        if deletes:
            text.is_deleted = True
            await self._slack.delete(who, conversation.channel, ts)
        else:
            text.version += 1
            await self._slack.edit(who, conversation.channel, ts, text.words)

    async def _twins(self, kind: Kind, conversation: Conversation, weather: str) -> None:
        """The same words twice, a second apart: impatience."""
        text = self._write(kind, conversation, weather, copies=2)
        who = self._dice.choice(COLLEAGUES)
        for pause_seconds in (self._dice.uniform(0.6, 1.3), 0.0):
            if kind == "reply":
                await self._until_slack_opens()
                self._typed[text.token].append(await self._say(who, conversation, text))
            else:
                await self._phone_texts(conversation, text)
            await asyncio.sleep(pause_seconds)

    async def _until_slack_opens(self) -> None:
        while self._sky.is_slack_closed:  # noqa: ASYNC110  # a weather's flag
            await asyncio.sleep(0.05)

    # Afterwards

    async def retry(self, seen: Seen) -> None:
        """Whoever was told that a text has failed tries it again, or lets it be."""
        for notice in self._notices("failed"):
            text = self._text_of(notice)
            if RETRY in notice.buttons() and not self._sky.is_slack_closed:
                if text.copies > 1 or self._dice.random() < RETRIED:
                    await self._click_retry(notice, text, seen)
                else:
                    self._deal_with(notice)
            elif RETRY not in notice.buttons():
                self._deal_with(notice)

    async def _click_retry(self, notice: Message, text: Text, seen: Seen) -> None:
        if failures_of(text, seen) and text.retries < text.copies:
            text.retries += 1
            result = await self._slack.click("Bea", notice.channel_id, notice.ts, RETRY)
            if result.refused is not None:  # told that it failed: she clicks until it does not
                text.retries -= 1
                return
        self._deal_with(notice)

    async def decide(self, seen: Seen) -> int:
        """Whoever was asked says what is true; how many were asked."""
        asked = self._notices("unsure")
        for notice in asked:
            text = self._text_of(notice)
            action = self._truth_about(text, seen)
            if action is None or self._sky.is_slack_closed:
                continue
            try:
                result = await self._slack.click("Bea", notice.channel_id, notice.ts, action)
            except ClientRefused:
                continue
            if result.refused is None:
                self._deal_with(notice)
        return len(asked)

    def _truth_about(self, text: Text, seen: Seen) -> str | None:
        """What she clicks. Of twins she waits until only those are open that she is asked about."""
        arrived = len(seen.texted[text.token])
        if text.copies == 1:
            return IT_WAS_SENT if arrived else SEND_AGAIN
        marked = sum(MARK in each.reactions for each in self._typed[text.token])
        asked = sum(self._text_of(each) is text for each in self._notices("unsure"))
        if marked + asked + failures_of(text, seen) < text.copies:
            return None
        return IT_WAS_SENT if arrived > marked * len(text.numbers) else SEND_AGAIN

    def _notices(self, kind: str) -> list[Message]:
        """Those of a kind that nobody has dealt with."""
        return [
            each
            for name in INBOXES.values()
            for each in self._slack.channel(name).messages
            if each.bot_id == self._slack.bot_id
            and (each.channel_id, each.ts) not in self._dealt_with
            and told_in(each) == kind
        ]

    def _deal_with(self, notice: Message) -> None:
        self._dealt_with.add((notice.channel_id, notice.ts))

    def _text_of(self, notice: Message) -> Text:
        token = TOKEN.search(notice.text)
        assert token is not None, "a notice quotes its text"
        return self._ledger.texts[token[1]]


def _note_typed(text: Text, at: float, place: str) -> None:
    text.typed_at = text.typed_at or at
    text.places.append(place)
