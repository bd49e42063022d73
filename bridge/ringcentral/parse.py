"""RingCentral's records and notifications, turned into ours. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import phonenumbers

from bridge.relay.numbers import UNKNOWN_NUMBER, is_withheld
from bridge.relay.texts import FAILED, AttachmentNote, CarrierRecord, storable

LONGEST_SHORT_CODE = 6

_STORE_PATH = re.compile(r"/account/(?P<account>[^/?]+)/extension/(?P<extension>[^/?]+)/")
_LETTER = re.compile(r"[^\W\d_]")


class NotUnderstood(Exception):
    """Authentic, but of a shape this code does not know; the text names what is odd, no body."""


@dataclass(frozen=True)
class Store:
    """A message store: its account and the extension that owns it."""

    account_id: str
    extension_id: str

    def __str__(self) -> str:
        return f"{self.account_id}/{self.extension_id}"


def parse_store(store: str) -> Store:
    """The parts of account id "/" extension id."""
    account_id, extension_id = store.split("/")
    return Store(account_id, extension_id)


@dataclass(frozen=True)
class InstantSms:
    """A text came in: the whole record."""

    record: CarrierRecord


@dataclass(frozen=True)
class StoreChanged:
    """Something in a message store is new or changed; what it was is for a sync to find."""

    store: str


@dataclass(frozen=True)
class Uninteresting:
    """Understood, and nothing to us: a fax, a voicemail, a deleted record."""


Notification = InstantSms | StoreChanged | Uninteresting


def parse_notification(
    envelope: object, *, own_numbers: Collection[str], own_store: Store | None, region: str = "US"
) -> Notification:
    """Read a notification's envelope {uuid, event, timestamp, subscriptionId, ownerId, body}.

    `own_store` stands in for `~` in an event's path, which RingCentral expands as a rule.
    Raises NotUnderstood.
    """
    fields = _mapping(envelope, "envelope")
    event, body = _text(fields.get("event")), _mapping(fields.get("body"), "body")
    path = event.partition("?")[0]
    if path.endswith("/message-store/instant"):
        store = _owning_store(body, _event_store(path, own_store))
        record = parse_record(body, store=str(store), own_numbers=own_numbers, region=region)
        return InstantSms(record) if record else Uninteresting()
    if path.endswith("/message-store"):
        return _parse_change(body, _event_store(path, own_store))
    raise NotUnderstood(f"unknown event {path.rpartition('/')[2] or 'without a name'}")


def _event_store(path: str, own_store: Store | None) -> Store:
    found = _STORE_PATH.search(path)
    if found is None:
        raise NotUnderstood("an event without its message store")
    account_id, extension_id = found["account"], found["extension"]
    if "~" in (account_id, extension_id):
        if own_store is None:
            raise NotUnderstood("an event of the login's own store, before the login is known")
        account_id = own_store.account_id if account_id == "~" else account_id
        extension_id = own_store.extension_id if extension_id == "~" else extension_id
    return Store(account_id, extension_id)


def _owning_store(record: Mapping[str, Any], store: Store) -> Store:
    """A call queue's text names the queue as its owner, in whoever's store it was seen."""
    owner = record.get("owner")
    is_queue = isinstance(owner, Mapping) and owner.get("extensionType") == "Department"
    if isinstance(owner, Mapping) and is_queue and owner.get("extensionId"):
        return Store(store.account_id, storable(str(owner["extensionId"])))
    return store


def _parse_change(body: Mapping[str, Any], store: Store) -> StoreChanged | Uninteresting:
    changes = body.get("changes")
    if not isinstance(changes, list) or not all(isinstance(each, Mapping) for each in changes):
        raise NotUnderstood("a change of a message store without its changes")
    if any(change.get("type") == "SMS" for change in changes):
        return StoreChanged(str(store))
    return Uninteresting()


def parse_record(
    record: object, *, store: str, own_numbers: Collection[str], region: str = "US"
) -> CarrierRecord | None:
    """Read a record of a message store, as REST or an event shows it; None for what is no text.

    MMS is of type SMS too. A deleted record has only its id and availability.
    Raises NotUnderstood.
    """
    fields = _mapping(record, "record")
    if fields.get("availability", "Alive") != "Alive" or fields.get("type", "SMS") != "SMS":
        return None
    direction = _direction(fields)
    sender = parse_party(fields.get("from"), region)
    recipients = _recipients(fields, region)
    if direction == "out":
        own_number, outside = sender, [number for number, _ in recipients]
    else:
        own_number = _own_recipient(recipients, own_numbers)
        outside = [sender, *(number for number, _ in recipients if number != own_number)]
    return CarrierRecord(
        store=str(_owning_store(fields, parse_store(store))),
        record_id=_id(fields),
        ringcentral_conversation_id=_conversation_id(fields),
        direction=direction,
        own_number=own_number,
        outside_numbers=tuple(dict.fromkeys(outside)),
        author_number=sender,
        body=_text(fields.get("subject")),
        sent_at=parse_time(fields.get("creationTime")),
        status=_text(fields.get("messageStatus")),
        error_code=_error_code(fields),
        attachments=_attachments(fields),
        refused_numbers=_refused(fields, region) if direction == "out" else (),
    )


def _direction(fields: Mapping[str, Any]) -> str:
    direction = fields.get("direction")
    if direction == "Inbound":
        return "in"
    if direction == "Outbound":
        return "out"
    raise NotUnderstood("a record without a direction")


def _recipients(fields: Mapping[str, Any], region: str) -> list[tuple[str, bool]]:
    to = fields.get("to")
    if isinstance(to, Mapping):
        to = [to]
    if not isinstance(to, list) or not to:
        raise NotUnderstood("a record without recipients")
    return [(parse_party(each, region), bool(_mapping(each, "to").get("target"))) for each in to]


def _refused(fields: Mapping[str, Any], region: str) -> tuple[str, ...]:
    """Whom a group's text did not reach: each recipient of several has a status of its own."""
    to = fields.get("to")
    parties = to if isinstance(to, list) else [to]
    return tuple(
        parse_party(each, region)
        for each in parties
        if isinstance(each, Mapping) and each.get("messageStatus") in FAILED
    )


