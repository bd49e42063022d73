"""Which numbers a login may send from, whose they are, and where their texts live."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bridge.outbox.gates import REPLY
from bridge.relay.texts import OwnNumber
from bridge.ringcentral.client import RingCentralClient
from bridge.ringcentral.parse import Store, parse_number
from bridge.ringcentral.problems import Refusal
from bridge.ringcentral.stores import read_store

NUMBERS_PATH = "/restapi/v1.0/account/~/extension/~/phone-number"
PAGE_SIZE = 100
MOST_PAGES = 50
MOST_REGISTRATIONS = 20  # one request each, of the 50 a minute

OWNER_KINDS = {
    "User": "user",
    "DigitalUser": "user",
    "VirtualUser": "user",
    "Department": "queue",
    "Site": "site",
    "IvrMenu": "company",
}
OWNER_WORDS = {"queue": "call queue", "site": "site", "company": "IVR menu", "other": "extension"}

NOT_READY = (
    "RingCentral has not finished setting this number up (status {status}): wait, or ask "
    "RingCentral's support."
)
HIGH_VOLUME = (
    "It is a high-volume number, which ordinary texts cannot be sent from: choose another number."
)
NO_SMS = (
    "This login may not text from it: an administrator assigns the number's SMS to this user in "
    "RingCentral's Admin Portal, and registers the number for texting."
)
UNREGISTERED = (
    "Its registration for texting is not confirmed yet (status {status}): texts to it arrive, "
    "texts from it would fail; an administrator finishes the registration in the Admin Portal."
)
UNREADABLE_QUEUE = (
    "This login may text from it but not read its texts: make its user a super admin, or a manager "
    "of the call queue with full access to its messages."
)


class Directory:
    """The numbers of one login."""

    def __init__(self, client: RingCentralClient, region: str) -> None:
        self._client = client
        self._region = region
        self._looked_up = 0

    async def numbers(self) -> list[OwnNumber]:
        """All numbers the login sees, those it can send from first. Raises a Problem."""
        own = await self._client.identity()
        owners = _Owners(self._client, own)
        records = [
            record
            for record in await self._records()
            if record.get("phoneNumber") and record.get("type") != "FaxOnly"
        ]
        found = [await self._read(record, own, owners) for record in records]
        return sorted(found, key=lambda each: (not each.can_send, each.phone_number))

    async def _records(self) -> list[Mapping[str, Any]]:
        records: list[Mapping[str, Any]] = []
        for page in range(1, MOST_PAGES + 1):
            answer = await self._client.request(
                "GET", NUMBERS_PATH, params={"page": page, "perPage": PAGE_SIZE}, priority=REPLY
            )
            records += answer.get("records", [])
            if page >= int(answer.get("paging", {}).get("totalPages", 1)):
                break
        return records

    async def _read(self, record: Mapping[str, Any], own: Store, owners: _Owners) -> OwnNumber:
        owner = record.get("extension") or {}
        kind = owner_kind(record)
        # A queue's texts live in its own store; those of a site's or the company's number in the
        # store of the user it is assigned to.
        store = Store(own.account_id, str(owner["id"])) if kind == "queue" else own
        why_not_send = why_not_sendable(record) or await self._why_not_registered(record)
        why_not_receive = await self._why_not_receivable(record, kind, store)
        return OwnNumber(
            phone_number=parse_number(record["phoneNumber"], self._region),
            login_id=self._client.login_id,
            store=str(store),
            owner_name=await owners.name(record, kind),
            owner_kind=kind,
            can_send=why_not_send is None,
            can_receive=why_not_receive is None,
            takes_files="MmsSender" in record.get("features", ()),
            why_not=why_not_send or why_not_receive,
        )

    async def _why_not_registered(self, record: Mapping[str, Any]) -> str | None:
        """Local numbers text through a registered campaign; none is shown for other numbers."""
        self._looked_up += 1
        if self._looked_up > MOST_REGISTRATIONS or not record.get("id"):
            return None
        path = f"{NUMBERS_PATH}/{record['id']}/sms-configuration"
        try:
            answer = await self._client.request("GET", path, priority=REPLY)
        except Refusal:  # not every account tells
            return None
        status = (answer.get("smsCampaignInfo") or {}).get("status", "Confirmed")
        return None if status == "Confirmed" else UNREGISTERED.format(status=status)

    async def _why_not_receivable(
        self, record: Mapping[str, Any], kind: str, store: Store
    ) -> str | None:
        """Whoever may text from a number gets its texts, but a queue's store has rights of its own;
        they are asked of RingCentral, which alone knows."""
        unsendable = why_not_sendable(record)
        if unsendable is not None or kind != "queue":
            return unsendable
        try:
            await read_store(self._client, str(store), "message-store", {"perPage": 1}, REPLY)
        except Refusal as refusal:
            if refusal.status not in (403, 404):
                raise
            return UNREADABLE_QUEUE
        return None


def owner_kind(record: Mapping[str, Any]) -> str:
    """user, queue, site, company or other: whose number it is."""
    owner = record.get("extension")
    if isinstance(owner, Mapping) and owner.get("type"):
        return OWNER_KINDS.get(owner["type"], "other")
    usage = str(record.get("usageType", ""))
    return "company" if "Company" in usage else "user"


def why_not_sendable(record: Mapping[str, Any]) -> str | None:
    """A sentence with its remedy where the login cannot text from the number."""
    features = record.get("features", ())
    status = record.get("status", "Normal")
    if status != "Normal":
        return NOT_READY.format(status=status)
    if "SmsSender" in features:
        return None
    return HIGH_VOLUME if "A2PSmsSender" in features else NO_SMS


class _Owners:
    """Names of owners, each asked for once."""

    def __init__(self, client: RingCentralClient, own: Store) -> None:
        self._client = client
        self._own = own
        self._names: dict[str, str] = {}

    async def name(self, record: Mapping[str, Any], kind: str) -> str:
        """What people call the owner."""
        owner = record.get("extension") or {}
        if kind == "company" and not owner:
            return "Company"
        extension_id = str(owner.get("id") or self._own.extension_id)
        if extension_id not in self._names:
            self._names[extension_id] = await self._ask_name(extension_id, owner, kind)
        return self._names[extension_id]

    async def _ask_name(self, extension_id: str, owner: Mapping[str, Any], kind: str) -> str:
        path = f"/restapi/v1.0/account/~/extension/{extension_id}"
        try:
            extension = await self._client.request("GET", path, priority=REPLY)
        except Refusal:  # not every login may read others' extensions
            extension = {}
        number = extension.get("extensionNumber") or owner.get("extensionNumber")
        plain = f"{OWNER_WORDS.get(kind, 'extension')} {number or extension_id}"
        return str(extension.get("name") or owner.get("name") or plain)
