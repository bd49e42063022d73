"""Subscriptions of the simulated RingCentral: handshake, events, suspension, WebSockets."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from bridge.sandbox.ringcentral import JWT_ELI, NUMBER, QUEUE_NUMBER, RingCentralSimulator
from tests.contracts.openapi import ContractBroken, check_value
from tests.contracts.ringcentral_api import ALICE, EXTENSION, Api, codes, dana_at, logged_in

SUBSCRIPTION = "/restapi/v1.0/subscription"
INSTANT = f"{EXTENSION}/message-store/instant?type=SMS"
CHANGES = f"{EXTENSION}/message-store"


class Webhook:
    """A listener as the bridge has one, with its manners adjustable."""

    def __init__(self) -> None:
        self.url = ""
        self.events: list[dict[str, Any]] = []
        self.tokens: list[str | None] = []
        self.status = 200
        self.answer_validation: Callable[[str], dict[str, str]] = lambda token: {
            "Validation-Token": token
        }
        self.content_type = "application/json"
        self.body = ""
        self.wait_seconds = 0.0

    async def take(self, request: web.Request) -> web.Response:
        await asyncio.sleep(self.wait_seconds)
        validation_token = request.headers.get("Validation-Token")
        headers = {"Content-Type": self.content_type}
        if validation_token is not None:
            headers |= self.answer_validation(validation_token)
        else:
            self.tokens.append(request.headers.get("Verification-Token"))
            self.events.append(await request.json())
        return web.Response(status=self.status, headers=headers, body=self.body.encode())


@asynccontextmanager
async def listening() -> AsyncIterator[Webhook]:
    webhook, app = Webhook(), web.Application()
    app.router.add_post("/ringcentral/events", webhook.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    webhook.url = f"http://127.0.0.1:{runner.addresses[0][1]}/ringcentral/events"
    try:
        yield webhook
    finally:
        await runner.cleanup()


def request_body(address: str, *filters: str, **members: Any) -> dict[str, Any]:
    mode = {"transportType": "WebHook", "address": address, "verificationToken": "secret"}
    return {"eventFilters": list(filters or (INSTANT,)), "deliveryMode": mode} | members


@asynccontextmanager
async def subscribed(
    *filters: str, **overrides: Any
) -> AsyncIterator[tuple[RingCentralSimulator, Api, Webhook, dict[str, Any]]]:
    async with listening() as webhook, dana_at(**overrides) as (simulator, api):
        created = await api.call("POST", SUBSCRIPTION, request_body(webhook.url, *filters))
        assert created.status_code == 200, created.text
        yield simulator, api, webhook, created.json()


async def test_a_webhook_is_validated_and_then_told() -> None:
    """The handshake is echoed, the instant event carries the record with string ids."""
    async with subscribed() as (simulator, _, webhook, subscription):
        dana = simulator.account.extension("101").extension_id
        account = simulator.account.account_id
        expanded = INSTANT.replace("~", str(account), 1).replace("~", str(dana), 1)
        assert subscription["eventFilters"] == [expanded]
        assert subscription["expiresIn"] in {604_799, 604_800}
        assert "verificationToken" not in subscription["deliveryMode"]
        message = await simulator.phone(ALICE).texts("Is my order ready?", to=NUMBER)
        await simulator.settled()
        (event,) = webhook.events
        assert webhook.tokens == ["secret"]
        assert (event["event"], event["subscriptionId"]) == (expanded, subscription["id"])
        assert event["body"]["subject"] == "Is my order ready?"
        assert event["body"]["id"] == str(message.message_id)
        assert event["body"]["conversation"]["id"] == str(message.conversation_id)
        assert event["body"]["owner"]["extensionType"] == "User"
        check_value("InstantMessageEvent", event)
        assert [each.status for each in simulator.notifications] == [200]


async def test_change_events_count_what_is_new_and_what_changed() -> None:
    """A text sent gives one event for the new record and one for each later status."""
    async with subscribed(CHANGES) as (simulator, api, webhook, _):
        sent = (await api.send("Hi")).json()
        await simulator.settled()
        new, changed = (event["body"]["changes"][0] for event in webhook.events)
        assert new == {"type": "SMS", "newCount": 1, "newMessageIds": [sent["id"]]}
        assert changed == {"type": "SMS", "updatedCount": 1}
        for event in webhook.events:
            check_value("MessageEvent", event)


async def test_filters_narrow_what_is_sent() -> None:
    """An instant filter is for inbound only; a direction on a change filter is kept."""
    async with subscribed(INSTANT, f"{CHANGES}?type=SMS&direction=Outbound") as (
        simulator,
        api,
        webhook,
        _,
    ):
        await simulator.phone(ALICE).texts("In", to=NUMBER)
        await simulator.settled()
        assert [event["body"].get("subject") for event in webhook.events] == ["In"]
        await api.send("Out")
        await simulator.settled()
        assert len(webhook.events) == 3


async def test_consent_changes_are_told() -> None:
    """STOP is told to whoever subscribed to consents."""
    async with subscribed("/restapi/v2/accounts/~/sms/consents") as (simulator, _, webhook, _sub):
        await simulator.phone(ALICE).texts("STOP", to=NUMBER)
        await simulator.settled()
        (record,) = webhook.events[0]["body"]["records"]
        assert (record["from"], record["to"], record["optStatus"]) == (NUMBER, ALICE, "OptOut")


async def test_an_admin_may_listen_to_others_and_a_user_may_not() -> None:
    """One subscription of a super admin covers queues; a user's filter for others is refused."""
    async with listening() as webhook, dana_at() as (simulator, api):
        queue_id = simulator.account.extension("201").extension_id
        theirs = INSTANT.replace("extension/~", f"extension/{queue_id}")
        made = await api.call("POST", SUBSCRIPTION, request_body(webhook.url, INSTANT, theirs))
        assert "disabledFilters" not in made.json()
        await simulator.phone(ALICE).texts("For the desk", to=QUEUE_NUMBER)
        await simulator.settled()
        assert [each["body"]["owner"]["extensionType"] for each in webhook.events] == ["Department"]
        async with logged_in(simulator, JWT_ELI) as eli:
            body = request_body(webhook.url, INSTANT, theirs)
            partly = (await eli.call("POST", SUBSCRIPTION, body)).json()
            assert [each["reason"] for each in partly["disabledFilters"]] == ["SUB-405"]
            body = request_body(webhook.url, theirs)
            assert codes(await eli.call("POST", SUBSCRIPTION, body)) == ["SUB-405"]


