"""What this process counts and times, for /metrics.

The counters are the process's own and begin anew with it: a scraper adds up those of all
processes. What is read from the database (bridge.metrics) is the same in each of them. No label
holds an id, a number or a channel: the page may be read by whoever watches machines.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from bridge.clock import monotonic

PROCESS = CollectorRegistry()
ProcessCollector(registry=PROCESS)
PlatformCollector(registry=PROCESS)

_REQUEST_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 20)
_WAY_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 6, 7.5, 10, 20, 40, 90, 300, 900, 3600)

EVENTS = Counter(
    "bridge_events",
    "Authentic events received, by side and what became of them (repeats included).",
    ["side", "became"],
    registry=PROCESS,
)
ATTEMPTS = Counter(
    "bridge_attempts",
    "Tries to deliver, by side, kind and outcome: accepted, later, refused, unsure.",
    ["side", "kind", "outcome"],
    registry=PROCESS,
)
ATTEMPT_SECONDS = Histogram(
    "bridge_attempt_seconds",
    "From the first byte of a try to the provider's answer, by side and outcome.",
    ["side", "outcome"],
    buckets=_REQUEST_SECONDS,
    registry=PROCESS,
)
ACCEPTED_SECONDS = Histogram(
    "bridge_accepted_seconds",
    "From the commit of an event to the provider's acceptance of what it made due, by side and "
    "kind; the time a text is held for second thoughts is part of it.",
    ["side", "kind"],
    buckets=_WAY_SECONDS,
    registry=PROCESS,
)
LOOKS = Counter(
    "bridge_looks",
    "Searches at a provider for what a lost answer left unsure, by side and finding.",
    ["side", "finding"],
    registry=PROCESS,
)
ANSWER_SECONDS = Histogram(
    "bridge_answer_seconds",
    "From a request's arrival to our answer to it, by route and status. Slack and RingCentral "
    "wait 3 s.",
    ["route", "status"],
    buckets=_REQUEST_SECONDS,
    registry=PROCESS,
)

_connected_since: dict[str, float] = {}


def connected(name: str) -> None:
    """A connection of this process that is to stay open has been opened, or opened anew."""
    _connected_since[name] = monotonic()


def disconnected(name: str) -> None:
    """It is closed, on purpose or not."""
    _connected_since[name] = float("inf")


def connection_ages() -> dict[str, float | None]:
    """Seconds since each connection was opened; None for one that is closed."""
    now = monotonic()
    return {name: now - since if since <= now else None for name, since in _connected_since.items()}
