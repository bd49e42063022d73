"""The page /metrics: what this process counts, and what the database says of all of them.

A look at the database is a few bounded queries, and is kept for some seconds, so that many
scrapers cost no more than one.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector
from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from bridge import meters
from bridge.clock import Clock, machine_now, monotonic
from bridge.outbox.gates import BudgetOf
from storage import status
from storage.database import Counts, Database
from storage.errors import DATABASE_AWAY
from storage.status import Connections, Waiting
from storage.tables import Gate

KEPT_SECONDS = 5.0
READ_SECONDS = 3.0
OPEN_TO_NOBODY = (
    "Set BRIDGE_METRICS_TOKEN and ask with the header Authorization: Bearer and that token: this "
    "bridge can be reached from outside.\n"
)


@dataclass(frozen=True)
class Look:
    """The database at one moment."""

    waiting: list[Waiting]
    gates: list[Gate]
    connections: Connections
    now: datetime  # product time
    machine_now: datetime


def look(session: Session, now: datetime, machine_at: datetime) -> Look:
    """Read what the gauges show."""
    return Look(
        status.find_waiting(session, now),
        status.find_gates(session),
        status.find_connections(session),
        now,
        machine_at,
    )


class MetricsPage:
    """The page of one process. `token` guards it; without one `is_open` tells who may read it."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        budget_of: BudgetOf,
        *,
        token: str | None,
        is_open: bool,
    ) -> None:
        self._database, self._clock, self._budget_of = database, clock, budget_of
        self._token, self._is_open = token, is_open
        self._look: Look | None = None
        self._looked_at = 0.0
        self._looking = asyncio.Lock()

    async def answer(self, request: Request) -> Response:
        """The page as text, or 401 in words."""
        if not self._may_read(request):
            return PlainTextResponse(OPEN_TO_NOBODY, 401, {"WWW-Authenticate": "Bearer"})
        found = await self._fresh_look()
        shown = CollectorRegistry()
        shown.register(_Seen(found, self._database.counts, self._database.dialect, self._budget_of))
        page = generate_latest(meters.PROCESS) + generate_latest(shown)
        return Response(page, media_type=CONTENT_TYPE_PLAIN_0_0_4)

    def _may_read(self, request: Request) -> bool:
        if self._token is None:
            return self._is_open
        given = request.headers.get("authorization", "").encode("utf-8", "surrogateescape")
        return secrets.compare_digest(given, f"Bearer {self._token}".encode())

    async def _fresh_look(self) -> Look | None:
        """None while the database does not answer: the rest of the page says so."""
        async with self._looking:
            if self._look is None or monotonic() - self._looked_at > KEPT_SECONDS:
                self._look = await self._look_now()
                self._looked_at = monotonic()
            return self._look

    async def _look_now(self) -> Look | None:
        try:
            async with asyncio.timeout(READ_SECONDS):
                return await self._database.read(look, self._clock.now(), machine_now())
        except (*DATABASE_AWAY, TimeoutError):
            return None


class _Seen(Collector):
    def __init__(
        self, found: Look | None, counts: Counts, dialect: str, budget_of: BudgetOf
    ) -> None:
        self._look, self._counts, self._dialect = found, counts, dialect
        self._budget_of = budget_of

    def collect(self) -> Iterator[Metric]:
        yield from _of_process(self._counts, self._dialect, self._look is not None)
        if self._look is not None:
            yield from _of_waiting(self._look)
            yield from _of_gates(self._look, self._budget_of)
            yield from _of_connections(self._look)


def _of_process(counts: Counts, dialect: str, answers: bool) -> Iterator[Metric]:
    info = GaugeMetricFamily("bridge_info", "Always 1.", labels=["version", "database"])
    info.add_metric([version("sms-bridge"), dialect], 1)
    yield info
    yield GaugeMetricFamily(
        "bridge_database_up", "Whether the database answered just now.", value=float(answers)
    )
    units = CounterMetricFamily(
        "bridge_database", "Units of work, commits, and units run again.", labels=["what"]
    )
    for name in ("units", "commits", "reruns"):
        units.add_metric([name], getattr(counts, name))
    yield units
    up = GaugeMetricFamily(
        "bridge_connection_up", "Whether a connection of this process is open.", labels=["name"]
    )
    age = GaugeMetricFamily(
        "bridge_connection_age_seconds", "Since it was opened.", labels=["name"]
    )
    for name, seconds in sorted(meters.connection_ages().items()):
        up.add_metric([name], float(seconds is not None))
        age.add_metric([name], seconds or 0.0)
    yield from (up, age)


