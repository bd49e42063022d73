"""Which records of a message store are accounted for, when a lost answer is looked for."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, or_
from sqlmodel import Session, col, select

from storage.tables import Attempt, Copy


def find_taken_by_others(
    session: Session, store: str, record_ids: Sequence[str], *, message_id: int, part: int
) -> set[str]:
    """The records that are another text's.

    Its copy tells: an attempt's answer is written with it, in one transaction.
    """
    query = select(Copy.external_id).where(
        Copy.side == "ringcentral",
        Copy.scope == store,
        col(Copy.external_id).in_(record_ids),
        or_(col(Copy.message_id) != message_id, col(Copy.part) != part),
    )
    return set(session.exec(query))


def find_own(
    session: Session, store: str, record_ids: Sequence[str], *, message_id: int, part: int
) -> set[str]:
    """The records that are known to be this very text already."""
    query = select(Copy.external_id).where(
        Copy.side == "ringcentral",
        Copy.scope == store,
        col(Copy.external_id).in_(record_ids),
        Copy.message_id == message_id,
        Copy.part == part,
    )
    return set(session.exec(query))


def find_of_earlier_attempts(
    session: Session, record_ids: Sequence[str], *, delivery_id: int
) -> set[str]:
    """The records that earlier tries at the same text made: they failed on their way."""
    last = select(func.max(Attempt.id)).where(Attempt.delivery_id == delivery_id)
    query = select(Attempt.external_id).where(
        Attempt.delivery_id == delivery_id,
        Attempt.id != last.scalar_subquery(),
        col(Attempt.external_id).in_(record_ids),
    )
    return {found for found in session.exec(query) if found}
