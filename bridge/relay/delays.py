"""A text that takes long: its author is told once, in the thread, and then what became of it."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlmodel import Session

from bridge.relay import notices, receipts
from storage import deliveries, late, threads
from storage import notices as notice_rows
from storage.tables import OPEN_STATES

PATIENCE = timedelta(seconds=10)  # how much longer than its hold a text may take untold
KIND = "delayed"
TOLD_ONCE = "once"
MOST_AT_ONCE = 100


def find_delayed(session: Session, now: datetime) -> list[int]:
    """The texts whose authors wait, and have not been told why; by message id."""
    return late.find_late(session, now, PATIENCE, f"{KIND}:{{}}:{TOLD_ONCE}", MOST_AT_ONCE)


def tell_delayed(session: Session, message_id: int, now: datetime) -> bool:
    """Tell the author, unless it has left or failed meanwhile; True where there was need.

    What becomes of it is told as always: by its mark, or by words. These words then say so too.
    """
    message = receipts.lock_message(session, message_id)
    owed = deliveries.find_by_subject(session, "message", message_id, "ringcentral", "text")
    if message.status != "queued" or not owed or owed[0].state not in OPEN_STATES:
        return False
    thread = threads.get(session, message.thread_id)
    payload = {"is_asked": owed[0].state in ("started", "unsure"), "reason": owed[0].reason}
    notices.tell_in_thread(session, message, thread, KIND, now, key=TOLD_ONCE, payload=payload)
    return True


def tell_no_longer_delayed(session: Session, message_id: int, now: datetime) -> None:
    """It is known by now what became of a text: its author shall not read that nobody knows."""
    told = notice_rows.get_by_key(session, f"{KIND}:{message_id}:{TOLD_ONCE}")
    if told is not None:
        notices.show_todays_state(session, told, now)
