"""Makers of rows and of what the two sides hand over, with sane defaults.

A maker that takes a session is a unit: `inbox = await database.write(makers.add_inbox)`.
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from sqlmodel import Session, SQLModel

from bridge.relay import lanes
from bridge.relay.inboxes import Pairing
from bridge.relay.texts import CarrierRecord, NewText, Reply, ReplyDeletion, ReplyEdit
from storage import conversations, deliveries, messages, threads
from storage.deliveries import Owed
from storage.tables import Conversation, Delivery, Inbox, Login, Message, Thread, Workspace

TEAM, CHANNEL = "T0001", "C0001"
BEA, CARL, ADA = "U0BEA", "U0CARL", "U0ADA"  # Ada administers
OUR_NUMBER, ALICE, DAN = "+16505550101", "+14155550100", "+14155550102"
STORE = "1/101"
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

Row = TypeVar("Row", bound=SQLModel)

_numbers = itertools.count(1)


def at(seconds: float) -> datetime:
    """So many seconds after the tests' beginning of time."""
    return NOW + timedelta(seconds=seconds)


def id_of(row: Any) -> int:
    """The id of a row that is on file."""
    assert isinstance(row.id, int), "on file"
    return row.id


def add(session: Session, row: Row) -> Row:
    """Put a row on file."""
    session.add(row)
    session.flush()
    return row


# Rows


def add_workspace(session: Session, /, **changes: Any) -> Workspace:
    values: dict[str, Any] = {
        "team_id": TEAM,
        "name": "Acme",
        "url": "https://acme.slack.com/",
        "bot_user_id": "U0BOT",
        "bot_id": "B0BOT",
        "bot_token": "xoxb-of-a-test",
        "administrator_ids": [ADA],
    }
    return add(session, Workspace(**(values | changes)))


def add_inbox(session: Session, /, **changes: Any) -> Inbox:
    """A connected inbox with its login, without a hold."""
    number = next(_numbers)
    values: dict[str, Any] = {
        "phone_number": OUR_NUMBER,
        "region": "US",
        "store": STORE,
        "owner_name": "Front desk",
        "team_id": TEAM,
        "channel_id": CHANNEL,
        "hold_seconds": 0.0,
        "connected_by": ADA,
        "connected_at": NOW,
    } | changes
    if "login_id" not in values:
        values["login_id"] = id_of(add(session, Login(name=f"login {number}")))
    return add(session, Inbox(**values))


def add_conversation(
    session: Session, inbox: Inbox | None = None, *outside_numbers: str
) -> Conversation:
    inbox = inbox or add_inbox(session)
    return conversations.lock_or_open(session, id_of(inbox), outside_numbers or (ALICE,), NOW)


def add_thread(
    session: Session, conversation: Conversation | None = None, ts: str | None = "1700000000.000100"
) -> Thread:
    """A conversation's current thread, its card posted unless `ts` is None."""
    conversation = conversation or add_conversation(session)
    thread = threads.open_current(session, id_of(conversation), TEAM, CHANNEL, NOW)
    if ts is not None:
        thread.ts = ts
        add(session, thread)
    return thread


def add_message(session: Session, thread: Thread | None = None, /, **changes: Any) -> Message:
    """A reply that is queued; nothing is owed for it."""
    thread = thread or add_thread(session)
    values: dict[str, Any] = {
        "conversation_id": thread.conversation_id,
        "thread_id": thread.id,
        "direction": "out",
        "origin": "slack",
        "status": "queued",
        "body": "Yes, until 6 pm",
        "author_id": BEA,
        "sent_at": NOW,
    }
    return messages.add(session, Message(**(values | changes)))


# Deliveries of a subject nobody knows, for the outbox alone


def owed(**changes: Any) -> Owed:
    """A delivery of its own, in a lane of its own, due now."""
    number = changes.get("subject_id") or next(_numbers)
    values: dict[str, Any] = {
        "subject_type": "thing",
        "subject_id": number,
        "side": "slack",
        "kind": "post",
        "lane": f"lane {number}",
        "lane_order": lanes.place(NOW, str(number)),
        "gate": "slack:T0001:post:C0001",
        "due_at": NOW,
    }
    return Owed(**(values | changes))


def add_delivery(session: Session, now: datetime = NOW, /, **changes: Any) -> Delivery:
    wanted = owed(**changes)
    assert deliveries.enqueue(session, wanted, now), "new"
    return get_delivery(session, wanted.subject_id, wanted.side, wanted.kind, wanted.subject_type)


def get_delivery(
    session: Session,
    subject_id: int,
    side: str = "slack",
    kind: str = "post",
    subject_type: str = "thing",
) -> Delivery:
    """The only delivery of its subject, side and kind."""
    (found,) = deliveries.find_by_subject(session, subject_type, subject_id, side, kind)
    return found


# What the sides hand over


def record(**changes: Any) -> CarrierRecord:
    """A text from Alice to us, with a record id of its own."""
    base = CarrierRecord(
        store=STORE,
        record_id=str(1_000_000 + next(_numbers)),
        ringcentral_conversation_id="18446744073709551617",
        direction="in",
        own_number=OUR_NUMBER,
        outside_numbers=(ALICE,),
        author_number=ALICE,
        body="Is my order ready?",
        sent_at=NOW,
        status="Received",
    )
    return replace(base, **changes)


def own_record(**changes: Any) -> CarrierRecord:
    """A text from us to Alice, as its store shows it."""
    values: dict[str, Any] = {
        "direction": "out",
        "author_number": OUR_NUMBER,
        "body": "Yes, until 6 pm",
        "status": "Sent",
    }
    return record(**(values | changes))


def reply(**changes: Any) -> Reply:
    """Bea's reply in the thread that `add_thread` makes, with a ts of its own."""
    base = Reply(
        team_id=TEAM,
        channel_id=CHANNEL,
        thread_ts="1700000000.000100",
        ts=f"{NOW.timestamp() + next(_numbers):.6f}",
        author_id=BEA,
        markup="Yes, until 6 pm",
    )
    return replace(base, **changes)


def edit_of(original: Reply, markup: str, *, edit_ts: str | None = None) -> ReplyEdit:
    return ReplyEdit(
        team_id=original.team_id,
        channel_id=original.channel_id,
        thread_ts=original.thread_ts,
        ts=original.ts,
        edit_ts=edit_ts or f"{NOW.timestamp() + 1000 + next(_numbers):.6f}",
        author_id=original.author_id,
        markup=markup,
    )


def deletion_of(original: Reply) -> ReplyDeletion:
    return ReplyDeletion(original.team_id, original.channel_id, original.thread_ts, original.ts)


def new_text(**changes: Any) -> NewText:
    """`/sms <Alice> Your table is ready`, typed by Bea in the inbox's channel."""
    base = NewText(
        team_id=TEAM,
        channel_id=CHANNEL,
        author_id=BEA,
        to_number=ALICE,
        markup="Your table is ready",
        trigger_id=f"trigger.{next(_numbers)}",
        response_url="https://hooks.slack.com/commands/T0001/1/x",
    )
    return replace(base, **changes)


def pairing(login_id: int, **changes: Any) -> Pairing:
    base = Pairing(
        phone_number=OUR_NUMBER,
        region="US",
        login_id=login_id,
        store=STORE,
        owner_name="Front desk",
        team_id=TEAM,
        channel_id=CHANNEL,
        hold_seconds=0.0,
        by_user_id=ADA,
    )
    return replace(base, **changes)
