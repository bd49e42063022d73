"""Everything about the last texts at once, for the sandbox's X-ray."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, select

from storage.deliveries import is_unsettled
from storage.tables import Attempt, Conversation, Delivery, Gate, Message, Thread


@dataclass(frozen=True)
class XRay:
    """Rows as they are in one snapshot; `deliveries` are of the messages, or not settled yet."""

    messages: Sequence[Message]
    threads: Sequence[Thread]
    conversations: Sequence[Conversation]
    deliveries: Sequence[Delivery]
    attempts: Sequence[Attempt]
    gates: Sequence[Gate]


def read(session: Session, limit: int) -> XRay:
    """The newest messages and other deliveries, `limit` of each, with what became of them."""
    newest = select(Message).order_by(col(Message.id).desc()).limit(limit)
    messages = list(session.exec(newest))
    thread_ids = {each.thread_id for each in messages}
    conversation_ids = {each.conversation_id for each in messages}
    deliveries = _find_deliveries(session, [each.id for each in messages if each.id], limit)
    attempts = select(Attempt).where(col(Attempt.delivery_id).in_([each.id for each in deliveries]))
    threads = select(Thread).where(col(Thread.id).in_(thread_ids))
    conversations = select(Conversation).where(col(Conversation.id).in_(conversation_ids))
    return XRay(
        messages=messages,
        threads=list(session.exec(threads)),
        conversations=list(session.exec(conversations)),
        deliveries=deliveries,
        attempts=list(session.exec(attempts.order_by(col(Attempt.id)))),
        gates=list(session.exec(select(Gate).order_by(Gate.key))),
    )


def _find_deliveries(
    session: Session, message_ids: Sequence[int], limit: int
) -> Sequence[Delivery]:
    of_messages = select(Delivery).where(
        Delivery.subject_type == "message", col(Delivery.subject_id).in_(message_ids)
    )
    others = select(Delivery).where(Delivery.subject_type != "message")
    newest_others = others.order_by(col(Delivery.id).desc()).limit(limit)
    waiting = select(Delivery).where(is_unsettled()).limit(10 * limit)
    found = {
        each.id: each
        for query in (of_messages, newest_others, waiting)
        for each in session.exec(query)
    }
    return [found[key] for key in sorted(found, key=lambda each: each or 0)]
