"""The bridge's own words: into a thread, a channel, or to the administrators."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlmodel import Session

from bridge.relay import lanes
from bridge.relay.texts import SIDE_NAMES
from storage import deliveries, inboxes, notices, workspaces
from storage.deliveries import Owed
from storage.kept import keep_event
from storage.tables import Message, Notice, Thread


def enqueue_notice(
    session: Session,
    *,
    key: str,
    kind: str,
    team_id: str,
    channel_id: str,
    now: datetime,
    thread: Thread | None = None,
    message_id: int | None = None,
    payload: dict[str, Any] | None = None,
) -> bool:
    """Owe these words, once per `key`; False where they were owed before."""
    notice_id = notices.add(
        session,
        {
            "key": key,
            "kind": kind,
            "team_id": team_id,
            "channel_id": channel_id,
            "thread_id": thread.id if thread else None,
            "message_id": message_id,
            "payload": payload or {},
            "noticed_at": now,
        },
    )
    if notice_id is None:
        return False
    lane = lanes.shown_lane(thread.conversation_id) if thread else f"notice:{channel_id}"
    return deliveries.enqueue(
        session,
        Owed(
            subject_type="notice",
            subject_id=notice_id,
            side="slack",
            kind="post",
            lane=lane,
            lane_order=lanes.place(now, str(notice_id)),
            gate=lanes.post_gate(team_id, channel_id),
            due_at=now,
        ),
        now,
    )


def tell_in_thread(
    session: Session,
    message: Message,
    thread: Thread,
    kind: str,
    now: datetime,
    *,
    key: str,
    payload: dict[str, Any] | None = None,
) -> None:
    """Tell a message's author, in its thread, what became of it."""
    enqueue_notice(
        session,
        key=f"{kind}:{message.id}:{key}",
        kind=kind,
        team_id=thread.team_id,
        channel_id=thread.channel_id,
        thread=thread,
        message_id=message.id,
        payload=payload,
        now=now,
    )


def show_todays_state(session: Session, notice: Notice, now: datetime) -> None:
    """Words in a thread that time has overtaken: owe their change to what is true by now."""
    assert notice.id is not None, "read from its table"
    deliveries.show_again(
        session,
        Owed(
            subject_type="notice",
            subject_id=notice.id,
            side="slack",
            kind="update",
            lane=f"notice:{notice.id}",
            lane_order=lanes.FIRST,
            gate=lanes.method_gate(notice.team_id, "chat.update"),
            due_at=now,
            priority=3,
        ),
        now,
    )


def tell_administrators(
    session: Session, key: str, kind: str, payload: dict[str, Any], now: datetime
) -> int:
    """Owe these words to each administrator; returns to how many.

    They are those named in the settings, or whoever connected an inbox where none is.
    """
    told = 0
    for workspace in workspaces.find_installed(session):
        named = set(workspace.administrator_ids)
        connected_by = {
            inbox.connected_by
            for inbox in inboxes.find_connected(session)
            if inbox.team_id == workspace.team_id
        }
        for user_id in sorted(named or connected_by):
            told += enqueue_notice(
                session,
                key=f"{key}:{workspace.team_id}:{user_id}",
                kind=kind,
                team_id=workspace.team_id,
                channel_id=user_id,
                payload=payload,
                now=now,
            )
    return told


def keep_not_understood(
    session: Session, side: str, key: str, reason: str, body: str, now: datetime
) -> None:
    """Keep what is authentic and not understood, and tell the administrators of its reason."""
    if keep_event(session, side, key, reason, body, now):
        tell_administrators(
            session,
            f"not_understood:{side}:{reason}:{now.date()}",
            "not_understood",
            {"side": SIDE_NAMES[side], "reason": reason},
            now,
        )
