"""Kept records: outbound records that one of our own attempts in flight may have made."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, update
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from storage import prepared
from storage.database import insert_ignore
from storage.tables import KeptRecord


def keep(
    session: Session, store: str, record_id: str, conversation_id: int, record: str, now: datetime
) -> None:
    """Keep a record, as JSON, until the conversation's attempts are settled; the newest counts."""
    values = {
        "store": store,
        "record_id": record_id,
        "conversation_id": conversation_id,
        "record": record,
        "kept_at": now,
    }
    if not insert_ignore(session, KeptRecord, values):
        session.execute(
            update(KeptRecord)
            .where(col(KeptRecord.store) == store, col(KeptRecord.record_id) == record_id)
            .values(record=record)
        )


@prepared.every
def find(conversation_id: int) -> SelectOfScalar[str]:
    """The conversation's kept records, oldest first."""
    kept = select(KeptRecord.record).where(KeptRecord.conversation_id == conversation_id)
    return kept.order_by(col(KeptRecord.kept_at), col(KeptRecord.record_id))


def take_all(session: Session, conversation_id: int) -> list[str]:
    """The conversation's kept records, oldest first, and no longer kept."""
    records = find(session, conversation_id)
    if records:
        session.execute(
            delete(KeptRecord).where(col(KeptRecord.conversation_id) == conversation_id)
        )
    return records
