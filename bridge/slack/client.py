"""Calls to Slack's Web API: one session, no retries, errors mapped at the door.

SlackProblem
  NotReached     no byte of the request was written: the name, the connection or TLS failed
  AnswerLost     the request may have been taken; its answer never came or made no sense
  Limited        429: nothing was done; ask again after `after_seconds`
  SlackRefused   ok is false; `code` is Slack's error
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import urlsplit

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

from bridge.errors import ProviderProblem
from bridge.outbox.gates import PAGE, REPLY, Gates

TOTAL_SECONDS = 10.0
CONNECT_SECONDS = 5.0  # shorter than the total, so that a failed connect is told from a lost answer
RETRY_AFTER_SECONDS = 30.0  # where a 429 does not say

T = TypeVar("T")

# slack_sdk builds its debug lines, bodies included, for any logger that is not set above DEBUG.
_quiet = logging.getLogger("bridge.slack.sdk")
_quiet.setLevel(logging.WARNING)

_NOT_REACHED = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.ServerFingerprintMismatch,
    aiohttp.ClientHttpProxyError,
    aiohttp.InvalidURL,
)
_ANSWER_LOST = (aiohttp.ClientError, TimeoutError)


class SlackProblem(ProviderProblem):
    """Slack did not do what it was asked."""


class NotReached(SlackProblem):
    """No byte of the request was written."""


class AnswerLost(SlackProblem):
    """The request may have been taken."""


class Limited(SlackProblem):
    """Slack counts too many requests."""

    def __init__(self, after_seconds: float) -> None:
        super().__init__("Slack asks to wait.", "ratelimited")
        self.after_seconds = after_seconds


class SlackRefused(SlackProblem):
    """Slack answered with an error code."""


class _WebClient(AsyncWebClient):
    async def _request(self, *, http_verb: str, api_url: str, req_args: Any) -> dict[str, Any]:
        answer = await super()._request(http_verb=http_verb, api_url=api_url, req_args=req_args)
        if not isinstance(answer["data"], dict):  # a proxy's plain text would raise AttributeError
            answer["data"] = {}
        return answer


class SlackClient:
    """The bot's calls to one workspace. `team_id` is set once auth.test has told it.

    `deliver` is for a claimed delivery, whose permit came with its claim; `ask` takes a permit
    of its own and closes the gate on a 429. Both raise SlackProblem, and both give Slack's answer
    as a mapping.
    """

    def __init__(self, token: str, api_url: str, gates: Gates) -> None:
        self._token, self._api_url, self._gates = token, api_url, gates
        self._session: aiohttp.ClientSession | None = None
        self._web: AsyncWebClient | None = None
        self.team_id = ""

    async def open(self) -> None:
        """Make the one session, inside the running loop."""
        timeout = aiohttp.ClientTimeout(total=TOTAL_SECONDS, connect=CONNECT_SECONDS)
        self._session = aiohttp.ClientSession(timeout=timeout)
        self._web = self.web_client(self._token)

    async def close(self) -> None:
        """Close the session."""
        if self._session is not None:
            await self._session.close()

    def web_client(self, token: str) -> AsyncWebClient:
        """A slack_sdk client on the shared session, for a token of ours.

        slack_sdk's own retry would post a message again after a dropped connection: it is off.
        """
        client = _WebClient(
            token=token,
            base_url=self._api_url,
            session=self._session,
            retry_handlers=[],
            logger=_quiet,
        )
        if is_loopback(self._api_url):
            client.proxy = None  # slack_sdk takes HTTPS_PROXY without looking at NO_PROXY
        return client

    async def ask(
        self, method: str, *, priority: int = REPLY, **arguments: Any
    ) -> Mapping[str, Any]:
        """Call a method outside of any delivery."""
        key = f"slack:{self.team_id}:{method}"
        await self._gates.permit(key, priority)
        try:
            return await self.deliver(method, **arguments)
        except Limited as limited:
            await self._gates.close(key, limited.after_seconds)
            raise

    async def deliver(self, method: str, **arguments: Any) -> Mapping[str, Any]:
        """Call a method once."""
        assert self._web is not None, "opened at start"
        return await _call(self._web, method, arguments)

    async def whose_token(self) -> tuple[Mapping[str, Any], Mapping[str, str]]:
        """What auth.test tells, and its answer's headers (small letters), which name the scopes."""
        assert self._web is not None, "opened at start"
        with _mapped_errors():
            answer = await self._web.auth_test()
        assert isinstance(answer.data, dict), "_WebClient sees to it"
        return answer.data, {name.lower(): str(value) for name, value in answer.headers.items()}

    async def open_socket(self, app_token: str) -> str:
        """A fresh address for Socket Mode; it is good for one connection, made soon."""
        method, arguments = "apps.connections.open", {"app_token": app_token}
        key = f"slack:{self.team_id}:{method}"
        await self._gates.permit(key, PAGE)  # without a connection nobody's reply is heard
        try:
            told = await _call(self.web_client(app_token), method, arguments)
        except Limited as limited:
            await self._gates.close(key, limited.after_seconds)
            raise
        url: str = told["url"]
        return url

    async def respond(self, response_url: str, body: dict[str, Any]) -> None:
        """Post to a response_url; SlackRefused where it has expired or was used up."""
        webhook = AsyncWebhookClient(
            response_url, session=self._session, retry_handlers=[], logger=_quiet
        )
        if is_loopback(response_url):
            webhook.proxy = None
        with _mapped_errors():
            answer = await webhook.send_dict(body)
        if answer.status_code == 429:
            raise Limited(_retry_after_seconds(answer.headers))
        if answer.status_code >= 500:
            raise AnswerLost("Slack did not answer.", f"http_{answer.status_code}")
        if answer.status_code != 200:
            raise SlackRefused("Slack refused the answer.", f"http_{answer.status_code}")


