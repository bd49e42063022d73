"""A bridge's years on file, written straight into the SQLite file of a bridge that is stopped.

What stands there is what the bridge itself would have left: each message with its thread, its
copies on both sides, its settled deliveries and their attempts, and for replies the Slack
original. Conversations take turns, as in life, so that one conversation's messages lie far apart.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlmodel import SQLModel

from bridge.relay import lanes
from bridge.sandbox.ringcentral.messages import conversation_id_of
from storage.tables import (
    Attempt,
    Conversation,
    Copy,
    Delivery,
    Inbox,
    Message,
    RingCentralConversation,
    SlackOriginal,
    Thread,
)
from tests.bench.traffic import Place

AREA_CODES = (212, 303, 312, 404, 415, 503, 512, 617, 702, 713)
LINES_A_CODE = 20  # of the hundred that are kept for fiction in each
FIRST_RECORD_ID = 4_000_000_000_004
AUTHOR_ID = "U0000000BEA"
SPAN = timedelta(days=700)
SECOND = 1_000_000  # the tables hold microseconds
CACHE_KIB = 512 * 1024

DELIVERY_COLUMNS = (
    "id",
    "subject_id",
    "marker",
    "lane",
    "lane_order",
    "due_at",
    "created_at",
    "settled_at",
    "external_id",
)

Row = tuple[Any, ...]


@dataclass(frozen=True)
class Amount:
    """How much shall be on file."""

    messages: int
    conversations: int


def active_numbers() -> list[str]:
    """The outside numbers that a run texts with: of real area codes, and nobody's."""
    return [_number(code, line) for code in AREA_CODES for line in range(LINES_A_CODE)]


def _number(area_code: int, line: int) -> str:
    return f"+1{area_code:03d}55501{line:02d}"


def numbers_on_file(count: int, active: Iterable[str]) -> list[str]:
    """So many outside numbers, sorted, the active ones among them; 100,000 exist."""
    every = (_number(code, line) for code in range(1000) for line in range(100))
    wanted = dict.fromkeys(active)
    for number in every:
        if len(wanted) >= count:
            break
        wanted[number] = None
    return sorted(wanted)


