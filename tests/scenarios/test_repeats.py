"""Whatever comes twice, late, or in another order is shown once, and nothing is lost."""

import json

from bridge.sandbox.ringcentral import RingCentralSimulator
from bridge.sandbox.slack.messages import Message
from tests.scenarios.world import Texter, World, connected_world

INSTANT = "instant"


async def test_a_notification_that_comes_twice_is_one_message(world: World, alice: Texter) -> None:
    """RingCentral repeats a notification: the thread has one."""
    world.ringcentral.faults.add("duplicate", path=INSTANT, times=None)
    thread = await world.thread_with(alice, "Hello")
    await alice.texts("Again")
    await thread.expect_post("Again")
    await world.expect_silence()


async def test_a_text_that_the_store_shows_too_is_one_message(world: World, alice: Texter) -> None:
    """Live and by catch-up is once."""
    await world.thread_with(alice, "Hello")
    await world.sync()
    await world.expect_silence()
    assert await world.count_texts() == 1


async def test_lost_notifications_are_made_up_for_in_order(world: World, alice: Texter) -> None:
    """What no event told of comes from the store: everything, once, oldest first."""
    thread = await world.thread_with(alice, "Hello")
    world.ringcentral.faults.add("lose", times=None)
    for number in range(1, 6):
        await alice.texts(f"Lost {number}")
    await world.ringcentral.settled()
    await world.expect_silence()
    await world.sync()
    for number in range(1, 6):
        await thread.expect_post(f"Lost {number}")
    assert [text for text in thread.shown if "Lost" in text] == [f"Lost {n}" for n in range(1, 6)]


async def test_a_change_of_the_store_is_enough(world: World, alice: Texter) -> None:
    """Where only the text's own event is lost, the event of the store's change brings it soon."""
    thread = await world.thread_with(alice, "Hello")
    world.ringcentral.faults.add("lose", path=INSTANT)
    await alice.texts("Nobody told you")
    await thread.expect_post("Nobody told you")


async def test_a_text_that_is_told_late_is_shown_at_once_with_its_time(
    world: World, alice: Texter
) -> None:
    """It stands after the newer one, and says when it was sent."""
    thread = await world.thread_with(alice, "Hello")
    world.ringcentral.faults.add("delay", path=INSTANT, seconds=0.7)
    world.ringcentral.faults.add("lose", path="message-store$", times=None)
    await alice.texts("First")
    world.ringcentral.clock.forward(2)  # its times are whole seconds
    await alice.texts("Second")
    await thread.expect_post("Second")
    late = await thread.expect_post("First")
    assert "shown late" in late.shown
    assert "<!date^" in late.text
    assert thread.shown[-2:] == ["Second", late.shown]
    await thread.expect_card("Second")


async def test_texts_of_one_second_keep_their_order(world: World, alice: Texter) -> None:
    """An event tells milliseconds, the store whole seconds: neither makes a newer text older."""
    into_the_second = 1.1 - world.ringcentral.clock.now().microsecond / 1e6
    world.ringcentral.clock.forward(into_the_second)
    thread = await world.thread_with(alice, "Hello")
    world.ringcentral.faults.add("lose", times=None)
    await alice.texts("Is it ready?")
    await world.sync()
    assert (await thread.expect_post("Is it ready?")).shown == "Is it ready?"
    await thread.expect_card("Is it ready?")


async def test_a_text_later_than_a_colleagues_words_says_when_it_was_sent(
    world: World, alice: Texter
) -> None:
    """Found long after Bea wrote in the thread, it must not read as an answer to her."""
    thread = await world.thread_with(alice, "Hello")
    world.ringcentral.faults.add("lose", times=None)
    await alice.texts("Can I bring a dog?")
    world.slack.clock.shift(60)
    await thread.reply("See you at eight")
    await alice.expect_sms("See you at eight")
    await world.sync()
    late = await thread.expect_post("Can I bring a dog?")
    assert "shown late" in late.shown


