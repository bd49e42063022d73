"""Mallory forges requests: they are refused, and nothing of them is stored."""

import json
from typing import Any

import aiohttp
import pytest

from storage.tables import KeptEvent
from tests.scenarios.world import Texter, Thread, World

TEXT_EVENT = {
    "uuid": "6a2b3f4e-0000-4000-8000-000000000000",
    "event": "/restapi/v1.0/account/1/extension/2/message-store/instant?type=SMS",
    "timestamp": "2026-01-01T00:00:00.000Z",
    "subscriptionId": "none",
    "body": {
        "id": "1",
        "to": [{"phoneNumber": "+16505550101"}],
        "from": {"phoneNumber": "+14155550166"},
        "type": "SMS",
        "creationTime": "2026-01-01T00:00:00.000Z",
        "direction": "Inbound",
        "subject": "I am Mallory",
        "messageStatus": "Received",
    },
}


async def _post(world: World, path: str, body: bytes, **headers: str) -> int:
    url = world.settings["BRIDGE_PUBLIC_URL"] + path
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, data=body, headers=named) as answer,
    ):
        return answer.status


async def _secret(world: World) -> str:
    """What RingCentral shows with each notification, once it has the subscription."""
    [subscription] = await world.ringcentral.wait_for(lambda: world.ringcentral.subscriptions)
    return subscription.verification_token


@pytest.mark.parametrize("headers", [{}, {"Verification_Token": "wrong"}])
async def test_a_notification_without_our_secret_is_refused(
    world: World, headers: dict[str, str]
) -> None:
    """RingCentral's webhook answers 401 to a wrong or missing token and stores nothing."""
    body = json.dumps(TEXT_EVENT).encode()
    assert await _post(world, "/ringcentral/webhook", body, **headers) == 401
    assert await world.count_texts() == 0
    assert await world.rows(KeptEvent) == []


def _reply_event(thread: Thread) -> bytes:
    event: dict[str, Any] = {
        "type": "message",
        "channel": thread.card.channel_id,
        "user": "U0000000BEA",
        "text": "I am not Bea",
        "ts": "1700000000.000100",
        "thread_ts": thread.card.ts,
    }
    return json.dumps(
        {"type": "event_callback", "team_id": "T1", "event_id": "Ev1", "event": event}
    ).encode()


@pytest.mark.parametrize(
    "headers",
    [
        {"X_Slack_Signature": "v0=" + "0" * 64},
        {"X_Slack_Signature": ""},
        {"X_Slack_Request_Timestamp": "1700000000"},
        {"X_Slack_Request_Timestamp": "yesterday"},
    ],
)
async def test_an_event_that_slack_did_not_sign_is_refused(
    world: World, alice: Texter, headers: dict[str, str]
) -> None:
    """A bad, missing, stale or malformed signature: 401, and no text to the customer."""
    thread = await world.thread_with(alice)
    answer = await world.slack.post_signed(_reply_event(thread), **headers)
    assert answer.status == 401
    assert await world.count_texts() == 1


async def test_a_signed_event_of_another_workspace_is_none_of_ours(
    world: World, alice: Texter
) -> None:
    """Signed, but of a workspace the app is not installed in: nothing is sent."""
    thread = await world.thread_with(alice)
    await world.slack.post_signed(_reply_event(thread))
    await world.expect_silence()
    assert not world.ringcentral.sent


async def test_what_is_authentic_and_not_understood_is_kept(world: World, alice: Texter) -> None:
    """It is answered 200, kept encrypted, and an administrator is told once."""
    thread = await world.thread_with(alice)
    token = await _secret(world)
    body = json.dumps({**TEXT_EVENT, "body": {"id": "1", "direction": "Sideways"}}).encode()
    for _ in range(2):
        status = await _post(world, "/ringcentral/webhook", body, Verification_Token=token)
        assert status == 200
    await world.expect_direct_message("Ada", "was not understood")
    assert len(await world.rows(KeptEvent)) == 1
    await alice.texts("Life goes on")
    await thread.expect_post("Life goes on")


async def test_an_oversized_body_is_refused(world: World) -> None:
    """Nobody can fill the memory: a huge body is not read to its end."""
    token = await _secret(world)
    body = b"x" * 2_000_000
    status = await _post(world, "/ringcentral/webhook", body, Verification_Token=token)
    assert status == 413
    assert (await world.slack.post_signed(body)).status == 413
