"""Texts of people that take longer than they should."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, Text, and_, cast, literal, literal_column
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, select

from storage.deliveries import is_unsettled
from storage.tables import OPEN_STATES, Conversation, Delivery, Inbox, Message, Notice


def find_late(
    session: Session, now: datetime, patience: timedelta, told: str, limit: int
) -> list[int]:
    """Messages owed to phones for `patience` longer than their hold, longest first.

    Not those with a notice of this key already: `told` has the message's id in place of {}.
    """
    rows = session.execute(_owed_before(now - patience, told).limit(limit))
    return [
        message_id
        for message_id, created_at, hold_seconds, attempts, due_at in rows
        if created_at + timedelta(seconds=hold_seconds) <= now - patience
        if attempts or due_at <= now  # else it was edited, and is held anew
    ]


def _owed_before(created_before: datetime, told: str) -> Select[Any, Any, Any, Any, Any]:
    before, _, after = told.partition("{}")
    key = literal(before) + cast(col(Message.id), Text) + literal(after)
    open_states: list[ColumnElement[str]] = [literal_column(f"'{state}'") for state in OPEN_STATES]
    columns = select_columns(
        col(Message.id),
        col(Delivery.created_at),
        col(Inbox.hold_seconds),
        col(Delivery.attempts),
        col(Delivery.due_at),
    )
    owed = and_(col(Delivery.subject_type) == "message", col(Delivery.subject_id) == Message.id)
    return (
        columns.select_from(Delivery)
        .join(Message, owed)
        .join(Conversation, col(Conversation.id) == col(Message.conversation_id))
        .join(Inbox, col(Inbox.id) == col(Conversation.inbox_id))
        .where(
            is_unsettled(),
            col(Delivery.state).in_(open_states),
            col(Delivery.side) == "ringcentral",
            col(Delivery.created_at) <= created_before,
            col(Message.status) == "queued",
            col(Message.author_id).is_not(None),
            ~select(Notice.id).where(col(Notice.key) == key).exists(),
        )
        .order_by(col(Delivery.created_at))
    )
