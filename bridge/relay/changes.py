"""What people do to their Slack messages afterwards: edits, deletions, and deleted cards.

Before the text's attempt has started an edit changes it and a deletion cancels it; after that
nothing pretends, and the thread says what the customer saw. Which it is, is decided by
compare-and-set on the delivery.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlmodel import Session

from bridge.relay import conversations, crossings, delays, notices, receipts
from bridge.relay.reasons import OF_ITS_WORDS
from bridge.relay.texts import ReplyDeletion, ReplyEdit
from storage import conversations as conversation_rows
from storage import deliveries, inboxes, messages, originals, threads
from storage.tables import Message, SlackOriginal


def change_reply(session: Session, edit: ReplyEdit, now: datetime) -> str:
    """Apply an edit; returns changed, too_late (told in the thread), kept, repeat or not_ours.

    An edit that comes before its message is kept for it; one in a thread of other people's is
    nobody's business and is not. Raises CardInFlight as `relay_slack_to_sms` does.
    """
    if crossings.find_thread(session, edit.team_id, edit.channel_id, edit.thread_ts) is None:
        return "not_ours"
    original = _lock_original(session, edit.team_id, edit.channel_id, edit.ts)
    if original.deleted or (original.edit_ts and float(original.edit_ts) >= float(edit.edit_ts)):
        return "repeat"
    same_text = original.markup == edit.markup
    original.edit_ts, original.markup = edit.edit_ts, edit.markup
    session.add(original)
    if original.message_id is None:
        return "kept"
    message = messages.get(session, original.message_id)
    if same_text or message.status == "cancelled":
        return "repeat"
    if message.status == "failed":  # a retry sends what Slack shows
        messages.change(session, original.message_id, body=edit.markup, markup=edit.markup)
        _tell_unsent(session, message, edit, now)
        return "changed"
    inbox = inboxes.get(session, conversation_rows.get(session, message.conversation_id).inbox_id)
    due_at = now + timedelta(seconds=inbox.hold_seconds)
    if deliveries.change_unstarted(session, "message", original.message_id, "ringcentral", due_at):
        messages.change(session, original.message_id, body=edit.markup, markup=edit.markup)
        return "changed"
    _tell(session, message, "edited_late", edit.edit_ts, now)
    return "too_late"


def cancel_reply(session: Session, deletion: ReplyDeletion, now: datetime) -> str:
    """Apply a deletion; returns cancelled, too_late (told in the thread), stillborn or repeat.

    not_ours in a thread that is not ours. Raises CardInFlight as `relay_slack_to_sms` does.
    """
    place = (deletion.team_id, deletion.channel_id)
    if deletion.thread_ts and crossings.find_thread(session, *place, deletion.thread_ts) is None:
        return "not_ours"
    original = _lock_original(session, deletion.team_id, deletion.channel_id, deletion.ts)
    if original.deleted:
        return "repeat"
    original.deleted = True
    session.add(original)
    if original.message_id is None:
        return "stillborn"
    message = messages.get(session, original.message_id)
    if message.status == "cancelled":
        return "repeat"
    if message.status == "failed":  # no click may send what was deleted
        messages.change(session, original.message_id, status="cancelled")
        return "cancelled"
    cancelled = deliveries.cancel_unstarted(
        session, "message", original.message_id, "ringcentral", "deleted in Slack", now
    )
    if cancelled:
        messages.change(session, original.message_id, status="cancelled")
        delays.tell_no_longer_delayed(session, original.message_id, now)
        crossings.release_kept(session, message.conversation_id, now)
        return "cancelled"
    _tell(session, message, "deleted_late", deletion.ts, now)
    return "too_late"


def move_on(session: Session, team_id: str, channel_id: str, ts: str, now: datetime) -> bool:
    """A thread's card was deleted: its conversation goes on in a new thread; administrators hear.

    False where no current thread of ours began there.
    """
    thread = threads.get_by_ts(session, team_id, channel_id, ts)
    if thread is None or not thread.is_current:
        return False
    conversation = conversation_rows.lock(session, thread.conversation_id)
    current = threads.get_current(session, thread.conversation_id)
    if current is None or current.id != thread.id:  # a post that found it gone was here before us
        return False
    inbox = inboxes.get(session, conversation.inbox_id)
    conversations.open_thread(session, inbox, conversation, now)
    notices.tell_administrators(
        session, f"card_deleted:{thread.id}", "card_deleted", {"channel_id": channel_id}, now
    )
    return True


def _lock_original(session: Session, team_id: str, channel_id: str, ts: str) -> SlackOriginal:
    """Locked after its conversation, as a reply that comes does: two orders would deadlock."""
    known = originals.get(session, team_id, channel_id, ts)
    if known is not None and known.message_id is not None:
        receipts.lock_message(session, known.message_id)
    return originals.lock_or_add(session, team_id, channel_id, ts)


def _tell(session: Session, message: Message, kind: str, key: str, now: datetime) -> None:
    thread = threads.get(session, message.thread_id)
    in_flight = message.status == "queued"  # nobody knows yet whether the customer saw it
    status = "unsure" if in_flight else message.status
    payload = {"status": status, "quote": message.body}  # a retry may send other words
    notices.tell_in_thread(session, message, thread, kind, now, key=key, payload=payload)


def _tell_unsent(session: Session, message: Message, edit: ReplyEdit, now: datetime) -> None:
    """Where no button stands under the refusal the new words are answered, as they may go."""
    reason = message.failure or ""
    may_go = reason in OF_ITS_WORDS and edit.markup.strip()
    if not may_go and reason != "files":
        return
    notices.tell_in_thread(
        session,
        message,
        threads.get(session, message.thread_id),
        "edited_unsent",
        now,
        key=edit.edit_ts,
        payload={"reason": reason},
    )
