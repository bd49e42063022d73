"""Requests to the app over HTTP: signed, timed, and their failures named as Slack names them."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import aiohttp

from bridge.sandbox.slack.errors import Json
from bridge.sandbox.slack.sending import Answer, Kind, Retry

USER_AGENT = "Slackbot 1.0 (+https://api.slack.com/robots)"
REDIRECT_LIMIT = 2


def signature_headers(secret: str, body: bytes, timestamp: int | None = None) -> dict[str, str]:
    """The two headers by which the app knows that Slack sent `body`."""
    sent_at = int(time.time()) if timestamp is None else timestamp
    signed = f"v0:{sent_at}:".encode() + body
    digest = hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    return {"X-Slack-Request-Timestamp": str(sent_at), "X-Slack-Signature": f"v0={digest}"}


def encode(kind: Kind, body: Json) -> tuple[bytes, str]:
    """The bytes of a request and their content type: JSON events, form-encoded rest."""
    if kind == "events_api":
        return json.dumps(body).encode(), "application/json"
    if kind == "slash_commands":
        fields = {key: _as_field(value) for key, value in body.items() if value is not None}
        return urlencode(fields).encode(), "application/x-www-form-urlencoded"
    return urlencode({"payload": json.dumps(body)}).encode(), "application/x-www-form-urlencoded"


def _as_field(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


class HttpTransport:
    def __init__(self, secret: Callable[[], str], deadline_seconds: float) -> None:
        self._secret = secret
        self._timeout = aiohttp.ClientTimeout(total=deadline_seconds)
        self._session: aiohttp.ClientSession | None = None

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=0)
            self._session = aiohttp.ClientSession(connector=connector, timeout=self._timeout)
        return self._session

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def send(self, kind: Kind, body: Json, url: str | None, retry: Retry | None) -> Answer:
        if url is None:
            return Answer("connection_failed")
        data, content_type = encode(kind, body)
        headers = {"Content-Type": content_type, "User-Agent": USER_AGENT, "Accept": "*/*"}
        headers |= signature_headers(self._secret(), data)
        if retry is not None:
            headers["X-Slack-Retry-Num"] = str(retry.number)
            headers["X-Slack-Retry-Reason"] = retry.reason
        return await self.post(url, data, headers)

    async def post(self, url: str, data: bytes, headers: dict[str, str]) -> Answer:
        """Post these very bytes; for tests that forge or damage a request too."""
        session = self._open_session()
        try:
            async with session.post(
                url, data=data, headers=headers, max_redirects=REDIRECT_LIMIT
            ) as response:
                return _answer(response, await response.read())
        except aiohttp.TooManyRedirects:
            return Answer("too_many_redirects")
        except aiohttp.ClientSSLError:
            return Answer("ssl_error")
        except TimeoutError:
            return Answer("http_timeout")
        except aiohttp.ClientConnectionError:
            return Answer("connection_failed")
        except aiohttp.ClientError:
            return Answer("unknown_error")


def _answer(response: aiohttp.ClientResponse, raw: bytes) -> Answer:
    text = raw.decode("utf-8", errors="replace")
    body: Any = text or None
    if response.content_type == "application/json" and text:
        try:
            body = json.loads(text)
        except ValueError:
            body = text
    failure = None if 200 <= response.status < 300 else "http_error"
    no_retry = response.headers.get("x-slack-no-retry") == "1"
    return Answer(failure, response.status, body, no_retry)
