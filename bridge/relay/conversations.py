"""Where a text belongs: its conversation, and the thread that shows it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from bridge.relay import lanes
from bridge.relay.numbers import told_apart
from bridge.relay.texts import CarrierRecord
from storage import conversations, deliveries, threads
from storage.deliveries import Owed
from storage.tables import Conversation, Inbox, Thread

CARD_DEBOUNCE = timedelta(seconds=1.5)
CARD_NOT_POSTED = "card_not_posted"  # why a text waits whose thread is not there yet
UNPOSTED_WAIT = timedelta(days=1)  # a card's posting brings its updates forward


@dataclass(frozen=True)
class Place:
    """A conversation, locked, with its thread; `is_new` where that was just opened."""

    inbox: Inbox
    conversation: Conversation
    thread: Thread
    is_new: bool

    @property
    def conversation_id(self) -> int:
        assert self.conversation.id is not None, "read from its table"
        return self.conversation.id

    @property
    def thread_id(self) -> int:
        assert self.thread.id is not None, "read from its table"
        return self.thread.id


def find_or_open(
    session: Session, inbox: Inbox, outside_numbers: tuple[str, ...], now: datetime
) -> Place:
    """The place of these numbers, opened where nobody texted them from this inbox before."""
    assert inbox.id is not None, "read from its table"
    conversation = conversations.lock_or_open(session, inbox.id, outside_numbers, now)
    return _with_thread(session, inbox, conversation, now)


def find_or_open_for(session: Session, inbox: Inbox, record: CarrierRecord, now: datetime) -> Place:
    """The place of a carrier's record."""
    numbers = told_apart(record.outside_numbers, record.ringcentral_conversation_id)
    return find_or_open(session, inbox, numbers, now)


def open_thread(
    session: Session, inbox: Inbox, conversation: Conversation, now: datetime
) -> Thread:
    """A new current thread in the inbox's channel; its card goes before all it will show."""
    assert conversation.id is not None, "read from its table"
    thread = threads.open_current(session, conversation.id, inbox.team_id, inbox.channel_id, now)
    assert thread.id is not None, "numbered by the flush"
    deliveries.enqueue(
        session,
        Owed(
            subject_type="card",
            subject_id=thread.id,
            side="slack",
            kind="open",
            lane=lanes.shown_lane(conversation.id),
            lane_order=lanes.FIRST,
            gate=lanes.post_gate(inbox.team_id, inbox.channel_id),
            due_at=now,
        ),
        now,
    )
    return thread


def refresh_card(session: Session, thread: Thread, now: datetime) -> None:
    """Owe the card today's state; changes within a moment are shown together.

    What a card that is not posted yet would show, its posting shows, and then brings forward.
    """
    assert thread.id is not None, "read from its table"
    deliveries.show_again(
        session,
        Owed(
            subject_type="card",
            subject_id=thread.id,
            side="slack",
            kind="update",
            lane=lanes.card_lane(thread.id),
            lane_order=lanes.FIRST,
            gate=lanes.method_gate(thread.team_id, "chat.update"),
            source=thread.channel_id,
            due_at=now + (UNPOSTED_WAIT if thread.ts is None else CARD_DEBOUNCE),
            priority=3,
        ),
        now,
    )


def _with_thread(
    session: Session, inbox: Inbox, conversation: Conversation, now: datetime
) -> Place:
    assert conversation.id is not None, "read from its table"
    thread = threads.get_current(session, conversation.id)
    if thread is not None and thread.channel_id == inbox.channel_id:
        return Place(inbox, conversation, thread, is_new=False)
    return Place(inbox, conversation, open_thread(session, inbox, conversation, now), is_new=True)
