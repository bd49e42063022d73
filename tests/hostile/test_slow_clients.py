"""Slow, silent, endless and numerous peers, against the server as it runs: each is bounded."""

from __future__ import annotations

import asyncio
import hmac
import json
import resource
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256

import pytest
from sqlmodel import Session
from starlette.responses import PlainTextResponse, Response

from bridge.clock import Clock, machine_now
from bridge.connections import Limits
from bridge.metrics import MetricsPage
from bridge.outbox.gates import no_budget
from bridge.ringcentral.inbound import Webhook
from bridge.serve import serving
from bridge.slack.guard import SlackGuard
from bridge.web import build_web
from storage import cursors
from storage.database import Database
from tests.edges.ringcentral_setting import VERIFICATION_TOKEN, put_inbox, put_subscription

SECRET = "slow-clients-secret"
READ_SECONDS = 0.4
LIMITS = Limits(requests=60, awaited=20, headers_seconds=0.5, keep_alive_seconds=1)
WAIT_SECONDS = 10.0
WEBHOOK_PATH = "/ringcentral/webhook"
LIVE = b"GET /health/live HTTP/1.1\r\nHost: x\r\n"
NOTIFICATION = json.dumps(
    {
        "uuid": "1",
        "event": "/restapi/v1.0/account/1001/extension/2002/message-store",
        "body": {"changes": [{"type": "SMS"}]},
    }
).encode()


@dataclass
class Peer:
    """One connection to the server, spoken to in bytes."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def say(self, said: bytes) -> None:
        self.writer.write(said)
        await self.writer.drain()

    async def say_for_ever(self, said: bytes) -> None:
        """Until the server ends it: ConnectionError; it has so long to do so."""
        async with asyncio.timeout(WAIT_SECONDS):
            while True:
                await self.say(said)
                await asyncio.sleep(0.001)

    async def hear(self) -> bytes:
        """What the server says until it closes; what it said before a reset counts."""
        heard = b""
        async with asyncio.timeout(WAIT_SECONDS):
            try:
                while chunk := await self.reader.read(65536):
                    heard += chunk
            except ConnectionError:
                return heard
        return heard

    async def status(self) -> int:
        """The status of the next answer."""
        async with asyncio.timeout(WAIT_SECONDS):
            line = await self.reader.readline()
        return int(line.split()[1])


@dataclass
class Server:
    """Where the real application is served, with short limits."""

    port: int

    @asynccontextmanager
    async def peer(self) -> AsyncIterator[Peer]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            yield Peer(reader, writer)
        finally:
            writer.transport.abort()

    async def answers(self, said: bytes) -> int:
        """The status a request is answered with, on a connection of its own."""
        async with self.peer() as peer:
            await peer.say(said)
            return await peer.status()

    async def is_open(self) -> bool:
        """Whether health and an authentic notification are answered as ever."""
        live = await self.answers(LIVE + b"\r\n")
        told = await self.answers(request(WEBHOOK_PATH, NOTIFICATION, authentic()))
        return (live, told) == (200, 200)


def request(path: str, body: bytes, headers: dict[str, str], length: int | None = None) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: x"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines += [f"Content-Length: {len(body) if length is None else length}", "", ""]
    return "\r\n".join(lines).encode() + body


def authentic() -> dict[str, str]:
    return {"Verification-Token": VERIFICATION_TOKEN}


def plausible(body: bytes = b"") -> dict[str, str]:
    """A signature that looks like Slack's, and is right for `body`."""
    timestamp = str(int(time.time()))
    digest = hmac.new(SECRET.encode(), b"v0:" + timestamp.encode() + b":" + body, sha256)
    return {
        "X-Slack-Request-Timestamp": timestamp,
        "X-Slack-Signature": f"v0={digest.hexdigest()}",
    }


def put_setting(session: Session) -> None:
    put_inbox(session, "+16505550101", "1001/2002")
    put_subscription(session, f"https://bridge.example.com{WEBHOOK_PATH}")
    cursors.match_inboxes(session, machine_now())


