"""RingCentral's REST API, as one login uses it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from bridge.outbox.gates import AUTOMATIC, REPLY
from bridge.ringcentral.door import PERMIT_SECONDS, Door
from bridge.ringcentral.parse import Store
from bridge.ringcentral.problems import NotSent, Refusal
from storage.database import DatabaseBusy

OWN_EXTENSION_PATH = "/restapi/v1.0/account/~/extension/~"

TOKEN_SECONDS = 8.0  # a claimed send waits no longer: its deadline would pass for a lost answer


@dataclass(frozen=True)
class Token:
    """What a request is signed with; `generation` counts the tokens the login has had."""

    access_token: str
    generation: int
    expires_at: datetime


class TokenSource(Protocol):
    """Whoever holds the login's token."""

    async def token(self) -> Token:
        """A token that is good now; raises NotSent or LoginRefused."""

    async def renew(self, stale: Token) -> Token:
        """One younger than `stale`, which RingCentral refused."""

    async def identity(self) -> Store:
        """The account and extension it speaks for."""


class RingCentralClient:
    """Requests signed with the login's token."""

    def __init__(self, door: Door, tokens: TokenSource) -> None:
        self._door = door
        self._tokens = tokens

    @property
    def login_id(self) -> int:
        return self._door.login_id

    @property
    def server_time_offset(self) -> timedelta | None:
        """RingCentral's clock minus ours, to about a second; None before its first answer."""
        return self._door.server_time_offset

    async def request(
        self,
        method: str,
        path: str,
        *,
        priority: int = AUTOMATIC,
        permit: bool = True,
        patience_seconds: float = PERMIT_SECONDS,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
    ) -> dict[str, Any]:
        """Ask, and once more with a new token where RingCentral refused the token.

        A 401 did nothing, so the repeat is safe for every request. Where the caller's claim took
        the permit there is none for a repeat: the new token is bought, the 401 raised. Raises a
        Problem.
        """

        async def call(token: Token) -> dict[str, Any]:
            return await self._door.call(
                method,
                path,
                headers={"Authorization": f"Bearer {token.access_token}"},
                priority=priority,
                permit=permit,
                patience_seconds=patience_seconds,
                params=params,
                json=json,
            )

        token = await self._bounded(self._tokens.token())
        try:
            return await call(token)
        except Refusal as refusal:
            if refusal.status != 401:
                raise
            fresh = await self._bounded(self._tokens.renew(token))
            if not permit:
                raise
        return await call(fresh)

    async def server_clock(self, priority: int = REPLY) -> timedelta:
        """RingCentral's clock minus ours, asked for where no answer told it yet."""
        if self.server_time_offset is None:
            await self.request("GET", OWN_EXTENSION_PATH, priority=priority)
        return self.server_time_offset or timedelta()

    async def identity(self) -> Store:
        """Whose login it is; raises a Problem."""
        return await self._tokens.identity()

    async def ready(self) -> None:
        """Have a token at hand; raises NotSent or LoginRefused."""
        await self._bounded(self._tokens.token())

    async def _bounded(self, wanted: Coroutine[Any, Any, Token]) -> Token:
        try:
            async with asyncio.timeout(TOKEN_SECONDS):
                return await wanted
        except TimeoutError:
            raise NotSent("RingCentral's login takes too long.", "token_awaited") from None
        except DatabaseBusy:
            raise NotSent("The database is busy.", "database_busy") from None
