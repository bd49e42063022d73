"""The account's stores, consents, subscriptions and phones as plain data and back.

Not kept: OAuth sessions, which a client gets anew with its JWT, and WebSockets.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Protocol

from pydantic import TypeAdapter

from bridge.sandbox.plain import plain
from bridge.sandbox.ringcentral.consents import Consent
from bridge.sandbox.ringcentral.messages import Attachment, Message
from bridge.sandbox.ringcentral.phones import Phone, ReceivedText, SentText
from bridge.sandbox.ringcentral.server import RingCentralSimulator
from bridge.sandbox.ringcentral.subscriptions import EventFilter, Subscription

Json = dict[str, Any]

CONSENTS = TypeAdapter(list[Consent])
MESSAGE = TypeAdapter(Message)
RECEIVED = TypeAdapter(list[ReceivedText])
SENT = TypeAdapter(list[SentText])
FILTERS = TypeAdapter(list[EventFilter])
TIMES = ("created_at", "expires_at", "failing_since", "blacklisted_at")


class Files(Protocol):
    """Where bytes are kept."""

    def put(self, data: bytes) -> str: ...

    def get(self, name: str) -> bytes: ...


def snapshot(simulator: RingCentralSimulator, files: Files) -> Json:
    """What is in the stores and on the phones."""
    world = simulator.world
    return {
        "messages": [plain(each, files.put) for each in world.mailboxes],
        "sent": [each.message_id for each in world.sent],
        "consents": [plain(each) for each in world.consents.all()],
        "phones": [_phone_json(each, files) for each in world.carrier.phones.values()],
        "subscriptions": [
            plain(each, without={"app", "owner"})
            | {"client_id": each.app.client_id, "extension_id": each.owner.extension_id}
            for each in simulator.subscriptions
            if each.transport == "WebHook"
        ],
    }


def _phone_json(phone: Phone, files: Files) -> Json:
    return {
        "number": phone.number,
        "name": phone.name,
        "fails_with": phone.fails_with,
        "reports": phone.reports,
        "received": plain(phone.received, files.put),
        "sent": plain(phone.sent, files.put),
    }


def restore(simulator: RingCentralSimulator, kept: Json, files: Files) -> None:
    """Put it all back, and go on with the texts that were on their way."""
    world = simulator.world
    for each in CONSENTS.validate_python(kept["consents"]):
        world.consents.restore(each)
    for told in kept["phones"]:
        _restore_phone(simulator, told, files)
    for told in kept["messages"]:
        _restore_message(simulator, told, files)
    world.sent.extend(
        message
        for message_id in kept["sent"]
        if (message := world.mailboxes.get(message_id, hidden=True)) is not None
    )
    for told in kept["subscriptions"]:
        _restore_subscription(simulator, told)
    simulator.changes.note()


def _restore_message(simulator: RingCentralSimulator, told: Json, files: Files) -> None:
    _read_files(told, files)
    message = MESSAGE.validate_python(told)
    world = simulator.world
    world.mailboxes.add(message)
    world.mailboxes.begin_after(max(each.message_id for each in world.mailboxes))
    for file in message.files:
        world.carrier.keep_file(file)
    if message.direction == "Outbound":
        world.carrier.resume(message)


def _read_files(told: Json, files: Files) -> None:
    for each in told["attachments"]:
        each["content"] = files.get(each["content"])


def _restore_phone(simulator: RingCentralSimulator, told: Json, files: Files) -> None:
    phone = simulator.phone(told["number"])
    phone.name, phone.fails_with, phone.reports = told["name"], told["fails_with"], told["reports"]
    for text in [*told["received"], *told["sent"]]:
        _read_files(text, files)
    phone.received = RECEIVED.validate_python(told["received"])
    phone.sent = SENT.validate_python(told["sent"])
    kept: list[Attachment] = [file for text in phone.received for file in text.attachments]
    for file in kept:
        simulator.world.carrier.keep_file(file)


def _restore_subscription(simulator: RingCentralSimulator, told: Json) -> None:
    account, fields = simulator.account, dict(told)
    client_id, extension_id = fields.pop("client_id"), fields.pop("extension_id")
    app = next(each for each in simulator.apps if each.client_id == client_id)
    times = {name: TypeAdapter(datetime | None).validate_python(fields[name]) for name in TIMES}
    simulator.world.subscriptions.restore(
        Subscription(
            **fields
            | times
            | {
                "app": app,
                "owner": account.extension(extension_id),
                "filters": FILTERS.validate_python(fields["filters"]),
            }
        )
    )
