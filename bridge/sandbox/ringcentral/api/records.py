"""The message store: list, get, change, delete, and the bytes of attachments."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from email.utils import quote
from itertools import islice
from typing import Any

from bridge.sandbox.ringcentral.account import Extension
from bridge.sandbox.ringcentral.api.whose import message_in, readable_store, stores_asked_for
from bridge.sandbox.ringcentral.calls import Answer, Call, Json, navigation, paging
from bridge.sandbox.ringcentral.clock import from_iso
from bridge.sandbox.ringcentral.dialing import to_e164
from bridge.sandbox.ringcentral.errors import Refusal
from bridge.sandbox.ringcentral.mailboxes import Query
from bridge.sandbox.ringcentral.messages import Message
from bridge.sandbox.ringcentral.world import World

MULTIPART_JSON = "application/vnd.ringcentral.multipart+json"
DEFAULT_PER_PAGE, MAX_PER_PAGE = 100, 1000
MAX_IDS_IN_PATH, MAX_IDS_IN_BODY = 50, 1000
# Above this many candidates the totals are left out, as RingCentral may: counting costs.
COUNTED_CANDIDATES = 5000
Change = Callable[[Message], None]
DAY = timedelta(days=1)
ALLOWED = {
    "availability": {"Alive", "Deleted", "Purged"},
    "direction": {"Inbound", "Outbound"},
    "messageType": {"Fax", "SMS", "VoiceMail", "Pager"},
    "readStatus": {"Read", "Unread"},
}


def read_time(call: Call, name: str) -> datetime | None:
    text = call.query.get(name)
    if text is None:
        return None
    try:
        return from_iso(text)
    except ValueError:
        raise Refusal("CMN-101", parameter=name) from None


def read_choices(call: Call, name: str) -> frozenset[str]:
    chosen = frozenset(call.values(name))
    if not chosen <= ALLOWED[name]:
        raise Refusal("CMN-101", parameter=name)
    return chosen


def read_conversation_id(call: Call) -> int | None:
    text = call.query.get("conversationId")
    if text is None:
        return None
    if not text.isdecimal():
        raise Refusal("CMN-101", parameter="conversationId")
    return int(text)


def read_query(world: World, call: Call) -> Query:
    """The filters that list and sync share; the window is the last 24 hours unless it is said."""
    date_to = read_time(call, "dateTo") or world.clock.now()
    date_from = read_time(call, "dateFrom") or date_to - DAY
    if date_from > date_to:
        raise Refusal("CMN-101", parameter="dateFrom")
    return Query(
        store_ids=stores_asked_for(world, call),
        date_from=date_from,
        date_to=date_to,
        direction=read_choices(call, "direction"),
        types=read_choices(call, "messageType"),
        conversation_id=read_conversation_id(call),
    )


async def find(world: World, call: Call) -> Answer:
    """List records, newest first; perPage above 1000 is quietly made 1000."""
    query = read_query(world, call)
    query.availability = read_choices(call, "availability") or frozenset({"Alive"})
    query.read_status = read_choices(call, "readStatus")
    phone_number = call.query.get("phoneNumber")
    query.phone_number = phone_number and (to_e164(phone_number) or phone_number)
    page = call.number("page", 1)
    per_page = min(call.number("perPage", DEFAULT_PER_PAGE), MAX_PER_PAGE)
    if call.flag("distinctConversations") or (
        world.mailboxes.candidates(query) <= COUNTED_CANDIDATES
    ):
        return _counted_page(world, call, query, page, per_page)
    return _uncounted_page(world, call, query, page, per_page)


def _counted_page(world: World, call: Call, query: Query, page: int, per_page: int) -> Answer:
    found = list(world.mailboxes.newest_first(query))
    if call.flag("distinctConversations"):
        found = newest_of_each_conversation(found)
    shown = found[(page - 1) * per_page : page * per_page]
    last_page = -(-len(found) // per_page)
    numbers = paging(page, per_page, len(found), len(shown))
    return Answer(_list_body(world, call, shown, numbers, last_page))


def _uncounted_page(world: World, call: Call, query: Query, page: int, per_page: int) -> Answer:
    start = (page - 1) * per_page
    found = list(islice(world.mailboxes.newest_first(query), start, start + per_page + 1))
    shown, has_more = found[:per_page], len(found) > per_page
    numbers: Json = {"page": page, "perPage": per_page}
    if shown:
        numbers |= {"pageStart": start, "pageEnd": start + len(shown) - 1}
    body = _list_body(world, call, shown, numbers, page + 1 if has_more else page)
    if has_more:
        del body["navigation"]["lastPage"]
    return Answer(body)


def _list_body(
    world: World, call: Call, shown: list[Message], numbers: Json, last_page: int
) -> Json:
    return {
        "uri": f"{world.base_url}{call.path}",
        "records": [_record(world, message) for message in shown],
        "paging": numbers,
        "navigation": navigation(call, world.base_url, int(numbers["page"]), last_page),
    }


def _record(world: World, message: Message) -> Json:
    """A deleted record is shown in full when it is asked for by its availability."""
    if message.availability == "Deleted":
        availability, message.availability = message.availability, "Alive"
        record = world.renderer.rest(message)
        message.availability = availability
        return record | {"availability": availability}
    return world.renderer.rest(message)


def newest_of_each_conversation(newest_first: Iterable[Message]) -> list[Message]:
    seen: dict[int, Message] = {}
    for message in newest_first:
        seen.setdefault(message.conversation_id, message)
    return list(seen.values())


# One record or several


async def get(world: World, call: Call) -> Answer:
    """One record, or with ids separated by commas a 207 with one entry each."""
    store = readable_store(world, call)
    ids = call.params["messageId"].split(",")
    if len(ids) == 1:
        return Answer(_record(world, message_in(world, store, ids[0])))
    _check_count(ids, MAX_IDS_IN_PATH)
    return _several(world, [(each, _leave_alone) for each in ids], store)


async def put(world: World, call: Call) -> Answer:
    """Change readStatus, and nothing else."""
    return await _change(world, call, {"readStatus"})


async def patch(world: World, call: Call) -> Answer:
    """Change readStatus, or bring a deleted record back."""
    return await _change(world, call, {"readStatus", "availability"})


async def _change(world: World, call: Call, allowed: set[str]) -> Answer:
    store = readable_store(world, call)
    body = call.json()
    path = call.params["messageId"]
    if path == "*" or isinstance(body, list):
        return _change_each(world, store, _entries(body), allowed)
    ids = path.split(",")
    _check_count(ids, MAX_IDS_IN_PATH)
    wanted = _read_change(body, allowed)
    if len(ids) == 1:
        message = message_in(world, store, ids[0])
        _apply(world, message, wanted)
        return Answer(_record(world, message))
    return _several(world, [(each, _applier(world, wanted)) for each in ids], store)


def _entries(body: Any) -> list[Json]:
    if not isinstance(body, list) or not body:
        raise Refusal("CMN-103")
    _check_count(body, MAX_IDS_IN_BODY)
    if not all(isinstance(entry, dict) and "resourceId" in entry for entry in body):
        raise Refusal("CMN-101", parameter="resourceId")
    return body


def _change_each(world: World, store: Extension, entries: list[Json], allowed: set[str]) -> Answer:
    changes = [
        (str(entry["resourceId"]), _applier(world, _read_change(entry.get("body"), allowed)))
        for entry in entries
    ]
    return _several(world, changes, store)


def _leave_alone(_message: Message) -> None:
    return None


def _check_count(things: list[Any], limit: int) -> None:
    if len(things) > limit:
        raise Refusal("CMN-106", detail=str(limit))


def _read_change(body: Any, allowed: set[str]) -> dict[str, str]:
    if not isinstance(body, dict):
        raise Refusal("CMN-103")
    wanted = {name: value for name, value in body.items() if name in allowed}
    if not wanted:
        raise Refusal("CMN-101", parameter="readStatus")
    if wanted.get("readStatus", "Read") not in ALLOWED["readStatus"]:
        raise Refusal("CMN-101", parameter="readStatus")
    if wanted.get("availability", "Alive") != "Alive":
        raise Refusal("CMN-101", parameter="availability")
    return wanted


def _apply(world: World, message: Message, wanted: dict[str, str]) -> None:
    read_status = wanted.get("readStatus", message.read_status)
    availability = wanted.get("availability", message.availability)
    if (read_status, availability) == (message.read_status, message.availability):
        return
    message.read_status, message.availability = read_status, availability
    world.mailboxes.touch(message)
    world.notifier.message_changed(message)


def _applier(world: World, wanted: dict[str, str]) -> Change:
    return lambda message: _apply(world, message, wanted)


def _several(world: World, changes: list[tuple[str, Change]], store: Extension) -> Answer:
    """The 207: one entry for each id, its status its own."""
    entries: list[Json] = []
    for message_id, change in changes:
        try:
            message = message_in(world, store, message_id)
            change(message)
            entries.append(
                {"resourceId": message_id, "status": 200, "body": _record(world, message)}
            )
        except Refusal as refusal:
            entries.append(
                {"resourceId": message_id, "status": refusal.status, "body": refusal.body()}
            )
    return Answer(entries, 207, content_type=MULTIPART_JSON)


# Deleting


async def delete(world: World, call: Call) -> Answer:
    """Delete records; a second time, or with purge=true, they are gone."""
    store = readable_store(world, call)
    ids = call.params["messageId"].split(",")
    if ids == ["*"]:
        ids = [str(each) for each in json.loads(call.body or b"[]")]
    _check_count(ids, MAX_IDS_IN_PATH)
    for message in [message_in(world, store, each) for each in ids]:
        remove(world, message, purge=call.flag("purge"))
    return Answer(status=204)


def remove(world: World, message: Message, *, purge: bool) -> None:
    gone = purge or message.availability == "Deleted"
    message.availability = "Purged" if gone else "Deleted"
    world.mailboxes.touch(message)
    world.notifier.message_changed(message)


async def delete_many(world: World, call: Call) -> Answer:
    """Delete conversations. Without one RingCentral wipes the mailbox; this one has a guard."""
    store = readable_store(world, call)
    conversations = [int(each) for each in call.values("conversationId") if each.isdecimal()]
    if conversations and "type" in call.query:
        raise Refusal("MSG-390", parameter="type")
    if not conversations and not world.settings.wipe_allowed:
        raise Refusal("CMN-101", parameter="conversationId")
    wanted = Query([store.extension_id], date_to=read_time(call, "dateTo"))
    for message in list(world.mailboxes.newest_first(wanted)):
        if not conversations or message.conversation_id in conversations:
            remove(world, message, purge=call.flag("purge"))
    return Answer(status=204)


# Content


async def get_content(world: World, call: Call) -> Answer:
    """The bytes of an attachment, whole or a range of them."""
    message = message_in(world, readable_store(world, call), call.params["messageId"])
    for attachment in message.attachments:
        if str(attachment.attachment_id) == call.params["attachmentId"]:
            break
    else:
        raise Refusal("CMN-102", parameter="attachmentId")
    answer = _range(call, attachment.content)
    answer.content_type = attachment.content_type
    answer.headers["Accept-Ranges"] = "bytes"
    disposition = call.query.get("contentDisposition", "Attachment").lower()
    name = call.query.get("contentDispositionFilename") or attachment.file_name
    answer.headers["Content-Disposition"] = (
        f'{disposition}; filename="{quote(name)}"' if name else disposition
    )
    return answer


def _range(call: Call, content: bytes) -> Answer:
    header = call.headers.get("Range", "")
    if not header.startswith("bytes="):
        return Answer(content)
    first, _, last = header.removeprefix("bytes=").partition("-")
    if not (first + last).isdecimal():
        raise Refusal("CMN-107")
    start = int(first) if first else max(0, len(content) - int(last))
    end = int(last) + 1 if first and last else len(content)
    if start >= len(content) or end <= start:
        raise Refusal("CMN-107", headers={"Content-Range": f"bytes */{len(content)}"})
    part = content[start:end]
    answer = Answer(part, 206)
    answer.headers["Content-Range"] = f"bytes {start}-{start + len(part) - 1}/{len(content)}"
    return answer
