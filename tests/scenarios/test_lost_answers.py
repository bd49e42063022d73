"""A connection that breaks loses no text and doubles none, and nobody is told what is not known."""

from collections.abc import AsyncIterator

import pytest

from bridge.sandbox.faults import Kind
from bridge.sandbox.ringcentral import NUMBER, RingCentralSimulator
from bridge.sandbox.slack.messages import Message
from tests.scenarios.world import QUICK_LOOKS, Texter, Thread, World, connected_world

SMS = r"/sms$"
ALMOST = "Until six, I think"  # a carrier may have made it of the reply
POST = "chat.postMessage"


@pytest.fixture
async def world(sqlite_url: str) -> AsyncIterator[World]:
    """A bridge that asks soon what became of an answer that never came."""
    async with connected_world(sqlite_url, **QUICK_LOOKS) as made:
        yield made


@pytest.mark.parametrize("kind", ["drop_before", "drop_after", "status_after"])
async def test_one_reply_is_one_text(world: World, alice: Texter, kind: Kind) -> None:
    """Whether the carrier got it or not before the connection broke: the phone has one text."""
    thread = await world.thread_with(alice)
    world.ringcentral.faults.add(kind, method="POST", path=SMS, status=502, body="bad gateway")
    reply = await thread.reply("Until 6 pm")
    await alice.expect_sms("Until 6 pm")
    await thread.expect_mark(reply)
    await world.expect_silence()
    assert len(world.ringcentral.sent) == 1


async def test_an_answer_that_takes_too_long_is_looked_for(world: World, alice: Texter) -> None:
    """A POST that outlasts its time is not repeated: the store says that it was taken."""
    thread = await world.thread_with(alice)
    world.ringcentral.faults.add("slow_after", method="POST", path=SMS, seconds=1.5)
    reply = await thread.reply("Until 6 pm")
    await alice.expect_sms("Until 6 pm")
    await thread.expect_mark(reply)
    assert len(world.ringcentral.sent) == 1


async def test_a_carrier_that_cannot_be_reached_is_tried_again(world: World, alice: Texter) -> None:
    """While nothing listens at RingCentral the text waits; afterwards it goes once."""
    thread = await world.thread_with(alice)
    await world.ringcentral.stop()
    reply = await thread.reply("Until 6 pm")
    await world.slack.settled()
    await world.ringcentral.start()
    world.clock.forward(seconds=64)
    await alice.expect_sms("Until 6 pm")
    await thread.expect_mark(reply)
    assert len(world.ringcentral.sent) == 1


@pytest.mark.parametrize("kind", ["drop_before", "drop_after", "status_after"])
@pytest.mark.parametrize("posts", [1, 2])
async def test_one_text_is_one_message_in_slack(
    world: World, alice: Texter, kind: Kind, posts: int
) -> None:
    """Whether Slack got it or not: there is one card, and the text once in its thread."""
    world.slack.faults.add(kind, path=POST, status=502, body="bad gateway", times=posts)
    await alice.texts("Is my order ready?")
    thread = await world.expect_thread("Is my order ready?")
    await world.expect_silence()
    assert thread.shown == ["Is my order ready?"]
    cards = [each for each in world.posts() if "0100" in each.shown and each.thread_ts is None]
    assert len(cards) == 1


async def test_where_the_store_cannot_tell_a_person_is_asked(world: World, alice: Texter) -> None:
    """Something else went the same way meanwhile: the author decides, and nothing is claimed."""
    thread = await world.thread_with(alice)
    reply = await _become_unsure(world, thread, alice)
    told = await thread.expect_told("Bea", "may not have been sent", "Until 6 pm")
    assert told.buttons() == ["send_again", "it_was_sent"]
    await thread.expect_no_mark(reply)
    await thread.expect_card("may not have been sent")
    await thread.click(told, "send_again")
    await alice.expect_sms("Until 6 pm")
    await thread.expect_mark(reply)
    await world.expect_private("Bea", "being sent again")
    await thread.expect_post("Sent from the RingCentral app")
    assert len(world.ringcentral.sent) == 1


