"""The guard in front of Bolt: it bounds, reads and verifies what Slack sends, and logs no body.

Bolt alone would log the body of a request with a bad signature, answer 500 with a traceback to a
malformed one, and read a body of any size.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Awaitable, Callable
from hashlib import sha256

import structlog
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from bridge.bodies import BodyRefused, read_body
from bridge.clock import machine_now

MAX_BODY_BYTES = 1_000_000
READ_SECONDS = 5.0
STALE_SECONDS = 300  # Slack's own verifiers refuse what is older or newer than five minutes

_SIGNATURE = re.compile(r"v0=[0-9a-f]{64}")

log = structlog.get_logger(__name__)

Answer = Callable[[str], Awaitable[Response]]


class SlackGuard:
    """An ASGI application that passes on the text of requests Slack has signed, and nothing else.

    Answers 405 to anything but POST, 413 to a body over 1 MB, 408 to one that takes over 5 s to
    come, 401 to a missing, stale, malformed or wrong signature, 400 to bytes that are not UTF-8.
    No byte of a body is read before its signature could be one.
    """

    def __init__(
        self, answer: Answer, signing_secret: str, *, read_seconds: float = READ_SECONDS
    ) -> None:
        if not signing_secret.strip():
            raise ValueError("an empty signing secret would admit anybody")
        self._answer, self._read_seconds = answer, read_seconds
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
        timestamp, signature = _claimed_signature(headers)
        body = await read_body(
            headers, receive, most_bytes=MAX_BODY_BYTES, seconds=self._read_seconds
        )
        if not hmac.compare_digest(self._sign(timestamp, body), signature):
            raise BodyRefused(401, "signature_wrong")
        try:
            return body.decode()
        except UnicodeDecodeError:
            raise BodyRefused(400, "not_utf8") from None

    def _sign(self, timestamp: str, body: bytes) -> str:
        signed = b"v0:" + timestamp.encode() + b":" + body
        return "v0=" + hmac.new(self._key, signed, sha256).hexdigest()


def _claimed_signature(headers: Headers) -> tuple[str, str]:
    """Timestamp and signature, where they could be Slack's by their looks and their time."""
    timestamp = headers.get("x-slack-request-timestamp", "")
    signature = headers.get("x-slack-signature", "")
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        raise BodyRefused(401, "timestamp_malformed" if timestamp else "timestamp_missing")
    if abs(machine_now().timestamp() - int(timestamp)) > STALE_SECONDS:
        raise BodyRefused(401, "timestamp_stale")
    if not _SIGNATURE.fullmatch(signature):
        raise BodyRefused(401, "signature_malformed" if signature else "signature_missing")
    return timestamp, signature
