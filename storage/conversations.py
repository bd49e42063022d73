"""Conversations: an inbox and the outside numbers it texts with."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlmodel import Session, col, func, select
from sqlmodel.sql.expression import SelectOfScalar

from storage import prepared
from storage.database import insert_ignore
from storage.tables import Conversation, Copy, Message, RingCentralConversation


def participants_key_of(outside_numbers: Iterable[str]) -> str:
    """One key for a set of numbers, whatever their order."""
    return ",".join(sorted(set(outside_numbers)))


def lock_or_open(
    session: Session, inbox_id: int, outside_numbers: Iterable[str], now: datetime
) -> Conversation:
    """The conversation of these numbers, made where it is new, its row locked.

    The lock orders everything that decides about one conversation; SQLite has one writer and
    ignores it.
    """
    key = participants_key_of(outside_numbers)
    conversation = _get_locked(session, inbox_id, key)
    if conversation is not None:
        return conversation
    values = {"inbox_id": inbox_id, "participants_key": key, "opened_at": now}
    insert_ignore(session, Conversation, values)
    opened = _get_locked(session, inbox_id, key)
    assert opened is not None, "just inserted, or inserted by whoever we waited for"
    return opened


@prepared.one_or_none
def _get_locked(inbox_id: int, key: str) -> SelectOfScalar[Conversation]:
    query = select(Conversation).where(
        Conversation.inbox_id == inbox_id, Conversation.participants_key == key
    )
    return query.with_for_update()


@prepared.one
def lock(conversation_id: int) -> SelectOfScalar[Conversation]:
    """The conversation, its row locked; it must exist."""
    return select(Conversation).where(Conversation.id == conversation_id).with_for_update()


@prepared.one
def get(conversation_id: int) -> SelectOfScalar[Conversation]:
    """The conversation; it must exist."""
    return select(Conversation).where(Conversation.id == conversation_id)


def outside_numbers_of(conversation: Conversation) -> list[str]:
    """The numbers the conversation texts with, sorted."""
    return conversation.participants_key.split(",")


def name_ringcentral_id(
    session: Session, store: str, ringcentral_conversation_id: str | None, conversation_id: int
) -> None:
    """Remember that RingCentral calls the conversation this; participants win over an older id."""
    if ringcentral_conversation_id is None:
        return
    insert_ignore(
        session,
        RingCentralConversation,
        {
            "store": store,
            "ringcentral_conversation_id": ringcentral_conversation_id,
            "conversation_id": conversation_id,
        },
    )


def count_without_ringcentral_id(session: Session, since_at: datetime) -> int:
    """How many that texted since then have no id of RingCentral's, which another one has: there
    the id and the participants disagree."""
    is_named = select(RingCentralConversation.conversation_id).where(
        RingCentralConversation.conversation_id == Conversation.id
    )
    is_known = (
        select(Copy.message_id)
        .join(Message, col(Message.id) == Copy.message_id)
        .where(Copy.side == "ringcentral", Message.conversation_id == Conversation.id)
    )
    query = (
        select(func.count())
        .select_from(Conversation)
        .where(col(Conversation.last_text_at) >= since_at, ~is_named.exists(), is_known.exists())
    )
    return session.exec(query).one()
