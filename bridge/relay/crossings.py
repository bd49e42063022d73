"""What crosses from one side to the other: recorded and owed in the caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

from sqlmodel import Session

from bridge.relay import answers, conversations, lanes, notices, receipts
from bridge.relay.conversations import Place
from bridge.relay.echoes import find_likest, window_of
from bridge.relay.numbers import is_unknown
from bridge.relay.texts import FAILED, CarrierRecord, NewText, Reply
from bridge.relay.todays_words import NOT_SENT, take_todays_words, tell_withdrawn
from storage import conversations as conversation_rows
from storage import (
    copies,
    cursors,
    deliveries,
    inboxes,
    kept_records,
    messages,
    originals,
    threads,
)
from storage.deliveries import Owed
from storage.tables import Answer, Inbox, Message, SlackOriginal, Thread


class CardInFlight(Exception):
    """A reply came in a thread whose card may be one that Slack has posted and not yet answered."""


GAP_WAIT = timedelta(seconds=30)  # how long a live text waits for older ones to be caught up


def slack_scope(team_id: str, channel_id: str) -> str:
    """Within which a Slack message's ts is unique."""
    return f"{team_id}/{channel_id}"


def gap_reason(store: str) -> str:
    """Why a live text waits while its store is being caught up."""
    return f"gap:{store}"


# SMS to Slack


def relay_sms_to_slack(session: Session, record: CarrierRecord, inbox: Inbox, now: datetime) -> str:
    """Show a carrier's record, which is not on file, in its conversation's thread; `relayed`.

    Raises Overtaken where it came twice at once and the other was first.
    The conversation is the one of its participants. RingCentral's id for it is remembered; where
    the two disagree the participants win, as nobody says how RingCentral makes its id.
    """
    place = conversations.find_or_open_for(session, inbox, record, now)
    conversation_rows.name_ringcentral_id(
        session, record.store, record.ringcentral_conversation_id, place.conversation_id
    )
    message = messages.add(session, _carrier_message(record, place))
    assert message.id is not None, "numbered by the flush"
    copies.record_new(session, "ringcentral", record.store, record.record_id, message.id)
    gap_open = cursors.has_open_gap(session, record.store)
    _owe_showing(
        session,
        place,
        message.id,
        # Events tell milliseconds and records whole seconds; ids grow within a second.
        lanes.place(record.sent_at.replace(microsecond=0), record.record_id),
        due_at=now + GAP_WAIT if gap_open else now,
        reason=gap_reason(record.store) if gap_open else None,
        now=now,
    )
    if record.direction == "out" and record.status in FAILED:
        receipts.tell_failed(session, message, place.thread, record, now)
    if not place.is_new:
        conversations.refresh_card(session, place.thread, now)
    return "relayed"


def relay_app_text_to_slack(
    session: Session, record: CarrierRecord, inbox: Inbox, now: datetime
) -> str:
    """Show a text that was sent from the RingCentral app; `relayed`, `repeat` or `kept`.

    While an attempt of this conversation may have made the record it is kept, not shown.
    """
    place = conversations.find_or_open_for(session, inbox, record, now)
    known = copies.get_message_id(session, "ringcentral", record.store, record.record_id)
    if known is not None:
        return receipts.apply_receipt(session, known, record, now)
    if _may_be_ours(session, place.conversation_id, record):
        kept_records.keep(
            session, record.store, record.record_id, place.conversation_id, record.to_json(), now
        )
        return "kept"
    return relay_sms_to_slack(session, record, inbox, now)


def release_kept(session: Session, conversation_id: int, now: datetime) -> None:
    """An attempt of the conversation is settled: what no attempt can have made came from the app.

    What they made tells what the carrier has said of it meanwhile.
    """
    kept_before = kept_records.take_all(session, conversation_id)
    if not kept_before:
        return
    inbox = inboxes.get(session, conversation_rows.get(session, conversation_id).inbox_id)
    for kept in kept_before:  # what is still in question is kept again
        relay_app_text_to_slack(session, CarrierRecord.from_json(kept), inbox, now)


def _may_be_ours(session: Session, conversation_id: int, record: CarrierRecord) -> bool:
    attempts = deliveries.find_attempts_in_question(session, lanes.texted_lane(conversation_id))
    return any(
        window_of(each.started_at, each.deadline_at, each.provider_started_at).has(record.sent_at)
        for each in attempts
    )


def adopt_kept(session: Session, message: Message) -> None:
    """A person says this text was sent: the kept record most like it is its own."""
    assert message.id is not None, "read from its table"
    kept = kept_records.find(session, message.conversation_id)
    records = [CarrierRecord.from_json(each) for each in kept]
    own = find_likest([each.body for each in records], message.body)
    if own is not None:
        record = records[own]
        copies.record(session, "ringcentral", record.store, record.record_id, message.id)


