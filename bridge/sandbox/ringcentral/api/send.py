"""Sending: POST sms and mms, with every refusal that the request or the account can cause."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from bridge.sandbox.ringcentral.account import Extension, PhoneNumber
from bridge.sandbox.ringcentral.api.whose import only_self
from bridge.sandbox.ringcentral.calls import Answer, Call, Json, read_json
from bridge.sandbox.ringcentral.dialing import is_domestic, read_number, region_of
from bridge.sandbox.ringcentral.errors import Refusal
from bridge.sandbox.ringcentral.phones import OutsideFile
from bridge.sandbox.ringcentral.world import World

MAX_TEXT_UNITS = 1000
MAX_RECIPIENTS = 10
MAX_ATTACHMENTS = 10
MAX_ATTACHMENT_BYTES = 1_500_000
MEDIA_TYPES = frozenset(
    f"{family}/{name}"
    for family, names in {
        "image": "jpeg png bmp gif tiff svg+xml webp",
        "video": "3gpp mp4 mpeg avi x-flv x-ms-wmv quicktime webm ogg",
        "audio": "mpeg mp4 ogg wav amr 3gpp",
        "text": "vcard html plain csv calendar",
        "application": "zip gzip rtf pdf",
    }.items()
    for name in names.split()
)


async def send_sms(world: World, call: Call) -> Answer:
    """POST sms: JSON, or multipart with files."""
    if call.parts is None:
        if call.content_type != "application/json":
            raise Refusal("MSG-348")
        return _send(world, call, call.json_object(), [], text_required=True)
    return _send(world, call, _envelope(call), _files(call), text_required=True)


async def send_mms(world: World, call: Call) -> Answer:
    """POST mms: multipart only, files required, text optional."""
    if call.parts is None:
        raise Refusal("MSG-348")
    files = _files(call)
    if not files:
        raise Refusal("CMN-101", parameter="attachments")
    return _send(world, call, _envelope(call), files, text_required=False)


def _envelope(call: Call) -> Json:
    """The JSON of a multipart request, which must be its first part."""
    first = call.parts[0] if call.parts else None
    if first is None or first.content_type != "application/json":
        raise Refusal("CMN-104")
    envelope = read_json(first.content)
    if not isinstance(envelope, dict):
        raise Refusal("CMN-103")
    return envelope


def _files(call: Call) -> list[OutsideFile]:
    files = [
        (part.file_name or part.name, part.content_type, part.content)
        for part in (call.parts or [])[1:]
    ]
    if len(files) > MAX_ATTACHMENTS:
        raise Refusal("MSG-379")
    for _, content_type, content in files:
        if content_type not in MEDIA_TYPES:
            raise Refusal("MSG-348")
        if not content:
            raise Refusal("MSG-347")
    if sum(len(content) for _, _, content in files) > MAX_ATTACHMENT_BYTES:
        raise Refusal("MSG-376")
    return files


def _send(
    world: World, call: Call, body: Json, files: list[OutsideFile], *, text_required: bool
) -> Answer:
    sender = only_self(world, call)
    text = _read_text(body, required=text_required)
    _check_country(body.get("country"))
    recipients = _read_recipients(world, body.get("to"))
    number = _read_sender(world, sender, body.get("from"))
    _check_destinations(world, sender, number, recipients)
    if len(recipients) > 1 or files:
        _check_mms(world, sender, number)
    _check_daily_limit(world, number)
    store = world.account.store_owner(number) or sender
    message = world.carrier.accept(number, store, recipients, text, files)
    world.sent.append(message)
    return Answer(world.renderer.accepted(message))


def _read_text(body: Json, *, required: bool) -> str:
    text = body.get("text", "")
    if not isinstance(text, str) or (required and not text):
        raise Refusal("CMN-101", parameter="text")
    if len(text.encode("utf-16-le")) // 2 > MAX_TEXT_UNITS:
        raise Refusal("CMN-101", parameter="text")
    return text


def _check_country(country: object) -> None:
    if country is None:
        return
    if not isinstance(country, dict) or {"id", "isoCode"} <= country.keys():
        raise Refusal("MSG-365", parameter="country")
    if "isoCode" in country and len(str(country["isoCode"])) != 2:
        raise Refusal("MSG-365", parameter="country.isoCode")


def _phone_number_of(party: Any, parameter: str) -> object:
    if not isinstance(party, dict) or "phoneNumber" not in party:
        if isinstance(party, dict) and "extensionNumber" in party:
            raise Refusal("MSG-246", parameter=parameter)
        raise Refusal("CMN-101", parameter=parameter)
    return party["phoneNumber"]


def _read_recipients(world: World, parties: Any) -> list[str]:
    if not isinstance(parties, list) or not parties:
        raise Refusal("CMN-101", parameter="to")
    if len(parties) > MAX_RECIPIENTS:
        raise Refusal("MSG-381")
    extensions = {each.number for each in world.account.extensions}
    numbers: list[str] = []
    for party in parties:
        written = _phone_number_of(party, "to")
        number = read_number(written, "to.phoneNumber", extensions)
        if number in numbers:
            raise Refusal("CMN-406", parameter="to", detail=number)
        numbers.append(number)
    return numbers


def _read_sender(world: World, sender: Extension, party: Any) -> PhoneNumber:
    extensions = {each.number for each in world.account.extensions}
    written = read_number(_phone_number_of(party, "from"), "from.phoneNumber", extensions)
    number = world.account.get_number(written)
    if number is None or not world.account.sees(sender, number):
        raise Refusal("MSG-245", parameter="from")
    if number.type == "FaxOnly":
        raise Refusal("MSG-241")
    if sender.type not in {"User", "Department"}:
        raise Refusal("MSG-314")
    if number.status != "Normal":
        raise Refusal("MSG-242")
    if "SmsSender" not in world.account.features_for(sender, number):
        raise Refusal("MSG-367")
    return number


def _check_destinations(
    world: World, sender: Extension, number: PhoneNumber, recipients: list[str]
) -> None:
    if number.is_toll_free and not world.account.toll_free_sms:
        raise Refusal("MSG-397")
    features = world.account.features_for(sender, number)
    for recipient in recipients:
        if recipient in world.account.blocked_numbers:
            raise Refusal("MSG-243")
        if number.is_toll_free and region_of(recipient) != "US":
            raise Refusal("MSG-403")
        if is_domestic(recipient):
            continue
        if not world.account.international_sms or "InternationalSmsSender" not in features:
            raise Refusal("MSG-240", detail=recipient)


def _check_mms(world: World, sender: Extension, number: PhoneNumber) -> None:
    """Several recipients make a group MMS, so they need what files need."""
    if not world.account.mms:
        raise Refusal("BIL-103")
    if "MmsSender" not in world.account.features_for(sender, number):
        raise Refusal("MSG-380")


def _check_daily_limit(world: World, number: PhoneNumber) -> None:
    limit = world.settings.daily_send_limit
    if limit is None:
        return
    since = world.clock.now() - timedelta(days=1)
    today = [
        each
        for each in world.sent
        if each.from_number == number.phone_number and each.created_at > since
    ]
    if len(today) >= limit:
        raise Refusal("MSG-384")
