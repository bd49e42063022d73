"""The audit log: what people changed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlmodel import Session

from storage.tables import AuditEntry


def write(
    session: Session, now: datetime, actor: str, act: str, subject: str, **detail: Any
) -> None:
    """Note that `actor` did `act` to `subject`."""
    session.add(AuditEntry(at=now, actor=actor, act=act, subject=subject, detail=detail))
