"""SMS consents: read, search and change who may be texted."""

from __future__ import annotations

import re
from typing import Any

from bridge.sandbox.ringcentral.calls import Answer, Call, Json
from bridge.sandbox.ringcentral.consents import EVERY_NUMBER
from bridge.sandbox.ringcentral.errors import Refusal
from bridge.sandbox.ringcentral.world import World

E164 = re.compile(r"\+[1-9]\d{1,14}")
DEFAULT_PER_PAGE, MAX_PER_PAGE = 100, 1000
MAX_SEARCHED, MAX_CHANGED = 20, 1000
STATUSES = {"OptOut", "OptIn"}
COVERAGES = {"PhoneNumber", "Account", "CampaignType"}


async def find(world: World, call: Call) -> Answer:
    """GET (deprecated by RingCentral, still answered)."""
    return _search(
        world,
        from_numbers=call.values("from"),
        to_numbers=call.values("to"),
        statuses=call.values("optStatus") or ["OptOut"],
        per_page=call.number("perPage", DEFAULT_PER_PAGE),
        page_token=call.query.get("pageToken"),
    )


async def search(world: World, call: Call) -> Answer:
    """POST search: at most 20 numbers on either side."""
    body = call.json_object()
    return _search(
        world,
        from_numbers=_read_numbers(body, "from"),
        to_numbers=_read_numbers(body, "to"),
        statuses=[body.get("optStatus", "OptOut")],
        per_page=body.get("perPage", DEFAULT_PER_PAGE),
        page_token=body.get("pageToken"),
    )


def _read_numbers(body: Json, name: str) -> list[str]:
    numbers = body.get(name, [])
    if not isinstance(numbers, list) or len(numbers) > MAX_SEARCHED:
        raise Refusal("CMN-101", parameter=name)
    if not all(isinstance(number, str) and E164.fullmatch(number) for number in numbers):
        raise Refusal("CMN-101", parameter=name)
    return numbers


def _search(
    world: World,
    *,
    from_numbers: list[str],
    to_numbers: list[str],
    statuses: list[str],
    per_page: int,
    page_token: str | None,
) -> Answer:
    if not set(statuses) <= STATUSES:
        raise Refusal("CMN-101", parameter="optStatus")
    if not isinstance(per_page, int) or not 1 <= per_page <= MAX_PER_PAGE:
        raise Refusal("CMN-101", parameter="perPage")
    start = int(page_token) if page_token and page_token.isdecimal() else 0
    found = world.consents.find(from_numbers, to_numbers, statuses)
    numbers: Json = {"perPage": per_page}
    if page_token:
        numbers["pageToken"] = page_token
    if start + per_page < len(found):
        numbers["nextPageToken"] = str(start + per_page)
    shown = found[start : start + per_page]
    return Answer({"records": [consent.rest() for consent in shown], "paging": numbers})


async def update(world: World, call: Call) -> Answer:
    """PATCH: records that cannot be taken are told one by one, the others are done."""
    records = call.json_object().get("records")
    if not isinstance(records, list) or not 1 <= len(records) <= MAX_CHANGED:
        raise Refusal("CMN-101", parameter="records")
    failed = []
    for record in records:
        problem = _problem(record)
        if problem:
            error = {"errorCode": "CMN-101", "message": f"Parameter [{problem}] value is invalid."}
            failed.append(dict(record) | {"error": error})
            continue
        coverage = record.get("coverage", "PhoneNumber")
        world.consents.record(record["from"], record["to"], record["optStatus"], "Api", coverage)
    return Answer({"failedRecords": failed} if failed else {})


def _problem(record: Any) -> str:
    if not isinstance(record, dict):
        raise Refusal("CMN-101", parameter="records")
    sender = str(record.get("from", ""))
    if sender != EVERY_NUMBER and not E164.fullmatch(sender):
        return "from"
    if not E164.fullmatch(str(record.get("to", ""))):
        return "to"
    if record.get("optStatus") not in STATUSES:
        return "optStatus"
    if record.get("source") != "Api":
        return "source"
    return "" if record.get("coverage", "PhoneNumber") in COVERAGES else "coverage"
