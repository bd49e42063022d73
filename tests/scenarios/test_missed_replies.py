"""Beyond Slack's patience: a reply that no event told of is found, and sent or offered."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bridge.sandbox.ringcentral import TOLL_FREE_NUMBER
from bridge.sandbox.slack.messages import Message
from storage.tables import ChannelCursor
from tests.scenarios.world import CHANNEL, Thread, World, connected_world, slack_of_scenarios

ALICE = "+14155550100"


@asynccontextmanager
async def untold(world: World) -> AsyncIterator[None]:
    """Slack gives up telling of messages, as after an outage longer than it repeats them."""
    world.slack.faults.add("lose", path="^message", times=None, name="untold")
    yield
    await world.slack.settled()
    world.slack.faults.clear("untold")


async def look(world: World) -> None:
    """What every start and every new connection does."""
    assert await world.bridge.slack.catch_up.look(was_away=True)


@pytest.fixture
async def forgetful(sqlite_url: str) -> AsyncIterator[World]:
    """A bridge to which anything written a second ago is old."""
    async with connected_world(sqlite_url, BRIDGE_OFFER_AFTER_SECONDS="1") as world:
        yield world


async def written_while_away(world: World, thread: Thread, text: str) -> Message:
    """A reply that nobody tells the bridge of, and that is old when it comes back."""
    async with untold(world):
        await world.stop_bridge()
        reply = await thread.reply(text)
    await world.slack.wait_for(
        lambda: world.slack.clock.now() - float(reply.ts) > 1.2, timeout_seconds=5
    )
    await world.start_bridge()
    return reply


async def test_a_reply_that_was_never_told_of_is_texted(world: World) -> None:
    """After a short outage it goes by itself, once, also where Slack tells of it after all."""
    alice = world.texter(ALICE)
    thread = await world.thread_with(alice)
    async with untold(world):
        await world.stop_bridge()
        reply = await thread.reply("Yes, until 6 pm")
    await world.start_bridge()
    await alice.expect_sms("Yes, until 6 pm")
    await thread.expect_mark(reply)
    await look(world)
    assert alice.received == ["Yes, until 6 pm"]


async def test_an_old_one_is_offered(forgetful: World) -> None:
    """What was written long ago is not texted until its author says so; two clicks send once."""
    alice = forgetful.texter(ALICE)
    thread = await forgetful.thread_with(alice)
    reply = await written_while_away(forgetful, thread, "In five minutes")
    offer = await thread.expect_told("Bea", "while the bridge was away", "In five minutes")
    assert alice.received == []
    await look(forgetful)
    await thread.click(offer, "send_now")
    await thread.click(offer, "send_now", by="Carl")
    await alice.expect_sms("In five minutes")
    await thread.expect_mark(reply)
    assert len(alice.received) == 1


async def test_an_offered_one_can_be_dropped(forgetful: World) -> None:
    """Who says no has it never sent."""
    alice = forgetful.texter(ALICE)
    thread = await forgetful.thread_with(alice)
    await written_while_away(forgetful, thread, "In five minutes")
    offer = await thread.expect_post("while the bridge was away")
    await thread.click(offer, "drop_message")
    await forgetful.expect_private("Bea", "will not be sent")
    await thread.click(offer, "send_now")
    await forgetful.expect_private("Bea", "Nothing was changed")
    assert alice.received == []


async def test_an_old_event_is_offered_too(forgetful: World) -> None:
    """With Delayed Events Slack tells of a reply for a day: that does not make it timely."""
    alice = forgetful.texter(ALICE)
    thread = await forgetful.thread_with(alice)
    forgetful.slack.faults.add("delay", path="^message", seconds=1.5)
    await thread.reply("In five minutes")
    await thread.expect_told("Bea", "while the bridge was away")
    assert alice.received == []


async def test_what_was_edited_meanwhile_is_sent_as_it_is_now(world: World) -> None:
    """The words of today go, and the edit is not told of as one that came too late."""
    alice = world.texter(ALICE)
    thread = await world.thread_with(alice)
    async with untold(world):
        await world.stop_bridge()
        reply = await thread.reply("Untill 6")
        await thread.edit(reply, "Until 6 pm")
    await world.start_bridge()
    await alice.expect_sms("Until 6 pm")
    assert alice.received == ["Until 6 pm"]


async def test_an_edit_nobody_told_of_is_found(sqlite_url: str) -> None:
    """A text on hold is changed by an edit that only the channel shows."""
    async with connected_world(sqlite_url, hold_seconds=20) as world:
        alice = world.texter(ALICE)
        thread = await world.thread_with(alice)
        reply = await thread.reply("Untill 6")
        await world.slack.settled()
        async with untold(world):
            await thread.edit(reply, "Until 6 pm")
        await look(world)
        world.clock.forward(seconds=21)
        await alice.expect_sms("Until 6 pm")


async def test_a_guests_missed_reply_is_refused(world: World) -> None:
    """What may not be texted live may not be texted later."""
    world.slack.add_person("Gus", is_restricted=True)
    alice = world.texter(ALICE)
    thread = await world.thread_with(alice)
    async with untold(world):
        await world.stop_bridge()
        await thread.reply("Hello from a guest", by="Gus")
    await world.start_bridge()
    await thread.expect_told("Gus", "was not sent", "Guests cannot text customers")
    assert alice.received == []


async def test_several_are_found_in_their_order(world: World) -> None:
    """A long outage's replies leave as they were written, over more than one page of threads."""
    threads = [
        await world.thread_with(world.texter(f"+1415555{number:04}"), f"Hello {number}")
        for number in (110, 111, 112)
    ]
    async with untold(world):
        await world.stop_bridge()
        for number in range(4):
            await threads[0].reply(f"Part {number}")
        await threads[2].reply("And you")
    await world.start_bridge()
    first, quiet, other = (world.texter(f"+1415555{number:04}") for number in (110, 111, 112))
    for number in range(4):
        await first.expect_sms(f"Part {number}")
    await other.expect_sms("And you")
    assert first.received == [f"Part {number}" for number in range(4)]
    assert quiet.received == []


