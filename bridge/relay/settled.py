"""What follows when a delivery is settled, written in the settling transaction.

One function for each subject: a message, a card, a notice, an answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import assert_never

from sqlmodel import Session

from bridge.outbox.outcome import (
    Accepted,
    Claimed,
    OnSettled,
    Refused,
    Settlement,
    TryLater,
    Unsure,
)
from bridge.relay import conversations, crossings, delays, lanes, notices, receipts
from bridge.relay.texts import FAILED
from bridge.relay.todays_words import NOT_SENT, take_todays_words, tell_withdrawn
from storage import conversations as conversation_rows
from storage import copies, deliveries, inboxes, messages, threads
from storage import notices as notice_rows
from storage.tables import Message, Notice, Thread

REFUSED_CARD_WAIT = timedelta(hours=1)


def message_settled(session: Session, settlement: Settlement) -> None:
    """A text, its showing in Slack, or its mark."""
    delivery = settlement.delivery
    if delivery.side == "slack" and delivery.kind != "post":
        return
    # a text and its showing are settled by two transactions, each of which must see the other's
    message = receipts.lock_message(session, delivery.subject_id)
    if delivery.side == "ringcentral":
        _text_settled(session, settlement, message)
    else:
        _post_settled(session, settlement, message)


def card_settled(session: Session, settlement: Settlement) -> None:
    """A thread's parent was posted, or could not be."""
    delivery, now = settlement.delivery, settlement.settled_at
    if delivery.kind != "open":
        return
    thread = threads.get(session, delivery.subject_id)
    conversation_rows.lock(session, thread.conversation_id)  # a command may be adding its answer
    match settlement.outcome:
        case Accepted(external_id=ts):
            assert ts is not None, "Slack names every post"
            threads.set_ts(session, delivery.subject_id, ts)
            _bring_forward(session, thread, now)
        case Refused(reason=reason):
            _tell_unshown(session, delivery, reason, now)
            _post_again(session, delivery, now + REFUSED_CARD_WAIT)  # its texts wait for it
        case Unsure():
            _post_again(session, delivery, now)
        case TryLater():
            return
        case _:
            assert_never(settlement.outcome)


def _bring_forward(session: Session, thread: Thread, now: datetime) -> None:
    """Its card is posted: what waited for that may go."""
    assert thread.id is not None, "read from its table"
    deliveries.bring_forward(session, lanes.answer_lane(thread.id, 0), now)
    shown_at = now + conversations.CARD_DEBOUNCE
    deliveries.bring_forward(session, lanes.card_lane(thread.id), shown_at)
    lane = lanes.shown_lane(thread.conversation_id)
    deliveries.bring_forward(session, lane, now, reason=conversations.CARD_NOT_POSTED)


def notice_settled(session: Session, settlement: Settlement) -> None:
    """The bridge's own words were posted, or could not be."""
    delivery, now = settlement.delivery, settlement.settled_at
    if delivery.kind != "post":  # nothing is lost where words that somebody deleted cannot change
        return
    match settlement.outcome:
        case Accepted() | TryLater():
            return
        case Refused(reason="thread_gone"):
            notice = notice_rows.get(session, delivery.subject_id)
            if notice.thread_id is not None:
                _move_notice(session, notice, now)
                _post_again(session, delivery, now)
        case Refused(reason=reason):
            # Words about words that were refused would be refused as well, for ever.
            if notice_rows.get(session, delivery.subject_id).kind != "unshown":
                _tell_unshown(session, delivery, reason, now)
        case Unsure():
            _post_again(session, delivery, now)
        case _:
            assert_never(settlement.outcome)


def answer_settled(_session: Session, _settlement: Settlement) -> None:
    """A private answer was given, or its asker is out of reach: nothing follows from either."""


def tell_stuck(session: Session, delivery: Claimed, reason: str, now: datetime) -> None:
    """It waits until an administrator mends something: they hear of each cause once a day."""
    notices.tell_administrators(
        session,
        f"stuck:{delivery.side}:{delivery.gate}:{reason}:{now.date()}",
        "stuck",
        {"side": delivery.side, "gate": delivery.gate, "reason": reason},
        now,
    )


ON_SETTLED: Mapping[str, OnSettled] = {
    "message": message_settled,
    "card": card_settled,
    "notice": notice_settled,
    "answer": answer_settled,
}


# A text to a phone


def _text_settled(session: Session, settlement: Settlement, message: Message) -> None:
    now = settlement.settled_at
    thread = threads.get(session, message.thread_id)
    match settlement.outcome:
        case TryLater():
            _text_goes_again(session, message, thread, now)
            return
        case Accepted() as accepted:
            _text_accepted(session, message, thread, accepted, now)
        case Refused(reason=reason):
            crossings.refuse_message(session, message, thread, reason, now)
        case Unsure():
            _tell_unsure(session, settlement.delivery, message, thread, now)
        case _:
            assert_never(settlement.outcome)
    crossings.release_kept(session, message.conversation_id, now)
    delays.tell_no_longer_delayed(session, settlement.delivery.subject_id, now)
    conversations.refresh_card(session, thread, now)


