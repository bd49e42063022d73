"""Copies: a message as one side knows it. What makes every repeat harmless."""

from __future__ import annotations

from sqlmodel import Session, col, select

from storage.database import insert_ignore
from storage.tables import Copy


def get_message_id(session: Session, side: str, scope: str, external_id: str) -> int | None:
    """The message that this record or post is a copy of."""
    query = select(Copy.message_id).where(
        Copy.side == side, Copy.scope == scope, Copy.external_id == external_id
    )
    return session.exec(query).one_or_none()


def record(
    session: Session, side: str, scope: str, external_id: str, message_id: int, part: int = 0
) -> bool:
    """Remember a copy; False where it was known already."""
    values = {
        "side": side,
        "scope": scope,
        "external_id": external_id,
        "message_id": message_id,
        "part": part,
    }
    return bool(insert_ignore(session, Copy, values))


def get_external_id(session: Session, side: str, message_id: int) -> tuple[str, str] | None:
    """The scope and external id of the message's first copy on a side."""
    query = (
        select(Copy.scope, Copy.external_id)
        .where(Copy.side == side, Copy.message_id == message_id)
        .order_by(col(Copy.part))
    )
    found = session.exec(query).first()
    return (found[0], found[1]) if found else None


def find_taken(session: Session, side: str, scope: str, external_ids: list[str]) -> set[str]:
    """Which of these the messages on file account for."""
    query = select(Copy.external_id).where(
        Copy.side == side, Copy.scope == scope, col(Copy.external_id).in_(external_ids)
    )
    return set(session.exec(query))