async def test_it_was_sent_settles_it_without_a_text(world: World, alice: Texter) -> None:
    """The person knows better: the mark comes, no text goes, and a late click changes nothing."""
    thread = await world.thread_with(alice)
    reply = await _become_unsure(world, thread, alice)
    told = await thread.expect_told("Bea", "may not have been sent")
    await thread.click(told, "it_was_sent", by="Carl")
    await thread.expect_mark(reply)
    await world.expect_private("Carl", "it was sent")
    await thread.expect_post("Sent from the RingCentral app")
    await thread.click(told, "send_again")
    await world.expect_private("Bea", "it has been sent meanwhile")
    await world.expect_silence()
    assert not world.ringcentral.sent


async def test_where_another_text_cannot_be_the_lost_one_nobody_is_asked(
    world: World, alice: Texter
) -> None:
    """What went the same way has not one word of it: the lost text never left, and goes again."""
    thread = await world.thread_with(alice)
    broken = world.ringcentral.faults.add("drop_before", method="POST", path=SMS)
    reply = await thread.reply("Until 6 pm")
    await world.eventually(lambda: broken.hits, "the broken request")
    await world.ringcentral.app_sends("101", NUMBER, alice.number, "From my mobile")
    await alice.expect_sms("From my mobile")
    await alice.expect_sms("Until 6 pm")
    await thread.expect_mark(reply)
    await thread.expect_post("Sent from the RingCentral app")
    assert len(world.ringcentral.sent) == 1


async def test_what_was_kept_meanwhile_is_shown_though_the_text_was_deleted(
    sqlite_url: str,
) -> None:
    """Its author deletes the text that nobody can tell of: the app's text is not lost with it."""
    ringcentral = RingCentralSimulator(sync_overlap_seconds=0.0)  # no sync tells of it once more
    async with connected_world(sqlite_url, ringcentral=ringcentral, **QUICK_LOOKS) as world:
        alice = world.texter("+14155550100")
        thread = await world.thread_with(alice)
        reply = await _become_unsure(world, thread, alice)
        told = await thread.expect_told("Bea", "may not have been sent")
        await world.sync()
        await thread.delete(reply)
        await thread.expect_post("Deleted too late")
        await thread.click(told, "send_again")
        await world.expect_private("Bea", "it has been cancelled meanwhile")
        await thread.expect_post("Sent from the RingCentral app")
        assert not world.ringcentral.sent


async def test_a_text_that_is_looked_for_does_not_let_the_next_pass(
    world: World, alice: Texter
) -> None:
    """While nobody knows what became of the first, the second waits: they arrive in order."""
    thread = await world.thread_with(alice)
    world.ringcentral.faults.add("drop_before", method="POST", path=SMS)
    await thread.reply("First")
    await thread.reply("Second")
    await alice.expect_sms("Second")
    await alice.expect_sms("First")
    assert [each.text for each in world.ringcentral.sent] == ["First", "Second"]


async def test_a_mark_whose_answer_was_lost_is_one_mark(world: World, alice: Texter) -> None:
    """Adding it again is harmless: Slack says that it is there."""
    thread = await world.thread_with(alice)
    world.slack.faults.add("drop_after", path="reactions.add")
    reply = await thread.reply("Until 6 pm")
    await alice.expect_sms("Until 6 pm")
    await thread.expect_mark(reply)


async def test_an_event_whose_answer_slack_missed_is_one_text(
    sqlite_url: str,
) -> None:
    """Slack waits 3 s at most; here it gives up at once and repeats what was done already."""
    async with connected_world(sqlite_url) as world:
        alice = world.texter("+14155550100")
        thread = await world.thread_with(alice)
        world.slack.faults.add("duplicate", path="message.channels")
        await thread.reply("Until 6 pm")
        await alice.expect_sms("Until 6 pm")
        await world.expect_silence()
        assert len(world.ringcentral.sent) == 1


async def _become_unsure(world: World, thread: Thread, alice: Texter) -> Message:
    """A reply's POST breaks, and at that moment Dana texts the same phone from the app."""
    broken = world.ringcentral.faults.add("drop_before", method="POST", path=SMS)
    reply = await thread.reply("Until 6 pm")
    await world.eventually(lambda: broken.hits, "the broken request")
    await world.ringcentral.app_sends("101", NUMBER, alice.number, ALMOST)
    await alice.expect_sms(ALMOST)
    return reply
