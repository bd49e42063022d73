"""Every request the bridge makes of RingCentral, held against the carrier's OpenAPI.

A recording proxy stands between the bridge and the simulator, so that it is the bytes on the wire
that are judged.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest
from sqlalchemy import update
from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bridge.clock import Clock, machine_now
from bridge.doctor import examine
from bridge.outbox.gates import Gates, no_budget
from bridge.outbox.outcome import Accepted, Claimed, Ready, Refused
from bridge.relay import conversations
from bridge.ringcentral.directory import Directory
from bridge.ringcentral.examine import RingCentralExamination
from bridge.ringcentral.read_marks import ReadMarks
from bridge.ringcentral.side import RingCentralSide, build_ringcentral
from bridge.ringcentral.subscription import WEBHOOK_PATH, SubscriptionWatch
from bridge.ringcentral.turns import Turns
from bridge.sandbox.ringcentral import ELI_NUMBER, NUMBER, QUEUE_NUMBER, RingCentralSimulator
from storage import cursors, inboxes, messages, reads
from storage.database import Database, signal
from storage.tables import Login, Message
from tests.contracts.openapi import check_exchange, reference_folder
from tests.edges.ringcentral_setting import listen, put_inbox, serving, settings_for

METHODS = ["GET", "POST", "PUT", "DELETE"]


@dataclass(frozen=True)
class Exchange:
    """One request as it went over the wire, and its answer."""

    request: Request
    body: bytes
    response: httpx.Response

    @property
    def operation(self) -> tuple[str, str]:
        return self.request.method, self.request.url.path.rpartition("/")[2]

    def check(self) -> None:
        """Raises ContractBroken."""
        media_type = self.request.headers.get("content-type", "application/json").split(";")[0]
        check_exchange(
            self.request.method,
            str(self.request.url),
            self._parsed_body(media_type),
            self.response.status_code,
            self.response.json() if self.response.content else None,
            request_type=media_type,
            response_type=self.response.headers.get("content-type", media_type).split(";")[0],
        )

    def _parsed_body(self, media_type: str) -> Any:
        if not self.body:
            return None
        if media_type == "application/x-www-form-urlencoded":
            return dict(parse_qsl(self.body.decode()))
        return json.loads(self.body)


@dataclass
class Proxy:
    """Passes requests on to RingCentral, and remembers them."""

    client: httpx.AsyncClient
    exchanges: list[Exchange] = field(default_factory=list)

    async def forward(self, request: Request) -> Response:
        """One request, there and back."""
        body = await request.body()
        headers = [(name, value) for name, value in request.headers.raw if name != b"host"]
        url = httpx.URL(path=request.url.path, query=request.url.query.encode())
        response = await self.client.request(
            request.method, url, content=body, headers=headers, timeout=10
        )
        self.exchanges.append(Exchange(request, body, response))
        passed = {
            name: value
            for name, value in response.headers.items()
            if name not in ("content-length", "content-encoding", "transfer-encoding", "date")
        }
        return Response(response.content, response.status_code, passed)

    def granted(self, grant: str) -> bool:
        """Whether a token was asked for by this grant."""
        forms = [parse_qsl(each.body.decode()) for each in self.exchanges]
        return any(("grant_type", grant) in form for form in forms)


async def phone_text_of(markup: str, _team_id: str, _author_id: str | None) -> str | Refused:
    """Texts leave as they are written here."""
    return markup


@pytest.fixture(scope="module", autouse=True)
def _reference() -> None:
    reference_folder()


@dataclass
class Bridged:
    """A side that reaches RingCentral through the proxy."""

    simulator: RingCentralSimulator
    database: Database
    side: RingCentralSide
    proxy: Proxy
    url: str
    proxy_url: str

    def store(self, extension: str) -> str:
        """An extension's message store."""
        found = self.simulator.account.extension(extension)
        return f"{self.simulator.account.account_id}/{found.extension_id}"

    def watch(self, url: str) -> SubscriptionWatch:
        """A watch over the subscription to be called at `url`."""
        return SubscriptionWatch(
            self.side.client_of(1), self.database, Clock(), url, Turns(self.database)
        )


@pytest.fixture
async def bridged(database: Database) -> AsyncIterator[Bridged]:
    """A user's and a queue's number connected, the webhook served."""
    listener, url = listen()
    async with (
        RingCentralSimulator(rate_limits=False) as simulator,
        httpx.AsyncClient(base_url=simulator.url) as client,
    ):
        proxy = Proxy(client)
        async with serving([Route("/{path:path}", proxy.forward, methods=METHODS)]) as proxy_url:
            side = build_ringcentral(
                settings_for(proxy_url, public_url=url),
                database,
                Gates(database, no_budget),
                Clock(),
                phone_text_of,
            )
            await side.open()
            bridged = Bridged(simulator, database, side, proxy, url, proxy_url)
            await database.write(put_inbox, NUMBER, bridged.store("101"))
            queue = bridged.store("201")
            await database.write(put_inbox, QUEUE_NUMBER, queue, channel_id="C0002")
            await database.write(cursors.match_inboxes, machine_now())
            async with serving([Route(WEBHOOK_PATH, side.asgi)], listener):
                yield bridged
            await side.stop()


