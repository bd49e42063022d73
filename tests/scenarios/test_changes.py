"""Edits and deletions: they change or stop what has not left, and afterwards nothing pretends."""

from collections.abc import AsyncIterator

import pytest

from bridge.sandbox.slack.messages import Message
from tests.scenarios.world import Texter, Thread, World, connected_world

HOLD_SECONDS = 5.0


@pytest.fixture
async def held(sqlite_url: str) -> AsyncIterator[World]:
    """An inbox whose replies wait for five seconds."""
    async with connected_world(sqlite_url, hold_seconds=HOLD_SECONDS) as made:
        yield made


async def _written(world: World, thread: Thread, text: str) -> Message:
    """A reply that the bridge has on file."""
    before = await world.count_texts()
    message = await thread.reply(text)
    await world.slack.settled()
    assert await world.count_texts() == before + 1
    return message


async def test_a_reply_waits_for_its_hold(held: World) -> None:
    """Nothing leaves before the hold ends; then it does."""
    alice = held.texter("+14155550100")
    thread = await held.thread_with(alice)
    reply = await _written(held, thread, "Until 6 pm")
    held.clock.forward(seconds=HOLD_SECONDS - 1)
    await held.expect_silence()
    held.clock.forward(seconds=1)
    await alice.expect_sms("Until 6 pm")
    await thread.expect_mark(reply)


async def test_a_command_waits_for_its_hold_too(held: World) -> None:
    """The thread shows a command's text at once, the phone after the hold."""
    dan = held.texter("+14155550155")
    await held.command("Bea", "+14155550155 Your table is ready")
    await held.expect_thread("Your table is ready")
    await held.expect_silence()
    held.clock.forward(seconds=HOLD_SECONDS)
    await dan.expect_sms("Your table is ready")


async def test_an_edit_within_the_hold_changes_what_the_phone_gets(held: World) -> None:
    """The phone gets the corrected text only, a whole hold after the correction."""
    alice = held.texter("+14155550100")
    thread = await held.thread_with(alice)
    reply = await _written(held, thread, "Until 6 am")
    held.clock.forward(seconds=HOLD_SECONDS - 1)
    await thread.edit(reply, "Until 6 pm")
    await held.slack.settled()
    held.clock.forward(seconds=HOLD_SECONDS - 1)
    await held.expect_silence()
    held.clock.forward(seconds=1)
    assert (await alice.expect_sms("Until 6")).text == "Until 6 pm"
    await thread.expect_mark(reply)


async def test_the_last_of_several_edits_counts(held: World) -> None:
    """Edits that come in another order than they were made do not bring back an old text."""
    alice = held.texter("+14155550100")
    thread = await held.thread_with(alice)
    reply = await _written(held, thread, "One")
    held.slack.faults.add("reorder", path="message.channels")
    await thread.edit(reply, "Two")
    await thread.edit(reply, "Three")
    await held.slack.settled()
    held.clock.forward(seconds=HOLD_SECONDS)
    assert (await alice.expect_sms("T")).text == "Three"


async def test_a_deletion_within_the_hold_cancels(held: World) -> None:
    """A deleted reply is no text, and nothing is said about it."""
    alice = held.texter("+14155550100")
    thread = await held.thread_with(alice)
    reply = await _written(held, thread, "Wrong customer")
    await thread.delete(reply)
    await held.slack.settled()
    held.clock.forward(seconds=HOLD_SECONDS + 60)
    await held.expect_silence()
    assert not held.ringcentral.sent
    await thread.expect_card("Hello")


async def test_an_edit_after_sending_is_told(world: World, alice: Texter) -> None:
    """The thread says what the customer saw; the phone gets nothing more."""
    thread = await world.thread_with(alice)
    reply = await thread.reply("Until 6 am")
    await alice.expect_sms("Until 6 am")
    await thread.expect_mark(reply)
    await thread.edit(reply, "Until 6 pm")
    await thread.expect_told("Bea", "Edited after it was sent", "Until 6 am")
    await thread.edit(reply, "Until 7 pm")
    await thread.expect_told("Bea", "Edited after it was sent", "Until 6 am")


async def test_a_deletion_after_sending_is_told(world: World, alice: Texter) -> None:
    """What was sent cannot be taken back: the thread says what the customer saw."""
    thread = await world.thread_with(alice)
    reply = await thread.reply("Your bill is 90")
    await alice.expect_sms("Your bill is 90")
    await thread.expect_mark(reply)
    await thread.delete(reply)
    await thread.expect_told("Bea", "Deleted after it was sent", "Your bill is 90")


