"""Socket Mode of the simulated Slack, seen from the wire."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from bridge.sandbox.slack import APP_TOKEN, SlackSimulator

STEP_SECONDS = 5.0


@pytest.fixture
async def slack() -> AsyncIterator[SlackSimulator]:
    simulator = SlackSimulator(
        rate_limits=False, answer_deadline_seconds=0.2, retry_delays_seconds=(0.01, 0.01, 0.01)
    )
    async with simulator:
        simulator.install(mode="socket")
        yield simulator


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {APP_TOKEN}"}) as session:
        yield session


async def connect(
    slack: SlackSimulator, http: aiohttp.ClientSession
) -> tuple[aiohttp.ClientWebSocketResponse, dict[str, Any]]:
    """A new connection and the first thing said on it."""
    async with http.post(f"{slack.api_url}apps.connections.open") as response:
        url = (await response.json())["url"]
    socket = await http.ws_connect(url)
    return socket, await socket.receive_json(timeout=STEP_SECONDS)


async def test_a_ticket_opens_one_connection(
    slack: SlackSimulator, http: aiohttp.ClientSession
) -> None:
    """The address of apps.connections.open serves once."""
    async with http.post(f"{slack.api_url}apps.connections.open") as response:
        url = (await response.json())["url"]
    assert url.startswith("ws://")
    async with http.ws_connect(url) as socket:
        assert (await socket.receive_json(timeout=STEP_SECONDS))["type"] == "hello"
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await http.ws_connect(url)


async def test_ten_connections_and_no_more(
    slack: SlackSimulator, http: aiohttp.ClientSession
) -> None:
    """The eleventh connection is turned away."""
    connected = [await connect(slack, http) for _ in range(10)]
    assert [hello["num_connections"] for _, hello in connected] == list(range(1, 11))
    _, farewell = await connect(slack, http)
    assert (farewell["type"], farewell["reason"]) == ("disconnect", "too_many_websockets")


async def test_an_envelope_goes_to_one_connection(
    slack: SlackSimulator, http: aiohttp.ClientSession
) -> None:
    """Two connections share the envelopes between them."""
    (first, _), (second, _) = await connect(slack, http), await connect(slack, http)
    for text in ("one", "two"):
        await slack.say("Bea", "front-desk", text)
    texts = set()
    for socket in (first, second):
        envelope = await socket.receive_json(timeout=STEP_SECONDS)
        await socket.send_json({"envelope_id": envelope["envelope_id"]})
        texts.add(envelope["payload"]["event"]["text"])
    await slack.settled()
    assert texts == {"one", "two"}
    assert slack.undelivered == []


async def test_an_unacknowledged_envelope_is_repeated(
    slack: SlackSimulator, http: aiohttp.ClientSession
) -> None:
    """Silence brings the same event again, in a new envelope that counts the repeats."""
    socket, _ = await connect(slack, http)
    await slack.say("Bea", "front-desk", "hello")
    first = await socket.receive_json(timeout=STEP_SECONDS)
    again = await socket.receive_json(timeout=STEP_SECONDS)
    await socket.send_json({"envelope_id": again["envelope_id"]})
    await slack.settled()
    assert (first["retry_attempt"], again["retry_attempt"]) == (0, 1)
    assert again["retry_reason"] == "http_timeout"
    assert first["envelope_id"] != again["envelope_id"]
    assert first["payload"]["event_id"] == again["payload"]["event_id"]
    assert slack.deliveries[0].state == "delivered"


async def test_a_command_is_answered_in_its_acknowledgement(
    slack: SlackSimulator, http: aiohttp.ClientSession
) -> None:
    """The payload of an acknowledgement is what the person is shown."""
    socket, _ = await connect(slack, http)

    async def answer() -> dict[str, Any]:
        envelope: dict[str, Any] = await socket.receive_json(timeout=STEP_SECONDS)
        reply = {"envelope_id": envelope["envelope_id"], "payload": {"text": "done"}}
        await socket.send_json(reply)
        return envelope

    envelope, result = await asyncio.gather(
        answer(), slack.command("Bea", "front-desk", "/sms", "help")
    )
    assert (envelope["type"], envelope["accepts_response_payload"]) == ("slash_commands", True)
    assert result.text == "done"


async def test_without_a_connection_a_command_fails(slack: SlackSimulator) -> None:
    """Nobody connected: Slack says that the command could not be dispatched."""
    result = await slack.command("Bea", "front-desk", "/sms", "help")
    assert result.refused == '/sms failed with the error "dispatch_failed"'