def put_text(session: Session) -> Claimed:
    """A text owed to two phones."""
    inbox = inboxes.get_by_number(session, NUMBER)
    assert inbox is not None
    now = machine_now()
    place = conversations.find_or_open(session, inbox, ("+14155550100", "+14155550111"), now)
    message = Message(
        conversation_id=place.conversation_id,
        thread_id=place.thread_id,
        direction="out",
        origin="slack",
        status="queued",
        body="Both are ready 🎂",
        markup="Both are ready 🎂",
        sent_at=now,
    )
    messages.add(session, message)
    assert message.id is not None
    return Claimed(
        id=1,
        subject_type="message",
        subject_id=message.id,
        side="ringcentral",
        kind="text",
        part=0,
        marker="m",
        lane="l",
        gate="g",
        priority=1,
        attempts=1,
        version=1,
        claim="c",
        external_id=None,
        started_at=now,
        deadline_at=now + timedelta(seconds=20),
    )


async def _send_and_look(bridged: Bridged) -> None:
    delivery = await bridged.database.write(put_text)
    loaded = await bridged.database.read(bridged.side.sender.load, delivery)
    ready = await bridged.side.sender.prepare(delivery, loaded)
    assert isinstance(ready, Ready)
    assert isinstance(await bridged.side.sender.send(delivery, ready.content), Accepted)
    assert isinstance(await bridged.side.sender.look(delivery, ready.content), Accepted)


async def _subscribe_in_every_way(bridged: Bridged) -> None:
    watch = bridged.watch(bridged.url)
    await watch.ensure()
    bridged.simulator.subscriptions[0].expires_at = machine_now() + timedelta(days=1)
    await watch.ensure()
    bridged.simulator.subscriptions[0].status = "Blacklisted"
    await watch.ensure()
    for inbox_id in (1, 2):
        await bridged.database.write(inboxes.disconnect, inbox_id, machine_now())
    await watch.ensure()


async def _sync_in_every_way(bridged: Bridged) -> None:
    for number, extension in ((NUMBER, "101"), (QUEUE_NUMBER, "201")):
        await bridged.simulator.phone("+14155550100").texts("Hello", to=number)
        for _ in range(2):
            assert await bridged.side.catch_up.sync_store(bridged.store(extension))
    bridged.simulator.expire_sync_tokens()
    for _ in range(300):
        await bridged.simulator.phone("+14155550100").texts("Hello", to=NUMBER)
        bridged.simulator.clock.forward(1)
    assert await bridged.side.catch_up.sync_store(bridged.store("101"))


async def _mark_read(bridged: Bridged) -> None:
    """Several records at once, and a single one."""
    marks = ReadMarks(bridged.side.client_of, bridged.database, Clock(), every_seconds=0.0)
    inbound = bridged.simulator.messages("101", "Inbound")
    for records in (inbound[:3], inbound[3:4]):
        for each in records:
            store, now = bridged.store("101"), machine_now()
            await bridged.database.write(reads.owe, store, str(each["id"]), now)
        await marks.mark_due()
    statuses = [each.response.status_code for each in bridged.proxy.exchanges[-2:]]
    assert statuses == [207, 200]


async def _log_in_again(bridged: Bridged) -> None:
    def end_life(session: Session) -> None:
        session.execute(update(Login).values(access_expires_at=machine_now()))
        signal(session, "tokens")

    await bridged.database.write(end_life)
    for _ in range(200):  # the signal that the token on file changed comes when it comes
        await bridged.side.number(NUMBER)
        if bridged.proxy.granted("refresh_token"):
            return
        await asyncio.sleep(0.05)
    pytest.fail("the token was not refreshed within 10 s")


async def _examine(bridged: Bridged) -> None:
    """All the doctor asks, and whose a number is that the login does not have."""
    await bridged.watch(bridged.url).ensure()
    await bridged.database.write(put_inbox, ELI_NUMBER, bridged.store("102"), channel_id="C0003")
    settings = settings_for(bridged.proxy_url, public_url=bridged.url)
    client = bridged.side.client_of(1)
    examination = RingCentralExamination(
        settings, bridged.database, Clock(), lambda: client, lambda: Directory(client, "US")
    )
    found = await examine(examination.checks())
    assert any("belongs to extension 102 (Eli)" in each.sentence for each in found), found
    assert any(each.check == "Notifications" for each in found)
    await bridged.database.write(inboxes.disconnect, 3, machine_now())


async def test_every_request_is_one_the_carrier_describes(bridged: Bridged) -> None:
    """Logging in, numbers, sending, looking, syncing, subscribing: as the OpenAPI has it."""
    await bridged.side.numbers()
    await _send_and_look(bridged)
    await _sync_in_every_way(bridged)
    await _mark_read(bridged)
    await _examine(bridged)
    await _subscribe_in_every_way(bridged)
    await _log_in_again(bridged)
    for exchange in bridged.proxy.exchanges:
        exchange.check()
    refused = [each for each in bridged.proxy.exchanges if each.response.status_code >= 400]
    assert [each.operation for each in refused] == [("GET", "message-sync")], "the expired token"
    seen = {exchange.operation for exchange in bridged.proxy.exchanges}
    assert {
        ("POST", "token"),
        ("POST", "sms"),
        ("GET", "phone-number"),
        ("GET", "message-store"),
        ("GET", "message-sync"),
        ("GET", "subscription"),
        ("POST", "subscription"),
    } <= seen
    asked = {exchange.request.url.path for exchange in bridged.proxy.exchanges}
    assert "/restapi/v1.0/account/~/phone-number" in asked
    assert {"GET", "PUT", "DELETE"} <= {
        exchange.request.method
        for exchange in bridged.proxy.exchanges
        if "/subscription/" in exchange.request.url.path
    }


async def test_every_request_says_who_asks(bridged: Bridged) -> None:
    """A stable User-Agent, as RingCentral wants it; the secret is in no address."""
    await bridged.side.numbers()
    for exchange in bridged.proxy.exchanges:
        assert exchange.request.headers["user-agent"].startswith("sms-bridge/")
        assert "token" not in exchange.request.url.query
