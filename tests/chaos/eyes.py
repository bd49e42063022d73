"""What a person would see on the phones, in Slack, and (for the order only) on file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Engine, create_engine
from sqlmodel import Session, and_, col, func, select

from bridge.sandbox.ringcentral import NUMBER, RingCentralSimulator
from bridge.sandbox.slack import Delivery as SlackDelivery
from bridge.sandbox.slack import Message, SlackSimulator
from storage.database import parse_url
from storage.tables import OPEN_STATES, Attempt, Delivery
from storage.tables import Message as Filed
from tests.chaos.ledger import TOKEN, Arrival, Ledger, Left, Seen, key_of

CHANNEL = "front-desk"
# What nobody acknowledged is on file at the latest so long after it was looked at: the database may
# be held by another process for ten seconds.
SURELY_ON_FILE_SECONDS = 15.0

_CARD_NUMBER = re.compile(r"\((\d{3})\) (555)-(01\d\d)")
_TOLD = {
    "failed": re.compile(r"\*(was not sent|did not arrive|did not reach [^*]+)\*"),
    "unsure": re.compile(r"\*may not have been sent\*"),
    "edited": re.compile(r"\bEdited\b"),
    "deleted": re.compile(r"\bDeleted\b"),
}


def look(slack: SlackSimulator, ringcentral: RingCentralSimulator) -> Seen:
    """Everything that has reached anybody so far."""
    seen = Seen()
    channel = slack.channel(CHANNEL)
    for post in channel.messages:
        token = TOKEN.search(post.text)
        if post.bot_id == slack.bot_id and post.thread_ts is not None and token is not None:
            kind = told_in(post)
            if kind is not None:
                seen.told[token[1]].add(kind)
                continue
            card = channel.by_ts[post.thread_ts]
            at = float(post.ts)
            seen.shown[token[1]].append(Arrival(numbers_on(card), int(token[2]), at))
            if "shown late" in post.text:
                seen.late.add(token[1])
    for number, phone in ringcentral.world.carrier.phones.items():
        for text in phone.received:
            token = TOKEN.match(text.text)
            if token is not None and text.from_number == NUMBER:
                arrival = Arrival(number, int(token[2]), text.at.timestamp())
                seen.texted[token[1]].append(arrival)
    return seen


def told_in(post: Message) -> str | None:
    """What a notice tells its reader of a text; None for a post that shows one."""
    return next((kind for kind, words in _TOLD.items() if words.search(post.text)), None)


def numbers_on(card: Message) -> str:
    """The conversation that a card names."""
    return key_of({"+1" + "".join(each) for each in _CARD_NUMBER.findall(card.text)})


@dataclass
class Acknowledgements:
    """Notes when the bridge first acknowledged each text, as long as the simulators know it."""

    slack: SlackSimulator
    ringcentral: RingCentralSimulator
    ledger: Ledger
    by_ts: dict[str, str] = field(default_factory=dict)  # a reply's ts to its token
    _waiting: list[SlackDelivery] = field(default_factory=list)
    _slack_seen: SlackDelivery | None = None

    def note(self) -> None:
        """Look at what was delivered since the last time."""
        self._note_events()
        self._note_notifications()

    def _note_events(self) -> None:
        log = self.slack.deliveries
        for delivery in reversed(log):
            if delivery is self._slack_seen:
                break
            self._waiting.append(delivery)
        self._slack_seen = log[-1] if log else None
        for delivery in self._waiting:
            token = self.by_ts.get(str(delivery.event.get("ts")))
            if token is not None and delivery.delivered_at is not None:
                self._acknowledge(token, delivery.delivered_at)
        self._waiting = [each for each in self._waiting if each.state == "pending"]

    def _note_notifications(self) -> None:
        sent = self.ringcentral.notifications
        while sent:
            each = sent.popleft()
            token = TOKEN.match(str(each.body["body"].get("subject", "")))
            if token is not None and 200 <= each.status < 300:
                self._acknowledge(token[1], each.at.timestamp())

    def _acknowledge(self, token: str, at: float) -> None:
        text = self.ledger.texts[token]
        if text.acknowledged_at is None or at < text.acknowledged_at:
            text.acknowledged_at = at


class Files:
    """The bridge's database, read beside it."""

    def __init__(self, url: str) -> None:
        self._engine: Engine = create_engine(parse_url(url), pool_pre_ping=True)

    def close(self) -> None:
        """Let go of it."""
        self._engine.dispose()

    def count_open(self) -> int:
        """Deliveries that are still owed."""
        query = select(func.count()).where(col(Delivery.state).in_(OPEN_STATES))
        with Session(self._engine) as session:
            return session.exec(query).one()

    def find_left(self, ledger: Ledger) -> list[Left]:
        """When each text left for each side."""
        query = (
            select(Filed.body, Delivery.side, Delivery.created_at, Attempt.started_at)
            .join(
                Delivery,
                and_(
                    col(Delivery.subject_type) == "message",
                    col(Delivery.subject_id) == col(Filed.id),
                    col(Delivery.kind).in_(("text", "post")),
                ),
            )
            .join(Attempt, col(Attempt.delivery_id) == col(Delivery.id))
            .where(Attempt.outcome == "accepted")
        )
        with Session(self._engine) as session:
            rows: Sequence[tuple[str, str, datetime, datetime]] = session.exec(query).all()
        return [each for row in rows if (each := _left(ledger, *row)) is not None]


def _left(
    ledger: Ledger, body: str, side: str, created_at: datetime, started_at: datetime
) -> Left | None:
    token = TOKEN.match(body)
    if token is None or token[1] not in ledger.texts:
        return None
    acknowledged_at = ledger.texts[token[1]].acknowledged_at
    on_file_at = acknowledged_at or created_at.timestamp() + SURELY_ON_FILE_SECONDS
    return Left(token[1], side, on_file_at, started_at.timestamp())
