"""Kept events: authentic, not understood, kept whole (encrypted) for an administrator."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session

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