def _own_recipient(recipients: list[tuple[str, bool]], own_numbers: Collection[str]) -> str:
    """Of a group's recipients ours is the marked one, which is not always the first."""
    marked = [number for number, is_target in recipients if is_target]
    known = [number for number, _ in recipients if number in own_numbers]
    if marked or known:
        return (marked or known)[0]
    if len(recipients) == 1:
        return recipients[0][0]
    raise NotUnderstood("a group text of which no recipient is ours")


def parse_party(party: object, region: str = "US") -> str:
    """Whoever sent or got a record: a number, else an extension, else "unknown"."""
    if not isinstance(party, Mapping):
        return UNKNOWN_NUMBER
    written = party.get("phoneNumber") or party.get("extensionNumber")
    return parse_number(storable(str(written)), region) if written else UNKNOWN_NUMBER


def parse_number(written: str, region: str = "US") -> str:
    """E.164 from what RingCentral writes: formatted, without its +, a short code, masked.

    What is no number (a masked one, a sender's name) stays as it is.
    """
    written = written.strip()
    if is_withheld(written):
        return UNKNOWN_NUMBER
    if _LETTER.search(written):
        return written
    digits = "".join(character for character in written if character.isdigit())
    if not digits:
        return written
    if written.startswith("+"):
        return "+" + digits
    if len(digits) <= LONGEST_SHORT_CODE:
        return digits
    return _e164(digits, region) or _e164("+" + digits, None) or digits


def _e164(written: str, region: str | None) -> str | None:
    try:
        number = phonenumbers.parse(written, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _id(fields: Mapping[str, Any]) -> str:
    if not fields.get("id"):
        raise NotUnderstood("a record without an id")
    return storable(str(fields["id"]))


def _conversation_id(fields: Mapping[str, Any]) -> str | None:
    """The string form; the number beside it passed through JSON readers that round above 2^53."""
    conversation = fields.get("conversation")
    if isinstance(conversation, Mapping) and conversation.get("id"):
        return storable(str(conversation["id"]))
    return storable(str(fields["conversationId"])) if fields.get("conversationId") else None


def _error_code(fields: Mapping[str, Any]) -> str | None:
    """The record's delivery error, else the first recipient's."""
    to = fields.get("to")
    recipients = to if isinstance(to, list) else []
    for holder in (fields, *recipients):
        code = holder.get("deliveryErrorCode") or holder.get("errorCode")
        if code:
            return storable(str(code))
    return None


def _attachments(fields: Mapping[str, Any]) -> tuple[AttachmentNote, ...]:
    """Files only: nearly every record has a `Text` attachment that repeats its text."""
    attachments = fields.get("attachments")
    if not isinstance(attachments, list):
        return ()
    return tuple(
        AttachmentNote(
            content_type=_text(each.get("contentType")) or "application/octet-stream",
            size_bytes=each["size"] if isinstance(each.get("size"), int) else None,
            name=_text(each.get("fileName")) or None,
        )
        for each in attachments
        if isinstance(each, Mapping) and _is_file(each)
    )


def _is_file(attachment: Mapping[str, Any]) -> bool:
    kind = attachment.get("type")
    if kind is None:  # records from before attachments had types
        return bool(attachment.get("contentType") != "text/plain")
    return bool(kind != "Text")


def parse_time(written: object) -> datetime:
    """An ISO 8601 time with its zone ("Z", and "+0000" in old records), as aware UTC."""
    try:
        time = datetime.fromisoformat(_text(written))
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise NotUnderstood("a record without a readable time") from None


def _mapping(value: object, what: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise NotUnderstood(f"{what} is not an object")
    return value


def _text(value: object) -> str:
    return storable(value) if isinstance(value, str) else ""


def record_time(record: Mapping[str, Any]) -> datetime | None:
    """When a record was made; None for a deleted one, of which only the id is left."""
    return parse_time(record["creationTime"]) if record.get("creationTime") else None
