"""An inbox that cannot receive says so in its channel, and later what was caught up.

A store that has not been read to its end for a while is deaf: texts to its numbers may be missing
in Slack. Machine time is measured; what people are told is product time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from bridge.relay.notices import enqueue_notice
from storage import cursors, inboxes, notices
from storage.tables import Cursor, Inbox

DEAF, HEARS_AGAIN = "deaf", "hears_again"
TOLD_AFTER = timedelta(minutes=4)  # so that with the time between two looks it is told within 5
MOMENT = timedelta(minutes=1)


@dataclass(frozen=True)
class Deaf:
    """An inbox whose channel may be missing texts, since when (product time), and why."""

    channel_id: str
    since_at: datetime
    reason: str | None


def patience_with(sync_seconds: float) -> timedelta:
    """How long a store may stay unread, where it is read every so many seconds at least."""
    return max(TOLD_AFTER, timedelta(seconds=sync_seconds) + MOMENT)


def find_deaf_stores(session: Session, silent_since: datetime) -> list[str]:
    """Stores not read to their end since then, with an inbox whose channel was not told."""
    return [
        cursor.store
        for cursor in cursors.find(session)
        if _silent_at(cursor) < silent_since and _find_untold(session, cursor)
    ]


def tell_deaf(
    session: Session, store: str, silent_since: datetime, machine_at: datetime, now: datetime
) -> int:
    """Tell the channels of a store's inboxes, unless it was read meanwhile; how many were told."""
    cursor = cursors.lock(session, store)
    if cursor is None or _silent_at(cursor) >= silent_since:
        return 0
    cursors.set_deaf(session, store, _deaf_since(cursor))
    since_at = now - (machine_at - _deaf_since(cursor))
    payload = {"since": int(since_at.timestamp()), "reason": cursor.failure_code}
    return sum(
        _tell(session, inbox, key, DEAF, payload, now)
        for key, inbox in _find_untold(session, cursor).items()
    )


def tell_hears_again(
    session: Session, before: Cursor, read_at: datetime, patience: timedelta, now: datetime
) -> None:
    """A store was read to its end: tell its inboxes' channels, where it had long not been.

    `before` is its cursor as it was. A gap shorter than its telling is nobody's news.
    """
    was_away = before.gap_open and before.read_at is not None
    if before.deaf_since_at is None and not (
        was_away and read_at - _silent_at(before) > patience + MOMENT
    ):
        return
    since_at = now - (read_at - _deaf_since(before))
    for inbox in _inboxes_of(session, before.store):
        payload = {
            "since": int(since_at.timestamp()),
            "until": int(now.timestamp()),
            "count": before.caught_up.get(inbox.phone_number, 0),
        }
        key = _key(HEARS_AGAIN, inbox, _deaf_since(before))
        _tell(session, inbox, key, HEARS_AGAIN, payload, now)


def find_deaf(
    session: Session, found: Sequence[Cursor], machine_at: datetime, now: datetime
) -> list[Deaf]:
    """The inboxes whose channels have been told that texts may be missing, of these cursors."""
    return [
        Deaf(inbox.channel_id, now - (machine_at - cursor.deaf_since_at), cursor.failure_code)
        for cursor in found
        if cursor.deaf_since_at is not None
        for inbox in _inboxes_of(session, cursor.store)
    ]


def _silent_at(cursor: Cursor) -> datetime:
    """Read to its end for the last time; one that never was counts from its connecting."""
    return cursor.read_at or cursor.since_at


def _deaf_since(cursor: Cursor) -> datetime:
    return cursor.deaf_since_at or _silent_at(cursor)


def _find_untold(session: Session, cursor: Cursor) -> dict[str, Inbox]:
    """The inboxes of a store that were not told that it is deaf, by the key of their notice."""
    inbox_of = {
        _key(DEAF, inbox, _deaf_since(cursor)): inbox
        for inbox in _inboxes_of(session, cursor.store)
    }
    known = notices.find_known(session, inbox_of.keys())
    return {key: inbox for key, inbox in inbox_of.items() if key not in known}


def _inboxes_of(session: Session, store: str) -> list[Inbox]:
    return [each for each in inboxes.find_connected(session) if each.store == store]


def _key(kind: str, inbox: Inbox, since_at: datetime) -> str:
    return f"{kind}:{inbox.id}:{int(since_at.timestamp())}"


def _tell(
    session: Session,
    inbox: Inbox,
    key: str,
    kind: str,
    payload: Mapping[str, object],
    now: datetime,
) -> bool:
    return enqueue_notice(
        session,
        key=key,
        kind=kind,
        team_id=inbox.team_id,
        channel_id=inbox.channel_id,
        payload={"phone_number": inbox.phone_number, **payload},
        now=now,
    )
