"""HTTP connections, bounded in time, in size and in number, so that no stranger shuts the door.

uvicorn alone waits for a request's headers for ever, takes them at any size, and answers 503 to
everybody once enough connections are open, silent ones included.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from uvicorn._types import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, Scope
from uvicorn.protocols.http.flow_control import service_unavailable
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LINGER_SECONDS = 1.0  # after a refusal in mid-request: closed at once, the peer might not read it
PIPELINED_REQUESTS = 8  # no provider sends one before it has the answer to the last

_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-length: 0\r\nconnection: close\r\n\r\n"
)


@dataclass(frozen=True)
class Limits:
    """What one process's server takes.

    `awaited` connections may be open of which we wait for the peer: for a request, its headers or
    its body. One more, and the one waited for longest is cut, so that a thousand silent strangers
    cannot keep out a provider. As it is less than `requests` (under way before new ones are
    answered 503), slow bodies alone never lead to a refusal either.
    """

    requests: int = 1000
    awaited: int = 500
    headers_seconds: float = 10.0
    headers_bytes: int = 32 * 1024
    keep_alive_seconds: int = 75


@dataclass(frozen=True)
class Door:
    """One server's limits, and the connections it waits for, the longest awaited first."""

    limits: Limits
    awaited: dict[BoundedProtocol, None]


class BoundedProtocol(HttpToolsProtocol):
    """A connection that keeps to the limits of its server's `door`."""

    door: Door

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._served: ASGI3Application = self.app
        self._headers_due: asyncio.TimerHandle | None = None
        self._other_bytes = 0  # of the request so far: all that is not its body
        self._is_refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as its parent does
        super().connection_made(transport)
        self._await_headers()
        self._await_peer()

    def connection_lost(self, exc: Exception | None) -> None:
        self.door.awaited.pop(self, None)
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._is_refused:
            return
        if self._headers_due is None and (self.cycle is None or self.cycle.response_complete):
            self._await_headers()
        self._other_bytes += len(data)
        super().data_received(data)
        if self._other_bytes > self.door.limits.headers_bytes:
            self._refuse_size()

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._headers_due is not None:  # else a trailer, which nobody reads
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._stop_timer()
        self.app = self._choose_app()
        super().on_headers_complete()
        if len(self.pipeline) > PIPELINED_REQUESTS:
            self.transport.abort()
            raise ConnectionAbortedError("too many requests at once")  # the parser stops here

    def on_body(self, body: bytes) -> None:
        self._other_bytes -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._other_bytes = 0
        if not self.cycle.response_complete:
            self.door.awaited.pop(self, None)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._await_peer()

    def _choose_app(self) -> ASGI3Application:
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size > self.door.limits.headers_bytes:
            return _headers_too_large
        if len(self.tasks) >= self.door.limits.requests:
            return service_unavailable
        return self._served

    def _await_peer(self) -> None:
        """Count as awaited from now; where that is one too many, the oldest is cut."""
        awaited = self.door.awaited
        awaited.pop(self, None)
        if not self.transport.is_closing():
            awaited[self] = None
        if len(awaited) > self.door.limits.awaited:
            oldest = next(iter(awaited))
            del awaited[oldest]
            oldest.transport.abort()

    def _await_headers(self) -> None:
        self._stop_timer()
        self._headers_due = self.loop.call_later(
            self.door.limits.headers_seconds, self.transport.abort
        )

    def _stop_timer(self) -> None:
        if self._headers_due is not None:
            self._headers_due.cancel()
            self._headers_due = None

    def _refuse_size(self) -> None:
        """Say so, then drop what still comes for a moment: memory is bounded from here on."""
        if self.transport.is_closing():
            return
        self._is_refused = True
        if self.cycle is None or self.cycle.response_complete:
            self.transport.write(_TOO_LARGE)
        self.loop.call_later(LINGER_SECONDS, self.transport.abort)


async def _headers_too_large(
    scope: Scope,  # noqa: ARG001 -- ASGI's signature
    receive: ASGIReceiveCallable,  # noqa: ARG001 -- ASGI's signature
    send: ASGISendCallable,
) -> None:
    headers = [(b"content-length", b"0"), (b"connection", b"close")]
    await send(
        {"type": "http.response.start", "status": 431, "headers": headers, "trailers": False}
    )
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def bounded_protocol(limits: Limits) -> type[BoundedProtocol]:
    """The protocol of one server; uvicorn makes one of it for every connection."""
    return type("ServerProtocol", (BoundedProtocol,), {"door": Door(limits, {})})
