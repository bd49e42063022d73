"""RingCentral's webhook: who is let in, what is committed, and what is answered."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlmodel import Session
from starlette.routing import Route

from bridge.clock import Clock, machine_now
from bridge.ringcentral.inbound import LARGEST_BODY_BYTES, Webhook
from storage import cursors
from storage.database import Database
from tests.edges.ringcentral_setting import (
    ADMINISTRATOR_ID,
    VERIFICATION_TOKEN,
    find_kept,
    find_messages,
    find_notices,
    put_inbox,
    put_subscription,
    serving,
)

STORE = "1001/2002"
OURS = "+16505550101"
ALICE = "+14155550100"
PATH = "/ringcentral/webhook"
AUTHENTIC = {"Verification-Token": VERIFICATION_TOKEN}
EVENT = "/restapi/v1.0/account/1001/extension/2002/message-store"


def envelope(body: str = "Is my order ready?", record_id: str = "3062991514017") -> dict[str, Any]:
    """A notification of a text from Alice."""
    return {
        "uuid": f"uuid-of-{record_id}",
        "event": f"{EVENT}/instant?type=SMS",
        "timestamp": "2026-11-20T10:15:31.000Z",
        "subscriptionId": "sub-1",
        "ownerId": "2002",
        "body": {
            "id": record_id,
            "to": [{"phoneNumber": OURS, "target": True}],
            "from": {"phoneNumber": ALICE},
            "type": "SMS",
            "creationTime": "2026-11-20T10:15:30.123Z",
            "direction": "Inbound",
            "availability": "Alive",
            "subject": body,
            "messageStatus": "Received",
            "conversation": {"id": "6288356833283647895"},
            "eventType": "Create",
        },
    }


@pytest.fixture
async def webhook(database: Database) -> Webhook:
    """The route's object, with an inbox and a subscription on file."""

    def unit(session: Session) -> None:
        put_inbox(session, OURS, STORE)
        put_subscription(session, f"https://bridge.example.com{PATH}")
        cursors.match_inboxes(session, machine_now())

    await database.write(unit)
    return Webhook(database, Clock(), "US")


@pytest.fixture
async def ringcentral(webhook: Webhook) -> AsyncIterator[httpx.AsyncClient]:
    """RingCentral's end of the connection."""
    route = Route(PATH, webhook.receive_webhook, methods=["POST"])
    async with serving([route]) as url, httpx.AsyncClient(base_url=url) as client:
        yield client


async def test_the_handshake_is_echoed(ringcentral: httpx.AsyncClient) -> None:
    """The Validation-Token comes back, in JSON's name, although no secret is known yet."""
    token = "x" * 256
    answer = await ringcentral.post(PATH, headers={"Validation-Token": token})
    assert answer.status_code == 200
    assert answer.headers["Validation-Token"] == token
    assert answer.headers["Content-Type"] == "application/json"
    assert answer_bytes(answer) <= 1024


def refuse_text(session: Session, body: str) -> None:
    """Make the database refuse a text, as a fault in our own code would."""
    refusal = f"ALTER TABLE message ADD CONSTRAINT refused CHECK (body <> '{body}')"
    if session.get_bind().dialect.name == "sqlite":
        refusal = (
            f"CREATE TRIGGER refused BEFORE INSERT ON message WHEN NEW.body = '{body}' "
            "BEGIN SELECT RAISE(ABORT, 'refused'); END"
        )
    session.execute(text(refusal))


def answer_bytes(answer: httpx.Response) -> int:
    """What RingCentral counts: the status line, the headers, and the body."""
    headers = sum(len(name) + len(value) + 4 for name, value in answer.headers.raw)
    return len("HTTP/1.1 200 OK\r\n") + headers + 2 + len(answer.content)


@pytest.mark.parametrize("token", ["x" * 257, "a b", ""])
async def test_an_odd_handshake_is_not_echoed(ringcentral: httpx.AsyncClient, token: str) -> None:
    """What could not be RingCentral's token is refused rather than reflected."""
    answer = await ringcentral.post(PATH, headers={"Validation-Token": token})
    assert answer.status_code == 400
    assert "Validation-Token" not in answer.headers


async def test_an_event_with_both_tokens_is_received_and_echoed(
    ringcentral: httpx.AsyncClient, database: Database
) -> None:
    """RingCentral's guide has the Validation-Token on every event: it costs no text."""
    headers = {**AUTHENTIC, "Validation-Token": "abc"}
    answer = await ringcentral.post(PATH, json=envelope(), headers=headers)
    assert (answer.status_code, answer.headers["Validation-Token"]) == (200, "abc")
    assert len(await database.read(find_messages)) == 1


async def test_a_text_is_committed_when_it_is_acknowledged(
    ringcentral: httpx.AsyncClient, database: Database
) -> None:
    """200 means that the text is on file; the answer is small enough for RingCentral."""
    answer = await ringcentral.post(PATH, json=envelope(), headers=AUTHENTIC)
    assert answer.status_code == 200
    assert answer_bytes(answer) <= 1024
    [message] = await database.read(find_messages)
    assert (message.body, message.author_number) == ("Is my order ready?", ALICE)


