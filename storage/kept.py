"""Kept events: authentic, not understood, kept whole (encrypted) for an administrator."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session, col, func, select

from storage.database import insert_ignore
from storage.tables import KeptEvent


def keep_event(
    session: Session, side: str, key: str, reason: str, body: str, now: datetime
) -> bool:
    """Keep an event; False where the same was kept before."""
    values = {
        "side": side,
        "key": key,
        "reason": reason,
        "body": body,
        "received_at": now,
    }
    return bool(insert_ignore(session, KeptEvent, values))


def count_since(session: Session, since_at: datetime) -> list[tuple[str, str, int]]:
    """Side, reason and number of the events kept since then."""
    query = (
        select(KeptEvent.side, KeptEvent.reason, func.count())
        .where(col(KeptEvent.received_at) >= since_at)
        .group_by(KeptEvent.side, KeptEvent.reason)
        .order_by(KeptEvent.side, KeptEvent.reason)
    )
    return list(session.exec(query))
