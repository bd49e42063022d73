"""The load generator: requests written whole before the clock starts, over kept connections.

It parses answers in C (httptools) and allocates next to nothing while it measures, because on two
cores whatever it spends is taken from what it measures.
"""

from __future__ import annotations

import asyncio
import gc
import math
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import urlsplit

import httptools

LONGEST_SECONDS = 120.0
DRAIN_SECONDS = 30.0


class BenchFailed(Exception):
    """Something was answered, or did not happen, so that no figure would mean anything."""


def render_request(
    url: str, body: bytes, headers: Mapping[str, str], *, content_type: str = "application/json"
) -> bytes:
    """A POST, whole, as it goes over the wire."""
    parts = urlsplit(url)
    lines = [
        f"POST {parts.path} HTTP/1.1",
        f"Host: {parts.netloc}",
        f"Content-Type: {content_type}",
        f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def percentile(values: Sequence[float], percent: float) -> float:
    """The value that `percent` of the values do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(percent / 100 * len(ordered)) - 1)]


@dataclass(frozen=True)
class Burst:
    """What a closed loop measured: `seconds` from the first byte to the last answer."""

    count: int
    seconds: float
    latencies: Sequence[float]

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.count / self.seconds


class _Connection(asyncio.Protocol):
    """One kept connection with one request on it at a time; tells `owner` of each answer."""

    def __init__(self, owner: _Owner) -> None:
        self._owner = owner
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self.sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by its class

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        self._owner.answered(self, self._parser.get_status_code())

    def connection_lost(self, _error: Exception | None) -> None:
        self._owner.lost(self)

    def send(self, request: bytes) -> None:
        assert self._transport is not None, "connected before"
        self.sent_at = time.time()
        self._transport.write(request)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()


class _Owner(ABC):
    """Whoever sends over connections and is told of the answers."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._address = parts.hostname or "", parts.port or 80
        self.statuses: Counter[int] = Counter()
        self.latencies: list[float] = []
        self.done = asyncio.get_running_loop().create_future()

    async def connect(self) -> _Connection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(lambda: _Connection(self), *self._address)
        return connection

    def note(self, connection: _Connection, status: int) -> None:
        self.statuses[status] += 1
        self.latencies.append(time.time() - connection.sent_at)

    @abstractmethod
    def answered(self, connection: _Connection, status: int) -> None:
        """A connection has its answer and is free."""

    def lost(self, _connection: _Connection) -> None:
        if not self.done.done():
            self.done.set_exception(BenchFailed("A connection was closed in the middle of it."))

    def check(self, what: str) -> None:
        refused = {status: n for status, n in self.statuses.items() if status != 200}
        if refused:
            raise BenchFailed(f"{what} was not answered 200 throughout: {dict(self.statuses)}")


class _Loop(_Owner):
    """A closed loop: each connection sends its next request when the last is answered."""

    def __init__(self, url: str, requests: Sequence[bytes]) -> None:
        super().__init__(url)
        self._left = iter(requests)
        self._wanted = len(requests)

    def answered(self, connection: _Connection, status: int) -> None:
        self.note(connection, status)
        request = next(self._left, None)
        if request is not None:
            connection.send(request)
        elif len(self.latencies) == self._wanted and not self.done.done():
            self.done.set_result(None)

    def begin(self, connections: Sequence[_Connection]) -> None:
        for connection in connections:
            request = next(self._left, None)
            if request is not None:
                connection.send(request)


class _Pacer(_Owner):
    """An open loop: requests leave when they are due, whether or not others are answered."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._free: list[_Connection] = []
        self.all: list[_Connection] = []
        self.under_way = 0

    async def open(self, count: int) -> None:
        self.all += [await self.connect() for _ in range(count)]
        self._free += self.all

    async def send(self, request: bytes) -> float:
        """Send it now; the time at which it left."""
        if not self._free:
            await self.open(1)
        connection = self._free.pop()
        self.under_way += 1
        connection.send(request)
        return connection.sent_at

    def answered(self, connection: _Connection, status: int) -> None:
        self.note(connection, status)
        self.under_way -= 1
        self._free.append(connection)


async def drive(url: str, requests: Sequence[bytes], connections: int, what: str) -> Burst:
    """Send all requests over so many connections, as fast as they are answered."""
    loop = _Loop(url, requests)
    opened = [await loop.connect() for _ in range(connections)]
    try:
        with without_garbage():
            began = time.perf_counter()
            loop.begin(opened)
            async with asyncio.timeout(LONGEST_SECONDS):
                await loop.done
            seconds = time.perf_counter() - began
    except TimeoutError:
        raise BenchFailed(f"{what} took longer than {LONGEST_SECONDS:.0f} s.") from None
    finally:
        _close(loop, opened)
    loop.check(what)
    return Burst(len(requests), seconds, loop.latencies)


@dataclass(frozen=True)
class Planned:
    """A request with its name and its time, in seconds from the start."""

    name: str
    request: bytes
    at: float


@dataclass
class Paced:
    """When each request left, by name, and how long each waited for its answer."""

    sent_at: dict[str, float] = field(default_factory=dict)
    latencies: Sequence[float] = ()


async def pace(url: str, plan: Sequence[Planned], what: str) -> Paced:
    """Send requests when they are due, and wait for all answers."""
    pacer = _Pacer(url)
    paced = Paced()
    try:
        await pacer.open(4)
        began = time.perf_counter()
        for each in plan:
            wait_seconds = began + each.at - time.perf_counter()
            if wait_seconds > 0:
                await asyncio.sleep(wait_seconds)
            paced.sent_at[each.name] = await pacer.send(each.request)
        await _until_answered(pacer, what)
    finally:
        _close(pacer, pacer.all)
    pacer.check(what)
    paced.latencies = pacer.latencies
    return paced


async def _until_answered(pacer: _Pacer, what: str) -> None:
    deadline = time.perf_counter() + DRAIN_SECONDS
    while pacer.under_way:
        if time.perf_counter() > deadline:
            raise BenchFailed(f"{what}: {pacer.under_way} requests were never answered.")
        await asyncio.sleep(0.01)


def _close(owner: _Owner, connections: Sequence[_Connection]) -> None:
    if not owner.done.done():
        owner.done.cancel()
    for connection in connections:
        connection.close()


@contextmanager
def without_garbage() -> Iterator[None]:
    """No garbage collection meanwhile: its pauses are the generator's, not the bridge's."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
