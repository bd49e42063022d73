"""RingCentral's hands of the outbox: sends a text, and looks for one whose answer was lost."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from sqlmodel import Session

from bridge.clock import machine_now
from bridge.outbox.outcome import (
    Absent,
    Accepted,
    CannotLook,
    Claimed,
    Finding,
    Outcome,
    Ready,
    Refused,
    Several,
    TryLater,
    Unfitting,
    Unsure,
)
from bridge.relay.echoes import Window, fits, is_another, window_of
from bridge.relay.texts import CarrierRecord
from bridge.ringcentral.client import RingCentralClient
from bridge.ringcentral.outcomes import later_of, outcome_of
from bridge.ringcentral.parse import NotUnderstood, parse_record
from bridge.ringcentral.problems import NotSent, Problem, Refusal
from bridge.ringcentral.render import OutgoingText, find_fault, render_text, render_time
from bridge.ringcentral.stores import read_store
from storage import conversations, inboxes, kept_records, messages, threads
from storage.database import Database
from storage.lookups import find_of_earlier_attempts, find_own, find_taken_by_others

SEND_PATH = "/restapi/v1.0/account/~/extension/~/sms"
LOOK_PAGE = 250

PhoneTextOf = Callable[[str, str, str | None], Awaitable[str | Refused | TryLater]]
ClientOf = Callable[[int], RingCentralClient]


@dataclass(frozen=True)
class LoadedText:
    """A text as it is on file; `markup` is set until its names were resolved for the phone."""

    text: OutgoingText
    conversation_id: int
    login_id: int
    region: str
    markup: str | None
    team_id: str
    author_id: str | None
    file_count: int


class RingCentralSender:
    """Sends messages of kind text; see bridge.outbox.outcome.Sender.

    `phone_text_of(markup, team_id, author_id)` gives what a phone shall show, or refuses.
    """

    def __init__(self, database: Database, client_of: ClientOf, phone_text_of: PhoneTextOf) -> None:
        self._database = database
        self._client_of = client_of
        self._phone_text_of = phone_text_of

    def repeats(self, kind: str) -> bool:  # noqa: ARG002 -- the protocol's signature
        """Never: a text sent twice is two texts. RingCentral knows no idempotency key."""
        return False

    def load(self, session: Session, delivery: Claimed) -> LoadedText | Refused | TryLater:
        """Read the text, its numbers and its login, inside the claim's transaction."""
        message = messages.get(session, delivery.subject_id)
        conversation = conversations.get(session, message.conversation_id)
        inbox = inboxes.get(session, conversation.inbox_id)
        if inbox.disconnected_at is not None and delivery.started_at is None:
            return Refused("disconnected")
        assert message.id is not None, "read from its table"
        return LoadedText(
            text=OutgoingText(
                message_id=message.id,
                store=inbox.store,
                from_number=inbox.phone_number,
                to_numbers=tuple(conversations.outside_numbers_of(conversation)),
                body=message.body,
            ),
            conversation_id=message.conversation_id,
            login_id=inbox.login_id,
            region=inbox.region,
            markup=message.markup,
            team_id=threads.get(session, message.thread_id).team_id,
            author_id=message.author_id,
            file_count=0,
        )

    async def prepare(self, delivery: Claimed, loaded: object) -> Ready | Refused | TryLater:
        """Resolve the names in it; have a token, so that a start is followed by its request.

        RingCentral's clock is learned before the first text, for the look it may need.
        """
        assert isinstance(loaded, LoadedText)
        body: str | Refused | TryLater = loaded.text.body
        if loaded.markup is not None:
            body = await self._phone_text_of(loaded.markup, loaded.team_id, loaded.author_id)
        if isinstance(body, Refused | TryLater):
            return body
        fault = find_fault(body)
        if fault is not None:
            return fault
        client = self._client_of(loaded.login_id)
        try:
            await client.ready()
            offset = await client.server_clock(delivery.priority)
        except NotSent as problem:
            return later_of(problem)
        except Problem as problem:  # a lost answer would be looked for by a clock nobody knows
            return TryLater(problem.code)
        content = replace(loaded, text=replace(loaded.text, body=body))
        record = _BodyRecord(loaded.text.message_id, body)
        return Ready(content, record, clock_offset=offset)

    async def send(self, delivery: Claimed, content: object) -> Outcome:
        """POST /sms, once. Its permit came with the claim."""
        assert isinstance(content, LoadedText)
        try:
            record = await self._client_of(content.login_id).request(
                "POST",
                SEND_PATH,
                priority=delivery.priority,
                permit=False,
                json=render_text(content.text),
            )
        except Problem as problem:
            return outcome_of(problem)
        return accepted(record, content.text.store)

    async def look(self, delivery: Claimed, content: object) -> Finding:
        """Search the store, and the records kept aside, for what a lost attempt may have made.

        Fitting: ours by number, to the same set of recipients, as many files, the same text (a
        developer account puts a watermark in front of it), no other message's.
        """
        assert isinstance(content, LoadedText)
        client = self._client_of(content.login_id)
        shown, trouble = await self._ask_store(client, delivery, content)
        unclaimed = await self._database.read(
            _unclaimed, delivery, content, shown, _window_of(delivery, client)
        )
        finding = _judge(unclaimed, content)
        if trouble is not None and not isinstance(finding, Accepted):
            return trouble
        if isinstance(finding, Absent):
            return Absent(_passed_since_start(delivery, client))
        return finding

    async def _ask_store(
        self, client: RingCentralClient, delivery: Claimed, content: LoadedText
    ) -> tuple[list[CarrierRecord], CannotLook | Unfitting | None]:
        """What the store shows, or why it cannot be told."""
        try:
            return await self._outbound_records(client, delivery, content), None
        except Refusal as refusal:
            return [], CannotLook(refusal.code, refusal.retry_after_seconds)
        except NotSent as problem:
            return [], CannotLook(problem.code, problem.after_seconds)
        except Problem as problem:
            return [], CannotLook(problem.code)
        except NotUnderstood as oddity:
            return [], Unfitting(str(oddity))

    async def _outbound_records(
        self, client: RingCentralClient, delivery: Claimed, content: LoadedText
    ) -> list[CarrierRecord]:
        text, window = content.text, _window_of(delivery, client)
        params = {
            "messageType": "SMS",
            "direction": "Outbound",
            "phoneNumber": text.to_numbers[0],
            "dateFrom": render_time(window.earliest_at),
            "dateTo": render_time(window.latest_at),
            "perPage": LOOK_PAGE,
        }
        answer = await read_store(client, text.store, "message-store", params, delivery.priority)
        parsed = [
            parse_record(each, store=text.store, own_numbers=(), region=content.region)
            for each in _all_records(answer)
        ]
        return [each for each in parsed if each is not None]