def release_gap(session: Session, store: str, now: datetime) -> None:
    """The store is caught up: what waited for older texts may go, in order."""
    deliveries.release(session, "slack", gap_reason(store), now)


def _carrier_message(record: CarrierRecord, place: Place) -> Message:
    from_us = record.direction == "out"
    return Message(
        conversation_id=place.conversation_id,
        thread_id=place.thread_id,
        direction=record.direction,
        origin="ringcentral_app" if from_us else "phone",
        status="accepted" if from_us else "received",
        body=record.body,
        author_number=record.author_number,
        sent_at=record.sent_at,
        carrier_status=record.status,
        failure=record.error_code,
        attachment_notes=[asdict(each) for each in record.attachments] or None,
    )


def _owe_showing(
    session: Session,
    place: Place,
    message_id: int,
    lane_order: str,
    *,
    due_at: datetime,
    now: datetime,
    reason: str | None = None,
) -> None:
    deliveries.enqueue(
        session,
        Owed(
            subject_type="message",
            subject_id=message_id,
            side="slack",
            kind="post",
            lane=lanes.shown_lane(place.conversation_id),
            lane_order=lane_order,
            gate=lanes.post_gate(place.thread.team_id, place.thread.channel_id),
            due_at=due_at,
            reason=reason,
        ),
        now,
    )


# Slack to SMS: a reply in a thread


def relay_slack_to_sms(session: Session, reply: Reply, now: datetime) -> str:
    """Owe a reply's text to the conversation's phones.

    Returns relayed, repeat, not_ours (no thread of ours), stillborn (deleted before it came),
    offered (written so long ago that its author is asked in the thread), or refused (told there).
    Raises CardInFlight where the thread may be ours: Slack tells again what was not acknowledged.
    """
    thread = find_thread(session, reply.team_id, reply.channel_id, reply.thread_ts)
    if thread is None:
        return "not_ours"
    conversation = conversation_rows.lock(session, thread.conversation_id)
    original = originals.lock_or_add(session, reply.team_id, reply.channel_id, reply.ts)
    if original.message_id is not None:
        return "repeat"
    if original.deleted:
        return "stillborn"
    inbox = inboxes.get(session, conversation.inbox_id)
    message = messages.add(session, _reply_message(reply, original, thread))
    _remember_original(session, original, message, reply)
    numbers = conversation_rows.outside_numbers_of(conversation)
    refusal = _reply_refusal(reply, message, inbox, numbers)
    if refusal is not None:
        refuse_message(session, message, thread, refusal, now)
        return "refused"
    owed = owed_text(inbox, message, lanes.place(message.sent_at, reply.ts), now)
    if reply.is_late:
        _offer(session, owed, message, thread, now)
        return "offered"
    deliveries.enqueue(session, owed, now)
    return "relayed"


def find_thread(session: Session, team_id: str, channel_id: str, thread_ts: str) -> Thread | None:
    """Our thread with this parent; raises CardInFlight where it may be ours yet."""
    thread = threads.get_by_ts(session, team_id, channel_id, thread_ts)
    if thread is None and threads.has_card_in_flight(session, team_id, channel_id):
        raise CardInFlight("the answer to a card just posted is not known yet")
    return thread


def _reply_message(reply: Reply, original: SlackOriginal, thread: Thread) -> Message:
    markup = original.markup if original.edit_ts and original.markup is not None else reply.markup
    assert thread.id is not None, "read from its table"
    return Message(
        conversation_id=thread.conversation_id,
        thread_id=thread.id,
        direction="out",
        origin="slack",
        status="queued",
        body=markup,
        markup=markup,
        author_id=reply.author_id,
        sent_at=datetime.fromtimestamp(float(reply.ts), UTC),
        attachment_notes=[asdict(each) for each in reply.files] or None,
    )


def _remember_original(
    session: Session, original: SlackOriginal, message: Message, reply: Reply
) -> None:
    assert message.id is not None, "numbered by the flush"
    markup = reply.markup if original.markup is None else original.markup
    place = (reply.team_id, reply.channel_id, reply.ts)
    originals.become_message(session, *place, message.id, markup)
    scope = slack_scope(reply.team_id, reply.channel_id)
    copies.record(session, "slack", scope, reply.ts, message.id)


def _reply_refusal(
    reply: Reply, message: Message, inbox: Inbox, numbers: Sequence[str]
) -> str | None:
    """Why a reply cannot be texted, as far as the event shows; a code of bridge.relay.reasons."""
    if reply.is_stranger:
        return "stranger"
    if inbox.disconnected_at is not None:
        return "disconnected"
    if any(is_unknown(each) for each in numbers):
        return "no_number"
    if reply.files:
        return "files"
    if not message.body.strip():
        return "empty"
    return None