def _tell_unsure(
    session: Session, delivery: Claimed, message: Message, thread: Thread, now: datetime
) -> None:
    messages.change(session, delivery.subject_id, status="unsure")
    asked_at = deliveries.get(session, delivery.id).created_at  # a resend is asked for anew
    key = f"{asked_at.timestamp()}:{delivery.attempts}"
    notices.tell_in_thread(session, message, thread, "unsure", now, key=key)


def _text_accepted(
    session: Session, message: Message, thread: Thread, accepted: Accepted, now: datetime
) -> None:
    assert message.id is not None, "read from its table"
    status = accepted.facts.get("status") or "Queued"
    if status in FAILED:
        status = (
            "Queued"  # a look saw it fail: the receipt, kept or to come, tells it with its code
        )
    messages.change(session, message.id, status="accepted", failure=None, carrier_status=status)
    if accepted.scope is not None and accepted.external_id is not None:
        copies.record(session, "ringcentral", accepted.scope, accepted.external_id, message.id)
        conversation_rows.name_ringcentral_id(
            session,
            accepted.scope,
            accepted.facts.get("conversation_id"),
            message.conversation_id,
        )
    receipts.enqueue_mark(session, message.id, thread, now)


# A text's showing in Slack


def _post_settled(session: Session, settlement: Settlement, message: Message) -> None:
    delivery, now = settlement.delivery, settlement.settled_at
    match settlement.outcome:
        case Accepted(external_id=ts, scope=scope):
            assert ts is not None, "Slack names every post"
            assert scope is not None, "and its channel"
            copies.record(session, "slack", scope, ts, delivery.subject_id)
            if message.origin == "command" and message.status == "accepted":
                thread = threads.get(session, message.thread_id)
                receipts.enqueue_mark(session, delivery.subject_id, thread, now)
        case Refused(reason="thread_gone"):
            thread = _current_thread(session, message.thread_id, now)
            assert thread.id is not None, "read from its table"
            messages.move_to_thread(session, delivery.subject_id, thread.id)
            _post_again(session, delivery, now)
        case Refused(reason=reason):
            _tell_unshown(session, delivery, reason, now)
        case Unsure():
            _post_again(session, delivery, now)
        case TryLater():
            return
        case _:
            assert_never(settlement.outcome)


def _text_goes_again(session: Session, message: Message, thread: Thread, now: datetime) -> None:
    crossings.release_kept(session, message.conversation_id, now)
    if take_todays_words(session, message, now) != "deleted":
        return
    tell_withdrawn(session, message, thread, NOT_SENT, now)
    assert message.id is not None, "read from its table"
    delays.tell_no_longer_delayed(session, message.id, now)
    conversations.refresh_card(session, thread, now)


def _move_notice(session: Session, notice: Notice, now: datetime) -> None:
    assert notice.thread_id is not None, "asked before"
    notice.thread_id = _current_thread(session, notice.thread_id, now).id
    session.add(notice)
    session.flush()


def _current_thread(session: Session, gone_thread_id: int, now: datetime) -> Thread:
    """The conversation's thread now that this one's parent is gone; opened where it was current."""
    gone = threads.get(session, gone_thread_id)
    conversation = conversation_rows.lock(session, gone.conversation_id)
    current = threads.get_current(session, gone.conversation_id)
    if current is not None and current.id != gone.id:
        return current
    inbox = inboxes.get(session, conversation.inbox_id)
    opened = conversations.open_thread(session, inbox, conversation, now)
    notices.tell_administrators(
        session, f"card_deleted:{gone.id}", "card_deleted", {"channel_id": gone.channel_id}, now
    )
    return opened


def _post_again(session: Session, delivery: Claimed, now: datetime) -> None:
    """Post it again: in Slack a double is a lesser harm than a text nobody sees.

    Comes here only where the thread was gone, or where Slack answered no look for an hour.
    """
    deliveries.reopen(
        session,
        delivery.subject_type,
        delivery.subject_id,
        delivery.side,
        delivery.kind,
        from_states=("refused", "parked"),
        due_at=now,
    )


def _tell_unshown(session: Session, delivery: Claimed, reason: str, now: datetime) -> None:
    """Slack refuses what we show: an administrator must hear of it, or a text stays unseen."""
    notices.tell_administrators(
        session,
        f"unshown:{delivery.subject_type}:{delivery.subject_id}",
        "unshown",
        {"subject": f"{delivery.subject_type} {delivery.subject_id}", "reason": reason},
        now,
    )