def fill(path: Path, inbox: Inbox, places: Sequence[Place], amount: Amount) -> None:
    """Put the conversations of `places` on file, and others and their messages up to `amount`."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        # nobody else has the file, and a crash costs no more than another run
        for pragma in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{CACHE_KIB}"):
            connection.execute(f"PRAGMA {pragma}").fetchall()
        connection.execute("BEGIN IMMEDIATE")
        indexes = _drop_indexes(connection)
        _Past(connection, inbox, places, amount).write()
        for statement in indexes:
            connection.execute(statement)
        connection.execute("COMMIT")
        connection.execute("PRAGMA journal_mode = wal").fetchall()


def _drop_indexes(connection: sqlite3.Connection) -> list[str]:
    """Drop what is made faster, sorted, at the end; the statements that do so."""
    found = connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
    ).fetchall()
    for name, _ in found:
        connection.execute(f'DROP INDEX "{name}"')
    return [statement for _, statement in found]


@dataclass(frozen=True)
class _Turn:
    """One message of each conversation, all of one direction: message ids by conversation id."""

    first_id: int
    count: int
    is_outbound: bool

    def pairs(self) -> Iterator[tuple[int, int]]:
        """Message id and conversation id."""
        return ((self.first_id + index, index + 1) for index in range(self.count))


class _Past:
    """Everything that was, written in the order in which it came to be."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        inbox: Inbox,
        places: Sequence[Place],
        amount: Amount,
    ) -> None:
        self._connection, self._inbox = connection, inbox
        self._threads = {each.phone_number: each.thread_ts for each in places}
        self._numbers = numbers_on_file(amount.conversations, self._threads)
        self._messages = amount.messages
        self._began = int((datetime.now(UTC) - SPAN).timestamp()) * SECOND
        self._step = int(SPAN.total_seconds()) * SECOND // (amount.messages + 1)
        (self._last_delivery_id,) = connection.execute(
            "SELECT coalesce(max(id), 0) FROM delivery"
        ).fetchone()

    def write(self) -> None:
        self._write_conversations()
        for turn in self._turns():
            self._write_messages(turn)
            self._write_copies(turn)
            if turn.is_outbound:
                self._write_originals(turn)
                self._owe_texts(turn)
                self._owe_marks(turn)
            else:
                self._owe_posts(turn)

    def _turns(self) -> Iterator[_Turn]:
        count = len(self._numbers)
        for number, done in enumerate(range(0, self._messages, count)):
            yield _Turn(1 + done, min(count, self._messages - done), number % 2 == 1)

    def _at(self, message_id: int) -> int:
        return self._began + message_id * self._step

    def _ts(self, message_id: int) -> str:
        seconds, microseconds = divmod(self._at(message_id), SECOND)
        return f"{seconds}.{microseconds:06d}"

    @staticmethod
    def _record_id(message_id: int) -> str:
        return str(FIRST_RECORD_ID + message_id * 1000)

    def _insert(
        self,
        table: type[SQLModel],
        names: Sequence[str],
        rows: Iterable[Row],
        **same: str | int,
    ) -> None:
        """Insert rows of these columns; `same` are those with one value for all of them."""
        quoted = [f"'{value}'" if isinstance(value, str) else str(value) for value in same.values()]
        values = ", ".join([*"?" * len(names), *quoted])
        columns = ", ".join([*names, *same])
        statement = f'INSERT INTO "{table.__tablename__}" ({columns}) VALUES ({values})'
        self._connection.executemany(statement, rows)

    # Conversations

    def _write_conversations(self) -> None:
        inbox, numbers = self._inbox, self._numbers
        store_id = int(inbox.store.partition("/")[2])
        assert inbox.id is not None, "read from its table"
        self._insert(
            Conversation,
            ("id", "participants_key"),
            enumerate(numbers, start=1),
            inbox_id=inbox.id,
            opened_at=self._began,
            last_text_at=self._began + self._messages * self._step,
        )
        self._insert(
            RingCentralConversation,
            ("ringcentral_conversation_id", "conversation_id"),
            (
                (str(conversation_id_of(store_id, {inbox.phone_number, number})), place)
                for place, number in enumerate(numbers, start=1)
            ),
            store=inbox.store,
        )
        self._insert(
            Thread,
            ("id", "conversation_id", "ts"),
            (
                (place, place, self._threads.get(number) or f"{self._began // SECOND}.{place:06d}")
                for place, number in enumerate(numbers, start=1)
            ),
            team_id=inbox.team_id,
            channel_id=inbox.channel_id,
            is_current=1,
            opened_at=self._began,
        )
        self._owe_cards("open", "shown", lanes.post_gate(inbox.team_id, inbox.channel_id), 1)
        gate = lanes.method_gate(inbox.team_id, "chat.update")
        self._owe_cards("update", "card", gate, 1 + self._messages // len(numbers))

    def _owe_cards(self, kind: str, lane: str, gate: str, version: int) -> None:
        name_lane = lanes.shown_lane if lane == "shown" else lanes.card_lane
        rows = (
            (place, name_lane(place), lanes.FIRST, self._began, None)
            for place in range(1, len(self._numbers) + 1)
        )
        self._owe(rows, "card", "slack", kind, gate, version)

    # Messages

    def _write_messages(self, turn: _Turn) -> None:
        names = ("id", "conversation_id", "thread_id", "body", "markup", "author_number", "sent_at")
        if turn.is_outbound:
            rows: Iterator[Row] = (
                (message_id, place, place, body, body, None, self._at(message_id))
                for message_id, place in turn.pairs()
                for body in (f"Yes, until six this evening: number {message_id}",)
            )
            same = {"direction": "out", "origin": "slack", "status": "accepted"}
            same |= {"carrier_status": "Delivered", "author_id": AUTHOR_ID}
        else:
            rows = (
                (message_id, place, place, body, None, number, self._at(message_id))
                for message_id, place in turn.pairs()
                for body in (f"Is my order ready? It is number {message_id}",)
                for number in (self._numbers[place - 1],)
            )
            same = {"direction": "in", "origin": "phone", "status": "received"}
            same |= {"carrier_status": "Received"}
        self._insert(Message, names, rows, attachment_notes="null", **same)

    def _write_copies(self, turn: _Turn) -> None:
        names = ("external_id", "message_id")
        ids = range(turn.first_id, turn.first_id + turn.count)
        scope = f"{self._inbox.team_id}/{self._inbox.channel_id}"
        records = ((self._record_id(each), each) for each in ids)
        self._insert(Copy, names, records, side="ringcentral", scope=self._inbox.store, part=0)
        posts = ((self._ts(each), each) for each in ids)
        self._insert(Copy, names, posts, side="slack", scope=scope, part=0)

    def _write_originals(self, turn: _Turn) -> None:
        self._insert(
            SlackOriginal,
            ("ts", "message_id"),
            ((self._ts(message_id), message_id) for message_id, _ in turn.pairs()),
            team_id=self._inbox.team_id,
            channel_id=self._inbox.channel_id,
            markup="Yes, until six this evening",
            deleted=0,
        )

    # What was owed, and the attempts at it

    def _owe_posts(self, turn: _Turn) -> None:
        rows = (
            (message_id, lanes.shown_lane(place), self._order(message_id), self._at(message_id), ts)
            for message_id, place in turn.pairs()
            for ts in (self._ts(message_id),)
        )
        gate = lanes.post_gate(self._inbox.team_id, self._inbox.channel_id)
        self._owe(rows, "message", "slack", "post", gate)

    def _owe_texts(self, turn: _Turn) -> None:
        rows = (
            (message_id, lane, self._order(message_id), self._at(message_id), record_id)
            for message_id, place in turn.pairs()
            for lane in (lanes.texted_lane(place),)
            for record_id in (self._record_id(message_id),)
        )
        gate = lanes.send_gate(self._inbox.login_id)
        self._owe(rows, "message", "ringcentral", "text", gate)

    def _owe_marks(self, turn: _Turn) -> None:
        rows = (
            (message_id, lanes.mark_lane(message_id), lanes.FIRST, self._at(message_id), None)
            for message_id, _ in turn.pairs()
        )
        gate = lanes.method_gate(self._inbox.team_id, "reactions.add")
        self._owe(rows, "message", "slack", "mark", gate)

    def _order(self, message_id: int) -> str:
        return f"1:{self._at(message_id):018d}:{self._record_id(message_id):>20}"

    def _owe(
        self,
        rows: Iterable[Row],
        subject_type: str,
        side: str,
        kind: str,
        gate: str,
        version: int = 1,
    ) -> None:
        """Settled deliveries: rows of subject, lane, place, time and the provider's id."""
        first_id = self._last_delivery_id + 1
        self._insert(
            Delivery,
            DELIVERY_COLUMNS,
            (
                (delivery_id, subject_id, marker, lane, order, at, at, at + SECOND, external_id)
                for delivery_id, (subject_id, lane, order, at, external_id) in enumerate(
                    rows, start=first_id
                )
                for marker in (secrets.token_urlsafe(15),)
            ),
            subject_type=subject_type,
            side=side,
            kind=kind,
            part=0,
            gate=gate,
            priority=1,
            state="accepted",
            attempts=1,
            looks=0,
            looks_unanswered=0,
            version=version,
            shown_version=version,
        )
        self._attempt_since(first_id)

    def _attempt_since(self, first_id: int) -> None:
        """One accepted attempt at each delivery from this one on."""
        self._connection.execute(
            f'INSERT INTO "{Attempt.__tablename__}" (delivery_id, worker, started_at, deadline_at,'
            " outcome, reported, external_id, settled_at)"
            " SELECT id, ?, created_at, created_at + ?, 'accepted', 1, external_id, settled_at"
            " FROM delivery WHERE id >= ?",
            (secrets.token_urlsafe(15), 20 * SECOND, first_id),
        )
        (self._last_delivery_id,) = self._connection.execute(
            "SELECT max(id) FROM delivery"
        ).fetchone()
