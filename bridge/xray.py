"""Routes for the sandbox alone: its clock, and the X-ray of what is owed, tried and settled.

They exist only where the sandbox's token is set, and for who shows it; anybody else finds nothing.
"""

from __future__ import annotations

import json
import secrets
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from bridge.clock import Clock, machine_now
from bridge.outbox.gates import BudgetOf
from storage import inboxes, xray
from storage.database import Database
from storage.tables import UNSETTLED_STATES, Attempt, Delivery, Gate, Message

SHOWN_LIMIT = 60

Json = dict[str, Any]
Answer = Callable[[Request], Awaitable[Response]]


def set_clock(clock: Clock, offset_seconds: float, paused_at: str | None) -> None:
    """Move product time; `paused_at` is ISO 8601. Raises ValueError."""
    moment = datetime.fromisoformat(paused_at) if paused_at else None
    if moment is not None and moment.tzinfo is None:
        raise ValueError("a time without its zone")
    clock.move(offset=timedelta(seconds=offset_seconds), paused_at=moment)


def set_clock_from(clock: Clock, setting: str) -> None:
    """Begin in the sandbox's time, as its supervisor wrote it down. Raises ValueError."""
    told = json.loads(setting)
    set_clock(clock, float(told["offset_seconds"]), told.get("paused_at"))


def sandbox_routes(
    token: str, clock: Clock, database: Database, budget_of: BudgetOf
) -> Sequence[BaseRoute]:
    """The routes; each answers 404 without the token, as if it were not there."""

    async def move_clock(request: Request) -> Response:
        try:
            told = await request.json()
            set_clock(clock, float(told["offset_seconds"]), told.get("paused_at"))
        except (KeyError, TypeError, ValueError):
            return JSONResponse({"error": "offset_seconds and paused_at"}, status_code=400)
        return JSONResponse({"now": clock.now().isoformat()})

    async def show(_request: Request) -> Response:
        return JSONResponse(await database.read(_show, clock.now(), budget_of))

    return [
        Route("/_sandbox/clock", _guarded(token, move_clock), methods=["POST"]),
        Route("/_sandbox/xray", _guarded(token, show)),
    ]


def _guarded(token: str, answer: Answer) -> Answer:
    expected = f"Bearer {token}".encode()

    async def guarded(request: Request) -> Response:
        given = request.headers.get("authorization", "").encode()
        if not secrets.compare_digest(given, expected):
            return Response(status_code=404)
        return await answer(request)

    return guarded


def _show(session: Session, now: datetime, budget_of: BudgetOf) -> Json:
    seen = xray.read(session, SHOWN_LIMIT)
    attempts: defaultdict[int, list[Attempt]] = defaultdict(list)
    for attempt in seen.attempts:
        attempts[attempt.delivery_id].append(attempt)
    by_message: defaultdict[int, list[Json]] = defaultdict(list)
    others = []
    for delivery in seen.deliveries:
        shown = _show_delivery(delivery, attempts[delivery.id or 0])
        if delivery.subject_type == "message":
            by_message[delivery.subject_id].append(shown)
        else:
            others.append(shown)
    threads = {each.id: each for each in seen.threads}
    participants = {each.id: each.participants_key for each in seen.conversations}
    return {
        "now": now.isoformat(),
        "machine_now": machine_now().isoformat(),
        "messages": [
            _show_message(each)
            | {
                "with": participants.get(each.conversation_id, ""),
                "channel_id": threads[each.thread_id].channel_id,
                "thread_ts": threads[each.thread_id].ts,
                "deliveries": by_message[each.id or 0],
            }
            for each in seen.messages
        ],
        "others": others[::-1][:SHOWN_LIMIT],
        "inboxes": [
            {"number": each.phone_number, "channel_id": each.channel_id}
            for each in inboxes.find_connected(session)
        ],
        "lanes": _show_lanes(seen.deliveries),
        "gates": [_show_gate(each, budget_of) for each in seen.gates],
    }


def _show_message(message: Message) -> Json:
    return {
        "id": message.id,
        "direction": message.direction,
        "origin": message.origin,
        "status": message.status,
        "carrier_status": message.carrier_status,
        "failure": message.failure,
        "body": message.body or message.markup or "",
        "sent_at": message.sent_at.isoformat(),
    }


def _show_delivery(delivery: Delivery, attempts: Iterable[Attempt]) -> Json:
    return {
        "id": delivery.id,
        "subject": f"{delivery.subject_type} {delivery.subject_id}",
        "side": delivery.side,
        "kind": delivery.kind,
        "state": delivery.state,
        "lane": delivery.lane,
        "gate": delivery.gate,
        "due_at": delivery.due_at.isoformat(),
        "external_id": delivery.external_id,
        "reason": delivery.reason,
        "looks": delivery.looks,
        "look_at": delivery.look_at.isoformat() if delivery.look_at else None,
        "attempts": [_show_attempt(each) for each in attempts],
    }


def _show_attempt(attempt: Attempt) -> Json:
    took = attempt.settled_at - attempt.started_at if attempt.settled_at else None
    return {
        "id": attempt.id,
        "started_at": attempt.started_at.isoformat(),
        "outcome": attempt.outcome,
        "detail": attempt.detail,
        "reported": attempt.reported,
        "took_ms": round(took.total_seconds() * 1000) if took is not None else None,
    }


def _show_lanes(deliveries: Iterable[Delivery]) -> list[Json]:
    lanes: defaultdict[str, list[Delivery]] = defaultdict(list)
    for delivery in deliveries:
        if delivery.state in UNSETTLED_STATES:
            lanes[delivery.lane].append(delivery)
    return [_show_lane(lane, waiting) for lane, waiting in sorted(lanes.items())]


def _show_lane(lane: str, waiting: list[Delivery]) -> Json:
    head = min(waiting, key=lambda each: (each.lane_order, each.id or 0))
    return {
        "lane": lane,
        "length": len(waiting),
        "head": f"{head.subject_type} {head.subject_id} {head.kind}",
        "state": head.state,
        "due_at": head.due_at.isoformat(),
    }


def _show_gate(gate: Gate, budget_of: BudgetOf) -> Json:
    budget = budget_of(gate.key)
    since = machine_now().timestamp() - (budget.window_seconds if budget else 60)
    return {
        "key": gate.key,
        "used": sum(count for second, count in gate.grants.items() if int(second) >= since),
        "limit": budget.limit if budget else None,
        "window_seconds": budget.window_seconds if budget else None,
        "closed_until_at": gate.closed_until_at.isoformat() if gate.closed_until_at else None,
    }
