"""Messages: one text each, in or out."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import or_, update
from sqlmodel import Session, col, select

from storage.tables import Conversation, Copy, Message

ON_ITS_WAY = timedelta(seconds=15)  # a text's usual time from its phone to Slack, at most


def add(session: Session, message: Message) -> Message:
    """Record a message, and that its conversation has it."""
    session.add(message)
    session.flush()
    session.execute(
        update(Conversation)
        .where(
            col(Conversation.id) == message.conversation_id,
            or_(
                col(Conversation.last_text_at).is_(None),
                col(Conversation.last_text_at) < message.sent_at,
            ),
        )
        .values(last_text_at=message.sent_at)
    )
    return message


def get(session: Session, message_id: int) -> Message:
    """The message; it must exist."""
    return session.exec(select(Message).where(Message.id == message_id)).one()


def get_anew(session: Session, message_id: int) -> Message:
    """The message as it is now, whatever this session read of it before a lock."""
    query = select(Message).where(Message.id == message_id)
    return session.exec(query.execution_options(populate_existing=True)).one()


def change(session: Session, message_id: int, **values: Any) -> None:
    """Set some of a message's fields."""
    session.execute(update(Message).where(col(Message.id) == message_id).values(**values))


def get_last(session: Session, conversation_id: int) -> Message | None:
    """The newest text of a conversation by its sender's time, unless cancelled."""
    query = (
        select(Message)
        .where(Message.conversation_id == conversation_id, Message.status != "cancelled")
        .order_by(col(Message.sent_at).desc(), col(Message.id).desc())
    )
    return session.exec(query).first()


def has_later_shown(session: Session, message: Message, side: str) -> bool:
    """True where a text sent later than this one was already shown on that side: it is late.

    What was written in Slack meanwhile counts only after a while: it stood there at once, and a
    text on its way from a phone takes its time.
    """
    query = (
        select(Message.id)
        .join(Copy, col(Copy.message_id) == col(Message.id))
        .where(
            Message.conversation_id == message.conversation_id,
            Message.thread_id == message.thread_id,
            Copy.side == side,
            Message.sent_at > message.sent_at,
            or_(
                col(Message.author_id).is_(None),
                col(Message.sent_at) > message.sent_at + ON_ITS_WAY,
            ),
        )
    )
    return session.exec(query.limit(1)).first() is not None


def move_to_thread(session: Session, message_id: int, thread_id: int) -> None:
    """Show the message in another thread of its conversation."""
    change(session, message_id, thread_id=thread_id)