@asynccontextmanager
async def served(
    url: str, limits: Limits, read_seconds: float = READ_SECONDS
) -> AsyncIterator[Server]:
    async def answer(_text: str) -> Response:
        return PlainTextResponse("ok")

    async def is_ready() -> dict[str, bool]:
        return {"database": True}

    database = await Database.open(url)
    try:
        await database.write(put_setting)
        clock = Clock()
        webhook = Webhook(database, clock, "US", read_seconds=read_seconds)
        app = build_web(
            slack=SlackGuard(answer, SECRET, read_seconds=read_seconds),
            ringcentral=webhook,
            is_ready=is_ready,
            metrics=MetricsPage(database, clock, no_budget, token=None, is_open=True),
        )
        async with serving(app, "127.0.0.1", 0, limits) as port:
            yield Server(port)
    finally:
        await database.close()


@pytest.fixture
async def server(sqlite_url: str) -> AsyncIterator[Server]:
    async with served(sqlite_url, LIMITS) as made:
        yield made


@pytest.mark.parametrize("said", [b"", b"GET /hea", LIVE + b"X-A: ", b"\r\n"])
async def test_silent_connections_keep_nobody_out(sqlite_url: str, said: bytes) -> None:
    """More silent strangers than there is room for: the oldest are cut, a provider is answered."""
    patient = Limits(requests=60, awaited=20, headers_seconds=60)
    async with served(sqlite_url, patient) as server:
        opened = [
            await asyncio.open_connection("127.0.0.1", server.port)
            for _ in range(patient.awaited + 10)
        ]
        try:
            for _, writer in opened:
                writer.write(said)
            assert await server.is_open()
            assert await Peer(*opened[0]).hear() == b""
        finally:
            for _, writer in opened:
                writer.transport.abort()


async def test_slow_bodies_keep_nobody_out(sqlite_url: str) -> None:
    """Nor do they who promise a body and send none of it."""
    limits = Limits(requests=12, awaited=10)
    async with served(sqlite_url, limits, read_seconds=60) as server:
        opened = [
            await asyncio.open_connection("127.0.0.1", server.port)
            for _ in range(limits.requests + 10)
        ]
        try:
            for _, writer in opened:
                writer.write(request("/slack/events", b"", plausible(), length=100))
                await writer.drain()
            assert await server.is_open()
        finally:
            for _, writer in opened:
                writer.transport.abort()


@pytest.mark.parametrize("said", [b"", b"\r\n", b"GET /health/li", LIVE + b"X-A: a\r\n"])
async def test_headers_that_do_not_come_end_the_connection(server: Server, said: bytes) -> None:
    """A request has so long to say what it wants."""
    async with server.peer() as peer:
        await peer.say(said)
        assert await peer.hear() == b""


async def test_headers_a_byte_at_a_time_end_the_connection(server: Server) -> None:
    """Bytes now and then do not keep it open."""
    async with server.peer() as peer:
        hearing = asyncio.create_task(peer.hear())
        for byte in LIVE * 100:
            peer.writer.write(bytes([byte]))
            await asyncio.sleep(0.02)
            if hearing.done():
                break
        assert await hearing == b""


async def test_a_kept_connection_is_bounded_too(server: Server) -> None:
    """The second request of a connection has no more time for its headers than the first."""
    async with server.peer() as peer:
        for _ in range(2):
            await peer.say(LIVE + b"\r\n")
            await peer.reader.readuntil(b'{"live":true}')
        await peer.say(b"GET /health")
        assert await peer.hear() == b""


HEAP = b"X-B: " + b"b" * 8000 + b"\r\n"


