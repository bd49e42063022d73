"""Which numbers a login may send from, whose they are, and where their texts live."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import structlog

from bridge.clock import monotonic
from bridge.outbox.gates import AUTOMATIC, REPLY
from bridge.relay.texts import OwnNumber
from bridge.ringcentral.client import RingCentralClient
from bridge.ringcentral.parse import Store, parse_number
from bridge.ringcentral.problems import NotSent, Refusal
from bridge.ringcentral.stores import read_store

log = structlog.get_logger(__name__)

NUMBERS_PATH = "/restapi/v1.0/account/~/extension/~/phone-number"
ACCOUNT_NUMBERS_PATH = "/restapi/v1.0/account/~/phone-number"
PAGE_SIZE = 100
MOST_ACCOUNT_PAGES = 5
MOST_PAGES = 50
MOST_QUESTIONS = 20  # at a time, one request each, of the 30 a minute that the automatic have
MOST_AT_ONCE = 8  # of the 16 connections
KEPT_SECONDS = 60.0
PARTS_KEPT_SECONDS = 600.0
LIST_SECONDS = 12.0  # inside the time the outbox gives to preparing an answer

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


Question = Callable[[], Awaitable[str | None]]


@dataclass
class _SoFar:
    """What RingCentral has answered of a list: whoever asks next goes on where it was cut off."""

    begun_at: float
    pages: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    answers: dict[str, str | None] = field(default_factory=dict)  # by the question's name


class Directory:
    """The numbers of one login. The whole list is kept for a minute: it costs many requests.

    RingCentral lets so few be asked a minute that a large company's list takes several; what is
    known of it is given after `list_seconds`.
    """

    def __init__(
        self, client: RingCentralClient, region: str, list_seconds: float = LIST_SECONDS
    ) -> None:
        self._client = client
        self._region = region
        self._list_seconds = list_seconds
        self._at_once = asyncio.Semaphore(MOST_AT_ONCE)
        self._listing = asyncio.Lock()
        self._so_far = _SoFar(monotonic())
        self._kept: list[OwnNumber] = []
        self._kept_until = 0.0

    async def numbers(self) -> list[OwnNumber]:
        """All numbers the login sees, those it can send from first. Raises a Problem.

        Where there was no time to ask all about a number it is not `is_checked`; a later call asks
        on.
        """
        if monotonic() >= self._kept_until:
            found = await self._list()
            self._kept = sorted(found, key=lambda each: (not each.can_send, each.phone_number))
            if all(each.is_checked for each in found):
                self._kept_until = monotonic() + KEPT_SECONDS
                self._so_far.pages = {}
        return list(self._kept)

    async def _list(self) -> list[OwnNumber]:
        so_far = self._recall()
        own = await self._client.identity()
        try:
            async with asyncio.timeout(self._list_seconds), self._listing:
                records = await self._records(so_far.pages, AUTOMATIC)
                questions = self._questions(records, own, AUTOMATIC)
                await self._ask_unknown(questions, so_far.answers, MOST_QUESTIONS)
        except TimeoutError:
            log.info("ringcentral.list_cut_off", pages=len(so_far.pages))
        records = self._records_of(so_far.pages.values())
        if not records and not so_far.pages:
            raise NotSent("RingCentral lets nothing more be asked now: ask again in a minute.")
        return [self._own_number(each, own, so_far.answers) for each in records]

    def _recall(self) -> _SoFar:
        """What earlier calls have learnt: names for good, the rest until the list was whole."""
        is_old = monotonic() - self._so_far.begun_at >= PARTS_KEPT_SECONDS
        if is_old or not self._so_far.pages:
            answers = self._so_far.answers
            names = {key: name for key, name in answers.items() if key.startswith(_NAME)}
            self._so_far = _SoFar(monotonic(), answers=names)
        return self._so_far

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

    async def _ask(
        self, path: str, params: Mapping[str, Any] | None = None, priority: int = REPLY
    ) -> Mapping[str, Any]:
        async with self._at_once:
            return await self._client.request("GET", path, params=params, priority=priority)

    async def _records(
        self, pages: dict[int, Mapping[str, Any]] | None = None, priority: int = REPLY
    ) -> list[Record]:
        """Of all pages; those in `pages` are not asked for again, others are added to it."""
        pages = {} if pages is None else pages
        if 1 not in pages:
            pages[1] = await self._page(1, priority)
        last = min(int(pages[1].get("paging", {}).get("totalPages", 1)), MOST_PAGES)

        async def add(number: int) -> None:
            pages[number] = await self._page(number, priority)

        missing = [number for number in range(2, last + 1) if number not in pages]
        await asyncio.gather(*map(add, missing))
        return self._records_of(pages.values())

    async def _page(self, number: int, priority: int) -> Mapping[str, Any]:
        return await self._ask(NUMBERS_PATH, {"page": number, "perPage": PAGE_SIZE}, priority)

    def _records_of(self, pages: Iterable[Mapping[str, Any]]) -> list[Record]:
        return [
            record
            for page in pages
            for record in page.get("records", [])
            if record.get("phoneNumber") and record.get("type") != "FaxOnly"
        ]

    async def _read(self, records: Sequence[Record]) -> list[OwnNumber]:
        """All that is to be asked about them, asked side by side."""
        own = await self._client.identity()
        answers: dict[str, str | None] = {}
        await self._ask_unknown(self._questions(records, own), answers, MOST_QUESTIONS)
        return [self._own_number(each, own, answers) for each in records]

    def _questions(
        self, records: Sequence[Record], own: Store, priority: int = REPLY
    ) -> dict[str, Question]:
        """What is to be asked about these numbers, each once: rights first, names at last."""
        able = [each for each in records if why_not_sendable(each) is None]
        registrations: dict[str, Question] = {
            _registration_of(each): partial(self._why_not_registered, each, priority)
            for each in able
            if each.get("id")
        }
        queues: dict[str, Question] = {
            _queue_of(each, own): partial(self._why_not_readable, own, each, priority)
            for each in able
            if owner_kind(each) == "queue"
        }
        names: dict[str, Question] = {
            _name_of(each, own): partial(
                self._owner_name, _owner_id(each, own) or "", each, priority
            )
            for each in records
            if _is_nameless(each, own)
        }
        return queues | registrations | names

    async def _ask_unknown(
        self, questions: Mapping[str, Question], answers: dict[str, str | None], most: int
    ) -> None:
        async def ask(name: str) -> None:
            answers[name] = await questions[name]()

        unknown = [name for name in questions if name not in answers]
        await asyncio.gather(*(ask(name) for name in unknown[:most]))

    def _own_number(
        self, record: Record, own: Store, answers: Mapping[str, str | None]
    ) -> OwnNumber:
        unsendable = why_not_sendable(record)
        unregistered = answers.get(_registration_of(record))
        unreadable = answers.get(_queue_of(record, own)) if not unsendable else None
        given_name = (record.get("extension") or {}).get("name")
        return OwnNumber(
            phone_number=self._e164(record),
            login_id=self._client.login_id,
            store=str(_store_of(record, own)),
            owner_name=str(given_name or answers.get(_name_of(record, own)) or "Company"),
            owner_kind=owner_kind(record),
            can_send=not (unsendable or unregistered),
            can_receive=not (unsendable or unreadable),
            takes_files="MmsSender" in record.get("features", ()),
            why_not=unsendable or unregistered or unreadable,
            is_checked=self._questions([record], own).keys() <= answers.keys(),
        )

    async def _why_not_registered(self, record: Record, priority: int) -> str | None:
        """Local numbers text through a registered campaign; none is shown for other numbers."""
        try:
            answer = await self._ask(
                f"{NUMBERS_PATH}/{record['id']}/sms-configuration", priority=priority
            )
        except Refusal:  # not every account tells
            return None
        status = (answer.get("smsCampaignInfo") or {}).get("status", "Confirmed")
        return None if status == "Confirmed" else UNREGISTERED.format(status=status)

    async def _why_not_readable(self, own: Store, record: Record, priority: int) -> str | None:
        """Whoever may text from a number gets its texts, but a queue's store has rights of its own;
        they are asked of RingCentral, which alone knows."""
        store = str(_store_of(record, own))
        try:
            async with self._at_once:
                await read_store(self._client, store, "message-store", {"perPage": 1}, priority)
        except Refusal as refusal:
            if refusal.status not in (403, 404):
                raise
            return UNREADABLE_QUEUE
        return None

    async def _owner_name(self, extension_id: str, record: Record, priority: int = REPLY) -> str:
        """What people call an owner whom the list of numbers does not name."""
        owner = record.get("extension") or {}
        try:
            extension = await self._ask(
                f"/restapi/v1.0/account/~/extension/{extension_id}", priority=priority
            )
        except Refusal:  # not every login may read others' extensions
            extension = {}
        number = extension.get("extensionNumber") or owner.get("extensionNumber")
        kind = OWNER_WORDS.get(owner_kind(record), "extension")
        return str(extension.get("name") or owner.get("name") or f"{kind} {number or extension_id}")


_NAME = "name:"


def _name_of(record: Record, own: Store) -> str:
    return f"{_NAME}{_owner_id(record, own)}"


def _registration_of(record: Record) -> str:
    return f"registration:{record.get('id')}"


def _queue_of(record: Record, own: Store) -> str:
    return f"queue:{_store_of(record, own)}"


def _is_nameless(record: Record, own: Store) -> bool:
    """RingCentral's list names most owners by itself."""
    owner = record.get("extension") or {}
    return not owner.get("name") and _owner_id(record, own) is not None


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
