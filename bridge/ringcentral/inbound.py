"""RingCentral's webhook: authentic, committed, acknowledged, in this order.

RingCentral allows 3,000 ms and 1,024 bytes of answer with its headers, and suspends a webhook for
good after minutes of refusals. So what is authentic and not understood is kept and answered 200;
4xx is for strangers, 503 for a database that cannot take it now.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import re
import traceback
from collections.abc import Collection, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog
from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from bridge import arrivals, meters
from bridge.bodies import BodyRefused, read_body
from bridge.clock import Clock, machine_now, monotonic
from bridge.relay.notices import keep_not_understood
from bridge.relay.texts import storable
from bridge.ringcentral.parse import (
    InstantSms,
    Notification,
    NotUnderstood,
    Store,
    StoreChanged,
    parse_notification,
)
from storage import cursors, inboxes, subscriptions
from storage.database import Database
from storage.errors import DATABASE_AWAY

log = structlog.get_logger(__name__)

LARGEST_BODY_BYTES = 256 * 1024
LONGEST_KEY = 200  # an index takes a key of some 2,700 bytes, and no more
READ_SECONDS = 5.0
TOKENS_READ_EVERY_SECONDS = 1.0
_HANDSHAKE_TOKEN = re.compile(r"[\x21-\x7e]{1,256}")


class Webhook:
    """The ASGI application at /ringcentral/webhook, and what it must know to answer fast."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        region: str,
        *,
        read_seconds: float = READ_SECONDS,
    ) -> None:
        self.own_store: Store | None = None
        self._read_seconds = read_seconds
        self._database = database
        self._clock = clock
        self._region = region
        self._tokens: Sequence[bytes] = ()
        self._read_tokens_at: float | None = None
        self._reading = asyncio.Lock()
        self._own_numbers: Collection[str] = frozenset()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_post = scope["method"] == "POST"
        response = await self.receive_webhook(Request(scope, receive)) if is_post else _answer(405)
        await response(scope, receive, send)

    async def receive_webhook(self, request: Request) -> Response:
        """Answer RingCentral's handshake, or commit what a notification brings and answer 200."""
        handshake = request.headers.get("Validation-Token")
        token = request.headers.get("Verification-Token")
        if handshake is not None and token is None:
            return _echo(handshake)
        try:
            return await self._receive(request, handshake, token)
        except DATABASE_AWAY as error:
            log.error("ringcentral.notification_not_committed", error=type(error).__name__)
            return _answer(503)
        except BodyRefused as refused:
            log.warning("ringcentral.notification_refused", reason=refused.reason)
            return _answer(refused.status, closes=True)

    async def _receive(
        self, request: Request, handshake: str | None, token: str | None
    ) -> Response:
        if not await self._is_authentic(token):
            raise BodyRefused(401, "token_missing" if token is None else "token_wrong")
        body = await read_body(
            request.headers,
            request.receive,
            most_bytes=LARGEST_BODY_BYTES,
            seconds=self._read_seconds,
        )
        if body or handshake is None:
            outcome = await self._commit(body)
            meters.EVENTS.labels("ringcentral", outcome).inc()
            # each line costs a fifth of the answer; what is relayed, its attempts tell of
            tell = log.debug if outcome == "relayed" else log.info
            tell("ringcentral.notification_received", outcome=outcome)
        return _echo(handshake) if handshake is not None else _answer(200)

    def forget_tokens(self) -> None:
        """A subscription was announced: read the secrets again at the next one not known."""
        self._read_tokens_at = None

    async def learn_own_numbers(self) -> None:
        """Read which numbers have an inbox; a group text may need it to tell which one is ours."""
        connected = await self._database.read(inboxes.find_connected)
        self._own_numbers = frozenset(inbox.phone_number for inbox in connected)

    async def _is_authentic(self, token: str | None) -> bool:
        if token is None:
            return False
        offered = token.encode("latin-1", "replace")
        if _is_one_of(offered, self._tokens):
            return True
        async with self._reading:  # those that come while it is read wait for what it says
            await self._read_tokens()
        return _is_one_of(offered, self._tokens)

    async def _read_tokens(self) -> None:
        """At most once a second, so that a stranger's tries cost nothing."""
        last = self._read_tokens_at
        if last is not None and monotonic() - last < TOKENS_READ_EVERY_SECONDS:
            return
        found = await self._database.read(subscriptions.find_verification_tokens)
        self._tokens = [each.encode() for each in found]
        self._read_tokens_at = monotonic()

    async def _commit(self, body: bytes) -> str:
        try:
            notification = parse_notification(
                _envelope(body),
                own_numbers=self._own_numbers,
                own_store=self.own_store,
                region=self._region,
            )
            return await self._database.write(
                receive_notification, notification, self._clock.now(), machine_now()
            )
        except NotUnderstood as oddity:
            return await self._keep(body, str(oddity))
        except DATABASE_AWAY:
            raise
        except Exception as error:  # noqa: BLE001 -- our fault must not suspend the webhook
            log.error("ringcentral.notification_failed", **fault_of(error))
            return await self._keep(body, f"failed with {type(error).__name__}")

    async def _keep(self, body: bytes, reason: str) -> str:
        key = _event_key(body)
        await self._database.write(
            keep_not_understood,
            "ringcentral",
            key,
            reason,
            body.decode("utf-8", "backslashreplace"),
            self._clock.now(),
        )
        log.error("ringcentral.notification_not_understood", reason=reason, key=key)
        return "not_understood"


def receive_notification(
    session: Session, notification: Notification, now: datetime, machine_at: datetime
) -> str:
    """Record what a notification brings; `now` is product time, `machine_at` machine time."""
    match notification:
        case InstantSms(record):
            return arrivals.receive_record(session, record, now)
        case StoreChanged(store):
            return "changed" if cursors.mark_due(session, store, machine_at) else "not_ours"
        case _:
            return "uninteresting"


def fault_of(error: BaseException) -> dict[str, str]:
    """What failed and where, for the log: an error's own words may quote the text it was about."""
    frames = traceback.extract_tb(error.__traceback__)
    where = [f"{Path(each.filename).name}:{each.lineno}" for each in frames[-6:]]
    return {"error": type(error).__name__, "where": " ".join(where)}


def _envelope(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise NotUnderstood("no JSON") from None


def _event_key(body: bytes) -> str:
    """The notification's own id, else its content: RingCentral repeats both."""
    try:
        envelope = json.loads(body)
    except (ValueError, RecursionError):
        envelope = None
    event_id = envelope.get("uuid") if isinstance(envelope, dict) else None
    return storable(f"ringcentral:{event_id or hashlib.sha256(body).hexdigest()}"[:LONGEST_KEY])


def _is_one_of(offered: bytes, tokens: Sequence[bytes]) -> bool:
    """Compared with all of them in constant time."""
    matches = [hmac.compare_digest(offered, token) for token in tokens]
    return any(matches)


def _answer(status: int, *, closes: bool = False) -> Response:
    headers = {"connection": "close"} if closes else None
    return Response(status_code=status, media_type="application/json", headers=headers)


def _echo(handshake: str) -> Response:
    if not _HANDSHAKE_TOKEN.fullmatch(handshake):
        return _answer(400)
    return Response(media_type="application/json", headers={"Validation-Token": handshake})
