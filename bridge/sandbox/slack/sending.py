"""One request from Slack to the app, and what became of it, whichever way it travelled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol

from bridge.sandbox.slack.errors import Json

Kind = Literal["events_api", "slash_commands", "interactive"]


@dataclass(frozen=True, slots=True)
class Retry:
    """Which repetition this is (1 to 3) and why the one before failed."""

    number: int
    reason: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What the app answered; `failure` is None or one of Slack's retry reasons.

    `body` is the decoded JSON of the answer, or its text; None when it was empty.
    """

    failure: str | None = None
    status: int | None = None
    body: Any = None
    no_retry: bool = False


class Transport(Protocol):
    async def send(self, kind: Kind, body: Json, url: str | None, retry: Retry | None, /) -> Answer:
        """Send one request and wait for its answer, as long as Slack waits."""