async def test_an_edit_while_it_is_being_sent_is_told(world: World, alice: Texter) -> None:
    """Once the request has begun nothing is changed: the thread says what may have been sent."""
    thread = await world.thread_with(alice)
    slow = world.ringcentral.faults.add("slow", method="POST", path=r"/sms$", seconds=0.5)
    reply = await thread.reply("Until 6 am")
    await world.eventually(lambda: slow.hits, "the request")
    await thread.edit(reply, "Until 6 pm")
    await thread.expect_told("Bea", "Edited too late", "may have been sent", "Until 6 am")
    assert (await alice.expect_sms("Until 6")).text == "Until 6 am"
    await thread.expect_mark(reply)


async def test_an_edit_that_comes_before_its_message_is_what_the_phone_gets(
    world: World, alice: Texter
) -> None:
    """Slack promises no order of events: the newest text is sent, once, and nothing is told."""
    thread = await world.thread_with(alice)
    world.slack.faults.add("reorder", path="message.channels")
    reply = await thread.reply("Until 6 am")
    await thread.edit(reply, "Until 6 pm")
    assert (await alice.expect_sms("Until 6")).text == "Until 6 pm"


async def test_a_deletion_that_comes_before_its_message_leaves_no_text(
    world: World, alice: Texter
) -> None:
    """A reply whose deletion is known already is never sent."""
    thread = await world.thread_with(alice)
    world.slack.faults.add("reorder", path="message.channels")
    reply = await thread.reply("Wrong customer")
    await thread.delete(reply)
    await world.slack.settled()
    await world.expect_silence()
    assert not world.ringcentral.sent


async def test_a_link_preview_is_no_edit(world: World, alice: Texter) -> None:
    """Slack changes a message to add a preview: nobody edited it, so nothing is told or sent."""
    thread = await world.thread_with(alice)
    reply = await thread.reply("See https://example.com/menu")
    await alice.expect_sms("See https://example.com/menu")
    await thread.expect_mark(reply)
    await world.slack.unfurl("front-desk", reply.ts, "https://example.com/menu", "The menu")
    await world.slack.settled()


async def test_an_edit_that_changes_no_word_is_not_told(world: World, alice: Texter) -> None:
    """Saving the same words again changes nothing that the customer could have seen."""
    thread = await world.thread_with(alice)
    reply = await thread.reply("Until 6 pm")
    await alice.expect_sms("Until 6 pm")
    await thread.expect_mark(reply)
    await thread.edit(reply, "Until 6 pm")
    await world.slack.settled()


async def test_a_failed_text_that_was_edited_goes_as_edited(world: World, alice: Texter) -> None:
    """Retry sends what Slack shows, not what it showed when it failed."""
    thread = await world.thread_with(alice)
    world.ringcentral.account.blocked_numbers.add(alice.number)
    reply = await thread.reply("Until 6 am")
    told = await thread.expect_told("Bea", "was not sent", "MSG-243")
    await thread.edit(reply, "Until 6 pm")
    await world.slack.settled()
    world.ringcentral.account.blocked_numbers.clear()
    await thread.click(told, "retry_message")
    assert (await alice.expect_sms("Until 6")).text == "Until 6 pm"
    await thread.expect_mark(reply)


async def test_a_failed_text_that_was_deleted_is_sent_by_no_click(
    world: World, alice: Texter
) -> None:
    """Whoever presses Retry under a deleted text is told that it is cancelled."""
    thread = await world.thread_with(alice)
    world.ringcentral.account.blocked_numbers.add(alice.number)
    reply = await thread.reply("Wrong customer")
    told = await thread.expect_told("Bea", "was not sent", "MSG-243")
    await thread.delete(reply)
    await world.slack.settled()
    world.ringcentral.account.blocked_numbers.clear()
    await thread.click(told, "retry_message")
    await world.expect_private("Bea", "it has been cancelled")
    await world.expect_silence()
    assert not world.ringcentral.sent


async def test_retry_sends_an_edit_made_while_it_was_being_refused(
    world: World, alice: Texter
) -> None:
    """An edit told "too late" is what Retry sends, once RingCentral has refused the text."""
    thread = await world.thread_with(alice)
    world.ringcentral.account.blocked_numbers.add(alice.number)
    slow = world.ringcentral.faults.add("slow", method="POST", path=r"/sms$", seconds=0.5)
    reply = await thread.reply("Until 6 am")
    await world.eventually(lambda: slow.hits, "the request")
    await thread.edit(reply, "Until 6 pm")
    await thread.expect_told("Bea", "Edited too late", "Until 6 am")
    told = await thread.expect_told("Bea", "was not sent", "as it was edited", "Until 6 pm")
    world.ringcentral.account.blocked_numbers.clear()
    await thread.click(told, "retry_message")
    assert (await alice.expect_sms("Until 6")).text == "Until 6 pm"
    await thread.expect_mark(reply)
