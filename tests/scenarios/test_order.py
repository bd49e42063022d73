"""Texts of one conversation keep their order, in both directions, whatever is slow or fails."""

from collections.abc import AsyncIterator

import pytest

from bridge.sandbox.faults import Kind
from tests.scenarios.world import QUICK_LOOKS, UNPACED, Texter, Thread, World, connected_world

HOLD_SECONDS = 5.0
SMS = r"/sms$"
POST = "chat.postMessage"


@pytest.fixture
async def world(sqlite_url: str) -> AsyncIterator[World]:
    """A bridge whose own pace and Slack's do not slow a burst down; replies wait 5 s."""
    quick = {**UNPACED, **QUICK_LOOKS}
    async with connected_world(sqlite_url, hold_seconds=HOLD_SECONDS, **quick) as made:
        yield made


async def _write(world: World, thread: Thread, alice: Texter, count: int) -> None:
    """Both sides write so many texts, all on file and due before any reply leaves."""
    for number in range(count):
        await alice.texts(f"Question {number}")
        await world.ringcentral.settled()
        await thread.reply(f"Answer {number}")
    await world.slack.settled()
    world.clock.forward(seconds=HOLD_SECONDS)


async def _expect_order(thread: Thread, alice: Texter, count: int) -> None:
    """Each text arrived, once, in the order in which it was written."""
    for number in range(count):
        await alice.expect_sms(f"Answer {number}")
        await thread.expect_post(f"Question {number}")
    assert thread.shown == ["Hello", *(f"Question {number}" for number in range(count))]
    assert alice.received == [f"Answer {number}" for number in range(count)]


async def test_ten_texts_each_way_arrive_in_order(world: World) -> None:
    """Texts and replies written in quick succession are read in the order they were written."""
    alice = world.texter("+14155550100")
    thread = await world.thread_with(alice, "Hello")
    await _write(world, thread, alice, 10)
    await _expect_order(thread, alice, 10)


@pytest.mark.parametrize("kind", ["slow", "slow_after", "status_after"])
async def test_a_slow_first_text_is_not_passed(world: World, kind: Kind) -> None:
    """While one is slow, or being looked for, those after it wait, to the phone and to Slack."""
    alice = world.texter("+14155550100")
    thread = await world.thread_with(alice, "Hello")
    world.ringcentral.faults.add(kind, method="POST", path=SMS, seconds=0.4, status=502)
    world.slack.faults.add(kind, path=POST, seconds=0.4, status=502)
    await _write(world, thread, alice, 4)
    await _expect_order(thread, alice, 4)


async def test_a_text_that_is_tried_again_is_not_passed(world: World) -> None:
    """A retry keeps its place."""
    alice = world.texter("+14155550100")
    thread = await world.thread_with(alice, "Hello")
    body = {"errorCode": "MSG-290", "message": "Busy", "errors": [{"errorCode": "MSG-290"}]}
    world.ringcentral.faults.add("status", method="POST", path=SMS, status=503, body=body)
    for number in range(3):
        await thread.reply(f"Answer {number}")
    await world.slack.settled()
    world.clock.forward(seconds=HOLD_SECONDS)
    await world.until_put_off("MSG-290")
    assert alice.received == []
    world.clock.forward(seconds=2)
    for number in range(3):
        await alice.expect_sms(f"Answer {number}")
    assert alice.received == [f"Answer {number}" for number in range(3)]


async def test_replies_told_in_another_order_leave_in_theirs(world: World) -> None:
    """Slack's events of two replies are swapped: within the hold they find their order again."""
    alice = world.texter("+14155550100")
    thread = await world.thread_with(alice, "Hello")
    world.slack.faults.add("reorder", path="message.channels")
    await thread.reply("First")
    await thread.reply("Second")
    await world.slack.settled()
    world.clock.forward(seconds=HOLD_SECONDS)
    await alice.expect_sms("First")
    await alice.expect_sms("Second")
    assert alice.received == ["First", "Second"]


async def test_one_slow_conversation_does_not_hold_up_another(world: World) -> None:
    """Each customer's texts wait only for each other."""
    alice, dan = world.texter("+14155550100"), world.texter("+14155550155")
    to_alice = await world.thread_with(alice, "Alice here")
    to_dan = await world.thread_with(dan, "Dan here")
    slow = world.ringcentral.faults.add("slow", method="POST", path=SMS, seconds=0.8)
    await to_alice.reply("For Alice")
    await world.slack.settled()
    world.clock.forward(seconds=HOLD_SECONDS)
    await world.eventually(lambda: slow.hits, "the slow request")
    await to_dan.reply("For Dan")
    await world.slack.settled()
    world.clock.forward(seconds=HOLD_SECONDS)
    await dan.expect_sms("For Dan")
    assert alice.received == []
    await alice.expect_sms("For Alice")
