"""Copies: a message as one side knows it. What makes every repeat harmless."""

from __future__ import annotations

from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from storage import prepared
from storage.database import insert_ignore
from storage.errors import Overtaken
from storage.tables import Copy


@prepared.one_or_none
def get_message_id(side: str, scope: str, external_id: str) -> SelectOfScalar[int]:
    """The message that this record or post is a copy of."""
    return select(Copy.message_id).where(
        Copy.side == side, Copy.scope == scope, Copy.external_id == external_id
    )


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


def record_new(session: Session, side: str, scope: str, external_id: str, message_id: int) -> None:
    """Remember the copy that a message was just made for.

    Raises Overtaken where it is another message's, which a look before could not see yet: the unit
    runs again, and then does.
    """
    if not record(session, side, scope, external_id, message_id):
        raise Overtaken(f"a copy on side {side} was recorded meanwhile")


def get_external_id(session: Session, side: str, message_id: int) -> tuple[str, str] | None:
    """The scope and external id of the message's first copy on a side."""
    found = _get_first(session, side, message_id)
    return (found.scope, found.external_id) if found else None


@prepared.first
def _get_first(side: str, message_id: int) -> SelectOfScalar[Copy]:
    query = select(Copy).where(Copy.side == side, Copy.message_id == message_id)
    return query.order_by(col(Copy.part))
