"""Updates that compare and set: what counts is how many rows they changed."""

from __future__ import annotations

from sqlalchemy import CursorResult, Update
from sqlmodel import Session


def run_update(session: Session, statement: Update) -> int:
    """Run it; how many rows it changed. What the session has read before stays as it was read."""
    result = session.execute(statement, execution_options={"synchronize_session": False})
    assert isinstance(result, CursorResult), "an UPDATE without RETURNING"
    return result.rowcount