async def test_a_text_that_crosses_a_reply_is_not_called_late(world: World, alice: Texter) -> None:
    """Two who write at the same moment read no time stamps."""
    thread = await world.thread_with(alice, "Hello")
    world.ringcentral.faults.add("delay", path=INSTANT, seconds=0.3)
    await alice.texts("Are you there?")
    await thread.reply("What can I do for you?")
    await alice.expect_sms("What can I do for you?")
    assert (await thread.expect_post("Are you there?")).shown == "Are you there?"


async def test_texts_while_the_bridge_is_down_are_caught_up_at_its_start(
    world: World, alice: Texter
) -> None:
    """A restart asks the store: known and new conversations, each once and in order."""
    thread = await world.thread_with(alice, "Hello")
    await world.stop_bridge()
    for text in ("Are you there?", "It is urgent", "Please answer"):
        await alice.texts(text)
    await world.texter("+14155550155").texts("I am new")
    await world.start_bridge()
    await world.expect_thread("I am new")
    for text in ("Are you there?", "It is urgent", "Please answer"):
        await thread.expect_post(text)
    assert thread.shown == ["Hello", "Are you there?", "It is urgent", "Please answer"]


async def test_a_live_text_waits_for_those_missed_before_it(world: World, alice: Texter) -> None:
    """The first event after a start does not pass what the store has still to tell."""
    thread = await world.thread_with(alice, "Hello")
    await world.stop_bridge()
    await alice.texts("While you were away")
    world.ringcentral.faults.add("slow", path="message-sync", seconds=0.6)
    await world.start_bridge()
    await alice.texts("You are back")
    await thread.expect_post("You are back")
    await thread.expect_post("While you were away")
    assert thread.shown == ["Hello", "While you were away", "You are back"]


async def test_a_sync_token_that_is_forgotten_loses_nothing(world: World, alice: Texter) -> None:
    """RingCentral asks for a full synchronisation: it is made, and nothing comes twice."""
    thread = await world.thread_with(alice, "Hello")
    await world.sync()
    world.ringcentral.faults.add("lose", times=None)
    await alice.texts("In between")
    world.ringcentral.expire_sync_tokens()
    await world.sync()
    await thread.expect_post("In between")
    await world.sync()


async def test_the_history_before_connecting_stays_out(sqlite_url: str) -> None:
    """A channel that is connected is not flooded with what the store has from before."""
    ringcentral = RingCentralSimulator()
    ringcentral.fill(300)
    ringcentral.clock.forward(10)
    async with connected_world(sqlite_url, ringcentral=ringcentral) as world:
        await world.sync()
        await world.expect_silence()
        await world.thread_with(world.texter("+14155550100"), "The first of today")
        assert await world.count_texts() == 1


async def test_one_reply_told_eleven_times_is_one_text(world: World, alice: Texter) -> None:
    """Slack has been seen to tell of one message in 11 events with ids of their own."""
    thread = await world.thread_with(alice)
    reply = await thread.reply("Until 6 pm")
    body = await _event_of(world, reply)
    for number in range(10):
        again = json.dumps({**body, "event_id": f"Ev0AGAIN{number}"}).encode()
        answer = await world.slack.post_signed(again)
        assert answer.status == 200
    await alice.expect_sms("Until 6 pm")
    await thread.expect_mark(reply)
    assert len(world.ringcentral.sent) == 1


async def test_an_event_that_slack_repeats_is_one_text(world: World, alice: Texter) -> None:
    """Doubled events, and a command delivered twice, send once."""
    thread = await world.thread_with(alice)
    world.slack.faults.add("duplicate", path="message.channels", times=None)
    await thread.reply("Until 6 pm")
    await alice.expect_sms("Until 6 pm")
    await world.expect_silence()
    assert len(world.ringcentral.sent) == 1


async def _event_of(world: World, reply: Message) -> dict[str, object]:
    delivered = await world.slack.wait_for(
        lambda: [each for each in world.slack.deliveries if each.event.get("ts") == reply.ts]
    )
    return delivered[0].body
