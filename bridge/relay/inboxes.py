"""Inboxes: pairing a number of ours with a Slack channel, and ending it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from bridge.relay import lanes, notices
from storage import audit, deliveries, inboxes
from storage.database import signal
from storage.tables import Inbox

SIGNAL = "inboxes"


@dataclass(frozen=True)
class Pairing:
    """What `/sms connect` asks for."""

    phone_number: str
    region: str
    login_id: int
    store: str
    owner_name: str
    team_id: str
    channel_id: str
    hold_seconds: float
    by_user_id: str


@dataclass(frozen=True)
class NotPaired:
    """Why it cannot be, in a sentence."""

    sentence: str


def connect(session: Session, pairing: Pairing, now: datetime) -> Inbox | NotPaired:
    """Pair a number with a channel from now on; texts from before are not fetched.

    A pair that was connected before is the same inbox again, with its conversations.
    """
    taken = inboxes.get_by_number(session, pairing.phone_number)
    if taken is not None and taken.channel_id != pairing.channel_id:
        return NotPaired(
            f"That number is connected to <#{taken.channel_id}>: type `disconnect` there first."
        )
    if taken is not None:
        return NotPaired("That number is connected to this channel already.")
    if inboxes.get_by_channel(session, pairing.team_id, pairing.channel_id) is not None:
        return NotPaired(
            "This channel shows another number already: a channel shows one number. "
            "Type `disconnect` first, or use another channel."
        )
    inbox = _reconnect_or_add(session, pairing, now)
    audit.write(session, now, pairing.by_user_id, "connect", f"inbox/{inbox.id}")
    notices.enqueue_notice(
        session,
        key=f"connected:{inbox.id}:{now.isoformat()}",
        kind="connected",
        team_id=inbox.team_id,
        channel_id=inbox.channel_id,
        payload={"phone_number": inbox.phone_number, "by_user_id": pairing.by_user_id},
        now=now,
    )
    signal(session, SIGNAL)
    return inbox


def disconnect(
    session: Session, team_id: str, channel_id: str, by_user_id: str, now: datetime
) -> Inbox | None:
    """End the channel's pairing; None where there is none. Its conversations stay on file."""
    inbox = inboxes.get_by_channel(session, team_id, channel_id)
    if inbox is None:
        return None
    assert inbox.id is not None, "read from its table"
    inboxes.disconnect(session, inbox.id, now)
    audit.write(session, now, by_user_id, "disconnect", f"inbox/{inbox.id}")
    signal(session, SIGNAL)
    return inbox


def _reconnect_or_add(session: Session, pairing: Pairing, now: datetime) -> Inbox:
    inbox = inboxes.get_disconnected(
        session, pairing.phone_number, pairing.team_id, pairing.channel_id
    )
    if inbox is None:
        inbox = Inbox(
            phone_number=pairing.phone_number,
            region=pairing.region,
            login_id=pairing.login_id,
            store=pairing.store,
            owner_name=pairing.owner_name,
            team_id=pairing.team_id,
            channel_id=pairing.channel_id,
            hold_seconds=pairing.hold_seconds,
            connected_by=pairing.by_user_id,
            connected_at=now,
        )
    else:
        assert inbox.id is not None, "read from its table"
        deliveries.move_to_gate(session, inbox.id, lanes.send_gate(pairing.login_id))
        inbox.login_id, inbox.store = pairing.login_id, pairing.store
        inbox.owner_name, inbox.hold_seconds = pairing.owner_name, pairing.hold_seconds
        inbox.connected_by, inbox.connected_at = pairing.by_user_id, now
        inbox.disconnected_at = None
    session.add(inbox)
    session.flush()
    return inbox
