"""The company: account, extensions, directory entries, features."""

from __future__ import annotations

from bridge.sandbox.ringcentral.account import Extension, PhoneNumber
from bridge.sandbox.ringcentral.api.whose import named_extension
from bridge.sandbox.ringcentral.calls import Answer, Call, Json, navigation, paging
from bridge.sandbox.ringcentral.errors import DirectoryRefusal
from bridge.sandbox.ringcentral.world import World

DEFAULT_PER_PAGE, MAX_PER_PAGE = 100, 1000
DIRECTORY_PER_PAGE, DIRECTORY_MAX_PER_PAGE = 1000, 2000
# The directory shows these; a frozen extension is reported like a disabled one nowhere else.
DIRECTORY_TYPES = {"User", "Department", "Site", "IvrMenu", "Announcement"}


async def get_versions(world: World, _call: Call) -> Answer:
    """The API's version, for whoever looks whether the host is alive."""
    return Answer(
        {
            "uri": f"{world.base_url}/restapi/",
            "apiVersions": [
                {
                    "uri": f"{world.base_url}/restapi/v1.0",
                    "versionString": "1.0.60",
                    "releaseDate": "2026-08-01T00:00:00.000Z",
                    "uriString": "v1.0",
                }
            ],
            "serverVersion": "26.3",
            "serverRevision": "sandbox",
        }
    )


def _account_url(world: World) -> str:
    return f"{world.base_url}/restapi/v1.0/account/{world.account.account_id}"


def _main_number(world: World) -> str:
    for number in world.account.numbers:
        if number.usage_type == "MainCompanyNumber":
            return number.phone_number
    return ""


async def get_account(world: World, _call: Call) -> Answer:
    """The company itself."""
    operator = world.account.extensions[0]
    return Answer(
        {
            "id": world.account.account_id,
            "uri": _account_url(world),
            "mainNumber": _main_number(world).removeprefix("+"),
            "operator": {
                "id": operator.extension_id,
                "uri": f"{_account_url(world)}/extension/{operator.extension_id}",
                "extensionNumber": operator.number,
            },
            "status": "Confirmed",
            "setupWizardState": "Completed",
            "regionalSettings": _regional_settings(world),
            "serviceInfo": {"uri": f"{_account_url(world)}/service-info"},
        }
    )


def _regional_settings(world: World) -> Json:
    dictionary = f"{world.base_url}/restapi/v1.0/dictionary"
    return {
        "homeCountry": {
            "id": "1",
            "uri": f"{dictionary}/country/1",
            "name": "United States",
            "isoCode": "US",
            "callingCode": "1",
        },
        "timezone": {
            "id": "58",
            "uri": f"{dictionary}/timezone/58",
            "name": "US/Pacific",
            "description": "Pacific Time (US & Canada)",
            "bias": "-480",
        },
        "timeFormat": "12h",
    }


def _extension_members(world: World, extension: Extension) -> Json:
    contact: Json = {"company": world.account.name, "firstName": extension.name}
    if extension.first_name:
        contact = {"firstName": extension.first_name, "company": world.account.name}
    if extension.last_name:
        contact["lastName"] = extension.last_name
    if extension.email:
        contact["email"] = extension.email
    return {
        "id": extension.extension_id,
        "uri": f"{_account_url(world)}/extension/{extension.extension_id}",
        "extensionNumber": extension.number,
        "name": extension.name,
        "type": extension.type,
        "status": extension.status,
        "contact": contact,
        "hidden": False,
        "permissions": {
            "admin": {"enabled": extension.is_admin},
            "internationalCalling": {"enabled": False},
        },
    }


async def get_extension(world: World, call: Call) -> Answer:
    """One extension with its account and settings."""
    extension = named_extension(world, call)
    members = _extension_members(world, extension) | {
        "account": {"id": str(world.account.account_id), "uri": _account_url(world)},
        "regionalSettings": _regional_settings(world),
        "setupWizardState": "Completed",
        "serviceFeatures": [
            {"featureName": "SMS", "enabled": True},
            {"featureName": "MMS", "enabled": world.account.mms},
            {"featureName": "SMSReceiving", "enabled": True},
            {"featureName": "InternationalSMS", "enabled": world.account.international_sms},
        ],
    }
    return Answer(members)


