"""What a person would see on the phones, in Slack, and (for the order only) on file."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import takewhile

from sqlalchemy import Engine, create_engine
from sqlmodel import Session, and_, col, func, select

from bridge.sandbox.ringcentral import NUMBER, QUEUE_NUMBER, RingCentralSimulator
from bridge.sandbox.slack import Delivery as SlackDelivery
from bridge.sandbox.slack import Message, SlackSimulator
from storage.database import parse_url
from storage.tables import OPEN_STATES, Attempt, Delivery
from storage.tables import Message as Filed
from tests.chaos.account import Left
from tests.chaos.ledger import TOKEN, Arrival, Ledger, Seen, conversation_of

INBOXES = {NUMBER: "front-desk", QUEUE_NUMBER: "night-desk"}  # a store of its own for each
# What nobody acknowledged is on file at the latest so long after it was looked at: the database may
# be held by another process for ten seconds.
SURELY_ON_FILE_SECONDS = 15.0

_CARD_NUMBER = re.compile(r"\((\d{3})\) (555)-(01\d\d)")
_TOLD = {
    "failed": re.compile(r"\*(was not sent|did not arrive|did not reach [^*]+)\*"),
    "unsure": re.compile(r"\*may not have been sent\*"),
    "delayed": re.compile(r"\*(has not left yet|not known yet whether this text was sent)\*"),
    "edited": re.compile(r"\bEdited\b"),
    "deleted": re.compile(r"\bDeleted\b"),
}


class Eyes:
    """Everything that has reached anybody so far; each thing is looked at once.

    `notices` are the bridge's words on texts, by what they tell, in the order of their coming.
    """

    def __init__(self, slack: SlackSimulator, ringcentral: RingCentralSimulator) -> None:
        self._slack, self._ringcentral = slack, ringcentral
        self.seen = Seen()
        self.notices: defaultdict[str, list[Message]] = defaultdict(list)
        self._newest_ts = dict.fromkeys(INBOXES.values(), "")
        self._looked_at: Counter[str] = Counter()  # how many, by phone

    def look(self) -> Seen:
        """What there is by now."""
        for number, name in INBOXES.items():
            self._look_in_channel(number, name)
        for number, phone in self._ringcentral.world.carrier.phones.items():
            for text in phone.received[self._looked_at[number] :]:
                token = TOKEN.match(text.text)
                if token is not None and text.from_number in INBOXES:
                    where = conversation_of(text.from_number, [number])
                    arrival = Arrival(where, int(token[2]), text.at.timestamp())
                    self.seen.texted[token[1]].append(arrival)
            self._looked_at[number] = len(phone.received)
        return self.seen

    def _look_in_channel(self, inbox: str, name: str) -> None:
        channel = self._slack.channel(name)
        # what people have deleted meanwhile is no longer there: no place in the channel stays
        newer = takewhile(lambda ts: ts > self._newest_ts[name], reversed(channel.by_ts))
        for post in [channel.by_ts[ts] for ts in reversed(list(newer))]:
            self._newest_ts[name] = post.ts
            token = TOKEN.search(post.text)
            if post.bot_id != self._slack.bot_id or post.thread_ts is None or token is None:
                continue
            kind = told_in(post)
            if kind is not None:
                self.seen.told[token[1]][kind] += 1
                self.notices[kind].append(post)
                continue
            where = conversation_of(inbox, numbers_on(channel.by_ts[post.thread_ts]))
            self.seen.shown[token[1]].append(Arrival(where, int(token[2]), float(post.ts)))
            if "shown late" in post.text:
                self.seen.late.add(token[1])


def told_in(post: Message) -> str | None:
    """What a notice tells its reader of a text; None for a post that shows one."""
    return next((kind for kind, words in _TOLD.items() if words.search(post.text)), None)


def numbers_on(card: Message) -> list[str]:
    """The outside numbers of the conversation that a card names."""
    return sorted({"+1" + "".join(each) for each in _CARD_NUMBER.findall(card.text)})


@dataclass
class Acknowledgements:
    """Notes when the bridge first acknowledged each text, as long as the simulators know it.

    Of twins neither can be told from the other, so that their time stays unknown.
    """

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
        if text.copies == 1 and (text.acknowledged_at is None or at < text.acknowledged_at):
            text.acknowledged_at = at


class Files:
    """The bridge's database, read beside it."""

    def __init__(self, url: str) -> None:
        self._engine: Engine = create_engine(parse_url(url), pool_pre_ping=True)

    def close(self) -> None:
        """Let go of it."""
        self._engine.dispose()

    def find_owed(self, but_kinds: Sequence[str] = ()) -> list[str]:
        """Deliveries that are still owed, by kind, in words."""
        query = (
            select(Delivery.kind, func.count())
            .where(col(Delivery.state).in_(OPEN_STATES), col(Delivery.kind).not_in(but_kinds))
            .group_by(Delivery.kind)
        )
        with Session(self._engine) as session:
            return [f"{count} {kind} owed" for kind, count in session.exec(query).all()]

    def find_senders(self) -> set[str]:
        """The processes that are sending a text to phones at this moment."""
        query = select(Attempt.worker).join(Delivery, col(Delivery.id) == col(Attempt.delivery_id))
        sending = query.where(
            Delivery.side == "ringcentral",
            Delivery.state == "started",
            col(Attempt.outcome).is_(None),
        )
        with Session(self._engine) as session:
            return set(session.exec(sending))

    def count_taken_over(self) -> int:
        """Texts whose sender did not tell what became of them, so that another looked."""
        unreported = select(func.count()).where(
            col(Attempt.outcome).is_not(None), col(Attempt.reported).is_(False)
        )
        with Session(self._engine) as session:
            return session.exec(unreported).one()

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