async def test_queue_events_can_reach_the_queues_texters() -> None:
    """Undocumented by the carrier, so it can be switched on: a queue's texts reach `~` filters."""
    for reaches in (False, True):
        async with subscribed(queue_events_to_recipients=reaches) as (simulator, _, webhook, _sub):
            await simulator.phone(ALICE).texts("For the desk", to=QUEUE_NUMBER)
            await simulator.settled()
            assert len(webhook.events) == int(reaches)


def no_token(_token: str) -> dict[str, str]:
    return {}


def many_headers(token: str) -> dict[str, str]:
    return {"Validation-Token": token, "X-Padding": "x" * 900}


BAD_WEBHOOKS: list[tuple[str, dict[str, Any], str]] = [
    ("token not returned", {"answer_validation": no_token}, "SUB-520"),
    ("too large with its headers", {"answer_validation": many_headers}, "SUB-525"),
    ("wrong content type", {"content_type": "text/html"}, "SUB-525"),
    ("an error", {"status": 500}, "SUB-521"),
    ("too slow", {"wait_seconds": 1.0}, "SUB-521"),
]


@pytest.mark.parametrize(("_what", "manners", "code"), BAD_WEBHOOKS)
async def test_a_webhook_that_fails_its_handshake_is_refused(
    _what: str, manners: dict[str, Any], code: str
) -> None:
    """Each way to fail the handshake has its code, and no subscription is made."""
    async with listening() as webhook, dana_at(webhook_timeout_seconds=0.3) as (simulator, api):
        for name, value in manners.items():
            setattr(webhook, name, value)
        refused = await api.call("POST", SUBSCRIPTION, request_body(webhook.url))
        assert (refused.status_code, codes(refused)) == (400, [code])
        assert simulator.subscriptions == []


async def test_wrong_subscriptions_are_refused() -> None:
    """Plain http elsewhere, unknown filters, a life of zero and missing members are refused."""
    async with listening() as webhook, dana_at() as (_, api):
        cases = [
            (request_body("http://example.com/events"), "SUB-523"),
            (request_body("http://127.0.0.1:9/nobody"), "SUB-521"),
            (request_body(webhook.url, "/restapi/v1.0/weather"), "SUB-508"),
            (request_body(webhook.url, f"{CHANGES}/instant"), "SUB-508"),
            (request_body(webhook.url, expiresIn=0), "CMN-101"),
            (request_body(webhook.url, eventFilters=[]), "CMN-101"),
            (request_body(webhook.url, deliveryMode={"transportType": "Pigeon"}), "CMN-101"),
            (request_body(webhook.url, deliveryMode={"transportType": "WebSocket"}), "CMN-101"),
        ]
        for body, code in cases:
            assert codes(await api.call("POST", SUBSCRIPTION, body)) == [code], body


