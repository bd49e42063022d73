"""What is owed to Slack: each error code's outcome, lost answers looked up, nothing doubled."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import httpx
import pytest
from sqlmodel import Session, col, select

from bridge.clock import machine_now
from bridge.outbox.gates import Gates, no_budget
from bridge.outbox.outcome import Accepted, Refused, TryLater, Unsure
from bridge.sandbox.slack import BOT_TOKEN, SlackSimulator
from bridge.sandbox.slack.people import user_id_for
from bridge.slack import outcomes
from bridge.slack.client import SlackClient, SlackProblem
from storage.database import Database
from storage.tables import Answer, Delivery
from tests.edges.slack_world import SlackWorld, open_world

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
async def simulator() -> AsyncIterator[SlackSimulator]:
    async with SlackSimulator(rate_limits=False) as slack:
        yield slack


@pytest.fixture
async def client(simulator: SlackSimulator, database: Database) -> AsyncIterator[SlackClient]:
    client = SlackClient(BOT_TOKEN, simulator.api_url, Gates(database, no_budget))
    await client.open()
    yield client
    await client.close()


@pytest.fixture
async def world(database: Database) -> AsyncIterator[SlackWorld]:
    async with open_world(database) as world:
        await world.connect()
        yield world


async def outcome_of_a_post(client: SlackClient) -> object:
    """What a post came to, as the sender tells it."""
    try:
        await client.deliver("chat.postMessage", channel="C0FRONTDESK", text="Hello")
    except SlackProblem as problem:
        return outcomes.outcome_of(problem)
    return Accepted()


CODES = {
    "already_reacted": Accepted(),
    "no_reaction": Accepted(),
    "channel_not_found": TryLater("channel_not_found", patient=True),
    "is_archived": TryLater("is_archived", patient=True),
    "not_in_channel": TryLater("not_in_channel", patient=True),
    "restricted_action": TryLater("restricted_action", patient=True),
    "invalid_auth": TryLater("invalid_auth", patient=True),
    "token_revoked": TryLater("token_revoked", patient=True),
    "account_inactive": TryLater("account_inactive", patient=True),
    "missing_scope": TryLater("missing_scope", patient=True),
    "thread_not_found": Refused("thread_gone", "thread_not_found"),
    "cannot_reply_to_message": Refused("thread_gone", "cannot_reply_to_message"),
    "message_not_found": Refused("thread_gone", "message_not_found"),
    "rate_limited": TryLater("rate_limited", after_seconds=30.0, closes_gate=True),
    "message_limit_exceeded": TryLater(
        "message_limit_exceeded", after_seconds=30.0, closes_gate=True
    ),
    "service_unavailable": TryLater("service_unavailable"),
    "request_timeout": TryLater("request_timeout"),
    "invalid_blocks": Refused("invalid_blocks"),
    "msg_too_long": Refused("msg_too_long"),
    "no_text": Refused("no_text"),
    "internal_error": Unsure("internal_error"),
    "fatal_error": Unsure("fatal_error"),
    "a_code_of_tomorrow": Unsure("a_code_of_tomorrow"),
}


@pytest.mark.parametrize("code", CODES)
async def test_each_code_has_its_outcome(
    code: str, client: SlackClient, simulator: SlackSimulator
) -> None:
    """Slack's error codes come to what the table says, over real HTTP."""
    simulator.faults.add(
        "status", path="postMessage", status=200, body={"ok": False, "error": code}
    )
    assert await outcome_of_a_post(client) == CODES[code]


async def test_a_limit_closes_the_gate_for_as_long_as_slack_says(
    client: SlackClient, simulator: SlackSimulator
) -> None:
    """429 means nothing was done, and nothing goes through that gate until Retry-After."""
    simulator.faults.add(
        "status",
        path="postMessage",
        status=429,
        body={"ok": False, "error": "ratelimited"},
        headers={"Retry-After": "7"},
    )
    assert await outcome_of_a_post(client) == TryLater(
        "ratelimited", after_seconds=7.0, closes_gate=True
    )


@pytest.mark.parametrize(("status", "body"), [(500, "oops"), (502, "<html>"), (200, "<html>")])
async def test_nonsense_is_unsure(
    status: int, body: str, client: SlackClient, simulator: SlackSimulator
) -> None:
    """An answer that is no answer of Slack's says nothing about what was done."""
    for content_type in ("text/plain", "text/html", "application/json"):
        simulator.faults.add(
            "status",
            path="postMessage",
            status=status,
            body=body,
            headers={"Content-Type": content_type},
        )
        assert isinstance(await outcome_of_a_post(client), Unsure)


@pytest.mark.parametrize("kind", ["drop_before", "drop_after"])
async def test_a_dropped_connection_is_unsure_and_not_repeated(
    kind: str, client: SlackClient, simulator: SlackSimulator
) -> None:
    """After bytes have left nothing is known; neither slack_sdk nor aiohttp posts again."""
    fault = simulator.faults.add(kind, path="postMessage", times=None)  # type: ignore[arg-type]  # one of the kinds
    assert isinstance(await outcome_of_a_post(client), Unsure)
    assert fault.hits == 1