async def _call(
    web: AsyncWebClient, method: str, arguments: Mapping[str, Any]
) -> Mapping[str, Any]:
    call = getattr(web, method.replace(".", "_"))
    with _mapped_errors():
        answer = await call(**arguments)
    data: Mapping[str, Any] = answer.data
    return data


@contextmanager
def _mapped_errors() -> Iterator[None]:
    try:
        yield
    except SlackApiError as error:
        raise _problem_of(error) from None
    except _NOT_REACHED as error:
        raise NotReached("Slack could not be reached.", type(error).__name__) from error
    except _ANSWER_LOST as error:
        raise AnswerLost("Slack did not answer.", type(error).__name__) from error


def _problem_of(error: SlackApiError) -> SlackProblem:
    response = error.response
    status = getattr(response, "status_code", None) or getattr(response, "status", 0)
    if status == 429:
        return Limited(_retry_after_seconds(response.headers))
    data = getattr(response, "data", None)
    code = data.get("error") if isinstance(data, dict) else None
    if isinstance(code, str) and code:
        return SlackRefused(f"Slack refused ({code}).", code)
    return AnswerLost("Slack's answer made no sense.", f"http_{status}")


def _retry_after_seconds(headers: Mapping[str, Any]) -> float:
    for name, value in headers.items():
        if name.lower() == "retry-after":
            text = str(value[0] if isinstance(value, list) else value)
            return float(text) if text.isdigit() else RETRY_AFTER_SECONDS
    return RETRY_AFTER_SECONDS


def is_loopback(url: str) -> bool:
    """True for an address on this machine, which no proxy can reach."""
    return urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")


async def within(seconds: float, question: Awaitable[T]) -> T:
    """Ask for at most so long; AnswerLost where no answer came in time."""
    try:
        async with asyncio.timeout(seconds):
            return await question
    except TimeoutError:
        raise AnswerLost("Slack did not answer in time.", "timed_out") from None
