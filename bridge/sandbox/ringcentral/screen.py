"""What the phones outside show: conversations with texts, pictures, and what became of each."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from bridge.sandbox.ringcentral.clock import to_iso
from bridge.sandbox.ringcentral.messages import Attachment
from bridge.sandbox.ringcentral.phones import Phone, ReceivedText, SentText

if TYPE_CHECKING:
    from bridge.sandbox.ringcentral.server import RingCentralSimulator

Json = dict[str, Any]
FAILED = frozenset({"SendingFailed", "DeliveryFailed"})


@dataclasses.dataclass(frozen=True, slots=True)
class _Line:
    """One text of a conversation as its phone's owner sees it; `others` are who else is in it."""

    others: frozenset[str]
    at: datetime
    shown: Json


def phones_screen(simulator: RingCentralSimulator) -> Json:
    """All phones, and the company's numbers they can text."""
    account = simulator.account
    return {
        "revision": simulator.changes.revision,
        "now": simulator.clock.pace.now(),
        "company": account.name,
        "own_numbers": [
            {
                "number": each.phone_number,
                "owner": _owner_name(simulator, each.extension_id),
                "receives": account.store_owner(each) is not None,
            }
            for each in account.numbers
        ],
        "phones": [show_phone(simulator, each) for each in simulator.world.carrier.phones.values()],
    }


def _owner_name(simulator: RingCentralSimulator, extension_id: int | None) -> str:
    extension = simulator.account.get_extension(extension_id) if extension_id else None
    return extension.name if extension is not None else "Company"


def show_phone(simulator: RingCentralSimulator, phone: Phone) -> Json:
    """One phone: its conversations, newest last text first, and the consents it has given."""
    conversations: defaultdict[frozenset[str], list[_Line]] = defaultdict(list)
    for line in _lines(simulator, phone):
        conversations[line.others].append(line)
    shown = [
        {
            "with": sorted(others),
            "texts": [line.shown for line in sorted(lines, key=lambda each: each.at)],
            "last_at": to_iso(max(line.at for line in lines)),
        }
        for others, lines in conversations.items()
    ]
    consents = simulator.world.consents
    return {
        "number": phone.number,
        "name": phone.name,
        "fails_with": phone.fails_with,
        "reports": phone.reports,
        "opted_out_of": [
            each.phone_number
            for each in simulator.account.numbers
            if consents.has_opted_out(each.phone_number, phone.number)
        ],
        "conversations": sorted(shown, key=lambda each: str(each["last_at"]), reverse=True),
    }


def _lines(simulator: RingCentralSimulator, phone: Phone) -> Iterator[_Line]:
    reached = {each.message_id for each in phone.received}
    for index, received in enumerate(phone.received):
        yield _received_line(simulator, phone, received, index)
    for index, sent in enumerate(phone.sent):
        yield _sent_line(phone, sent, index)
    for message in simulator.world.mailboxes:
        is_lost = message.status in FAILED and message.message_id not in reached
        if message.direction == "Outbound" and is_lost and phone.number in message.to_numbers:
            shown = _text(f"l{message.message_id}", message.created_at, message.text, message.files)
            shown |= {"direction": "lost", "from": message.from_number, "code": message.error_code}
            yield _Line(
                _others(message.from_number, message.to_numbers, phone), message.created_at, shown
            )


def _others(from_number: str, to_numbers: tuple[str, ...], phone: Phone) -> frozenset[str]:
    return frozenset({from_number, *to_numbers} - {phone.number})


def _received_line(
    simulator: RingCentralSimulator, phone: Phone, text: ReceivedText, index: int
) -> _Line:
    record = simulator.world.mailboxes.get(text.message_id or 0, hidden=True)
    shown = _text(f"r{index}", text.at, text.text, text.attachments) | {
        "direction": "in",
        "from": text.from_number,
        "is_automatic": text.is_automatic,
        "status": record.status if record is not None and record.direction == "Outbound" else "",
        "code": record.error_code if record is not None else "",
    }
    return _Line(_others(text.from_number, text.to_numbers, phone), text.at, shown)


def _sent_line(phone: Phone, text: SentText, index: int) -> _Line:
    shown = _text(f"s{index}", text.at, text.text, text.attachments) | {
        "direction": "out",
        "from": phone.number,
        "status": "Delivered" if text.message_id is not None else "Failed",
    }
    return _Line(_others(phone.number, text.to_numbers, phone), text.at, shown)


def _text(
    key: str, at: datetime, text: str, files: tuple[Attachment, ...] | list[Attachment]
) -> Json:
    return {
        "key": key,
        "at": to_iso(at),
        "text": text,
        "files": [
            {"id": each.attachment_id, "type": each.content_type, "name": each.file_name}
            for each in files
        ],
    }
