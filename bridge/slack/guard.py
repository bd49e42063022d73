"""The guard in front of Bolt: it bounds, reads and verifies what Slack sends, and logs no body.

Bolt alone would log the body of a request with a bad signature, answer 500 with a traceback to a
malformed one, and read a body of any size.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable
from hashlib import sha256

import structlog
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from bridge.clock import machine_now

MAX_BODY_BYTES = 1_000_000
READ_SECONDS = 5.0
STALE_SECONDS = 300  # Slack's own verifiers refuse what is older or newer than five minutes

log = structlog.get_logger(__name__)

Answer = Callable[[str], Awaitable[Response]]


class BodyRefused(Exception):
    """The request ends here, with `status`; `reason` is for the log."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


class SlackGuard:
    """An ASGI application that passes on the text of requests Slack has signed, and nothing else.

    Answers 405 to anything but POST, 413 to a body over 1 MB, 408 to one that takes over 5 s to
    come, 401 to a missing, stale, malformed or wrong signature, 400 to bytes that are not UTF-8.
    """

    def __init__(self, answer: Answer, signing_secret: str) -> None:
        if not signing_secret.strip():
            raise ValueError("an empty signing secret would admit anybody")
        self._answer = answer
        self._key = signing_secret.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        headers = Headers(scope=scope)
        try:
            text = await self._admit(scope, headers, receive)
        except BodyRefused as refused:
            log.warning("slack.request_refused", status=refused.status, reason=refused.reason)
            response: Response = PlainTextResponse("", refused.status, {"connection": "close"})
        else:
            response = await self._answer(text)
        await response(scope, receive, send)

    async def _admit(self, scope: Scope, headers: Headers, receive: Receive) -> str:
        if scope["method"] != "POST":
            raise BodyRefused(405, "method")
        body = await _read_bounded(headers, receive)
        refusal = self._why_forged(headers, body)
        if refusal is not None:
            raise BodyRefused(401, refusal)
        try:
            return body.decode()
        except UnicodeDecodeError:
            raise BodyRefused(400, "not_utf8") from None

    def _why_forged(self, headers: Headers, body: bytes) -> str | None:
        timestamp = headers.get("x-slack-request-timestamp", "")
        signature = headers.get("x-slack-signature", "")
        if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
            return "timestamp_malformed" if timestamp else "timestamp_missing"
        if abs(machine_now().timestamp() - int(timestamp)) > STALE_SECONDS:
            return "timestamp_stale"
        if not signature:
            return "signature_missing"
        signed = b"v0:" + timestamp.encode() + b":" + body
        expected = b"v0=" + hmac.new(self._key, signed, sha256).hexdigest().encode()
        # Compared as bytes: compare_digest raises TypeError for text that is not ASCII.
        matches = hmac.compare_digest(expected, signature.encode("utf-8", "surrogateescape"))
        return None if matches else "signature_wrong"


async def _read_bounded(headers: Headers, receive: Receive) -> bytes:
    declared = headers.get("content-length", "0")
    if not (declared.isascii() and declared.isdigit()):
        raise BodyRefused(400, "length_malformed")
    if int(declared[:12]) > MAX_BODY_BYTES:
        raise BodyRefused(413, "too_large")
    try:
        async with asyncio.timeout(READ_SECONDS):
            return await _read_chunks(receive)
    except TimeoutError:
        raise BodyRefused(408, "too_slow") from None


async def _read_chunks(receive: Receive) -> bytes:
    chunks: list[bytes] = []
    size_bytes = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise BodyRefused(400, "disconnected")
        chunks.append(message.get("body", b""))
        size_bytes += len(chunks[-1])
        if size_bytes > MAX_BODY_BYTES:
            raise BodyRefused(413, "too_large")
        if not message.get("more_body", False):
            return b"".join(chunks)