@pytest.mark.parametrize(
    "said",
    [
        LIVE + HEAP * 125 + b"\r\n",
        LIVE + HEAP * 5 + b"\r\n",
        LIVE + b"X-B: " + b"b" * 1_000_000,
        LIVE + b"a:\r\n" * 250_000,
        b"GET /" + b"a" * 1_000_000,
    ],
    ids=["a megabyte", "40 KB", "one line", "many lines", "a path"],
)
async def test_large_headers_are_refused(server: Server, said: bytes) -> None:
    """431 beyond 32 KB, complete or not; nothing of it stays in memory."""
    assert await server.answers(said) == 431
    assert await server.is_open()


async def test_headers_within_the_bound_are_taken(server: Server) -> None:
    """What a proxy may add is no reason to refuse."""
    assert await server.answers(LIVE + HEAP * 3 + b"\r\n") == 200


@pytest.mark.parametrize(
    ("path", "headers"), [("/slack/events", plausible), (WEBHOOK_PATH, authentic)]
)
async def test_a_body_a_byte_at_a_time_is_refused(
    server: Server, path: str, headers: object
) -> None:
    """408 for a body that takes too long, from a peer who is authentic or looks like it."""
    assert callable(headers)
    async with server.peer() as peer:
        await peer.say(request(path, b"", headers(), length=1000))
        answer = asyncio.create_task(peer.status())
        while not answer.done():
            peer.writer.write(b"x")
            await asyncio.sleep(0.05)
        assert await answer == 408


CHUNK = b"ffff\r\n" + b"x" * 0xFFFF + b"\r\n"


@pytest.mark.parametrize(
    ("path", "headers", "part"),
    [
        ("/slack/events", plausible, CHUNK),
        (WEBHOOK_PATH, authentic, CHUNK),
        (WEBHOOK_PATH, dict, CHUNK),
        ("/health/live", dict, CHUNK),
        ("/nowhere", dict, CHUNK),
        (WEBHOOK_PATH, authentic, b"1;" + b"e" * 0xFFFF + b"\r\nx\r\n"),
        (WEBHOOK_PATH, authentic, b"0\r\nTrailer: " + b"t" * 0xFFFF),
    ],
)
async def test_an_endless_body_is_cut(
    server: Server, path: str, headers: object, part: bytes
) -> None:
    """Whoever sends without end is cut off, wherever; neither extensions nor trailers help."""
    assert callable(headers)
    lines = [f"{name}: {value}\r\n" for name, value in headers().items()]
    begin = f"POST {path} HTTP/1.1\r\nHost: x\r\n{''.join(lines)}Transfer-Encoding: chunked\r\n\r\n"
    async with server.peer() as peer:
        await peer.say(begin.encode())
        with pytest.raises(ConnectionError):
            await peer.say_for_ever(part)
    assert await server.is_open()


async def test_requests_sent_ahead_are_bounded(server: Server) -> None:
    """A heap of requests in one breath is not queued up in memory: the connection is cut."""
    async with server.peer() as peer:
        await peer.say((LIVE + b"\r\n") * 5000)
        heard = await peer.hear()
    assert heard.count(b"HTTP/1.1 200") < 5000
    assert await server.is_open()


async def test_no_websocket_is_opened(server: Server) -> None:
    """Nobody needs one from us."""
    said = LIVE + b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n"
    assert await server.answers(said) == 200


async def test_a_flood_is_endured(sqlite_url: str) -> None:
    """2,000 forged requests at once leave memory as it was and an authentic one answered."""
    async with served(sqlite_url, Limits()) as server:
        assert await server.is_open()
        before_kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        forged = request("/slack/events", b"x" * 10_000, {"X-Slack-Signature": "v0=0"})
        taken = asyncio.Semaphore(200)  # files this process may open

        async def flood() -> int:
            async with taken:
                return await server.answers(forged)

        flooding = [asyncio.create_task(flood()) for _ in range(2000)]
        asked_at = time.monotonic()
        assert await server.is_open()
        waited_seconds = time.monotonic() - asked_at
        statuses = await asyncio.gather(*flooding)
        grown_kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kilobytes
    assert set(statuses) <= {401, 503}
    assert waited_seconds < 3 * 2  # two requests, one after the other
    assert grown_kilobytes < 100_000
