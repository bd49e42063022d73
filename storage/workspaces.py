"""Workspaces of Slack that the app is installed in."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import update
from sqlmodel import Session, col, select

from storage.database import insert_ignore, signal
from storage.tables import Workspace


def get(session: Session, team_id: str) -> Workspace | None:
    """The workspace, revoked or not."""
    return session.exec(select(Workspace).where(Workspace.team_id == team_id)).one_or_none()


def find_installed(session: Session) -> list[Workspace]:
    """The workspaces whose token works, as far as we know."""
    return list(session.exec(select(Workspace).where(col(Workspace.revoked_at).is_(None))))


def put(session: Session, workspace: Workspace) -> None:
    """Remember an installation as auth.test tells it now."""
    if not insert_ignore(session, Workspace, workspace.model_dump()):
        session.merge(workspace)
    signal(session, "workspaces")


def revoke(session: Session, team_id: str, now: datetime) -> bool:
    """Stop using the workspace's token; False where that was known."""
    result = session.execute(
        update(Workspace)
        .where(col(Workspace.team_id) == team_id, col(Workspace.revoked_at).is_(None))
        .values(revoked_at=now)
    )
    signal(session, "workspaces")
    return bool(result.rowcount)  # type: ignore[attr-defined]  # a CursorResult, for an UPDATE
