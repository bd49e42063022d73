"""Leases: work that one process does at a time. Times are machine time."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete, or_, update
from sqlmodel import Session, col, select

from storage.database import insert_ignore
from storage.tables import Lease
from storage.updates import run_update


def take(session: Session, name: str, holder: str, now: datetime, seconds: float) -> bool:
    """Take or prolong a lease; False where somebody else holds it."""
    until_at = now + timedelta(seconds=seconds)
    if insert_ignore(session, Lease, {"name": name, "holder": holder, "until_at": until_at}):
        return True
    result = session.execute(
        update(Lease)
        .where(col(Lease.name) == name, or_(col(Lease.holder) == holder, col(Lease.until_at) < now))
        .values(holder=holder, until_at=until_at)
    )
    return bool(result.rowcount)  # type: ignore[attr-defined]  # a CursorResult, for an UPDATE


def prolong(session: Session, name: str, holder: str, now: datetime, seconds: float) -> bool:
    """Go on holding a lease, even one that ran out; False where somebody else took it."""
    statement = update(Lease).where(col(Lease.name) == name, col(Lease.holder) == holder)
    until_at = now + timedelta(seconds=seconds)
    return run_update(session, statement.values(until_at=until_at)) > 0


def get_holder(session: Session, name: str) -> str | None:
    """Who holds a lease, or held it last."""
    return session.exec(select(Lease.holder).where(Lease.name == name)).one_or_none()


def take_over(
    session: Session, name: str, dead: str, holder: str, now: datetime, seconds: float
) -> bool:
    """Take a dead process's lease before its end; False where somebody was quicker."""
    result = session.execute(
        update(Lease)
        .where(col(Lease.name) == name, col(Lease.holder) == dead)
        .values(holder=holder, until_at=now + timedelta(seconds=seconds))
    )
    return bool(result.rowcount)  # type: ignore[attr-defined]  # a CursorResult, for an UPDATE


def give_back(session: Session, name: str, holder: str) -> None:
    """End a lease, if it is still ours."""
    session.execute(delete(Lease).where(col(Lease.name) == name, col(Lease.holder) == holder))
