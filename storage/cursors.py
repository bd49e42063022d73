"""Cursors: how far each message store has been read. Times are machine time or RingCentral's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Update, delete, update
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from storage import prepared
from storage.database import insert_ignore, signal
from storage.tables import Cursor, Inbox
from storage.updates import run_update


@dataclass(frozen=True)
class Place:
    """Where a cursor stands: all from `since_at` to `synced_at`, RingCentral's times, is on file.

    Without a token what is younger is missing, and the gap stays open.
    """

    sync_token: str | None
    synced_at: datetime | None
    since_at: datetime


def place_of(cursor: Cursor) -> Place:
    """Where it stands."""
    return Place(cursor.sync_token, cursor.synced_at, cursor.since_at)


@prepared.one_or_none
def get(store: str) -> SelectOfScalar[Cursor]:
    """The cursor of a message store."""
    return select(Cursor).where(Cursor.store == store)


def has_open_gap(session: Session, store: str) -> bool:
    """True while older texts of the store may still be missing."""
    return _get_gap(session, store) is not None


@prepared.first
def _get_gap(store: str) -> SelectOfScalar[str]:
    return select(Cursor.store).where(Cursor.store == store, col(Cursor.gap_open).is_(True))


@prepared.every
def find() -> SelectOfScalar[Cursor]:
    """All cursors, the first due first."""
    return select(Cursor).order_by(col(Cursor.due_at))


def match_inboxes(session: Session, now: datetime) -> None:
    """Make it one cursor for each store with a connected inbox, and no other.

    A new one starts at the moment its inbox was connected, so that no history floods a channel.
    """
    inboxes = session.exec(select(Inbox).where(col(Inbox.disconnected_at).is_(None))).all()
    stores = {inbox.store for inbox in inboxes}
    session.execute(delete(Cursor).where(col(Cursor.store).not_in(stores)))
    for inbox in inboxes:
        values = {
            "store": inbox.store,
            "login_id": inbox.login_id,
            # Product time may have been moved forward; the store knows only real time.
            "since_at": min(inbox.connected_at, now),
            "gap_open": False,
            "due_at": now,
        }
        insert_ignore(session, Cursor, values)
        session.execute(
            update(Cursor).where(col(Cursor.store) == inbox.store).values(login_id=inbox.login_id)
        )


def open_gaps(session: Session, now: datetime) -> None:
    """Nobody may have listened for a while: every store has a gap until it is synced."""
    session.execute(update(Cursor).values(gap_open=True, due_at=now))
    signal(session, "cursors")


def mark_due(session: Session, store: str, now: datetime) -> bool:
    """Something changed in a store; False where nobody reads it."""
    signal(session, "cursors")
    return _mark_due(session, store, now) > 0


@prepared.rowcount
def _mark_due(store: str, now: datetime) -> Update:
    return update(Cursor).where(col(Cursor.store) == store).values(due_at=now)


def put_off(session: Session, store: str, due_at: datetime) -> None:
    """Next turn at `due_at`, unless something marks the store due before."""
    session.execute(update(Cursor).where(col(Cursor.store) == store).values(due_at=due_at))


def fail(session: Session, store: str, due_at: datetime, failure_code: str) -> None:
    """It could not be read: why, and when it is tried again."""
    session.execute(
        update(Cursor)
        .where(col(Cursor.store) == store)
        .values(due_at=due_at, failure_code=failure_code)
    )


def lose_token(session: Session, store: str, sync_token: str) -> None:
    """This token is of no more use: a gap is open until a full sync has closed it."""
    session.execute(
        update(Cursor)
        .where(col(Cursor.store) == store, col(Cursor.sync_token) == sync_token)
        .values(sync_token=None, gap_open=True)
    )


def advance(
    session: Session, store: str, before: Place, after: Place, read_at: datetime
) -> Cursor | None:
    """All up to `after` is on file; returns the cursor as it was.

    None where it no longer stands at `before`: somebody else has read on, and nothing is changed.
    With a token that is all there was: the gap is closed. Without one, what is younger is missing.
    """
    cursor = lock(session, store)
    if cursor is None or place_of(cursor) != before:
        return None
    values: dict[str, Any] = {
        "sync_token": after.sync_token,
        "synced_at": after.synced_at,
        "since_at": after.since_at,
        "gap_open": after.sync_token is None,
        "failure_code": None,
    }
    if after.sync_token is not None:
        values |= {"read_at": read_at, "deaf_since_at": None, "caught_up": {}}
    run_update(session, update(Cursor).where(col(Cursor.store) == store).values(values))
    signal(session, "deliveries")
    return cursor


def count_caught_up(session: Session, store: str, counts: Mapping[str, int]) -> None:
    """So many texts of these numbers were found by reading, while the store was behind."""
    cursor = lock(session, store)
    if cursor is None or not (cursor.gap_open or cursor.deaf_since_at):
        return
    summed = Counter(cursor.caught_up) + Counter(counts)
    statement = update(Cursor).where(col(Cursor.store) == store)
    run_update(session, statement.values(caught_up=dict(summed)))


def set_deaf(session: Session, store: str, since_at: datetime) -> None:
    """Its inboxes' channels are told that it cannot be read since then."""
    statement = update(Cursor).where(col(Cursor.store) == store)
    run_update(session, statement.values(deaf_since_at=since_at))


def lock(session: Session, store: str) -> Cursor | None:
    """The cursor of a message store, its row locked and read anew."""
    query = select(Cursor).where(Cursor.store == store).with_for_update()
    return session.exec(query.execution_options(populate_existing=True)).one_or_none()
