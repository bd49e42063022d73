"""Phone numbers as an extension and as the account see them, and their registration."""

from __future__ import annotations

from bridge.sandbox.ringcentral.account import Extension, PhoneNumber
from bridge.sandbox.ringcentral.api.whose import named_extension
from bridge.sandbox.ringcentral.calls import Answer, Call, Json, navigation, paging
from bridge.sandbox.ringcentral.dialing import location_of
from bridge.sandbox.ringcentral.errors import Refusal
from bridge.sandbox.ringcentral.world import World

DEFAULT_PER_PAGE, MAX_PER_PAGE = 100, 1000
STATUSES = {"Normal", "Pending", "PortedIn", "Temporary", "Unknown"}
UNITED_STATES = "1"


def _extension_url(world: World, extension: Extension) -> str:
    account_id = world.account.account_id
    path = f"/restapi/v1.0/account/{account_id}/extension/{extension.extension_id}"
    return world.base_url + path


def _shared_members(number: PhoneNumber) -> Json:
    record: Json = {
        "id": number.number_id,
        "phoneNumber": number.phone_number,
        "paymentType": number.payment_type,
        "type": number.type,
        "usageType": number.usage_type,
        "status": number.status,
    }
    if number.label:
        record["label"] = number.label
    location = location_of(number.phone_number)
    if location is not None:
        record["location"] = location
    return record


def _owner(world: World, number: PhoneNumber, *, with_type: bool) -> Json:
    owner = world.account.get_extension(number.extension_id) if number.extension_id else None
    if owner is None:
        return {}
    shown: Json = {
        "id": owner.extension_id,
        "uri": _extension_url(world, owner),
        "extensionNumber": owner.number,
        "name": owner.name,
    }
    return {"extension": shown | ({"type": owner.type} if with_type else {})}


def _page(world: World, call: Call, records: list[Json]) -> Answer:
    page = call.number("page", 1)
    per_page = min(call.number("perPage", DEFAULT_PER_PAGE), MAX_PER_PAGE)
    shown = records[(page - 1) * per_page : page * per_page]
    body = {
        "uri": f"{world.base_url}{call.path}",
        "records": shown,
        "paging": paging(page, per_page, len(records), len(shown)),
        "navigation": navigation(call, world.base_url, page, -(-len(records) // per_page)),
    }
    return Answer(body)


def _is_asked_for(call: Call, number: PhoneNumber) -> bool:
    statuses, usages = call.values("status"), call.values("usageType")
    if not set(statuses) <= STATUSES:
        raise Refusal("CMN-101", parameter="status")
    if not all(usage.isalpha() for usage in usages):
        raise Refusal("CMN-101", parameter="usageType")
    return (not statuses or number.status in statuses) and (
        not usages or number.usage_type in usages
    )


async def find_of_extension(world: World, call: Call) -> Answer:
    """The numbers of an extension with the features it has on each; only this list has them."""
    extension = named_extension(world, call)
    country = {
        "id": UNITED_STATES,
        "uri": f"{world.base_url}/restapi/v1.0/dictionary/country/{UNITED_STATES}",
        "name": "United States",
    }
    records = [
        {
            "uri": f"{_extension_url(world, extension)}/phone-number/{number.number_id}",
            **_shared_members(number),
            "country": country,
            "features": world.account.features_for(extension, number),
            **_owner(world, number, with_type=True),
        }
        for number in world.account.numbers
        if world.account.sees(extension, number) and _is_asked_for(call, number)
    ]
    return _page(world, call, records)


async def find_of_account(world: World, call: Call) -> Answer:
    """All numbers of the company, without features."""
    path = f"{world.base_url}/restapi/v1.0/account/{world.account.account_id}/phone-number"
    records = [
        {
            "uri": f"{path}/{number.number_id}",
            **_shared_members(number),
            **_owner(world, number, with_type=False),
        }
        for number in world.account.numbers
        if _is_asked_for(call, number)
    ]
    return _page(world, call, records)


async def find_sms_recipients(world: World, call: Call) -> Answer:
    """Who may text for the numbers of a call queue or site."""
    extension = named_extension(world, call)
    holder_ids = {
        holder_id
        for number in world.account.numbers
        if number.extension_id == extension.extension_id
        for holder_id in number.sms_holder_ids
    }
    recipients = [
        {
            "id": str(each.extension_id),
            "extensionNumber": each.number,
            "extensionType": each.type,
            "name": each.name,
            "assignable": True,
            "hasLicense": True,
        }
        for each in world.account.extensions
        if each.extension_id in holder_ids
    ]
    return Answer({"smsRecipients": recipients})


async def get_sms_configuration(world: World, call: Call) -> Answer:
    """The registration of a number; campaign and brand are missing where none is linked."""
    extension = named_extension(world, call)
    for number in world.account.numbers:
        wanted = str(number.number_id) == call.params["phoneNumberId"]
        if wanted and world.account.sees(extension, number):
            return Answer(_sms_configuration(number))
    raise Refusal("CMN-102", parameter="phoneNumberId")


def _sms_configuration(number: PhoneNumber) -> Json:
    shown: Json = {"phoneNumberId": str(number.number_id), "phoneNumber": number.phone_number}
    if number.campaign_status is None:
        return shown
    return shown | {
        "smsCampaignInfo": {
            "id": "CSANDBOX",
            "status": number.campaign_status,
            "registrationTier": "LowVolume",
            "useCases": ["CustomerCare"],
        },
        "smsBrandInfo": {"id": "BSANDBOX", "status": "Confirmed"},
    }
