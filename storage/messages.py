"""Messages: one text each, in or out."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Update, or_, update
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from storage import prepared
from storage.inserts import insert
from storage.tables import Conversation, Copy, Message

ONE_SECOND = timedelta(seconds=1)  # RingCentral's records are told to the second, its events finer
ON_ITS_WAY = timedelta(seconds=15)  # a text's usual time from its phone to Slack, at most


def add(session: Session, message: Message) -> Message:
    """Record a message, and that its conversation has it."""
    insert(session, message)
    _note_text(session, message.conversation_id, message.sent_at)
    return message


@prepared.rowcount
def _note_text(conversation_id: int, sent_at: datetime) -> Update:
    last_at = col(Conversation.last_text_at)
    is_newest = or_(last_at.is_(None), last_at < sent_at)
    mine = update(Conversation).where(col(Conversation.id) == conversation_id, is_newest)
    return mine.values(last_text_at=sent_at)


@prepared.one
def get(message_id: int) -> SelectOfScalar[Message]:
    """The message as it is now, whatever was read of it before; it must exist."""
    return select(Message).where(Message.id == message_id)


_change = prepared.changing(Message)


def change(session: Session, message_id: int, **values: Any) -> None:
    """Set some of a message's fields."""
    _change(session, message_id, values)


def get_last(session: Session, conversation_id: int) -> Message | None:
    """The newest text of a conversation by its sender's time, unless cancelled.

    Of one second it is the one that came last: some times are known to the second only.
    """
    newest = _find_newest(session, conversation_id)
    return max(
        newest, key=lambda each: (each.sent_at.replace(microsecond=0), each.id), default=None
    )


@prepared.every
def _find_newest(conversation_id: int) -> SelectOfScalar[Message]:
    query = select(Message).where(
        Message.conversation_id == conversation_id, Message.status != "cancelled"
    )
    return query.order_by(col(Message.sent_at).desc(), col(Message.id).desc()).limit(5)


def has_later_shown(session: Session, message: Message, side: str) -> bool:
    """True where a text sent later than this one was already shown on that side: it is late.

    What was written in Slack meanwhile counts only after a while: it stood there at once, and a
    text on its way from a phone takes its time.
    """
    place = (message.conversation_id, message.thread_id, message.sent_at + ONE_SECOND)
    return _get_later(session, *place, message.sent_at + ON_ITS_WAY, side) is not None


@prepared.first
def _get_later(
    conversation_id: int, thread_id: int, later_at: datetime, on_its_way_until: datetime, side: str
) -> SelectOfScalar[int | None]:
    later = (
        select(col(Message.id))
        .join(Copy, col(Copy.message_id) == col(Message.id))
        .where(
            Message.conversation_id == conversation_id,
            Message.thread_id == thread_id,
            Copy.side == side,
            Message.sent_at >= later_at,
            or_(col(Message.author_id).is_(None), col(Message.sent_at) > on_its_way_until),
        )
    )
    return later.limit(1)


def move_to_thread(session: Session, message_id: int, thread_id: int) -> None:
    """Show the message in another thread of its conversation."""
    change(session, message_id, thread_id=thread_id)