def _window_of(delivery: Claimed, client: RingCentralClient) -> Window:
    """Where its sender did not know RingCentral's clock: by ours, known from the answer at last."""
    assert delivery.started_at is not None, "only a started attempt is looked for"
    assert delivery.deadline_at is not None, "a started attempt has one"
    times = (delivery.started_at, delivery.deadline_at, delivery.provider_started_at)
    return window_of(*times, client.server_time_offset)


def _passed_since_start(delivery: Claimed, client: RingCentralClient) -> timedelta | None:
    """By RingCentral's clock at both ends; None where one of them is not known."""
    offset = client.server_time_offset
    if delivery.provider_started_at is None or offset is None:
        return None
    return machine_now() + offset - delivery.provider_started_at


def _all_records(answer: Mapping[str, Any]) -> list[Any]:
    """A store that shows too much, or nothing readable, must not pass for one without ours."""
    records = answer.get("records")
    if not isinstance(records, list) or len(records) >= LOOK_PAGE:
        raise NotUnderstood("a list of records that a look cannot read whole")
    return records


def accepted(record: Mapping[str, Any], store: str) -> Accepted | Unsure:
    """What POST /sms answered, as an outcome."""
    record_id = record.get("id")
    if not record_id:
        return Unsure("an answer without an id")
    conversation = record.get("conversation")
    conversation_id = conversation.get("id") if isinstance(conversation, Mapping) else None
    facts = {
        "conversation_id": conversation_id or record.get("conversationId"),
        "status": record.get("messageStatus"),
        "sent_at": record.get("creationTime"),
    }
    return Accepted(
        external_id=str(record_id),
        scope=store,
        facts={name: str(value) for name, value in facts.items() if value},
    )


def _unclaimed(
    session: Session,
    delivery: Claimed,
    content: LoadedText,
    shown: Sequence[CarrierRecord],
    window: Window,
) -> list[CarrierRecord]:
    """The record on file as ours, else those that went the same way and are nobody else's."""
    kept = map(CarrierRecord.from_json, kept_records.find(session, content.conversation_id))
    found = {each.record_id: each for each in (*kept, *shown)}  # what the store shows is newer
    candidates = [
        each
        for each in found.values()
        if window.has(each.sent_at) and _goes_the_same_way(each, content.text)
    ]
    return _ours(session, delivery, content.text.store, candidates)


def _ours(
    session: Session, delivery: Claimed, store: str, candidates: Sequence[CarrierRecord]
) -> list[CarrierRecord]:
    ids = [each.record_id for each in candidates]
    tried = find_of_earlier_attempts(session, ids, delivery_id=delivery.id)
    mine = {"message_id": delivery.subject_id, "part": delivery.part}
    own = find_own(session, store, ids, **mine) - tried
    if own:
        return [each for each in candidates if each.record_id in own]
    others = tried | find_taken_by_others(session, store, ids, **mine)
    return [each for each in candidates if each.record_id not in others]


def _goes_the_same_way(record: CarrierRecord, text: OutgoingText) -> bool:
    return (
        record.direction == "out"
        and record.own_number == text.from_number
        and set(record.outside_numbers) == set(text.to_numbers)
    )


def _judge(candidates: Sequence[CarrierRecord], content: LoadedText) -> Finding:
    fitting = [each for each in candidates if _fits(each, content)]
    if len(fitting) == 1:
        found = fitting[0]
        facts = {"status": found.status, "sent_at": found.sent_at.isoformat()}
        if found.ringcentral_conversation_id:
            facts["conversation_id"] = found.ringcentral_conversation_id
        return Accepted(external_id=found.record_id, scope=content.text.store, facts=facts)
    if fitting:
        return Several(f"{len(fitting)} records fit")
    open_ones = [each for each in candidates if not is_another(each.body, content.text.body)]
    return Unfitting(f"none of {len(open_ones)} fits") if open_ones else Absent()


def _fits(record: CarrierRecord, content: LoadedText) -> bool:
    is_whole = len(record.attachments) == content.file_count
    return is_whole and fits(record.body, content.text.body)


@dataclass(frozen=True)
class _BodyRecord:
    """With the attempt's start: what the phone shall show is what its message says."""

    message_id: int
    body: str

    def __call__(self, session: Session) -> None:
        messages.change(session, self.message_id, body=self.body)
