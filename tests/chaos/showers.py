"""Faults that hit single requests and notifications, by kind."""

from __future__ import annotations

from typing import Any

from tests.chaos.sky import MOST_COPIES, Rule, Sky

SEND = r"/sms$"
STORE = r"/(sms|message-store|message-sync)"
TOKEN = r"/oauth/token$"
POST = r"/api/chat\.postMessage"
ANY_METHOD = r"/api/(chat|reactions|conversations|users)\."


def refusal(code: str) -> dict[str, Any]:
    """RingCentral's body of a refusal."""
    return {"errorCode": code, "message": code, "errors": [{"errorCode": code, "message": code}]}


def limits(sky: Sky) -> list[Rule]:
    """Too many requests, each with the time to wait."""
    slack = {"status": 429, "headers": {"Retry-After": "1"}}
    words = {"body": {"ok": False, "error": "ratelimited"}}
    group = {"X-Rate-Limit-Group": "medium", "X-Rate-Limit-Window": "60"}
    carrier = {"status": 429, "body": refusal("CMN-301"), "headers": {"Retry-After": "1", **group}}
    return [
        (sky.slack.faults, "status", {"path": ANY_METHOD, **slack, **words}),
        (sky.ringcentral.faults, "status", {"path": SEND, **carrier}),
        (sky.ringcentral.faults, "status", {"path": STORE, **carrier}),
    ]


def limits_without_time(sky: Sky) -> list[Rule]:
    """RingCentral's 429 that does not say how long: the whole penalty is waited."""
    carrier = {"status": 429, "body": refusal("CMN-301")}
    group = {"headers": {"X-Rate-Limit-Group": "medium", "X-Rate-Limit-Window": "60"}}
    return [(sky.ringcentral.faults, "status", {"path": SEND, **carrier, **group})]


def errors(sky: Sky) -> list[Rule]:
    """5xx before and after the request was done."""
    return [
        (faults, kind, {"path": path, "status": status})
        for faults, paths in zip(sky.faults, ((POST, ANY_METHOD), (SEND, STORE)), strict=True)
        for path in paths
        for kind in ("status", "status_after")
        for status in (500, 502, 503)
    ]


def drops(sky: Sky) -> list[Rule]:
    """The connection ends before and after the request was done."""
    return [
        (faults, kind, {"path": path})
        for faults, paths in zip(sky.faults, ((POST, ANY_METHOD), (SEND, STORE)), strict=True)
        for path in paths
        for kind in ("drop_before", "drop_after")
    ]


def timeouts(sky: Sky) -> list[Rule]:
    """Answers that nobody waits for any longer."""
    # What a provider does later than the last look no client can know of: what is slow is done long
    # before, also where this machine is busy.
    return [
        (faults, kind, {"path": path, "seconds": (1.2, longest)})
        for faults, path in zip(sky.faults, (POST, SEND), strict=True)
        for kind, longest in (("slow", 1.8), ("slow_after", 4.0))
    ]


def refusals(sky: Sky) -> list[Rule]:
    """RingCentral does not send it, and says so."""
    return [
        (sky.ringcentral.faults, "status", {"path": SEND, "status": 403, "body": refusal(code)})
        for code in ("MSG-388", "MSG-384")
    ]


def duplicates(sky: Sky) -> list[Rule]:
    """One event several times; Slack's under different ids and without a retry header."""
    return [(faults, "duplicate", {"copies": MOST_COPIES}) for faults in sky.faults]


def reorders(sky: Sky) -> list[Rule]:
    """Two events change places."""
    return [(faults, "reorder", {"seconds": (0.2, 2.0)}) for faults in sky.faults]


def delays(sky: Sky) -> list[Rule]:
    """Events that come late."""
    return [(faults, "delay", {"seconds": (0.5, 4.0)}) for faults in sky.faults]


def losses(sky: Sky) -> list[Rule]:
    """Notifications of RingCentral's that never come: it does not repeat them."""
    return [(sky.ringcentral.faults, "lose", {})]
