"""RingCentral's Python SDK against a server: log in, text, read, subscribe; exits 1 on failure.

A program of its own, because the SDK pins older parts than the bridge uses: it runs in
.venv-ringcentral-sdk and knows nothing of this repository.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import urllib.request
from typing import Any
from urllib.parse import quote

from ringcentral import SDK
from ringcentral.http.api_exception import ApiException
from ringcentral.websocket.events import WebSocketEvents

SERVER = os.environ["RINGCENTRAL_SERVER_URL"]
NUMBER = os.environ["RINGCENTRAL_NUMBER"]
ALICE = "+14155550100"
EXTENSION = "/restapi/v1.0/account/~/extension/~"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)
WAIT_SECONDS = 15


def text_from_alice(text: str) -> None:
    """What only a simulator can do: a phone texts in."""
    address = f"{SERVER}/_sandbox/phones/{quote(ALICE)}/texts"
    body = json.dumps({"text": text, "to": NUMBER}).encode()
    urllib.request.urlopen(address, data=body, timeout=WAIT_SECONDS).close()


def body(text: str) -> dict[str, Any]:
    return {"from": {"phoneNumber": NUMBER}, "to": [{"phoneNumber": ALICE}], "text": text}


def send_and_read(sdk: Any) -> None:
    """A text, a picture, the list, one record, a sync, and a refusal."""
    platform = sdk.platform()
    sent = platform.post(f"{EXTENSION}/sms", body("From the Python SDK")).json_dict()
    assert sent["direction"] == "Outbound", sent
    builder = sdk.create_multipart_builder()
    builder.set_body(body("With a picture"))
    builder.add(("a.png", PNG, "image/png"))
    picture = platform.send_request(builder.request(f"{EXTENSION}/sms")).json_dict()
    kinds = [each["type"] for each in picture["attachments"]]
    assert kinds == ["Text", "MmsAttachment"], kinds
    content = platform.get(picture["attachments"][1]["uri"]).body()
    assert content == PNG, content
    listed = platform.get(f"{EXTENSION}/message-store", {"direction": "Outbound"}).json_dict()
    assert len(listed["records"]) == 2, listed
    read = platform.get(f"{EXTENSION}/message-store/{sent['id']}").json_dict()
    assert read["subject"] == "From the Python SDK", read
    synced = platform.get(f"{EXTENSION}/message-sync", {"syncType": "FSync"}).json_dict()
    assert len(synced["records"]) == 2, synced
    assert status_of_refusal(platform, body("x" * 1001)) == 400


def status_of_refusal(platform: Any, request: dict[str, Any]) -> int:
    """How the SDK reports a text that is refused; 200 when it was taken."""
    try:
        platform.post(f"{EXTENSION}/sms", request)
    except ApiException as refused:
        return int(refused.api_response().response().status_code)
    return 200


async def subscribe(sdk: Any) -> None:
    """A WebSocket subscription, and one text that comes over it."""
    client = sdk.create_web_socket_client()
    notified: asyncio.Queue[Any] = asyncio.Queue()
    subscribed = asyncio.Event()
    client.on(WebSocketEvents.subscriptionCreated, lambda _created: subscribed.set())
    client.on(WebSocketEvents.receiveSubscriptionNotification, notified.put_nowait)
    connection = asyncio.create_task(client.create_new_connection())
    await client.create_subscription([f"{EXTENSION}/message-store/instant?type=SMS"])
    await asyncio.wait_for(subscribed.wait(), WAIT_SECONDS)
    await asyncio.to_thread(text_from_alice, "Hello SDK")
    frame = await asyncio.wait_for(notified.get(), WAIT_SECONDS)
    assert frame[1]["body"]["subject"] == "Hello SDK", frame
    connection.cancel()


def main() -> None:
    sdk = SDK(os.environ["RINGCENTRAL_CLIENT_ID"], os.environ["RINGCENTRAL_CLIENT_SECRET"], SERVER)
    platform = sdk.platform()
    platform.login(jwt=os.environ["RINGCENTRAL_JWT"])
    platform.refresh()
    send_and_read(sdk)
    asyncio.run(subscribe(sdk))
    platform.logout()
    sys.stdout.write("ringcentral_python: ok\n")


if __name__ == "__main__":
    main()