def refuse_message(
    session: Session, message: Message, thread: Thread, reason: str, now: datetime
) -> None:
    """It was not sent and will not be: tell its author why, in the thread."""
    assert message.id is not None, "read from its table"
    messages.change(session, message.id, status="failed", failure=reason)
    words = take_todays_words(session, message, now)
    if words == "deleted":
        tell_withdrawn(session, message, thread, NOT_SENT, now)
        return
    attempt = deliveries.find_by_subject(session, "message", message.id, "ringcentral", "text")
    notices.tell_in_thread(
        session,
        message,
        thread,
        "failed",
        now,
        key=f"{reason}:{attempt[0].created_at.timestamp() if attempt else 0}",
        payload={"reason": reason} | ({"was_edited": True} if words == "edited" else {}),
    )


def _offer(session: Session, owed: Owed, message: Message, thread: Thread, now: datetime) -> None:
    """It was written while nobody listened: it goes once its author says that it still should."""
    assert message.id is not None, "numbered by the flush"
    deliveries.owe_refused(session, owed, "away", now)
    messages.change(session, message.id, status="failed", failure="away")
    written_at = int(message.sent_at.timestamp())
    notices.tell_in_thread(
        session, message, thread, "offered", now, key="away", payload={"written_at": written_at}
    )
    conversations.refresh_card(session, thread, now)


def owed_text(inbox: Inbox, message: Message, lane_order: str, now: datetime) -> Owed:
    """A text to its conversation's phones, after the inbox's hold."""
    assert message.id is not None, "numbered by the flush"
    assert inbox.id is not None, "read from its table"
    return Owed(
        subject_type="message",
        subject_id=message.id,
        side="ringcentral",
        kind="text",
        lane=lanes.texted_lane(message.conversation_id),
        lane_order=lane_order,
        gate=lanes.send_gate(inbox.login_id),
        source=lanes.source_of_inbox(inbox.id),
        due_at=now + timedelta(seconds=inbox.hold_seconds),
    )


# Slack to SMS: a command


@dataclass(frozen=True)
class SendAccepted:
    """It is recorded and owed; the private answer will follow."""

    message_id: int


@dataclass(frozen=True)
class SendRefused:
    """Nothing was recorded. `sentence` says what to do instead."""

    sentence: str


def send_text(session: Session, text: NewText, now: datetime) -> SendAccepted | SendRefused:
    """Owe a new text to a phone, its thread opened where there is none."""
    connected = [each for each in inboxes.find_connected(session) if each.team_id == text.team_id]
    inbox = _choose_inbox(connected, text)
    if isinstance(inbox, SendRefused):
        return inbox
    scope = f"{text.team_id}/commands"
    place = conversations.find_or_open(session, inbox, (text.to_number,), now)
    known = copies.get_message_id(session, "slack_command", scope, text.trigger_id)
    if known is not None:
        return SendAccepted(known)
    message = messages.add(session, _command_message(text, place, now))
    assert message.id is not None, "numbered by the flush"
    copies.record_new(session, "slack_command", scope, text.trigger_id, message.id)
    lane_order = lanes.place(now, f"c{message.id}")
    deliveries.enqueue(session, owed_text(inbox, message, lane_order, now), now)
    _owe_showing(session, place, message.id, lane_order, due_at=now, now=now)
    _owe_link(session, place, text, message.id, now)
    if not place.is_new:
        conversations.refresh_card(session, place.thread, now)
    return SendAccepted(message.id)


def _choose_inbox(connected: list[Inbox], text: NewText) -> Inbox | SendRefused:
    """The inbox of the channel it was typed in, or the only one there is."""
    here = [each for each in connected if each.channel_id == text.channel_id]
    if any(each.phone_number == text.to_number for each in connected):
        return SendRefused("That is one of our own numbers: write the number of the other side.")
    if here:
        return here[0]
    if len(connected) == 1:
        return connected[0]
    if not connected:
        return SendRefused(
            "No number is connected to a channel yet: an administrator types "
            "`connect` and the number in the channel that shall show its texts."
        )
    channels = ", ".join(f"<#{each.channel_id}>" for each in connected)
    return SendRefused(f"Several numbers can send: type it in the channel of one: {channels}.")


def _command_message(text: NewText, place: Place, now: datetime) -> Message:
    return Message(
        conversation_id=place.conversation_id,
        thread_id=place.thread_id,
        direction="out",
        origin="command",
        status="queued",
        body=text.markup,
        markup=text.markup,
        author_id=text.author_id,
        sent_at=now,
    )


def _owe_link(
    session: Session, place: Place, text: NewText, message_id: int, now: datetime
) -> None:
    answer = Answer(
        kind="sent",
        team_id=text.team_id,
        channel_id=text.channel_id,
        user_id=text.author_id,
        response_url=text.response_url,
        payload={"message_id": message_id, "thread_id": place.thread_id},
        asked_at=now,
    )
    answers.owe_answer(session, answer, now)
