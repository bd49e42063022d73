"""One login's token: bought by one process at a time, kept on file, renewed before it expires.

RingCentral allows five requests a minute for tokens and about five sessions of a user; a sixth
ends the oldest. So whoever needs a token reads it from the database, and only the holder of the
lease buys one.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
from datetime import datetime, timedelta
from typing import Any

import structlog

from bridge.clock import machine_now, monotonic, sleep
from bridge.outbox.gates import PAGE
from bridge.ringcentral.client import OWN_EXTENSION_PATH, Token
from bridge.ringcentral.door import Door
from bridge.ringcentral.parse import Store
from bridge.ringcentral.problems import LoginRefused, NotSent, Problem, Refusal
from bridge.ringcentral.turns import Turns
from storage import logins
from storage.database import Database
from storage.tables import Login

log = structlog.get_logger(__name__)

TOKEN_PATH = "/restapi/oauth/token"
JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"

LEASE_SECONDS = 60.0
WAIT_FOR_HOLDER_SECONDS = 20.0
ASK_HOLDER_EVERY_SECONDS = 0.2
SPARE_SECONDS = 30.0  # a token with less life left is not used any more
FAILED_WAIT_SECONDS = 10.0  # RingCentral's guide: three tries, ten seconds apart
REFUSED_WAIT_SECONDS = 60.0
LONGEST_REFUSED_WAIT_SECONDS = 900.0

REMEDIES = {
    "invalid_client": "Check RINGCENTRAL_CLIENT_ID and RINGCENTRAL_CLIENT_SECRET.",
    "invalid_grant": "Create a new JWT in RingCentral's developer console and set RINGCENTRAL_JWT.",
    "unauthorized_client": "Allow the JWT flow for the app in RingCentral's developer console.",
}
ANY_REMEDY = "Check the app and the JWT in RingCentral's developer console."


def refresh_at(bought_at: datetime, expires_at: datetime) -> datetime:
    """When to renew: at 80 % of its life or 5 min before its end, the sooner; half a short life."""
    life_seconds = (expires_at - bought_at).total_seconds()
    margin_seconds = min(max(0.2 * life_seconds, 300.0), 0.5 * life_seconds)
    return expires_at - timedelta(seconds=margin_seconds)


class Credentials:
    """What a token is bought with."""

    def __init__(self, client_id: str, client_secret: str, jwt: str) -> None:
        self.jwt = jwt
        self.basic = base64.b64encode(f"{client_id}:{client_secret}".encode()).decode()
        self.digest = hashlib.sha256(f"{client_id}\0{jwt}".encode()).hexdigest()


class Tokens:
    """The token of one login, for this process."""

    def __init__(
        self,
        door: Door,
        database: Database,
        credentials: Credentials,
        turns: Turns,
        *,
        spare_seconds: float = SPARE_SECONDS,
    ) -> None:
        self._spare = timedelta(seconds=spare_seconds)
        self._door = door
        self._database = database
        self._credentials = credentials
        self._turns = turns
        self._lease = f"ringcentral-token:{door.login_id}"
        self._purchase: asyncio.Task[Token] | None = None
        self._token: Token | None = None
        self._refresh_at = machine_now()
        self._failure: NotSent | None = None
        self._ask_again_at = 0.0
        self._refusals = 0

    async def token(self) -> Token:
        """A token that is good now; raises NotSent or LoginRefused."""
        if self._token is not None and self._has_life(self._token.expires_at):
            return self._token
        return await self._replace(0)

    async def renew(self, stale: Token) -> Token:
        """A token younger than one that RingCentral refused, or that grows old."""
        if self._token is not None and self._token.generation > stale.generation:
            return self._token
        return await self._replace(stale.generation)

    def look_again(self) -> None:
        """Somebody bought a token, and the one before it died: read it before the next request."""
        self._token = None

    async def identity(self) -> Store:
        """Whose login it is; asked once for each user it speaks for."""
        token = await self.token()
        login = await self._database.read(logins.get, self._door.login_id)
        if login.account_id and login.extension_id:
            return Store(login.account_id, login.extension_id)
        try:
            extension = await self._read_own_extension(token)
        except Refusal as refusal:
            if refusal.status != 401:
                raise
            extension = await self._read_own_extension(await self.renew(token))
        store = Store(str(extension["account"]["id"]), str(extension["id"]))
        await self._database.write(
            logins.set_identity, self._door.login_id, store.account_id, store.extension_id
        )
        return store

    async def _read_own_extension(self, token: Token) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {token.access_token}"}
        return await self._door.call("GET", OWN_EXTENSION_PATH, headers=headers, priority=PAGE)

    async def close(self) -> None:
        """End a purchase that is under way; its refresh token works once more for a grace."""
        if self._purchase is not None:
            self._purchase.cancel()
            await asyncio.wait([self._purchase])

    async def keep_fresh(self) -> None:
        """Renew the token as long as this runs; a failure is raised to the caller's loop."""
        while True:
            token = await self.token()
            wait_seconds = (self._refresh_at - machine_now()).total_seconds()
            if wait_seconds <= 0:
                await self.renew(token)
            else:
                await sleep(wait_seconds)

    async def _replace(self, stale_generation: int) -> Token:
        """One purchase for all who wait; one that tires of waiting does not end it."""
        while True:
            if self._purchase is None or self._purchase.done():
                self._purchase = asyncio.create_task(
                    self._find_or_buy(stale_generation), name="ringcentral token purchase"
                )
                self._purchase.add_done_callback(_note_failure)
            token = await asyncio.shield(self._purchase)
            if token.generation > stale_generation:
                return token

    async def _find_or_buy(self, stale_generation: int) -> Token:
        until = monotonic() + WAIT_FOR_HOLDER_SECONDS
        while monotonic() < until:
            login = await self._database.read(logins.get, self._door.login_id)
            if self._is_good(login, stale_generation):
                return self._adopt(login)
            self._raise_recent_failure()
            async with self._turns.turn(self._lease, LEASE_SECONDS) as is_ours:
                if is_ours:
                    return await self._buy(stale_generation)
            await sleep(ASK_HOLDER_EVERY_SECONDS)
        raise NotSent("Another process is logging in to RingCentral.", "token_awaited")

    def _is_good(self, login: Login, stale_generation: int) -> bool:
        return (
            login.access_token is not None
            and login.access_expires_at is not None
            and login.credentials_digest == self._credentials.digest
            and login.generation > stale_generation
            and self._has_life(login.access_expires_at)
        )

    def _adopt(self, login: Login) -> Token:
        assert login.access_token is not None, "found good"
        assert login.access_expires_at is not None, "found good"
        self._token = Token(login.access_token, login.generation, login.access_expires_at)
        self._refresh_at = refresh_at(machine_now(), login.access_expires_at)
        return self._token

    async def _buy(self, stale_generation: int) -> Token:
        """With the lease in hand: somebody may have bought one before it was ours."""
        login = await self._database.read(logins.get, self._door.login_id)
        if not self._is_good(login, stale_generation):
            await self._store(login, await self._ask(login))
            login = await self._database.read(logins.get, self._door.login_id)
        if not self._is_good(login, stale_generation):
            raise NotSent("The RingCentral login was changed meanwhile.", "token_awaited")
        return self._adopt(login)

    async def _store(self, login: Login, bought: dict[str, Any]) -> None:
        now = machine_now()
        await self._database.write(
            logins.store_token,
            self._door.login_id,
            login.generation,
            credentials_digest=self._credentials.digest,
            owner_id=str(bought["owner_id"]) if "owner_id" in bought else login.extension_id,
            scopes=bought.get("scope"),
            access_token=bought["access_token"],
            access_expires_at=now + timedelta(seconds=float(bought["expires_in"])),
            refresh_token=bought.get("refresh_token"),
            refresh_expires_at=now
            + timedelta(seconds=float(bought.get("refresh_token_expires_in", 0))),
        )
        log.info("ringcentral.token_bought", login_id=login.id, generation=login.generation + 1)

    async def _ask(self, login: Login) -> dict[str, Any]:
        try:
            bought = await self._refresh(login) or await self._ask_with_jwt()
        except NotSent as problem:
            raise self._remember(problem) from problem
        except Refusal as refusal:
            raise self._remember(_login_problem(refusal)) from refusal
        except Problem as problem:
            raise self._remember(NotSent(str(problem), problem.code)) from problem
        self._refusals, self._failure = 0, None
        return bought

    async def _refresh(self, login: Login) -> dict[str, Any] | None:
        """None where only the JWT helps. A refresh token works once, then for a short grace."""
        refresh_token, expires_at = login.refresh_token, login.refresh_expires_at
        if refresh_token is None or expires_at is None or not self._has_life(expires_at):
            return None
        if login.credentials_digest != self._credentials.digest:
            return None
        try:
            return await self._request(
                {"grant_type": "refresh_token", "refresh_token": refresh_token}
            )
        except Refusal as refusal:
            if refusal.status not in (400, 401):
                raise
            return None

    async def _ask_with_jwt(self) -> dict[str, Any]:
        return await self._request({"grant_type": JWT_GRANT, "assertion": self._credentials.jwt})

    async def _request(self, form: dict[str, str]) -> dict[str, Any]:
        headers = {"Authorization": f"Basic {self._credentials.basic}"}
        return await self._door.call("POST", TOKEN_PATH, headers=headers, priority=PAGE, form=form)

    def _has_life(self, expires_at: datetime) -> bool:
        return expires_at > machine_now() + self._spare

    def _raise_recent_failure(self) -> None:
        failure, wait_seconds = self._failure, self._ask_again_at - monotonic()
        if failure is not None and wait_seconds > 0:
            raise type(failure)(str(failure), failure.code, wait_seconds)

    def _remember(self, problem: NotSent) -> NotSent:
        """Hold the failure against the next askers for a while, longer with each refusal."""
        wait_seconds = FAILED_WAIT_SECONDS
        if isinstance(problem, LoginRefused):
            wait_seconds = min(
                REFUSED_WAIT_SECONDS * 2 ** min(self._refusals, 16), LONGEST_REFUSED_WAIT_SECONDS
            )
            self._refusals += 1
        self._failure, self._ask_again_at = problem, monotonic() + wait_seconds
        problem.after_seconds = wait_seconds
        log.warning("ringcentral.login_failed", code=problem.code, again_after_seconds=wait_seconds)
        return problem


def _note_failure(purchase: asyncio.Task[Token]) -> None:
    """Whoever waited was told; where nobody waits any more, the next one asks again."""
    if not purchase.cancelled():
        purchase.exception()


def _login_problem(refusal: Refusal) -> NotSent:
    if refusal.status == 429 or refusal.status >= 500 or refusal.status == 408:
        return NotSent(
            "RingCentral answers no login at the moment.", refusal.code, refusal.retry_after_seconds
        )
    words = [code for code in refusal.codes if code in REMEDIES]
    remedy = REMEDIES[words[0]] if words else ANY_REMEDY
    code = words[0] if words else refusal.code
    return LoginRefused(f"RingCentral refuses the login ({code}). {remedy}", code)