async def test_thirty_subscriptions_are_the_limit() -> None:
    """The thirty-first of a user and app is SUB-505; deleting one makes room."""
    async with listening() as webhook, dana_at(rate_limits=False) as (simulator, api):
        for _subscription in range(30):
            await api.call("POST", SUBSCRIPTION, request_body(webhook.url))
        refused = await api.call("POST", SUBSCRIPTION, request_body(webhook.url))
        assert (refused.status_code, codes(refused)) == (403, ["SUB-505"])
        first = simulator.subscriptions[0].subscription_id
        assert (await api.call("DELETE", f"{SUBSCRIPTION}/{first}")).status_code == 204
        made = await api.call("POST", SUBSCRIPTION, request_body(webhook.url))
        assert made.status_code == 200
        assert len((await api.get(SUBSCRIPTION)).json()["records"]) == 30


async def test_expires_in_counts_at_the_top_only() -> None:
    """A life inside deliveryMode is ignored, as RingCentral does: it is a week then."""
    async with listening() as webhook, dana_at() as (_, api):
        body = request_body(webhook.url)
        body["deliveryMode"]["expiresIn"] = 60
        response = await api.http.post(
            SUBSCRIPTION, json=body, headers={"Authorization": f"Bearer {api.access_token}"}
        )
        assert response.json()["expiresIn"] > 600_000


async def test_subscriptions_end_and_are_renewed() -> None:
    """An expired subscription sends nothing and is 404; renewing in time goes on."""
    async with listening() as webhook, dana_at() as (simulator, api):
        short = await api.call("POST", SUBSCRIPTION, request_body(webhook.url, expiresIn=600))
        path = f"{SUBSCRIPTION}/{short.json()['id']}"
        simulator.clock.forward(500)
        assert (await api.call("POST", f"{path}/renew")).json()["expiresIn"] > 590
        simulator.clock.forward(500)
        replaced = await api.call("PUT", path, {"eventFilters": [CHANGES]})
        assert replaced.json()["eventFilters"][0].endswith("/message-store")
        assert (await api.get(path)).json()["status"] == "Active"
        simulator.clock.forward(601)
        await simulator.phone(ALICE).texts("Anybody?", to=NUMBER)
        await simulator.settled()
        assert webhook.events == []
        gone = await api.get(path)
        assert (gone.status_code, codes(gone)) == (404, ["SUB-507"])


async def test_reminders_come_before_the_end() -> None:
    """A reminder filter is told, from its threshold on, how long the life still is."""
    reminder = f"{SUBSCRIPTION}/~?threshold=100&interval=50"
    async with listening() as webhook, dana_at() as (simulator, api):
        body = request_body(webhook.url, INSTANT, reminder, expiresIn=600)
        assert (await api.call("POST", SUBSCRIPTION, body)).status_code == 200
        simulator.clock.forward(500)
        await simulator.wait_for(lambda: webhook.events)
        assert webhook.events[0]["body"]["expiresIn"] <= 100
        wrong = request_body(webhook.url, INSTANT, reminder, expiresIn=150)
        assert codes(await api.call("POST", SUBSCRIPTION, wrong)) == ["SUB-516"]


async def test_ten_minutes_of_failures_suspend_a_webhook() -> None:
    """Failures are forgiven by a success; ten minutes without one suspend, and that stays."""
    async with subscribed() as (simulator, api, webhook, subscription):
        alice = simulator.phone(ALICE)
        path = f"{SUBSCRIPTION}/{subscription['id']}"
        for status, minutes in [(500, 9), (200, 9), (500, 9)]:
            webhook.status = status
            await alice.texts("Hi", to=NUMBER)
            await simulator.settled()
            simulator.clock.forward(minutes * 60)
        assert (await api.get(path)).json()["status"] == "Active"
        simulator.clock.forward(60)
        await alice.texts("Hi", to=NUMBER)
        await simulator.settled()
        shown = (await api.get(path)).json()
        assert (shown["status"], shown["blacklistedData"]["reason"]) == ("Blacklisted", "HTTP 500")
        webhook.status = 200
        count = len(webhook.events)
        await alice.texts("Anybody?", to=NUMBER)
        await simulator.settled()
        assert len(webhook.events) == count
        renewed = await api.call("POST", f"{path}/renew")
        assert renewed.json()["status"] == "Blacklisted"


