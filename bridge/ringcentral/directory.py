"""Which numbers a login may send from, whose they are, and where their texts live."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from bridge.clock import monotonic
from bridge.outbox.gates import REPLY
from bridge.relay.texts import OwnNumber
from bridge.ringcentral.client import RingCentralClient
from bridge.ringcentral.parse import Store, parse_number
from bridge.ringcentral.problems import Refusal
from bridge.ringcentral.stores import read_store

NUMBERS_PATH = "/restapi/v1.0/account/~/extension/~/phone-number"
ACCOUNT_NUMBERS_PATH = "/restapi/v1.0/account/~/phone-number"
PAGE_SIZE = 100
MOST_ACCOUNT_PAGES = 5
MOST_PAGES = 50
MOST_REGISTRATIONS = 20  # one request each, of the 50 a minute
MOST_AT_ONCE = 8  # of the 16 connections
KEPT_SECONDS = 60.0

Record = Mapping[str, Any]

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


@dataclass(frozen=True)
class Owner:
    """Whose number it is; `extension_number` is empty for the company's own."""

    extension_number: str
    name: str


class Directory:
    """The numbers of one login. The whole list is kept for a minute: it costs many requests."""

    def __init__(self, client: RingCentralClient, region: str) -> None:
        self._client = client
        self._region = region
        self._at_once = asyncio.Semaphore(MOST_AT_ONCE)
        self._kept: list[OwnNumber] = []
        self._kept_until = 0.0

    async def numbers(self) -> list[OwnNumber]:
        """All numbers the login sees, those it can send from first. Raises a Problem."""
        if monotonic() >= self._kept_until:
            found = await self._read(await self._records())
            self._kept = sorted(found, key=lambda each: (not each.can_send, each.phone_number))
            self._kept_until = monotonic() + KEPT_SECONDS
        return list(self._kept)

    async def number(self, phone_number: str) -> OwnNumber | None:
        """One of them as it is now, in three round trips; None for none. Raises a Problem."""
        return (await self.some([phone_number])).get(phone_number)

    async def some(self, phone_numbers: Collection[str]) -> dict[str, OwnNumber]:
        """Those of these that the login has, as they are now. Raises a Problem."""
        found = [each for each in await self._records() if self._e164(each) in phone_numbers]
        return {each.phone_number: each for each in await self._read(found)}

    async def owners(self, phone_numbers: Collection[str]) -> dict[str, Owner]:
        """Whose these numbers of the account are, those that are found. Raises a Problem.

        Each page counts against the ten requests a minute of the heavy group.
        """
        found: dict[str, Owner] = {}
        for page in range(1, MOST_ACCOUNT_PAGES + 1):
            answer = await self._ask(ACCOUNT_NUMBERS_PATH, {"page": page, "perPage": PAGE_SIZE})
            for record in answer.get("records", ()):
                number = self._e164(record) if record.get("phoneNumber") else ""
                if number in phone_numbers:
                    found[number] = await self._owner_of(record)
            last = int(answer.get("paging", {}).get("totalPages", 1))
            if page >= last or found.keys() >= set(phone_numbers):
                break
        return found

    async def _owner_of(self, record: Record) -> Owner:
        extension = record.get("extension") or {}
        if not extension.get("id"):
            return Owner("", "Company")
        name = await self._owner_name(str(extension["id"]), record)
        return Owner(str(extension.get("extensionNumber") or ""), name)

    def _e164(self, record: Record) -> str:
        return parse_number(record["phoneNumber"], self._region)

    async def _ask(self, path: str, params: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        async with self._at_once:
            return await self._client.request("GET", path, params=params, priority=REPLY)

    async def _records(self) -> list[Record]:
        first = await self._page(1)
        last = min(int(first.get("paging", {}).get("totalPages", 1)), MOST_PAGES)
        others = await asyncio.gather(*(self._page(number) for number in range(2, last + 1)))
        return [
            record
            for page in (first, *others)
            for record in page.get("records", [])
            if record.get("phoneNumber") and record.get("type") != "FaxOnly"
        ]

    async def _page(self, number: int) -> Mapping[str, Any]:
        return await self._ask(NUMBERS_PATH, {"page": number, "perPage": PAGE_SIZE})

    async def _read(self, records: Sequence[Record]) -> list[OwnNumber]:
        """All that is to be asked about them, asked side by side."""
        own = await self._client.identity()
        able = [each for each in records if why_not_sendable(each) is None]
        told = [each for each in able if each.get("id")][:MOST_REGISTRATIONS]
        queues = [each for each in able if owner_kind(each) == "queue"]
        names, unregistered, unreadable = await asyncio.gather(
            self._owner_names(records, own),
            self._ask_each(told, self._why_not_registered),
            self._ask_each(queues, partial(self._why_not_readable, own)),
        )
        return [
            self._own_number(
                record,
                own,
                names.get(_owner_id(record, own) or ""),
                unregistered.get(record["phoneNumber"]),
                unreadable.get(record["phoneNumber"]),
            )
            for record in records
        ]

    async def _ask_each(
        self, records: Sequence[Record], question: Callable[[Record], Awaitable[str | None]]
    ) -> dict[str, str | None]:
        found = await asyncio.gather(*(question(each) for each in records))
        return dict(zip((each["phoneNumber"] for each in records), found, strict=True))

    def _own_number(
        self,
        record: Record,
        own: Store,
        owner_name: str | None,
        unregistered: str | None,
        unreadable: str | None,
    ) -> OwnNumber:
        unsendable = why_not_sendable(record)
        return OwnNumber(
            phone_number=self._e164(record),
            login_id=self._client.login_id,
            store=str(_store_of(record, own)),
            owner_name=owner_name or "Company",
            owner_kind=owner_kind(record),
            can_send=not (unsendable or unregistered),
            can_receive=not (unsendable or unreadable),
            takes_files="MmsSender" in record.get("features", ()),
            why_not=unsendable or unregistered or unreadable,
        )

    async def _why_not_registered(self, record: Record) -> str | None:
        """Local numbers text through a registered campaign; none is shown for other numbers."""
        try:
            answer = await self._ask(f"{NUMBERS_PATH}/{record['id']}/sms-configuration")
        except Refusal:  # not every account tells
            return None
        status = (answer.get("smsCampaignInfo") or {}).get("status", "Confirmed")
        return None if status == "Confirmed" else UNREGISTERED.format(status=status)

    async def _why_not_readable(self, own: Store, record: Record) -> str | None:
        """Whoever may text from a number gets its texts, but a queue's store has rights of its own;
        they are asked of RingCentral, which alone knows."""
        store = str(_store_of(record, own))
        try:
            async with self._at_once:
                await read_store(self._client, store, "message-store", {"perPage": 1}, REPLY)
        except Refusal as refusal:
            if refusal.status not in (403, 404):
                raise
            return UNREADABLE_QUEUE
        return None

    async def _owner_names(self, records: Sequence[Record], own: Store) -> dict[str, str]:
        """What people call each owner, by extension id, each asked for once."""
        by_id = {_owner_id(each, own) or "": each for each in records}
        by_id.pop("", None)
        names = await asyncio.gather(*(self._owner_name(*each) for each in by_id.items()))
        return dict(zip(by_id, names, strict=True))

    async def _owner_name(self, extension_id: str, record: Record) -> str:
        owner = record.get("extension") or {}
        try:
            extension = await self._ask(f"/restapi/v1.0/account/~/extension/{extension_id}")
        except Refusal:  # not every login may read others' extensions
            extension = {}
        number = extension.get("extensionNumber") or owner.get("extensionNumber")
        kind = OWNER_WORDS.get(owner_kind(record), "extension")
        return str(extension.get("name") or owner.get("name") or f"{kind} {number or extension_id}")


def _store_of(record: Record, own: Store) -> Store:
    """A queue's texts live in its own store; those of a site's or the company's number in the
    store of the user it is assigned to."""
    if owner_kind(record) != "queue":
        return own
    return Store(own.account_id, str(record["extension"]["id"]))


def _owner_id(record: Record, own: Store) -> str | None:
    """The extension it belongs to; None for the company's own."""
    owner = record.get("extension") or {}
    if owner_kind(record) == "company" and not owner:
        return None
    return str(owner.get("id") or own.extension_id)


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
