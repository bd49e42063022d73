"""Phones outside the company: what they send, what reached them."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Sequence
from datetime import datetime

from bridge.sandbox.ringcentral.messages import Attachment, Message

OutsideFile = tuple[str, str, bytes]


@dataclasses.dataclass(frozen=True, slots=True)
class ReceivedText:
    """One text as the phone shows it; `is_automatic` marks the carrier's own confirmations.

    `message_id` is the record of the store it came from, where it came from one.
    """

    from_number: str
    to_numbers: tuple[str, ...]
    text: str
    attachments: tuple[Attachment, ...]
    at: datetime
    is_automatic: bool = False
    message_id: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class SentText:
    """One text as the phone sent it; without a `message_id` nobody took it."""

    to_numbers: tuple[str, ...]
    text: str
    attachments: tuple[Attachment, ...]
    at: datetime
    message_id: int | None = None


Receive = Callable[[str, tuple[str, ...], str, Sequence[OutsideFile]], Message]


class Phone:
    """One outside phone.

    `fails_with` is the delivery code that texts to it end with, `reports` whether its carrier
    confirms delivery at all.
    """

    def __init__(
        self, number: str, receive: Receive, now: Callable[[], datetime], name: str = ""
    ) -> None:
        self.number = number
        self.name = name
        self.received: list[ReceivedText] = []
        self.sent: list[SentText] = []
        self.fails_with = ""
        self.reports = True
        self.changed: Callable[[], None] = lambda: None
        self._receive = receive
        self._now = now
        self._arrived = asyncio.Event()

    @property
    def texts_received(self) -> list[str]:
        return [each.text for each in self.received]

    async def texts(
        self,
        text: str,
        *,
        to: str | Sequence[str],
        attachments: Sequence[OutsideFile] = (),
    ) -> Message:
        """Send a text, or with several numbers a group MMS; attachments are (name, type, bytes).

        Raises LookupError when none of the numbers is one that receives texts.
        """
        numbers = (to,) if isinstance(to, str) else tuple(to)
        sent_at = self._now()
        try:
            message = self._receive(self.number, numbers, text, attachments)
        except LookupError:
            self._note_sent(SentText(numbers, text, (), sent_at))
            raise
        files = tuple(message.files)
        self._note_sent(SentText(numbers, text, files, sent_at, message.message_id))
        return message

    def _note_sent(self, text: SentText) -> None:
        self.sent.append(text)
        self.changed()

    def take_in(self, text: ReceivedText) -> None:
        self.received.append(text)
        self._arrived.set()
        self.changed()

    async def wait_for_text(
        self, containing: str = "", timeout_seconds: float = 5.0
    ) -> ReceivedText:
        """The first text received, at any time, that contains this; raises TimeoutError."""
        async with asyncio.timeout(timeout_seconds):
            while True:
                for text in self.received:
                    if containing in text.text:
                        return text
                self._arrived.clear()
                await self._arrived.wait()