async def test_a_repeat_is_acknowledged_and_nothing_is_twice(
    ringcentral: httpx.AsyncClient, database: Database
) -> None:
    """The same text, told ten times at once, is one text."""
    posts = [ringcentral.post(PATH, json=envelope(), headers=AUTHENTIC) for _ in range(10)]
    answers = await asyncio.gather(*posts)
    assert {answer.status_code for answer in answers} == {200}
    assert len(await database.read(find_messages)) == 1


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Verification-Token": ""},
        {"Verification-Token": "wrong"},
        {"Verification-Token": VERIFICATION_TOKEN + "x"},
        {"Verification-Token": "schlüssel".encode("latin-1")},
    ],
)
async def test_mallory_is_refused(
    ringcentral: httpx.AsyncClient, database: Database, headers: dict[str, Any]
) -> None:
    """Without the secret: 401, and nothing is stored."""
    answer = await ringcentral.post(PATH, json=envelope(), headers=headers)
    assert answer.status_code == 401
    assert await database.read(find_messages) == []
    assert await database.read(find_kept) == []


async def test_a_new_secret_is_learnt(
    ringcentral: httpx.AsyncClient, webhook: Webhook, database: Database
) -> None:
    """A subscription that another process made is believed as soon as it is announced."""
    first = await ringcentral.post(PATH, json=envelope(), headers=AUTHENTIC)
    await database.write(put_subscription, "https://bridge.example.com", "another")
    webhook.forget_tokens()
    headers = {"Verification-Token": "another"}
    second = await ringcentral.post(PATH, json=envelope(record_id="77"), headers=headers)
    assert (first.status_code, second.status_code) == (200, 200)


@pytest.mark.parametrize("announced", [True, False])
async def test_an_oversized_body_is_refused(
    ringcentral: httpx.AsyncClient, database: Database, announced: bool
) -> None:
    """413 for more than a notification can be, told by its length or found by reading."""
    body = b" " * (LARGEST_BODY_BYTES + 1)

    async def chunks() -> AsyncIterator[bytes]:
        yield body

    content = body if announced else chunks()
    answer = await ringcentral.post(PATH, content=content, headers=AUTHENTIC)
    assert answer.status_code == 413
    assert await database.read(find_kept) == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no JSON",
        b"\xff\xfe",
        b"[" * 100_000,
        b"[]",
        b'{"uuid": "1"}',
        json.dumps({"event": "/restapi/v1.0/account/1/telephony", "body": {}}).encode(),
        json.dumps({"event": f"{EVENT}/instant?type=SMS", "body": {"type": "SMS"}}).encode(),
    ],
)
async def test_what_is_not_understood_is_kept(
    ringcentral: httpx.AsyncClient, database: Database, body: bytes
) -> None:
    """Authentic but not understood: 200, kept whole, an administrator told, once."""
    for _ in range(2):
        answer = await ringcentral.post(PATH, content=body, headers=AUTHENTIC)
        assert answer.status_code == 200
    [kept] = await database.read(find_kept)
    assert kept.body == body.decode("utf-8", "backslashreplace")
    [notice] = await database.read(find_notices)
    assert (notice.kind, notice.channel_id) == ("not_understood", ADMINISTRATOR_ID)
    assert await database.read(find_messages) == []


async def test_a_text_that_cannot_be_stored_is_kept(
    ringcentral: httpx.AsyncClient, database: Database
) -> None:
    """A record that our own code fails on does not suspend the webhook: it is kept, 200."""
    await database.write(refuse_text, "poison")
    answer = await ringcentral.post(PATH, json=envelope("poison"), headers=AUTHENTIC)
    assert answer.status_code == 200
    assert len(await database.read(find_kept)) == 1


async def test_a_text_with_what_no_database_takes_is_stored(
    ringcentral: httpx.AsyncClient, database: Database
) -> None:
    """A NUL and half a character are left out, the rest of the text is kept."""
    odd = json.dumps(envelope("ready\0? \ud83d", record_id="\ud800")).encode()
    answer = await ringcentral.post(PATH, content=odd, headers=AUTHENTIC)
    assert answer.status_code == 200
    [message] = await database.read(find_messages)
    assert message.body == "ready? �"


async def test_a_change_makes_the_store_due(
    ringcentral: httpx.AsyncClient, database: Database
) -> None:
    """A change of a store says only that something changed: the store is read soon."""
    await database.write(cursors.put_off, STORE, machine_now().replace(year=2100))
    change = {"uuid": "1", "event": EVENT, "body": {"changes": [{"type": "SMS"}]}}
    answer = await ringcentral.post(PATH, json=change, headers=AUTHENTIC)
    assert answer.status_code == 200
    cursor = await database.read(cursors.get, STORE)
    assert cursor is not None
    assert cursor.due_at <= machine_now()


async def test_a_number_without_an_inbox_is_nothing_to_us(
    ringcentral: httpx.AsyncClient, database: Database
) -> None:
    """Texts to numbers that were never connected are acknowledged and not stored."""
    other = envelope()
    other["body"]["to"] = [{"phoneNumber": "+16505550199", "target": True}]
    answer = await ringcentral.post(PATH, json=other, headers=AUTHENTIC)
    assert answer.status_code == 200
    assert await database.read(find_messages) == []


async def test_without_a_database_it_is_not_acknowledged(
    ringcentral: httpx.AsyncClient, database: Database
) -> None:
    """503 while nothing can be committed: RingCentral may try again, the sync will find it."""
    await ringcentral.post(PATH, json=envelope(), headers=AUTHENTIC)
    await database.close()
    answer = await ringcentral.post(PATH, json=envelope(record_id="78"), headers=AUTHENTIC)
    assert answer.status_code == 503