def _of_waiting(found: Look) -> Iterator[Metric]:
    count = GaugeMetricFamily(
        "bridge_deliveries",
        "Deliveries that are not settled, by side, kind and state; parked ones wait for a person. "
        f"Counted up to {status.MOST_COUNTED} a state. From the database.",
        labels=["side", "kind", "state"],
    )
    counts: dict[tuple[str, str, str], int] = {}
    for each in found.waiting:
        key = (each.side, each.kind, each.state)
        counts[key] = counts.get(key, 0) + each.count
    for labels, number in sorted(counts.items()):
        count.add_metric(labels, number)
    due = GaugeMetricFamily(
        "bridge_oldest_due_seconds",
        "How long the oldest delivery that could go now has been due, by side; a retry is due "
        "at its next try. From the database.",
        labels=["side"],
    )
    owed = GaugeMetricFamily(
        "bridge_oldest_owed_seconds",
        "How long ago the oldest delivery that is due, or being retried, was owed. From the "
        "database.",
        labels=["side"],
    )
    for side in ("slack", "ringcentral"):
        due.add_metric([side], oldest_due_seconds(found, side))
        owed.add_metric([side], oldest_owed_seconds(found, side))
    yield from (count, due, owed)


def oldest_due_seconds(found: Look, side: str) -> float:
    """0 where nothing is due."""
    spans = [
        (found.now - each.first_due_at).total_seconds()
        for each in found.waiting
        if each.side == side and each.state != "parked"
    ]
    return max([0.0, *spans])


def oldest_owed_seconds(found: Look, side: str) -> float:
    """0 where nothing is due or was put off; what is only held or scheduled does not count."""
    spans = [
        (found.now - each.first_created_at).total_seconds()
        for each in found.waiting
        if each.side == side and each.state != "parked" and (each.is_due or each.reason is not None)
    ]
    return max([0.0, *spans])


def _of_gates(found: Look, budget_of: BudgetOf) -> Iterator[Metric]:
    closed = GaugeMetricFamily(
        "bridge_gate_closed_seconds",
        "For how long a provider lets nothing more through: the longest of each kind of gate. "
        "From the database.",
        labels=["gate"],
    )
    used = GaugeMetricFamily(
        "bridge_gate_used_ratio",
        "How much of a provider's budget is used up: the fullest of each kind of gate. From the "
        "database.",
        labels=["gate"],
    )
    seconds: dict[str, float] = {}
    ratios: dict[str, float] = {}
    for gate in found.gates:
        name = gate_name(gate.key)
        seconds[name] = max(seconds.get(name, 0.0), closed_seconds(gate, found.machine_now))
        ratios[name] = max(ratios.get(name, 0.0), used_ratio(gate, budget_of, found.machine_now))
    for name in sorted(seconds):
        closed.add_metric([name], seconds[name])
        used.add_metric([name], ratios[name])
    yield from (closed, used)


def gate_name(key: str) -> str:
    """What kind of gate it is: without its login, workspace or channel."""
    side, _, name = key.split(":", 2)
    return f"{side}:{name.partition(':')[0]}"


def closed_seconds(gate: Gate, at: datetime) -> float:
    """For how long it is still closed."""
    if gate.closed_until_at is None:
        return 0.0
    return max(0.0, (gate.closed_until_at - at).total_seconds())


def used_ratio(gate: Gate, budget_of: BudgetOf, at: datetime) -> float:
    """Which part of the provider's window is used up."""
    budget = budget_of(gate.key)
    if budget is None:
        return 0.0
    since = at.timestamp() - budget.window_seconds
    used = sum(int(count) for second, count in gate.grants.items() if int(second) >= since)
    return used / budget.limit


def _of_connections(found: Look) -> Iterator[Metric]:
    synced, gaps = [], 0
    for cursor in found.connections.cursors:
        gaps += cursor.gap_open
        at = cursor.synced_at or cursor.since_at
        synced.append((found.machine_now - at).total_seconds())
    yield GaugeMetricFamily(
        "bridge_store_age_seconds",
        "How long ago the message store that was read longest ago was read to its end. From the "
        "database.",
        value=max([0.0, *synced]),
    )
    yield GaugeMetricFamily(
        "bridge_stores_behind",
        "Message stores whose older texts may still be missing. From the database.",
        value=gaps,
    )
    ends = [
        (each.expires_at - found.machine_now).total_seconds()
        for each in found.connections.subscriptions
    ]
    if ends:
        yield GaugeMetricFamily(
            "bridge_subscription_seconds",
            "Until RingCentral's webhook subscription ends, where there is one. From the database.",
            value=min(ends),
        )
