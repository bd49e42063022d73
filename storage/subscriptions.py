"""Subscriptions: what RingCentral was asked to tell us, one per login."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, update
from sqlmodel import Session, col, select

from storage.database import insert_ignore, signal
from storage.tables import Subscription


def get(session: Session, login_id: int) -> Subscription | None:
    """The subscription of a login."""
    return session.exec(select(Subscription).where(Subscription.login_id == login_id)).one_or_none()


def find_verification_tokens(session: Session) -> list[str]:
    """The secrets that authentic notifications carry."""
    return list(session.exec(select(Subscription.verification_token)))


def announce(
    session: Session, login_id: int, address: str, verification_token: str, now: datetime
) -> str:
    """Put a subscription on file before RingCentral is asked for it; return its secret.

    The first notification can come before the answer to the request does. A secret announced
    before is kept, so that a subscription made by a process that died still counts.
    """
    values = {
        "login_id": login_id,
        "ringcentral_subscription_id": "",
        "address": address,
        "verification_token": verification_token,
        "expires_at": now,
    }
    insert_ignore(session, Subscription, values)
    session.execute(
        update(Subscription)
        .where(col(Subscription.login_id) == login_id)
        .values(ringcentral_subscription_id="", address=address, expires_at=now)
    )
    signal(session, "subscriptions")
    query = select(Subscription.verification_token).where(Subscription.login_id == login_id)
    return session.exec(query).one()


def settle(
    session: Session, login_id: int, ringcentral_subscription_id: str, expires_at: datetime
) -> None:
    """Record RingCentral's answer."""
    session.execute(
        update(Subscription)
        .where(col(Subscription.login_id) == login_id)
        .values(ringcentral_subscription_id=ringcentral_subscription_id, expires_at=expires_at)
    )


def forget(session: Session, login_id: int) -> None:
    """The login has no subscription any more."""
    session.execute(delete(Subscription).where(col(Subscription.login_id) == login_id))
