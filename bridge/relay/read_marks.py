"""What was shown in Slack counts as read: RingCentral's own apps shall not show it as new."""

from __future__ import annotations

from sqlmodel import Session

from bridge.outbox.outcome import Accepted, Settlement
from bridge.relay import settled
from storage import copies, messages, reads


def message_settled(session: Session, settlement: Settlement) -> None:
    """As settled.message_settled; a text from a phone that Slack shows now is owed its mark."""
    settled.message_settled(session, settlement)
    delivery = settlement.delivery
    was_shown = delivery.side == "slack" and delivery.kind == "post"
    if not was_shown or not isinstance(settlement.outcome, Accepted):
        return
    if messages.get(session, delivery.subject_id).direction == "in":
        found = copies.get_external_id(session, "ringcentral", delivery.subject_id)
        if found is not None:
            reads.owe(session, *found, settlement.settled_at)
