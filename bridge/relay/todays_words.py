"""What the author of a text has done to it while it was too late to change the attempt.

A change that came while an attempt was in flight, or after the carrier took the text, could not
change that attempt. It changes the next one: whatever sends the text again asks here first.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from sqlmodel import Session

from bridge.relay import notices
from storage import deliveries, messages, originals
from storage.tables import Message, Thread

NOT_SENT = "This text *was not sent*, and will not be: it was deleted meanwhile."
DID_NOT_ARRIVE = "This text *did not arrive*, and is not sent again: it was deleted meanwhile."


def take_todays_words(
    session: Session, message: Message, now: datetime
) -> Literal["same", "edited", "deleted"]:
    """Make the text what its author has in Slack by now; one that was deleted is cancelled."""
    assert message.id is not None, "read from its table"
    original = originals.get_by_message(session, message.id)
    if original is None:
        return "same"
    if original.deleted:
        deliveries.cancel_unstarted(
            session, "message", message.id, "ringcentral", "deleted in Slack", now
        )
        messages.change(session, message.id, status="cancelled")
        return "deleted"
    if original.markup is None or original.markup == message.markup:
        return "same"
    messages.change(session, message.id, body=original.markup, markup=original.markup)
    return "edited"


def tell_withdrawn(
    session: Session, message: Message, thread: Thread, sentence: str, now: datetime
) -> None:
    """Its author deleted it too late to hear what became of it then: that is known now."""
    notices.tell_in_thread(
        session, message, thread, "withdrawn", now, key="deleted", payload={"sentence": sentence}
    )
