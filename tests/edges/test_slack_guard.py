"""The guard in front of Bolt, over real HTTP."""

from __future__ import annotations

import hmac
import logging
import time
from collections.abc import AsyncIterator
from hashlib import sha256

import httpx
import pytest
from starlette.responses import PlainTextResponse, Response
from starlette.types import Message

from bridge.slack.guard import MAX_BODY_BYTES, SlackGuard
from tests.edges.slack_world import serving

SECRET = "guard-test-secret"
SECRET_WORDS = "the customer's words"


def sign(body: bytes, timestamp: str, secret: str = SECRET) -> str:
    signed = b"v0:" + timestamp.encode() + b":" + body
    return "v0=" + hmac.new(secret.encode(), signed, sha256).hexdigest()


def headers_for(body: bytes, *, at: float | None = None) -> dict[str, str]:
    timestamp = str(int(time.time() if at is None else at))
    return {"X-Slack-Request-Timestamp": timestamp, "X-Slack-Signature": sign(body, timestamp)}


@pytest.fixture
def admitted() -> list[str]:
    return []


@pytest.fixture
async def client(admitted: list[str]) -> AsyncIterator[httpx.AsyncClient]:
    async def answer(text: str) -> Response:
        admitted.append(text)
        return PlainTextResponse("ok")

    async with (
        serving(SlackGuard(answer, SECRET)) as url,
        httpx.AsyncClient(base_url=url, trust_env=False) as client,
    ):
        yield client


async def test_a_signed_body_is_passed_on(client: httpx.AsyncClient, admitted: list[str]) -> None:
    """What Slack signed reaches the listeners, byte for byte."""
    body = '{"text":"Grüße"}'.encode()
    answer = await client.post("/slack/events", content=body, headers=headers_for(body))
    assert (answer.status_code, admitted) == (200, [body.decode()])


BODY = b'{"text": "' + SECRET_WORDS.encode() + b'"}'
NOW = time.time()
FORGED: dict[str, dict[str, str | bytes]] = {
    "no headers at all": {},
    "no signature": {"X-Slack-Request-Timestamp": str(int(NOW))},
    "no timestamp": {"X-Slack-Signature": sign(BODY, str(int(NOW)))},
    "timestamp in words": {"X-Slack-Request-Timestamp": "abc", "X-Slack-Signature": "v0=0"},
    "timestamp with sign": {"X-Slack-Request-Timestamp": "-1", "X-Slack-Signature": "v0=0"},
    "timestamp in other digits": {
        "X-Slack-Request-Timestamp": "١٢٣".encode(),
        "X-Slack-Signature": "v0=0",
    },
    "timestamp without end": {
        "X-Slack-Request-Timestamp": "9" * 5000,
        "X-Slack-Signature": "v0=0",
    },
    "stale": headers_for(BODY, at=NOW - 400),  # type: ignore[dict-item]  # a dict of str is one of str | bytes here
    "from the future": headers_for(BODY, at=NOW + 7200),  # type: ignore[dict-item]  # as above
    "another secret": {
        "X-Slack-Request-Timestamp": str(int(NOW)),
        "X-Slack-Signature": sign(BODY, str(int(NOW)), "another"),
    },
    "another body": headers_for(b"{}"),  # type: ignore[dict-item]  # as above
    "not ASCII": {
        "X-Slack-Request-Timestamp": str(int(NOW)),
        "X-Slack-Signature": "v0=ßßß".encode(),
    },
    "empty signature": {"X-Slack-Request-Timestamp": str(int(NOW)), "X-Slack-Signature": ""},
}


@pytest.mark.parametrize("name", FORGED)
async def test_a_forged_request_is_refused(
    name: str,
    client: httpx.AsyncClient,
    admitted: list[str],
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Mallory gets 401 whatever the signature looks like; no body, no traceback is logged."""
    caplog.set_level(logging.DEBUG)
    headers = [
        (key.encode(), value if isinstance(value, bytes) else value.encode())
        for key, value in FORGED[name].items()
    ]
    answer = await client.post("/slack/events", content=BODY, headers=headers)
    printed = caplog.text + "".join(capsys.readouterr())
    assert (answer.status_code, answer.text, admitted) == (401, "", [])
    assert SECRET_WORDS not in printed
    assert "Traceback" not in printed


async def test_bytes_that_are_not_text_are_refused(
    client: httpx.AsyncClient, admitted: list[str]
) -> None:
    """Signed bytes that are not UTF-8 get 400."""
    body = b"payload=\xff\xfe"
    answer = await client.post("/slack/events", content=body, headers=headers_for(body))
    assert (answer.status_code, admitted) == (400, [])


async def test_an_oversized_body_is_refused_by_its_declared_length(
    client: httpx.AsyncClient, admitted: list[str]
) -> None:
    """A body over 1 MB gets 413."""
    body = b"a" * (MAX_BODY_BYTES + 1)
    answer = await client.post("/slack/events", content=body, headers=headers_for(body))
    assert (answer.status_code, admitted) == (413, [])


async def test_an_oversized_body_without_a_length_is_refused(
    client: httpx.AsyncClient, admitted: list[str]
) -> None:
    """A body sent in chunks is cut off at 1 MB as well."""

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(12):
            yield b"a" * 100_000

    headers = headers_for(b"the signature is looked at after the body")
    try:
        answer = await client.post("/slack/events", content=chunks(), headers=headers)
    except (httpx.WriteError, httpx.ReadError):
        return  # the answer came, and the connection closed, before all was written
    assert (answer.status_code, admitted) == (413, [])


@pytest.mark.parametrize("name", [each for each in FORGED if not each.startswith("another")])
async def test_no_byte_is_read_of_what_cannot_be_slacks(name: str) -> None:
    """Headers that cannot be Slack's are refused before their body, which may never end."""
    sent: list[Message] = []

    async def receive() -> Message:
        raise AssertionError("a body was read")

    async def send(message: Message) -> None:
        sent.append(message)

    async def answer(_text: str) -> Response:
        raise AssertionError("a stranger was answered")

    headers = [
        (key.lower().encode(), value if isinstance(value, bytes) else value.encode())
        for key, value in FORGED[name].items()
    ]
    scope = {"type": "http", "method": "POST", "path": "/slack/events", "headers": headers}
    await SlackGuard(answer, SECRET)(scope, receive, send)
    assert sent[0]["status"] == 401


async def test_only_posts_are_read(client: httpx.AsyncClient) -> None:
    """Slack posts; anything else gets 405."""
    assert (await client.get("/slack/events")).status_code == 405