@pytest.mark.parametrize("address", ["http://127.0.0.1:1/api/", "http://no-such-host.invalid/api/"])
async def test_a_failed_connection_is_tried_later(address: str, database: Database) -> None:
    """Where no byte was written, asking again is safe."""
    client = SlackClient(BOT_TOKEN, address, Gates(database, no_budget))
    await client.open()
    assert await outcome_of_a_post(client) == TryLater("slack_not_reached")
    await client.close()


async def test_a_limit_closes_a_question_s_gate(
    client: SlackClient, simulator: SlackSimulator
) -> None:
    """A question outside of deliveries that meets a limit stops those after it, everywhere."""
    client.team_id = simulator.team_id
    simulator.faults.add("status", path="users.info", status=429, headers={"Retry-After": "1"})
    with pytest.raises(SlackProblem):
        await client.ask("users.info", user=user_id_for("Bea"))
    started_at = machine_now()
    await client.ask("users.info", user=user_id_for("Bea"))
    assert (machine_now() - started_at).total_seconds() > 0.8


@pytest.mark.parametrize("kind", ["drop_after", "status_after"])
async def test_a_card_whose_answer_was_lost_is_posted_once(world: SlackWorld, kind: str) -> None:
    """A card that was posted although its answer was lost is found by its marker."""
    await world.slack.wait_for(lambda: world.slack.calls("chat.postMessage"))
    world.slack.faults.add(kind, path="postMessage")  # type: ignore[arg-type]  # one of the kinds
    await world.text_in("Hello?")
    root = await world.thread("Hello?")
    roots = [each for each in world.slack.channel("front-desk").roots if "555-0100" in each.shown]
    assert roots == [root]


async def test_a_text_whose_answer_was_lost_is_posted_once(world: SlackWorld) -> None:
    """A text that was posted although its answer was lost is found in its thread."""
    await world.text_in("First")
    root = await world.thread("First")
    world.slack.faults.add("drop_after", path="postMessage")
    await world.text_in("Second", record_id="2")
    await world.slack.wait_for(lambda: world.slack.calls("conversations.replies"))
    await world.text_in("Third", record_id="3")
    await world.thread("Third")
    assert [each.shown.strip() for each in root.replies] == ["First", "Second", "Third"]


@pytest.mark.parametrize("skew_seconds", [-1800.0, 1800.0])
async def test_a_wrong_clock_hides_no_post(world: SlackWorld, skew_seconds: float) -> None:
    """Slack's time is half an hour off ours: its posts are found by their markers all the same."""
    world.slack.clock.shift(skew_seconds)
    world.slack.faults.add("drop_after", path="postMessage", times=2)
    await world.text_in("First")
    root = await world.thread("First")
    await world.text_in("Second", record_id="2")
    await world.thread("Second")
    assert [each.shown.strip() for each in root.replies] == ["First", "Second"]
    assert len([each for each in world.slack.channel("front-desk").roots if each.replies]) == 1


async def test_a_text_that_was_lost_is_posted_in_order(world: SlackWorld) -> None:
    """A text that never arrived is posted after the looks found nothing, before later ones."""
    await world.text_in("First")
    root = await world.thread("First")
    world.slack.faults.add("drop_before", path="postMessage")
    await world.text_in("Second", record_id="2")
    await world.text_in("Third", record_id="3")
    await world.slack.wait_for(lambda: len(root.replies) == 3, 15)
    assert [each.shown.strip() for each in root.replies] == ["First", "Second", "Third"]


async def test_an_archived_channel_loses_nothing(world: SlackWorld) -> None:
    """What cannot be shown waits, and is shown once the channel is back."""
    await world.text_in("First")
    await world.thread("First")
    await world.slack.archive("front-desk")
    await world.text_in("Second", record_id="2")
    await world.slack.wait_for(
        lambda: [
            each
            for each in world.slack.calls("chat.postMessage")
            if each.response.get("error") == "is_archived"
        ]
    )
    await world.slack.unarchive("front-desk")
    world.clock.forward(minutes=10)
    await world.thread("Second")


async def test_a_used_up_response_url_falls_back(world: SlackWorld) -> None:
    """An answer whose address has expired is given as a private message instead."""
    world.slack.faults.add(
        "status", path="^/(actions|commands|response)", status=404, body="expired_url", times=None
    )
    await world.slack.command("Bea", "front-desk", "/sms", "numbers")
    answers = await world.slack.wait_for(lambda: world.slack.private_answers("Bea"))
    owed = await world.database.read(_answer)
    assert owed.response_url.startswith("http://127.0.0.1")
    assert answers[0].source == "ephemeral"


def _answer(session: Session) -> Answer:
    return session.exec(select(Answer)).one()


async def test_posts_carry_only_an_opaque_marker(world: SlackWorld) -> None:
    """Metadata, which any app may read, holds the delivery's marker and nothing else."""
    await world.text_in("Hello?")
    root = await world.thread("Hello?")
    markers = await world.database.read(_markers)
    for message in (root, *root.replies):
        payload = message.metadata["event_payload"]
        assert list(payload) == ["delivery"]
        assert payload["delivery"] in markers
    assert httpx.URL(world.slack.url).host == "127.0.0.1"
    assert "0100" not in json.dumps(root.replies[0].metadata)


def _markers(session: Session) -> set[str]:
    return set(session.exec(select(Delivery.marker).where(col(Delivery.side) == "slack")))