async def find_extensions(world: World, call: Call) -> Answer:
    """The company's extensions by number, status and type."""
    statuses, types = call.values("status"), call.values("type")
    found = [
        extension
        for extension in world.account.extensions
        if call.query.get("extensionNumber", extension.number) == extension.number
        and (not statuses or extension.status in statuses)
        and (not types or extension.type in types)
    ]
    page = call.number("page", 1)
    per_page = min(call.number("perPage", DEFAULT_PER_PAGE), MAX_PER_PAGE)
    shown = found[(page - 1) * per_page : page * per_page]
    return Answer(
        {
            "uri": f"{world.base_url}{call.path}",
            "records": [_extension_members(world, extension) for extension in shown],
            "paging": paging(page, per_page, len(found), len(shown)),
            "navigation": navigation(call, world.base_url, page, -(-len(found) // per_page)),
        }
    )


async def find_entries(world: World, call: Call) -> Answer:
    """The company directory: string ids, states, and the numbers of each entry."""
    wanted = call.query.get("type")
    found = [
        extension
        for extension in world.account.extensions
        if extension.type in DIRECTORY_TYPES and wanted in {None, extension.type}
    ]
    page, per_page = _directory_page(call, len(found))
    shown = found[(page - 1) * per_page : page * per_page]
    numbers = paging(page, per_page, len(found), len(shown))
    numbers["perPage"] = min(per_page, MAX_PER_PAGE)
    return Answer({"records": [_entry(world, each) for each in shown], "paging": numbers})


def _directory_page(call: Call, total: int) -> tuple[int, int]:
    per_page = call.query.get("perPage", str(DIRECTORY_PER_PAGE))
    page = call.query.get("page", "1")
    if not page.isdecimal() or int(page) < 1:
        raise DirectoryRefusal("ADG-121", 400, "Parameter [page] is invalid.", "page")
    if per_page in {"max", "all"}:
        return int(page), max(total, DIRECTORY_MAX_PER_PAGE)
    if not per_page.isdecimal() or not 1 <= int(per_page) <= DIRECTORY_MAX_PER_PAGE:
        raise DirectoryRefusal("ADG-121", 400, "Parameter [perPage] is invalid.", "perPage")
    return int(page), int(per_page)


def _entry(world: World, extension: Extension) -> Json:
    entry: Json = {
        "id": str(extension.extension_id),
        "type": extension.type,
        "status": extension.status,
        "extensionNumber": extension.number,
        "name": extension.name,
        "hidden": False,
        "account": {
            "id": str(world.account.account_id),
            "companyName": world.account.name,
            "mainNumber": {"phoneNumber": _main_number(world)},
        },
        "phoneNumbers": [
            _entry_number(number)
            for number in world.account.numbers
            if number.extension_id == extension.extension_id
        ],
    }
    if extension.first_name:
        entry["firstName"] = extension.first_name
    if extension.last_name:
        entry["lastName"] = extension.last_name
    if extension.email:
        entry["email"] = extension.email
    return entry


def _entry_number(number: PhoneNumber) -> Json:
    return {
        "phoneNumber": number.phone_number,
        "formattedPhoneNumber": number.phone_number,
        "type": number.type,
        "usageType": number.usage_type,
        "hidden": False,
    }


async def find_features(world: World, call: Call) -> Answer:
    """The features that decide where texts live; unavailable ones say why."""
    extension = named_extension(world, call)
    holds_queue_number = any(
        number.extension_id and world.account.extension(number.extension_id).type == "Department"
        for number in world.account.numbers
        if extension.extension_id in number.sms_holder_ids
    )
    available = {
        "SMSSending": True,
        "ReadMessages": True,
        "CallQueueSmsRecipient": holds_queue_number,
        "SharedVoicemail": False,
        "MessageThreads": False,
    }
    asked = call.values("featureId") or list(available)
    records = [_feature(name, available.get(name, False)) for name in asked]
    if call.flag("availableOnly"):
        records = [record for record in records if record["available"]]
    return Answer({"records": records})


def _feature(name: str, is_available: bool) -> Json:
    if is_available:
        return {"id": name, "available": True}
    reason = {
        "code": "ServicePlanLimitation",
        "message": "Feature is not available for current edition (tier)",
    }
    return {"id": name, "available": False, "reason": reason}
