"""Kept records: outbound records that one of our own attempts in flight may have made."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete
from sqlmodel import Session, col, select

from storage.database import insert_ignore
from storage.tables import KeptRecord


def keep(
    session: Session, store: str, record_id: str, conversation_id: int, record: str, now: datetime
) -> None:
    """Keep a record, as JSON, until the conversation's attempts are settled."""
    values = {
        "store": store,
        "record_id": record_id,
        "conversation_id": conversation_id,
        "record": record,
        "kept_at": now,
    }
    insert_ignore(session, KeptRecord, values)


def take_all(session: Session, conversation_id: int) -> list[str]:
    """The conversation's kept records, oldest first, and no longer kept."""
    query = (
        select(KeptRecord)
        .where(KeptRecord.conversation_id == conversation_id)
        .order_by(col(KeptRecord.kept_at), col(KeptRecord.record_id))
    )
    records = [each.record for each in session.exec(query)]
    if records:
        session.execute(
            delete(KeptRecord).where(col(KeptRecord.conversation_id) == conversation_id)
        )
    return records
