"""The HTTP server in front of the simulated account, and what tests do with it."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from email.utils import format_datetime
from typing import Any, Self, TypeVar

from aiohttp import BodyPartReader, web
from aiohttp.typedefs import Middleware

from bridge.sandbox.changes import Changes
from bridge.sandbox.faults import Faults
from bridge.sandbox.ringcentral.account import Account, App, default_account, default_apps
from bridge.sandbox.ringcentral.api.records import remove
from bridge.sandbox.ringcentral.calls import Call, Part
from bridge.sandbox.ringcentral.clock import SimulatorClock
from bridge.sandbox.ringcentral.consents import CARRIER
from bridge.sandbox.ringcentral.control import Control, guard_control
from bridge.sandbox.ringcentral.dialing import fictional_number, to_e164
from bridge.sandbox.ringcentral.errors import Refusal
from bridge.sandbox.ringcentral.messages import Message, conversation_id_of
from bridge.sandbox.ringcentral.notifications import SentNotification
from bridge.sandbox.ringcentral.phones import Phone
from bridge.sandbox.ringcentral.routes import answer
from bridge.sandbox.ringcentral.settings import Settings
from bridge.sandbox.ringcentral.sockets import Sockets
from bridge.sandbox.ringcentral.subscriptions import Subscription
from bridge.sandbox.ringcentral.world import RecordedRequest, World

MAX_BODY_BYTES = 10 * 1024 * 1024
LOOK_EVERY_SECONDS = 0.005

RECORD = web.RequestKey("record", RecordedRequest)

Seen = TypeVar("Seen")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class RingCentralSimulator:
    """A RingCentral account to talk to; the package's docstring is its manual."""

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        account: Account | None = None,
        apps: list[App] | None = None,
        clock: SimulatorClock | None = None,
        faults: Faults | None = None,
        **overrides: Any,
    ) -> None:
        self.settings = dataclasses.replace(settings or Settings(), **overrides)
        self.account = account or default_account()
        self.apps = apps or default_apps()
        self.clock = clock or SimulatorClock()
        self.faults = faults or Faults()
        self.world = World(self.account, self.apps, self.clock, self.faults, self.settings)
        self.sockets = Sockets(self.world)
        self.changes = Changes()
        self.world.carrier.changed = self.faults.changed = self.changes.note
        self._runner: web.AppRunner | None = None
        self.port = 0

    # Life

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen; port 0 takes a free one the first time and the same one again later."""
        app = web.Application(
            middlewares=[self._record_middleware(), guard_control, self.faults.middleware],
            client_max_size=MAX_BODY_BYTES,
        )
        app.add_routes(Control(self).routes())
        self.changes.begin()
        app.add_routes([web.get("/ws", self.sockets.serve)])
        app.router.add_route("*", "/restapi", self._serve)
        app.router.add_route("*", "/restapi/{rest:.*}", self._serve)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port or self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]
        self.world.renderer.base_url = self.world.renderer.media_url = f"http://{host}:{self.port}"
        await self.world.notifier.start()
        self.clock.start()

    async def stop(self) -> None:
        """Stop listening; everything known is kept for another start."""
        self.changes.end()
        await self.clock.stop()
        await self.world.notifier.stop()
        await self.sockets.close()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.stop()

    @property
    def url(self) -> str:
        return self.world.base_url

    # HTTP

    def _record_middleware(self) -> Middleware:
        @web.middleware
        async def record_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
            if request.path.startswith("/_sandbox/"):
                return await handler(request)
            now = self.clock.now()
            record = RecordedRequest(now, request.method, request.path, request.query_string)
            request[RECORD] = record
            self.world.requests.append(record)
            response = await handler(request)
            record.status = response.status
            if not response.prepared:
                # The carrier's own time, so that a client can see how far its clock is off.
                response.headers["Date"] = format_datetime(self.clock.now(), usegmt=True)
            return response

        return record_middleware

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        call = Call(request.method, request.path, request.query, request.headers)
        try:
            if call.content_type.startswith("multipart/"):
                call.parts = await _read_parts(request)
            else:
                call.body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            return web.json_response(Refusal("MSG-338").body(), status=413)
        except (ValueError, AssertionError, RuntimeError):
            # Whatever aiohttp's multipart reader raises at a malformed body.
            return web.json_response(Refusal("CMN-104").body(), status=400)
        answered = await answer(self.world, call, request[RECORD])
        payload = answered.payload()
        headers = dict(answered.headers)
        if payload:
            headers["Content-Type"] = answered.content_type
        return web.Response(body=payload, status=answered.status, headers=headers)

    # People

    def phone(self, number: str) -> Phone:
        """The outside phone with this number, written in any way; a short code stays as it is."""
        return self.world.carrier.phone(to_e164(number) or number)

    async def app_sends(
        self, extension: str | int, from_number: str, to: str | Sequence[str], text: str
    ) -> Message:
        """A text that somebody sends from RingCentral's own app; raises KeyError for strangers."""
        number = self.account.number(from_number)
        store = self.account.store_owner(number) or self.account.extension(extension)
        recipients = [to] if isinstance(to, str) else list(to)
        return self.world.carrier.accept(number, store, recipients, text)

    # What is seen

    def show(self, message: Message) -> dict[str, Any]:
        """A record as REST shows it."""
        return self.world.renderer.rest(message)

    def messages(
        self, extension: str | int | None = None, direction: str | None = None
    ) -> list[dict[str, Any]]:
        """Records of all stores or one, oldest first, also those not yet visible over REST."""
        store_id = None if extension is None else self.account.extension(extension).extension_id
        return [
            self.show(message)
            for message in self.world.mailboxes
            if store_id in {None, message.store_id} and direction in {None, message.direction}
        ]

    @property
    def sent(self) -> list[Message]:
        return self.world.sent

    @property
    def requests(self) -> deque[RecordedRequest]:
        return self.world.requests

    @property
    def subscriptions(self) -> list[Subscription]:
        return self.world.subscriptions.living()

    @property
    def notifications(self) -> deque[SentNotification]:
        return self.world.notifier.sent

    @property
    def websocket_count(self) -> int:
        return self.sockets.count

    def state(self) -> dict[str, Any]:
        """The account in figures, for a page that shows it."""
        now = self.clock.now()
        return {
            "url": self.url,
            "account": dataclasses.asdict(self.account),
            "message_count": len(self.world.mailboxes),
            "subscriptions": [each.rest(self.url, now) for each in self.subscriptions],
            "websocket_count": self.websocket_count,
            "phones": sorted(self.world.carrier.phones),
            "request_count": len(self.requests),
        }

    async def settled(self, timeout_seconds: float = 5.0) -> None:
        """Wait until no delivery step and no notification is outstanding; raises TimeoutError."""
        carrier, notifier = self.world.carrier, self.world.notifier
        await self.wait_for(
            lambda: not carrier.outstanding_steps and not notifier.outstanding, timeout_seconds
        )

    async def wait_for(self, predicate: Callable[[], Seen], timeout_seconds: float = 5.0) -> Seen:
        """The predicate's first truthy value; raises TimeoutError."""
        deadline = time.monotonic() + timeout_seconds
        while not (seen := predicate()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"nothing of the kind within {timeout_seconds} s")
            await asyncio.sleep(LOOK_EVERY_SECONDS)
        return seen

    # What goes wrong

    def expire_access_tokens(self) -> None:
        self.world.sessions.expire_access_tokens()

    def end_sessions(self) -> None:
        """Somebody changes the password: access and refresh tokens are worth nothing any more."""
        self.world.sessions.end_all()

    def expire_sync_tokens(self) -> None:
        """Every sync token given out so far asks for a full sync."""
        self.world.sync_tokens_good_from = self.clock.now()

    def drop_websockets(self, *, recoverable: bool = True) -> None:
        self.sockets.drop(recoverable=recoverable)

    def opt_out(self, number: str, phone: str) -> None:
        """The phone wants no texts from this number any more, without having texted STOP."""
        self.world.consents.record(number, phone, "OptOut", CARRIER)

    def opt_in(self, number: str, phone: str) -> None:
        self.world.consents.record(number, phone, "OptIn", CARRIER)

    def opt_phone(self, phone: Phone, *, is_out: bool) -> None:
        """The phone wants texts from none of our numbers any more, or from all of them again."""
        choose = self.opt_out if is_out else self.opt_in
        for own in self._texting_numbers():
            choose(own, phone.number)
        self.changes.note()

    def block(self, phone: Phone, *, is_on: bool) -> None:
        """The same by its carrier alone: what the phone itself said by STOP is let alone."""
        consents = self.world.consents
        for own in self._texting_numbers():
            if is_on and not consents.has_opted_out(own, phone.number):
                self.opt_out(own, phone.number)
            elif not is_on and consents.is_blocked(own, phone.number):
                self.opt_in(own, phone.number)
        self.changes.note()

    def is_blocked(self, phone: Phone) -> bool:
        """Whether its carrier refuses texts from any of our numbers without a STOP."""
        return any(
            self.world.consents.is_blocked(own, phone.number) for own in self._texting_numbers()
        )

    def _texting_numbers(self) -> list[str]:
        numbers = self.account.numbers
        return [e.phone_number for e in numbers if self.account.store_owner(e) is not None]

    def blacklist_webhooks(self, reason: str = "HTTP 503") -> None:
        """Suspend every webhook for good, as after ten minutes of failures."""
        for subscription in self.subscriptions:
            if subscription.transport == "WebHook":
                subscription.status = "Blacklisted"
                subscription.blacklisted_at = self.clock.now()
                subscription.blacklist_reason = reason
        self.changes.note()

    def delete(self, message_id: int | str, *, purge: bool = False) -> None:
        """Somebody deletes a record in RingCentral's app; raises KeyError."""
        message = self.world.mailboxes.get(int(message_id), hidden=True)
        if message is None:
            raise KeyError(message_id)
        remove(self.world, message, purge=purge)

    def fill(self, count: int, *, extension: str = "101", phones: int = 1000) -> None:
        """Put many old inbound records into a store, one a second, without events."""
        store = self.account.extension(extension)
        own = next(
            each for each in self.account.numbers if each.extension_id == store.extension_id
        ).phone_number
        now = self.clock.now()
        for index in range(count):
            at = now - timedelta(seconds=count - index)
            other = fictional_number(index % phones)
            self.world.mailboxes.add(
                Message(
                    message_id=self.world.mailboxes.next_id(),
                    store_id=store.extension_id,
                    direction="Inbound",
                    from_number=other,
                    to_numbers=(own,),
                    text=f"Old text {index}",
                    created_at=at,
                    modified_at=at,
                    visible_at=at,
                    conversation_id=conversation_id_of(store.extension_id, {own, other}),
                    status="Received",
                    own_number=own,
                )
            )


async def _read_parts(request: web.Request) -> list[Part]:
    """The parts of multipart/form-data or multipart/mixed; raises ValueError."""
    parts = []
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader):
            raise ValueError("nested multipart")
        parts.append(await _read_part(part))
    return parts


async def _read_part(part: BodyPartReader) -> Part:
    return Part(
        name=part.name or "",
        file_name=part.filename or "",
        content_type=part.headers.get("Content-Type", "").split(";")[0].strip().lower(),
        content=bytes(await part.read(decode=True)),
    )
