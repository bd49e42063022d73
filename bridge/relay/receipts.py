"""Receipts: what the carrier says later of a text it accepted."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session

from bridge.relay import conversations, lanes, notices
from bridge.relay.texts import FAILED, CarrierRecord
from bridge.relay.todays_words import DID_NOT_ARRIVE, take_todays_words, tell_withdrawn
from storage import conversations as conversation_rows
from storage import copies, deliveries, messages, threads
from storage.deliveries import Owed
from storage.tables import Message, Thread


def apply_receipt(session: Session, message_id: int, record: CarrierRecord, now: datetime) -> str:
    """Write down a text's new carrier status; `receipt`, or `repeat` where it is not news.

    A failure takes the mark away and is told in the thread with the carrier's code. The record of
    an earlier try, as a full synchronisation lists it, says nothing of the text sent since.
    """
    message = lock_message(session, message_id)
    if message.carrier_status == record.status or _is_of_an_earlier_try(
        session, message_id, record
    ):
        return "repeat"
    messages.change(session, message_id, carrier_status=record.status)
    thread = threads.get(session, message.thread_id)
    if record.status in FAILED and message.status == "accepted":
        tell_failed(session, message, thread, record, now)
    if thread.ts is not None and thread.is_current:
        conversations.refresh_card(session, thread, now)
    return "receipt"


def lock_message(session: Session, message_id: int) -> Message:
    """The message as it is once nobody else can be deciding about its conversation."""
    conversation_rows.lock(session, messages.get(session, message_id).conversation_id)
    return messages.get(session, message_id)


def _is_of_an_earlier_try(session: Session, message_id: int, record: CarrierRecord) -> bool:
    owed = deliveries.find_by_subject(session, "message", message_id, "ringcentral", "text")
    newest = {each.external_id for each in owed if each.external_id is not None}
    return bool(newest) and record.record_id not in newest


def tell_failed(
    session: Session, message: Message, thread: Thread, record: CarrierRecord, now: datetime
) -> None:
    """A text that the carrier had accepted did not arrive: tell it in the thread, once a record.

    One that reached some of a group stays a text that was sent: a retry would text those twice.
    """
    assert message.id is not None, "read from its table"
    reason = record.error_code or record.status
    status = "accepted" if record.reached_somebody else "failed"
    messages.change(session, message.id, status=status, failure=reason)
    enqueue_mark(session, message.id, thread, now, kind="unmark")
    words = "same" if record.reached_somebody else take_todays_words(session, message, now)
    if words == "deleted":
        tell_withdrawn(session, message, thread, DID_NOT_ARRIVE, now)
        return
    also = {"is_app_text": message.origin == "ringcentral_app", "was_edited": words == "edited"}
    missed = {"missed": list(record.refused_numbers)} if record.reached_somebody else {}
    notices.tell_in_thread(
        session,
        message,
        thread,
        "failed",
        now,
        key=f"receipt:{record.record_id}:{reason}",
        payload={
            "reason": reason,
            "was_accepted": True,
            **{key: True for key, is_so in also.items() if is_so},
            **missed,
        },
    )


def enqueue_mark(
    session: Session, message_id: int, thread: Thread, now: datetime, kind: str = "mark"
) -> None:
    """Owe the mark on a text's Slack message, or its removal."""
    if copies.get_external_id(session, "slack", message_id) is None:
        return  # its own post, when settled, owes the mark
    method = "reactions.add" if kind == "mark" else "reactions.remove"
    deliveries.show_again(
        session,
        Owed(
            subject_type="message",
            subject_id=message_id,
            side="slack",
            kind=kind,
            lane=lanes.mark_lane(message_id),
            lane_order=lanes.place(now, kind),
            gate=lanes.method_gate(thread.team_id, method),
            source=thread.channel_id,
            due_at=now,
            priority=2,
        ),
        now,
    )