async def test_only_threads_with_something_new_are_read(world: World) -> None:
    """Of many threads those are asked for in which somebody has written since."""
    threads = [
        await world.thread_with(world.texter(f"+1415555{number:04}"), f"Hello {number}")
        for number in range(110, 114)
    ]
    texter = world.texter("+14155550111")
    await _untold_later(world, threads[1], "Some news")
    await look(world)
    await texter.expect_sms("Some news")
    await _untold_later(world, threads[1], "More news")
    before = len(world.slack.calls("conversations.replies"))
    await look(world)
    await texter.expect_sms("More news")
    assert len(world.slack.calls("conversations.replies")) - before == 1
    (cursor,) = await world.rows(ChannelCursor)
    assert cursor.read_to == threads[1].card.replies[-1].ts


async def _untold_later(world: World, thread: Thread, text: str) -> None:
    """Twenty minutes on, a reply that nobody tells the bridge of."""
    world.slack.clock.shift(1200)
    async with untold(world):
        await thread.reply(text)


async def test_a_new_channel_offers_no_history(world: World) -> None:
    """What people wrote before a number was connected concerns no customer."""
    await world.slack.say("Ada", "partners", "Lunch?")
    root = world.slack.channel("partners").messages[-1]
    await world.slack.say("Ada", "partners", "Yes!", thread_ts=root.ts)
    await world.connect(TOLL_FREE_NUMBER, "partners")
    await look(world)
    assert await world.count_texts() == 0


async def test_a_silent_connection_is_replaced(sqlite_url: str) -> None:
    """A connection that is up and brings nothing is noticed by our own posts; nothing is lost."""
    slack = slack_of_scenarios()
    quick = {"BRIDGE_SILENT_SECONDS": "1"}
    async with connected_world(sqlite_url, socket_mode=True, slack=slack, **quick) as world:
        alice = world.texter(ALICE)
        thread = await world.thread_with(alice)
        await world.slack.settled()
        slack.deafen_connections()
        async with untold(world):
            reply = await thread.reply("Do you hear me?")
        await alice.texts("Hello?")  # shown by a post that Slack tells nothing of
        await thread.expect_post("Hello?")
        assert alice.received == []
        await world.slack.wait_for(lambda: alice.received, timeout_seconds=60)
        await alice.expect_sms("Do you hear me?")
        await thread.expect_mark(reply)
        heard = await thread.reply("And now?")
        await alice.expect_sms("And now?")
        await thread.expect_mark(heard)


async def test_both_channels_are_read(world: World) -> None:
    """Each connected channel has a cursor of its own."""
    await world.connect(TOLL_FREE_NUMBER, "partners")
    await look(world)
    channels = {each.channel_id for each in await world.rows(ChannelCursor)}
    assert channels == {
        world.slack.channel(CHANNEL).channel_id,
        world.slack.channel("partners").channel_id,
    }
