"""What arrives from the carrier, told apart: the one place that decides who a record is for."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session

from bridge.relay import crossings, receipts
from bridge.relay.texts import CarrierRecord
from storage import copies, inboxes


def receive_record(session: Session, record: CarrierRecord, now: datetime) -> str:
    """Take a record of a message store, whatever brought it, and however often.

    Returns relayed, repeat, kept (it may be an attempt's own), receipt, or not_ours (no inbox has
    that number).
    """
    known = copies.get_message_id(session, "ringcentral", record.store, record.record_id)
    if known is not None:
        return (
            receipts.apply_receipt(session, known, record, now)
            if record.direction == "out"
            else "repeat"
        )
    inbox = inboxes.get_by_number(session, record.own_number)
    if inbox is None:
        return "not_ours"
    if record.direction == "out":
        return crossings.relay_app_text_to_slack(session, record, inbox, now)
    return crossings.relay_sms_to_slack(session, record, inbox, now)