async def test_notifications_can_go_wrong() -> None:
    """Faults duplicate, lose, delay and reorder notifications."""
    async with subscribed() as (simulator, _, webhook, _sub):
        alice = simulator.phone(ALICE)
        for kind, expected in [("lose", 0), ("duplicate", 2)]:
            webhook.events.clear()
            simulator.faults.add(kind, path="instant")  # type: ignore[arg-type] # from a table
            await alice.texts("Hi", to=NUMBER)
            await simulator.settled()
            assert len(webhook.events) == expected, kind
        webhook.events.clear()
        simulator.faults.add("reorder")
        await alice.texts("First", to=NUMBER)
        await asyncio.sleep(0.01)
        await alice.texts("Second", to=NUMBER)
        await simulator.settled()
        assert [each["body"]["subject"] for each in webhook.events] == ["Second", "First"]


# WebSocket


Frame = list[Any]


class Line:
    """One WebSocket connection, spoken as the fact sheet describes it."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.wsc = ""

    async def read(self) -> Frame:
        frame: Frame = json.loads(await asyncio.wait_for(self.socket.recv(), 5))
        self.wsc = frame[0].get("wsc", {}).get("token", self.wsc)
        return frame

    async def ask(self, method: str, path: str, body: Any = None) -> Frame:
        message_id = str(uuid.uuid4())
        meta = {"type": "ClientRequest", "messageId": message_id, "method": method, "path": path}
        await self.socket.send(json.dumps([meta] if body is None else [meta, body]))
        frame = await self.read()
        assert frame[0]["messageId"] == message_id
        return frame

    async def subscribe(self, *filters: str) -> Frame:
        body = {"eventFilters": list(filters), "deliveryMode": {"transportType": "WebSocket"}}
        return await self.ask("POST", f"{SUBSCRIPTION}/", body)


@asynccontextmanager
async def line_to(api: Api, wsc: str = "") -> AsyncIterator[tuple[Line, Frame]]:
    token = (await api.call("POST", "/restapi/oauth/wstoken")).json()
    address = f"{token['uri']}?access_token={token['ws_access_token']}"
    async with connect(address + (f"&wsc={wsc}" if wsc else ""), ping_interval=None) as socket:
        line = Line(socket)
        yield line, await line.read()


async def test_events_come_over_a_websocket() -> None:
    """The first frame tells the connection's terms, then events come in the webhook's envelope."""
    async with dana_at() as (simulator, api), line_to(api) as (line, hello):
        assert hello[0]["type"] == "ConnectionDetails"
        assert (hello[1]["recoveryBufferSize"], hello[1]["recoveryTimeout"]) == (100, 180)
        meta, subscription = await line.subscribe(INSTANT)
        assert (meta["status"], meta["type"]) == (200, "ClientRequest")
        assert meta["headers"]["WSG-SubscriptionId"] == subscription["id"]
        await simulator.phone(ALICE).texts("Hi", to=NUMBER)
        kind, envelope = await line.read()
        assert (kind["type"], envelope["body"]["subject"]) == ("ServerNotification", "Hi")
        check_value("InstantMessageEvent", envelope)
        assert simulator.websocket_count == 1


async def test_a_new_subscription_replaces_the_old_one() -> None:
    """One connection has one subscription: the second takes the place of the first."""
    async with dana_at() as (simulator, api), line_to(api) as (line, _):
        await line.subscribe(CHANGES)
        _, second = await line.subscribe(INSTANT)
        assert [each.subscription_id for each in simulator.subscriptions] == [second["id"]]
        over_http = await api.call("DELETE", f"{SUBSCRIPTION}/{second['id']}")
        assert over_http.status_code == 403
        gone = await line.ask("DELETE", f"{SUBSCRIPTION}/{second['id']}")
        assert gone[0]["status"] == 204
        assert simulator.subscriptions == []


async def test_heartbeats_and_rest_go_over_the_same_line() -> None:
    """A heartbeat is answered; REST requests are answered with their status and body."""
    async with dana_at() as (_, api), line_to(api) as (line, _):
        await line.socket.send(json.dumps([{"type": "Heartbeat", "messageId": "1"}]))
        assert (await line.read())[0]["type"] == "Heartbeat"
        meta, body = await line.ask("GET", f"{EXTENSION}/message-store?perPage=5")
        assert (meta["status"], body["records"]) == (200, [])
        meta, body = await line.ask("GET", "/restapi/v1.0/account/~/extension/1")
        assert (meta["status"], body["errors"][0]["errorCode"]) == (404, "CMN-102")
        await line.socket.send("not json")
        assert (await line.read())[0]["type"] == "Error"


async def test_a_lost_line_is_recovered_with_its_events() -> None:
    """Within the recovery time nothing is lost: the events of the gap are sent again."""
    async with dana_at() as (simulator, api):
        async with line_to(api) as (line, _):
            await line.subscribe(INSTANT)
            await simulator.phone(ALICE).texts("Before", to=NUMBER)
            await line.read()
            simulator.drop_websockets()
            with pytest.raises(ConnectionClosed):
                await line.read()
        await simulator.phone(ALICE).texts("In the gap", to=NUMBER)
        await simulator.settled()
        async with line_to(api, line.wsc) as (again, hello):
            assert hello[1]["recoveryState"] == "Successful"
            assert (await again.read())[1]["body"]["subject"] == "In the gap"
            await simulator.phone(ALICE).texts("After", to=NUMBER)
            assert (await again.read())[1]["body"]["subject"] == "After"


async def test_a_line_lost_twice_loses_nothing() -> None:
    """A line that is lost again right after its recovery can be recovered from where it was."""
    async with dana_at() as (simulator, api):
        async with line_to(api) as (line, _):
            await line.subscribe(INSTANT)
            simulator.drop_websockets()
            with pytest.raises(ConnectionClosed):
                await line.read()
        await simulator.phone(ALICE).texts("In the gap", to=NUMBER)
        await simulator.settled()
        async with line_to(api, line.wsc) as (again, _):
            simulator.drop_websockets()
        async with line_to(api, again.wsc) as (third, hello):
            assert hello[1]["recoveryState"] == "Successful"
            assert (await third.read())[1]["body"]["subject"] == "In the gap"


async def test_a_line_lost_for_too_long_starts_anew() -> None:
    """After the recovery time its subscription and events are gone: recoveryState is Failed."""
    async with dana_at() as (simulator, api):
        async with line_to(api) as (line, _):
            await line.subscribe(INSTANT)
            simulator.drop_websockets()
            with pytest.raises(ConnectionClosed):
                await line.read()
        simulator.clock.forward(181)
        await simulator.wait_for(lambda: not simulator.subscriptions)
        async with line_to(api, line.wsc) as (_line, hello):
            assert hello[1]["recoveryState"] == "Failed"


async def test_an_idle_line_is_closed() -> None:
    """Half an hour without a frame ends the connection with WSG-902; a heartbeat prevents it."""
    async with dana_at() as (simulator, api), line_to(api) as (line, _):
        simulator.clock.forward(1700)
        await line.socket.send(json.dumps([{"type": "Heartbeat", "messageId": "1"}]))
        await line.read()
        simulator.clock.forward(1700)
        await line.socket.send(json.dumps([{"type": "Heartbeat", "messageId": "2"}]))
        assert (await line.read())[0]["type"] == "Heartbeat"
        simulator.clock.forward(1801)
        meta, body = await line.read()
        assert (meta["type"], body["errorCode"]) == ("Error", "WSG-902")
        with pytest.raises(ConnectionClosed):
            await line.read()


async def test_a_websocket_token_is_good_once_and_briefly() -> None:
    """A second connection with the same token, or one after half a minute, is refused."""
    async with dana_at() as (simulator, api):
        for wait_seconds, kinds in [(0, ["ConnectionDetails", "Error"]), (31, ["Error", "Error"])]:
            token = (await api.call("POST", "/restapi/oauth/wstoken")).json()
            simulator.clock.forward(wait_seconds)
            for kind in kinds:
                address = f"{token['uri']}?access_token={token['ws_access_token']}"
                async with connect(address) as socket:
                    assert (await Line(socket).read())[0]["type"] == kind


def test_events_are_judged_too() -> None:
    """The judge of events finds a number where the carrier writes text."""
    with pytest.raises(ContractBroken):
        check_value("InstantMessageEvent", {"body": {"id": 1}})
