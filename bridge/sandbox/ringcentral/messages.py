"""A message record, and the two ways it is written: for REST and for events."""

from __future__ import annotations

import dataclasses
import hashlib
from datetime import datetime
from typing import Any

from bridge.sandbox.ringcentral.account import Account, Extension
from bridge.sandbox.ringcentral.clock import to_iso, to_iso_seconds
from bridge.sandbox.ringcentral.dialing import location_of

GSM_SINGLE, GSM_JOINED = 160, 153
ONLY_IN_THE_STORE = {"extensionId", "segmentCount", "deliveryErrorCode", "owner"}
UCS2_SINGLE, UCS2_JOINED = 70, 67


@dataclasses.dataclass(slots=True)
class Attachment:
    """A file of a message, or the copy of its text that every text has."""

    attachment_id: int
    type: str
    content_type: str
    content: bytes
    file_name: str = ""


@dataclasses.dataclass(slots=True)
class Message:
    """One SMS or MMS in one extension's store; `store_id` is that extension."""

    message_id: int
    store_id: int
    direction: str
    from_number: str
    to_numbers: tuple[str, ...]
    text: str
    created_at: datetime
    modified_at: datetime
    visible_at: datetime
    conversation_id: int
    status: str
    own_number: str
    attachments: list[Attachment] = dataclasses.field(default_factory=list)
    read_status: str = "Unread"
    availability: str = "Alive"
    error_code: str = ""
    sending_attempts: int = 0
    delivered_at: datetime | None = None
    missed_numbers: tuple[str, ...] = ()  # of its recipients, those it did not reach

    @property
    def other_numbers(self) -> tuple[str, ...]:
        """Everyone in it but the company's own number."""
        return tuple(
            number for number in (self.from_number, *self.to_numbers) if number != self.own_number
        )

    @property
    def files(self) -> list[Attachment]:
        return [each for each in self.attachments if each.type == "MmsAttachment"]


def conversation_id_of(store_id: int, participants: set[str]) -> int:
    """A number above 2**53, the same for ever for the same people in the same store."""
    name = f"{store_id}:{','.join(sorted(participants))}"
    digest = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
    return 2**60 + digest % (2**62 - 2**60) | 1


def segment_count(text: str) -> int:
    units = len(text.encode("utf-16-le")) // 2
    single, joined = (GSM_SINGLE, GSM_JOINED) if text.isascii() else (UCS2_SINGLE, UCS2_JOINED)
    return 1 if units <= single else -(-units // joined)


class Renderer:
    """Writes records as RingCentral does; text goes out as `subject`."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self.base_url = ""
        self.media_url = ""

    def _extension_url(self, extension_id: int) -> str:
        return f"/restapi/v1.0/account/{self._account.account_id}/extension/{extension_id}"

    def message_url(self, message: Message) -> str:
        path = f"{self._extension_url(message.store_id)}/message-store/{message.message_id}"
        return self.base_url + path

    def rest(self, message: Message) -> dict[str, Any]:
        """A record as the message store, the sync and the send itself answer with it."""
        if message.availability != "Alive":
            return {"id": message.message_id, "availability": message.availability}
        record: dict[str, Any] = {
            "uri": self.message_url(message),
            "id": message.message_id,
            "to": [self._to(message, number) for number in message.to_numbers],
            "from": self._party(message.from_number),
            "type": "SMS",
            "creationTime": to_iso_seconds(message.created_at),
            "readStatus": message.read_status,
            "priority": "Normal",
            "attachments": [self._attachment(message, each) for each in message.attachments],
            "direction": message.direction,
            "availability": message.availability,
            "subject": message.text,
            "messageStatus": message.status,
            "conversationId": message.conversation_id,
            "conversation": self._conversation(message),
            "lastModifiedTime": to_iso(message.modified_at),
            "extensionId": str(message.store_id),
        }
        self._add_what_is_not_always_there(message, record)
        return record

    def _add_what_is_not_always_there(self, message: Message, record: dict[str, Any]) -> None:
        if message.direction == "Outbound":
            record["smsSendingAttemptsCount"] = message.sending_attempts
            record["segmentCount"] = segment_count(message.text)
        if message.error_code:
            record["deliveryErrorCode"] = message.error_code
        if message.delivered_at is not None:
            record["smsDeliveryTime"] = to_iso(message.delivered_at)
        store = self._account.extension(message.store_id)
        if store.type == "Department":
            record["owner"] = self._owner(store)

    def accepted(self, message: Message) -> dict[str, Any]:
        """The send's own answer, which lacks what only the store knows."""
        record = self.rest(message)
        return {name: record[name] for name in record if name not in ONLY_IN_THE_STORE}

    def event(self, message: Message) -> dict[str, Any]:
        """The body of an instant event: ids as strings, creationTime with milliseconds."""
        return {
            "id": str(message.message_id),
            "to": [self._to(message, number) for number in message.to_numbers],
            "from": self._party(message.from_number),
            "type": "SMS",
            "creationTime": to_iso(message.created_at),
            "lastModifiedTime": to_iso(message.modified_at),
            "readStatus": message.read_status,
            "priority": "Normal",
            "attachments": [self._attachment(message, each) for each in message.attachments],
            "direction": message.direction,
            "availability": message.availability,
            "subject": message.text,
            "messageStatus": message.status,
            "conversation": {"id": str(message.conversation_id)},
            "conversationId": str(message.conversation_id),
            "eventType": "Create",
            "owner": self._owner(self._account.extension(message.store_id)),
            "ownerId": str(message.store_id),
        }

    def _owner(self, extension: Extension) -> dict[str, Any]:
        return {
            "extensionId": str(extension.extension_id),
            "extensionType": extension.type,
            "name": extension.name,
        }

    def _conversation(self, message: Message) -> dict[str, Any]:
        uri = f"{self.base_url}/restapi/v1.0/conversation/{message.conversation_id}"
        return {"id": str(message.conversation_id), "uri": uri}

    def _party(self, phone_number: str) -> dict[str, Any]:
        party: dict[str, Any] = {"phoneNumber": phone_number}
        number = self._account.get_number(phone_number)
        if number is not None and number.extension_id is not None:
            party["name"] = self._account.extension(number.extension_id).name
        location = location_of(phone_number)
        if location is not None:
            party["location"] = location
        return party

    def _to(self, message: Message, phone_number: str) -> dict[str, Any]:
        party = self._party(phone_number)
        if message.direction == "Inbound" and phone_number == message.own_number:
            party["target"] = True
        if message.direction == "Outbound" and len(message.to_numbers) > 1:
            is_reached = message.missed_numbers and phone_number not in message.missed_numbers
            party["messageStatus"] = "Sent" if is_reached else message.status
        return party

    def _attachment(self, message: Message, attachment: Attachment) -> dict[str, Any]:
        host = self.media_url if attachment.type == "MmsAttachment" else self.base_url
        path = f"{self._extension_url(message.store_id)}/message-store/{message.message_id}"
        shown: dict[str, Any] = {
            "id": attachment.attachment_id,
            "uri": f"{host}{path}/content/{attachment.attachment_id}",
            "type": attachment.type,
            "contentType": attachment.content_type,
        }
        if attachment.type == "MmsAttachment":
            shown["size"] = len(attachment.content)
            if attachment.file_name:
                shown["fileName"] = attachment.file_name
        return shown
