"""What a person decides about a text that failed, or that nobody can tell of.

Each is a compare-and-set: of two clicks one wins, and the other is told today's state.
"""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session

from bridge.relay import conversations, crossings, lanes, receipts
from bridge.relay.reasons import OF_ITS_WORDS
from bridge.relay.todays_words import take_todays_words
from storage import audit, deliveries, inboxes, messages, threads
from storage import conversations as conversation_rows
from storage.tables import Message


def retry_message(session: Session, message_id: int, by_user_id: str, now: datetime) -> str:
    """Send a failed text again, as Slack shows it; `done`, or the status it has by now."""
    message = receipts.lock_message(session, message_id)
    reopened = message.status == "failed" and (
        _owe_again(session, message, ("refused", "accepted"), now)
        or _owe_mended(session, message, now)
    )
    if reopened and take_todays_words(session, message, now) == "deleted":
        return "cancelled"
    return _decided(session, message, reopened, "retry", "queued", by_user_id, now)


def send_again(session: Session, message_id: int, by_user_id: str, now: datetime) -> str:
    """The person says it never arrived: send it again; `done`, or the status it has by now."""
    message = receipts.lock_message(session, message_id)
    reopened = message.status == "unsure" and _owe_again(session, message, ("parked",), now)
    if reopened and take_todays_words(session, message, now) == "deleted":
        crossings.release_kept(session, message.conversation_id, now)
        return "cancelled"  # its author has deleted it meanwhile
    return _decided(session, message, reopened, "send_again", "queued", by_user_id, now)


def it_was_sent(session: Session, message_id: int, by_user_id: str, now: datetime) -> str:
    """The person says it arrived; `done`, or the status it has by now."""
    message = receipts.lock_message(session, message_id)
    settled = message.status == "unsure" and deliveries.settle_parked(
        session, "message", message_id, "ringcentral", "accepted", now
    )
    answer = _decided(session, message, settled, "it_was_sent", "accepted", by_user_id, now)
    if settled:
        thread = threads.get(session, message.thread_id)
        receipts.enqueue_mark(session, message_id, thread, now)
        crossings.adopt_kept(session, message)
        crossings.release_kept(session, message.conversation_id, now)
    return answer


def drop_message(session: Session, message_id: int, by_user_id: str, now: datetime) -> str:
    """The person says it shall not be sent any more; `done`, or the status it has by now."""
    message = receipts.lock_message(session, message_id)
    dropped = message.status in ("failed", "unsure")
    if message.status == "unsure":
        dropped = deliveries.settle_parked(
            session, "message", message_id, "ringcentral", "cancelled", now
        )
    answer = _decided(session, message, dropped, "drop", "cancelled", by_user_id, now)
    if dropped:
        crossings.release_kept(session, message.conversation_id, now)
    return answer


def _owe_again(
    session: Session, message: Message, from_states: tuple[str, ...], now: datetime
) -> bool:
    """Through the gate of the login that its inbox has today."""
    assert message.id is not None, "read from its table"
    inbox = inboxes.get(session, conversation_rows.get(session, message.conversation_id).inbox_id)
    return deliveries.reopen(
        session,
        "message",
        message.id,
        "ringcentral",
        "text",
        from_states=from_states,
        due_at=now,
        gate=lanes.send_gate(inbox.login_id),
    )


def _owe_mended(session: Session, message: Message, now: datetime) -> bool:
    """Nothing was owed for a reply whose words could not go: by an edit they may."""
    if message.failure not in OF_ITS_WORDS or not message.body.strip():
        return False
    inbox = inboxes.get(session, conversation_rows.get(session, message.conversation_id).inbox_id)
    place = lanes.place(message.sent_at, str(message.id))
    return deliveries.enqueue(session, crossings.owed_text(inbox, message, place, now), now)


def _decided(
    session: Session,
    message: Message,
    won: bool,
    act: str,
    status: str,
    by_user_id: str,
    now: datetime,
) -> str:
    assert message.id is not None, "read from its table"
    if not won:
        return message.status
    messages.change(session, message.id, status=status, failure=None)
    audit.write(session, now, by_user_id, act, f"message/{message.id}")
    conversations.refresh_card(session, threads.get(session, message.thread_id), now)
    return "done"
