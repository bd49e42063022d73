"""Faults that a test, or another process over HTTP, can switch on in a simulator.

Provider-neutral: both simulators put `Faults.middleware` in front of their routes, pass each
notification through `Faults.send`, and mount `Faults.routes()`.
"""

from __future__ import annotations

import asyncio
import dataclasses
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal, get_args

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

RequestKind = Literal["status", "status_after", "slow", "slow_after", "drop_before", "drop_after"]
NotificationKind = Literal["duplicate", "delay", "reorder", "lose"]
Kind = Literal[
    "status",
    "status_after",
    "slow",
    "slow_after",
    "drop_before",
    "drop_after",
    "duplicate",
    "delay",
    "reorder",
    "lose",
]
REQUEST_KINDS = frozenset(get_args(RequestKind))
NOTIFICATION_KINDS = frozenset(get_args(NotificationKind))

Send = Callable[[], Awaitable[None]]


@dataclasses.dataclass(slots=True)
class Fault:
    """One rule: what goes wrong, for which requests or notifications, how many times.

    `method` and `path` are regular expressions (`fullmatch` and `search`); for a notification
    `path` is searched in its event name. `times=None` holds until it is cleared; `name` is what
    `Faults.clear` knows it by.

    - status: refused with `status`, `body`, `headers`; nothing is done.
    - status_after: done, but answered with `status` all the same.
    - slow: waits `seconds`, then does it. slow_after: does it, then waits before the answer.
    - drop_before: the connection is aborted, nothing is done.
    - drop_after: done, then the connection is aborted before any answer.
    - duplicate: the notification is sent `copies` times. delay: sent `seconds` later. lose: never
      sent.
    - reorder: held until the next one that the rule is about has gone (or `seconds`, 5 if not said,
      passed); one that matches while another is held goes at once, so that the two change places.
    """

    kind: Kind
    method: str = ".*"
    path: str = ""
    times: int | None = 1
    status: int = 503
    body: Any = None
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    seconds: float = 0.0
    name: str = ""
    copies: int = 2
    hits: int = 0

    @property
    def is_used_up(self) -> bool:
        return self.times is not None and self.hits >= self.times

    def matches(self, method: str, path: str) -> bool:
        return not self.is_used_up and self.is_about(method, path)

    def is_about(self, method: str, path: str) -> bool:
        return (
            re.fullmatch(self.method, method) is not None and re.search(self.path, path) is not None
        )


class Faults:
    """The rules of one simulator, tried in the order they were added; the first match acts."""

    def __init__(self) -> None:
        self.rules: list[Fault] = []
        self._held: list[tuple[Fault, asyncio.Event]] = []
        self.changed: Callable[[], None] = lambda: None

    def add(
        self,
        kind: Kind,
        *,
        method: str = ".*",
        path: str = "",
        times: int | None = 1,
        status: int = 503,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        seconds: float = 0.0,
        name: str = "",
        copies: int = 2,
    ) -> Fault:
        """Add a rule and return it; its `hits` tells later how often it acted."""
        if kind not in REQUEST_KINDS | NOTIFICATION_KINDS:
            raise ValueError(f"unknown fault kind: {kind}")
        re.compile(method), re.compile(path)
        answer = (status, body, dict(headers or {}))
        fault = Fault(kind, method, path, times, *answer, seconds, name, copies)
        self.rules.append(fault)
        self.changed()
        return fault

    def clear(self, name: str | None = None) -> None:
        """Forget all rules, or those of one name, and let go what is held back."""
        self.rules[:] = [] if name is None else [each for each in self.rules if each.name != name]
        self.changed()
        for _, held in self._held:
            held.set()

    def _take(self, kinds: frozenset[str], method: str, path: str) -> Fault | None:
        for fault in self.rules:
            if fault.kind in kinds and fault.matches(method, path):
                fault.hits += 1
                self.changed()
                return fault
        return None

    @property
    def middleware(self) -> Middleware:
        """The aiohttp middleware; requests under /_sandbox/ are never touched."""

        @web.middleware
        async def fault_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
            if not self.rules or request.path.startswith("/_sandbox/"):
                return await handler(request)
            fault = self._take(REQUEST_KINDS, request.method, request.path)
            if fault is None:
                return await handler(request)
            return await _apply(fault, request, handler)

        return fault_middleware

    async def send(self, event: str, send: Send) -> None:
        """Send one notification as the rules say: once, twice, later, after the next, or never."""
        fault = self._take(NOTIFICATION_KINDS, "", event) if self.rules else None
        is_overtaking = fault is not None and fault.kind == "reorder" and bool(self._held)
        if fault is None or fault.kind == "duplicate" or is_overtaking:
            await send()
            self._let_go_held(event)
            for _ in range(fault.copies - 1 if fault and fault.kind == "duplicate" else 0):
                await send()
        elif fault.kind == "delay":
            await asyncio.sleep(fault.seconds)
            await send()
        elif fault.kind == "reorder":
            await self._wait_for_the_next(fault)
            await send()

    def _let_go_held(self, event: str) -> None:
        for fault, held in self._held:
            if fault.is_about("", event):  # what follows a text by itself overtakes nothing
                held.set()

    async def _wait_for_the_next(self, fault: Fault) -> None:
        waiting = (fault, asyncio.Event())
        self._held.append(waiting)
        try:
            await asyncio.wait_for(waiting[1].wait(), fault.seconds or 5.0)
        except TimeoutError:
            return
        finally:
            self._held.remove(waiting)

    def routes(self) -> list[web.RouteDef]:
        """HTTP control: POST, GET and DELETE /_sandbox/faults[?name=]; a body is of `Fault`."""
        return [
            web.post("/_sandbox/faults", self._add_over_http),
            web.get("/_sandbox/faults", self._list_over_http),
            web.delete("/_sandbox/faults", self._clear_over_http),
        ]

    async def _add_over_http(self, request: web.Request) -> web.Response:
        try:
            fault = self.add(**await request.json())
        except (TypeError, ValueError, re.error) as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.json_response(dataclasses.asdict(fault), status=201)

    async def _list_over_http(self, _request: web.Request) -> web.Response:
        return web.json_response([dataclasses.asdict(fault) for fault in self.rules])

    async def _clear_over_http(self, request: web.Request) -> web.Response:
        self.clear(request.query.get("name"))
        return await self._list_over_http(request)


async def _apply(fault: Fault, request: web.Request, handler: Handler) -> web.StreamResponse:
    match fault.kind:
        case "status":
            return _answer(fault)
        case "status_after":
            await handler(request)
            return _answer(fault)
        case "slow":
            if not request.content_type.startswith("multipart/"):
                # Read first: a client that gives up meanwhile has still sent its request.
                await request.read()
            await asyncio.sleep(fault.seconds)
            return await handler(request)
        case "slow_after":
            response = await handler(request)
            await asyncio.sleep(fault.seconds)
            return response
        case "drop_before":
            return _abort(request)
        case "drop_after":
            await handler(request)
            return _abort(request)
        case _:
            raise AssertionError(f"{fault.kind} is not a fault of requests")


def _answer(fault: Fault) -> web.Response:
    if isinstance(fault.body, str | bytes):
        return web.Response(body=fault.body, status=fault.status, headers=fault.headers)
    return web.json_response(fault.body, status=fault.status, headers=fault.headers)


def _abort(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    # aiohttp wants an answer; the aborted transport swallows it.
    return web.Response(status=444)
