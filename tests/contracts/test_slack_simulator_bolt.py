"""slack_bolt works against the simulated Slack, over HTTP and in Socket Mode."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bridge.sandbox.slack import APP_TOKEN, BOT_TOKEN, SIGNING_SECRET, SlackSimulator
from tests.contracts.slack_contracts import check_requests

CARD: list[dict[str, Any]] = [
    {
        "type": "actions",
        "elements": [
            {
                "type": "button",
                "action_id": "claim",
                "text": {"type": "plain_text", "text": "Claim"},
            }
        ],
    }
]
NOTE: dict[str, Any] = {
    "type": "modal",
    "callback_id": "note",
    "title": {"type": "plain_text", "text": "Note"},
    "submit": {"type": "plain_text", "text": "Keep"},
    "blocks": [
        {
            "type": "input",
            "block_id": "note",
            "label": {"type": "plain_text", "text": "Note"},
            "element": {"type": "plain_text_input", "action_id": "text"},
        }
    ],
}


def make_app(slack: SlackSimulator) -> AsyncApp:
    """A small app with a listener of each kind."""
    app = AsyncApp(
        client=AsyncWebClient(token=BOT_TOKEN, base_url=slack.api_url, retry_handlers=[]),
        signing_secret=SIGNING_SECRET,
        process_before_response=True,
    )

    @app.event("message")
    async def on_message(event: dict[str, Any], say: Any) -> None:
        if event.get("subtype") is None:
            await say(f"heard {event['text']}", thread_ts=event["ts"], blocks=CARD)

    @app.event("app_mention")
    async def on_mention(event: dict[str, Any], client: Any) -> None:
        await client.reactions_add(channel=event["channel"], timestamp=event["ts"], name="eyes")

    @app.command("/sms")
    async def on_command(ack: Any, command: dict[str, Any], respond: Any) -> None:
        await ack(f"got {command['text']}")
        await respond("and more")

    @app.action("claim")
    async def on_claim(ack: Any, body: dict[str, Any], client: Any) -> None:
        await ack()
        await client.views_open(trigger_id=body["trigger_id"], view=NOTE)

    @app.view("note")
    async def on_note(ack: Any, view: dict[str, Any]) -> None:
        if view["state"]["values"]["note"]["text"]["value"] == "bad":
            await ack(response_action="errors", errors={"note": "Not this."})
        else:
            await ack()

    @app.event("app_home_opened")
    async def on_home(event: dict[str, Any], client: Any) -> None:
        view = {"type": "home", "blocks": [{"type": "divider"}]}
        await client.views_publish(user_id=event["user"], view=view)

    return app


@pytest.fixture
async def slack() -> AsyncIterator[SlackSimulator]:
    async with SlackSimulator(rate_limits=False, retry_delays_seconds=(0.05, 0.05)) as slack:
        yield slack


@asynccontextmanager
async def over_http(slack: SlackSimulator) -> AsyncIterator[None]:
    server = make_app(slack).server(port=0, path="/slack/events", host="127.0.0.1")
    runner = web.AppRunner(server.web_app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    slack.install(request_url=f"http://127.0.0.1:{port}/slack/events", mode="http")
    await slack.verify_request_url()
    yield
    await slack.settled()
    await runner.cleanup()


@asynccontextmanager
async def over_socket(slack: SlackSimulator) -> AsyncIterator[None]:
    slack.install(mode="socket")
    web_client = AsyncWebClient(token=APP_TOKEN, base_url=slack.api_url)
    handler = AsyncSocketModeHandler(make_app(slack), APP_TOKEN, web_client=web_client)
    await handler.connect_async()  # type: ignore[no-untyped-call] # Bolt leaves it untyped
    await slack.wait_for(lambda: slack.sockets.connections)
    yield
    await slack.settled()
    await handler.close_async()  # type: ignore[no-untyped-call] # Bolt leaves it untyped


@pytest.mark.parametrize("connected", [over_http, over_socket])
async def test_bolt_lives_through_a_day(slack: SlackSimulator, connected: Any) -> None:
    """Events, mentions, commands, clicks, modals and Home work for a real Bolt app."""
    async with connected(slack):
        message = await slack.say("Bea", "front-desk", "@SMS hello")
        await slack.wait_for(lambda: message.replies and message.reactions)
        assert message.replies[0].shown == "[Claim]"
        assert list(message.reactions) == ["eyes"]

        result = await slack.command("Bea", "front-desk", "/sms", "help")
        await slack.wait_for(lambda: len(slack.private_answers("Bea")) == 2)
        assert {answer.text for answer in slack.private_answers("Bea")} == {"got help", "and more"}
        assert result.refused is None

        await slack.click("Bea", "front-desk", message.replies[0].ts, "claim")
        await slack.wait_for(lambda: slack.views("Bea"))
        refused = await slack.submit_view("Bea", {"text": "bad"})
        assert refused.errors == {"note": "Not this."}
        assert (await slack.submit_view("Bea", {"text": "good"})).view is None

        await slack.open_home("Bea")
        await slack.wait_for(lambda: slack.home("Bea"))
    check_requests(slack.requests)


async def test_socket_mode_reconnects(slack: SlackSimulator) -> None:
    """After a refresh the app connects anew, and events reach it on the new connection."""
    async with over_socket(slack):
        first = slack.sockets.connections[0]
        await slack.refresh_connections("warning")
        await slack.refresh_connections()
        await slack.wait_for(
            lambda: [one for one in slack.sockets.connections if one is not first], 10
        )
        message = await slack.say("Bea", "front-desk", "hello")
        await slack.wait_for(lambda: message.replies)


async def test_unacknowledged_envelopes_come_again(slack: SlackSimulator) -> None:
    """Without a connection an event waits for its repeat, and arrives when the app is back."""
    slack.install(mode="socket")
    message = await slack.say("Bea", "front-desk", "hello")
    await slack.wait_for(lambda: slack.deliveries and slack.deliveries[0].attempts)
    async with over_socket(slack):
        await slack.wait_for(lambda: message.replies)
    failures = [attempt.failure for attempt in slack.deliveries[0].attempts]
    assert failures[0] == "connection_failed"
    assert failures[-1] is None
