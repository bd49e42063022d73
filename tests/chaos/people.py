"""Customers with phones, and colleagues who answer, correct and delete: what they do, by dice."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from bridge.sandbox.ringcentral import NUMBER, RingCentralSimulator
from bridge.sandbox.slack import ClientRefused, Message, SlackSimulator
from bridge.slack.render import IT_WAS_SENT, SEND_AGAIN
from tests.chaos.eyes import CHANNEL, Acknowledgements, numbers_on, told_in
from tests.chaos.ledger import TOKEN, Ledger, Seen, Text, key_of

COLLEAGUES = ("Bea", "Carl", "Ada", "Olga")
ALONE, GROUPS = 44, 4
FAILING = "+16285550199"  # its carrier never delivers
FAILS_WITH = "SMS-CAR-411"
KINDS = {"phone": 45, "reply": 45, "command": 5, "app": 5}
EDITS, DELETIONS = 0.12, 0.06  # of replies
SECOND_THOUGHTS_SECONDS = 2.5


@dataclass
class Conversation:
    """The outside numbers of one, and its newest card once there is one."""

    numbers: tuple[str, ...]
    card_ts: str | None = None


def make_conversations() -> dict[str, Conversation]:
    """A mix: many with one phone, some groups, and one phone that is never reached."""
    alone = [(f"+1415555{100 + each:04d}",) for each in range(ALONE)]
    groups = [(f"+1628555{100 + 2 * n:04d}", f"+1628555{101 + 2 * n:04d}") for n in range(GROUPS)]
    return {key_of(each): Conversation(each) for each in (*alone, *groups, (FAILING,))}


class People:
    """Everybody outside the bridge."""

    def __init__(
        self,
        slack: SlackSimulator,
        ringcentral: RingCentralSimulator,
        ledger: Ledger,
        noted: Acknowledgements,
        dice: random.Random,
    ) -> None:
        self._slack, self._ringcentral = slack, ringcentral
        self._ledger, self._noted, self._dice = ledger, noted, dice
        self._conversations = make_conversations()
        self._last_card_ts = ""
        self._busy: set[asyncio.Task[None]] = set()
        self._decided: set[str] = set()
        ringcentral.phone(FAILING).fails_with = FAILS_WITH

    async def type_one(self, weather: str) -> None:
        """Somebody writes a text."""
        self._learn_cards()
        kind = self._dice.choices(list(KINDS), list(KINDS.values()))[0]
        conversation = self._dice.choice(list(self._conversations.values()))
        if kind == "reply" and conversation.card_ts is not None:
            await self._reply(conversation, conversation.card_ts, weather)
        elif kind == "command" and len(conversation.numbers) == 1:
            self._go(self._command(conversation, weather))
        elif kind == "app":
            await self._app_sends(conversation, weather)
        else:
            await self._phone_texts(conversation, weather)

    async def finished(self) -> None:
        """All second thoughts have been had."""
        while self._busy:
            await asyncio.wait(self._busy)

    def _learn_cards(self) -> None:
        for message in reversed(self._slack.channel(CHANNEL).roots):
            if message.ts <= self._last_card_ts:
                break
            known = self._conversations.get(numbers_on(message)) if message.bot_id else None
            if known is not None:
                known.card_ts = max(known.card_ts or "", message.ts)
        roots = self._slack.channel(CHANNEL).root_order
        self._last_card_ts = roots[-1] if roots else ""

    def _go(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._busy.add(task)
        task.add_done_callback(self._busy.discard)

    async def _phone_texts(self, conversation: Conversation, weather: str) -> None:
        text = self._ledger.write("phone", conversation.numbers, weather)
        sender, *others = conversation.numbers
        record = await self._ringcentral.phone(sender).texts(text.words, to=[NUMBER, *others])
        text.typed_at, text.place = record.created_at.timestamp(), f"{record.message_id:020d}"

    async def _app_sends(self, conversation: Conversation, weather: str) -> None:
        text = self._ledger.write("app", conversation.numbers, weather)
        to = list(conversation.numbers)
        record = await self._ringcentral.app_sends("101", NUMBER, to, text.words)
        text.typed_at, text.place = record.created_at.timestamp(), f"{record.message_id:020d}"

    async def _command(self, conversation: Conversation, weather: str) -> None:
        text = self._ledger.write("command", conversation.numbers, weather, time.time())
        typed = f"{conversation.numbers[0]} {text.words}"
        who = self._dice.choice(COLLEAGUES)
        result = await self._slack.command(who, CHANNEL, "/sms", typed)
        # what is answered at once is always a refusal; where the answer failed Slack says so
        text.was_refused = bool(result.refused or (result.answer and result.answer.body))

    async def _reply(self, conversation: Conversation, card_ts: str, weather: str) -> None:
        text = self._ledger.write("reply", conversation.numbers, weather)
        who = self._dice.choice(COLLEAGUES)
        message = await self._slack.say(who, CHANNEL, text.words, thread_ts=card_ts)
        text.typed_at, text.place = float(message.ts), message.ts
        self._noted.by_ts[message.ts] = text.token
        thought = self._dice.random()
        if thought < EDITS + DELETIONS:
            after = self._dice.uniform(0.0, SECOND_THOUGHTS_SECONDS)
            self._go(self._think_again(who, message.ts, text, thought < DELETIONS, after))

    async def _think_again(
        self, who: str, ts: str, text: Text, deletes: bool, after_seconds: float
    ) -> None:
        await asyncio.sleep(after_seconds)
        if deletes:
            text.is_deleted = True
            await self._slack.delete(who, CHANNEL, ts)
        else:
            text.version += 1
            await self._slack.edit(who, CHANNEL, ts, text.words)

    async def decide(self, seen: Seen) -> int:
        """Whoever was asked says what is true; how many were asked."""
        asked = [each for each in self._slack.channel(CHANNEL).messages if self._is_asked(each)]
        for notice in asked:
            token = TOKEN.search(notice.text)
            assert token is not None, "a question quotes its text"
            arrived = seen.texted[token[1]]
            action = IT_WAS_SENT if arrived else SEND_AGAIN
            try:
                result = await self._slack.click("Bea", CHANNEL, notice.ts, action)
            except ClientRefused:
                continue
            if result.refused is None:
                self._decided.add(notice.ts)
        return len(asked)

    def _is_asked(self, message: Message) -> bool:
        return message.ts not in self._decided and told_in(message) == "unsure"
