"""One login's connections to RingCentral: permits, time-outs, and errors mapped at the door."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit

import httpx
import structlog

from bridge.clock import machine_now, monotonic, sleep
from bridge.outbox.gates import Gates
from bridge.ringcentral.problems import AnswerLost, NotSent, Refusal
from storage.database import DatabaseBusy

log = structlog.get_logger(__name__)

CONNECT_SECONDS = 5.0
IDLE_SECONDS = 20.0  # between two bytes
TOTAL_SECONDS = 18.0  # inside the time a worker gives a send
PERMIT_SECONDS = 90.0  # more than RingCentral's penalty of 60 s
KEEP_ALIVE_SECONDS = 20.0
CONNECTIONS = 16
# RingCentral's guide: where a 429 does not say how long, wait at least 30 s; the penalty is 60 s.
PENALTY_SECONDS = 60.0
PENALTY_MARGIN_SECONDS = 0.5

MULTI_STATUS_TYPE = "application/vnd.ringcentral.multipart+json"

GROUPS = ("light", "medium", "heavy", "auth")
_GROUP_OF = [
    ("POST", r"/restapi/oauth/(token|revoke|wstoken)", "auth"),
    ("POST", r".*/(sms|mms)", "medium"),
    ("POST", r"/restapi/v1\.0/subscription", "medium"),
    ("PUT|DELETE", r"/restapi/v1\.0/subscription/[^/]+", "medium"),
    ("GET", r"/restapi/v1\.0/subscription(/[^/]+)?", "light"),
    ("GET", r".*/message-(store|sync)", "light"),
    ("GET", r".*/message-store/\d+", "light"),
    ("PUT", r".*/message-store/[^/]+", "medium"),
    ("GET", r".*/extension/[^/]+/phone-number", "light"),
    ("GET", r"/restapi/v1\.0/account/[^/]+/phone-number", "heavy"),
    ("GET", r".*/phone-number/[^/]+/sms-configuration", "light"),
    ("GET", r"/restapi/v1\.0/account/[^/]+/extension/[^/]+", "light"),
]

_NEVER_LEFT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
)


def usage_group(method: str, path: str) -> str:
    """The budget a request counts against (x-throttling-group of RingCentral's reference)."""
    for methods, pattern, group in _GROUP_OF:
        if re.fullmatch(methods, method) and re.fullmatch(pattern, path):
            return group
    raise ValueError(f"No usage group is known for {method} {path}")


def gate_key(login_id: int, group: str) -> str:
    """The gate of one login's usage group."""
    return f"ringcentral:{login_id}:{group}"


class Door:
    """One login's connections to RingCentral, and what every answer tells.

    Holds back a usage group by itself from the moment of a 429, so that a request whose permit
    was given before does not restart the penalty while the gate's closing is being committed.
    """

    def __init__(self, base_url: str, login_id: int, gates: Gates) -> None:
        self.login_id = login_id
        self.server_time_offset: timedelta | None = None  # RingCentral's clock minus ours
        self._gates = gates
        self._closed_until: dict[str, float] = {}
        self._http = httpx.AsyncClient(
            base_url=base_url,
            headers={
                "User-Agent": f"sms-bridge/{version('sms-bridge')}",
                "Accept": f"application/json, {MULTI_STATUS_TYPE}",
            },
            timeout=httpx.Timeout(IDLE_SECONDS, connect=CONNECT_SECONDS, pool=CONNECT_SECONDS),
            limits=httpx.Limits(
                max_connections=CONNECTIONS,
                max_keepalive_connections=CONNECTIONS,
                keepalive_expiry=KEEP_ALIVE_SECONDS,
            ),
            trust_env=urlsplit(base_url).hostname not in ("127.0.0.1", "localhost", "::1"),
        )

    async def close(self) -> None:
        """End the connections."""
        await self._http.aclose()

    async def call(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str],
        priority: int,
        permit: bool = True,
        patience_seconds: float = PERMIT_SECONDS,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        form: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """One request, one answer; {} for an empty one, and of several answers in one (207)
        `entries`, each with a resourceId and a status. Raises a Problem for anything else.

        `permit` is False where the caller's claim took the permit; else one is waited for as long
        as `patience_seconds`.
        """
        group = usage_group(method, path)
        if permit:
            await self._take_permit(group, priority, patience_seconds)
        self._refuse_while_closed(group)
        request = self._http.build_request(
            method, path, headers=headers, params=params, json=json, data=form
        )
        response = await self._exchange(request)
        await self._heed_limits(group, response)
        return self._read(response, method, path)

    async def _take_permit(self, group: str, priority: int, patience_seconds: float) -> None:
        try:
            async with asyncio.timeout(patience_seconds):
                await self._gates.permit(gate_key(self.login_id, group), priority)
                while wait_seconds := self._closed_seconds(group):
                    await sleep(wait_seconds)
        except TimeoutError:
            raise NotSent("RingCentral's rate limit is used up for now.", "rate_limited") from None

    def _closed_seconds(self, group: str) -> float:
        return max(0.0, self._closed_until.get(group, 0.0) - monotonic())

    def _refuse_while_closed(self, group: str) -> None:
        if wait_seconds := self._closed_seconds(group):
            raise Refusal(429, ["CMN-301"], wait_seconds)

    async def _exchange(self, request: httpx.Request) -> httpx.Response:
        asked_at = machine_now()
        try:
            async with asyncio.timeout(TOTAL_SECONDS):
                response = await self._http.send(request)
        except _NEVER_LEFT as error:
            raise NotSent("RingCentral could not be reached.", type(error).__name__) from error
        except (httpx.HTTPError, TimeoutError) as error:
            raise AnswerLost("RingCentral did not answer.", type(error).__name__) from error
        self._learn_time(response, asked_at)
        return response

    def _learn_time(self, response: httpx.Response, asked_at: datetime) -> None:
        """The Date header has whole seconds, cut: on average half a second is missing."""
        with contextlib.suppress(KeyError, ValueError):
            theirs = parsedate_to_datetime(response.headers["Date"]) + timedelta(seconds=0.5)
            ours = asked_at + (machine_now() - asked_at) / 2
            self.server_time_offset = theirs - ours

    async def _heed_limits(self, group: str, response: httpx.Response) -> None:
        if response.status_code == 429:
            seconds = _retry_after(response) or PENALTY_SECONDS
            await self._close(_limited_groups(group, response), seconds + PENALTY_MARGIN_SECONDS)
        elif response.headers.get("X-Rate-Limit-Remaining") == "0":
            await self._close([group], _seconds(response, "X-Rate-Limit-Window") or PENALTY_SECONDS)

    async def _close(self, groups: Sequence[str], seconds: float) -> None:
        for group in groups:
            self._closed_until[group] = max(
                self._closed_until.get(group, 0.0), monotonic() + seconds
            )
        log.warning("ringcentral.gate_closed", groups=list(groups), seconds=seconds)
        with contextlib.suppress(DatabaseBusy):  # the answer counts more; this process waits anyway
            for group in groups:
                await self._gates.close(gate_key(self.login_id, group), seconds)

    def _read(self, response: httpx.Response, method: str, path: str) -> dict[str, Any]:
        if response.status_code >= 400:
            refusal = Refusal(
                response.status_code,
                error_codes(response),
                _retry_after(response),
                _permission(response),
            )
            log.warning(
                "ringcentral.refused",
                method=method,
                path=path,
                status=response.status_code,
                codes=refusal.codes,
                request_id=response.headers.get("RCRequestId"),
            )
            raise refusal
        if not response.content:
            return {}
        if response.status_code == 207:
            return {"entries": _entries(response)}
        return _json_object(response)


def _json_object(response: httpx.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except ValueError:
        body = None
    if response.status_code >= 300 or not isinstance(body, dict):
        raise AnswerLost("RingCentral's answer is unreadable.", f"HTTP-{response.status_code}")
    return body


def _entries(response: httpx.Response) -> list[dict[str, Any]]:
    """None of an answer in MIME parts, which RingCentral may give too: it was done all the same."""
    try:
        body = response.json()
    except ValueError:
        return []
    return [each for each in body if isinstance(each, dict)] if isinstance(body, list) else []


def _limited_groups(group: str, response: httpx.Response) -> Sequence[str]:
    """Without its headers a 429 is no limit of the login's: the account's, or our address's."""
    is_ours = "X-Rate-Limit-Group" in response.headers or "MSG-305" in error_codes(response)
    return [group] if is_ours else GROUPS


def _retry_after(response: httpx.Response) -> float | None:
    return _seconds(response, "Retry-After")


def _seconds(response: httpx.Response, header: str) -> float | None:
    """A number of seconds; an HTTP date, which RFC 9110 allows too, counts as not given."""
    try:
        return max(0.0, float(response.headers[header]))
    except (KeyError, ValueError):
        return None


def error_codes(response: httpx.Response) -> list[str]:
    """The codes of errors[], then the top level's, which may be a legacy word; OAuth's at last."""
    errors = _errors(response)
    found = [each.get("errorCode") for each in errors] + [each.get("error") for each in errors[-1:]]
    return list(dict.fromkeys(code for code in found if isinstance(code, str) and code))


def _permission(response: httpx.Response) -> str:
    named = [each.get("permissionName") for each in _errors(response)]
    return next((name for name in named if isinstance(name, str)), "")


def _errors(response: httpx.Response) -> list[Mapping[str, Any]]:
    """Those of errors[], then the top level."""
    try:
        body = response.json()
    except ValueError:
        return []
    if not isinstance(body, dict):
        return []
    nested = body.get("errors")
    errors = [*nested, body] if isinstance(nested, list) else [body]
    return [each for each in errors if isinstance(each, dict)]
