"""Logins: who we are at RingCentral, and the token of the moment."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import case, update
from sqlmodel import Session, col, select

from storage.database import insert_ignore, signal
from storage.tables import Login


def get_or_add(session: Session, name: str) -> Login:
    """The login of this name, made where it is new."""
    insert_ignore(session, Login, {"name": name, "generation": 0})
    return session.exec(select(Login).where(Login.name == name)).one()


def get(session: Session, login_id: int) -> Login:
    """The login as it is on file now; it must exist."""
    return session.exec(select(Login).where(Login.id == login_id)).one()


def store_token(
    session: Session,
    login_id: int,
    generation: int,
    *,
    credentials_digest: str,
    owner_id: str | None,
    scopes: str | None,
    access_token: str,
    access_expires_at: datetime,
    refresh_token: str | None,
    refresh_expires_at: datetime | None,
) -> bool:
    """Put a new token in the place of token number `generation`; False where it was replaced.

    `owner_id` is the extension it speaks for: where that changed, the identity on file is void.
    Times are machine time.
    """
    result = session.execute(
        update(Login)
        .where(col(Login.id) == login_id, col(Login.generation) == generation)
        .values(
            generation=generation + 1,
            credentials_digest=credentials_digest,
            account_id=case((col(Login.extension_id) == owner_id, col(Login.account_id))),
            scopes=scopes,
            access_token=access_token,
            access_expires_at=access_expires_at,
            refresh_token=refresh_token,
            refresh_expires_at=refresh_expires_at,
        )
    )
    signal(session, "tokens")
    return bool(result.rowcount)  # type: ignore[attr-defined]  # a CursorResult, for an UPDATE


def set_identity(session: Session, login_id: int, account_id: str, extension_id: str) -> None:
    """Remember whose login it is."""
    session.execute(
        update(Login)
        .where(col(Login.id) == login_id)
        .values(account_id=account_id, extension_id=extension_id)
    )
