"""Lost answers under the worst of circumstances: one text stays one text, and nobody is asked."""

import asyncio

import pytest

from bridge.sandbox.faults import Kind
from bridge.sandbox.ringcentral import NUMBER, RingCentralSimulator
from bridge.sandbox.ringcentral.clock import SimulatorClock
from tests.scenarios.world import QUICK_LOOKS, connected_world, slack_of_scenarios

SMS = r"/sms$"
POST = "chat.postMessage"
ALICE = "+14155550100"
MINUTE = [-60.0, 60.0]
# A store that shows its records after 1 s, looked at as one of 8 s is in earnest.
LATE_SECONDS = 1.0
LATE_LOOKS = {"BRIDGE_SEND_SECONDS": "1", "BRIDGE_LOOK_SECONDS": "0.2,0.5,3"}


@pytest.mark.parametrize("lost", [("first",), ("second",), ("first", "second")])
@pytest.mark.parametrize("kind", ["drop_before", "drop_after"])
async def test_two_equal_replies_a_second_apart_are_two_texts(
    sqlite_url: str, lost: tuple[str, ...], kind: Kind
) -> None:
    """Neither is taken for the other, whichever answer was lost."""
    async with connected_world(sqlite_url, **QUICK_LOOKS) as world:
        alice = world.texter(ALICE)
        thread = await world.thread_with(alice)
        replies = []
        for which in ("first", "second"):
            if which in lost:
                world.ringcentral.faults.add(kind, method="POST", path=SMS)
            replies.append(await thread.reply("Yes"))
            await asyncio.sleep(1.0)
        for reply in replies:
            await alice.expect_sms("Yes")
            await thread.expect_mark(reply)
        assert len(world.ringcentral.sent) == 2


@pytest.mark.parametrize("skew_seconds", MINUTE)
@pytest.mark.parametrize("kind", ["drop_before", "drop_after"])
async def test_a_carriers_clock_a_minute_off_costs_no_text(
    sqlite_url: str, kind: Kind, skew_seconds: float
) -> None:
    """A lost answer is found by RingCentral's time, and its absence told by it."""
    ringcentral = RingCentralSimulator(clock=SimulatorClock(skew_seconds=skew_seconds))
    async with connected_world(sqlite_url, ringcentral=ringcentral, **QUICK_LOOKS) as world:
        alice = world.texter(ALICE)
        thread = await world.thread_with(alice)
        world.ringcentral.faults.add(kind, method="POST", path=SMS)
        reply = await thread.reply("Until 6 pm")
        await alice.expect_sms("Until 6 pm")
        await thread.expect_mark(reply)
        await world.sync()
        await world.expect_silence()
        assert len(world.ringcentral.sent) == 1


@pytest.mark.parametrize("with_another", [False, True])
async def test_a_record_that_shows_late_is_waited_for(sqlite_url: str, with_another: bool) -> None:
    """Nothing is sent again, and nobody is asked, though another's text shows before ours."""
    ringcentral = RingCentralSimulator(visible_after_seconds=LATE_SECONDS)
    async with connected_world(sqlite_url, ringcentral=ringcentral, **LATE_LOOKS) as world:
        alice = world.texter(ALICE)
        thread = await world.thread_with(alice)
        lost = world.ringcentral.faults.add("drop_after", method="POST", path=SMS)
        reply = await thread.reply("Until 6 pm")
        if with_another:
            await world.eventually(lambda: lost.hits, "the lost answer")
            another = await world.ringcentral.app_sends("101", NUMBER, ALICE, "From my mobile")
            another.visible_at = another.created_at
            await alice.expect_sms("From my mobile")
        await alice.expect_sms("Until 6 pm")
        await thread.expect_mark(reply)
        if with_another:
            await world.sync()
            await thread.expect_post("Sent from the RingCentral app")
        await world.expect_silence()
        assert len(world.ringcentral.sent) == 1


@pytest.mark.parametrize("kind", ["drop_before", "drop_after"])
async def test_two_equal_texts_a_second_apart_are_shown_twice(sqlite_url: str, kind: Kind) -> None:
    """In Slack each is found by its own marker, whichever answer was lost."""
    async with connected_world(sqlite_url, **QUICK_LOOKS) as world:
        alice = world.texter(ALICE)
        thread = await world.thread_with(alice)
        world.slack.faults.add(kind, path=POST, times=2)
        await alice.texts("Hello?")
        await asyncio.sleep(1.0)
        await alice.texts("Hello?")
        for _ in range(2):
            await thread.expect_post("Hello?")
        await world.expect_silence()
        assert thread.shown == ["Hello", "Hello?", "Hello?"]


@pytest.mark.parametrize("skew_seconds", MINUTE)
@pytest.mark.parametrize("kind", ["drop_before", "drop_after"])
async def test_slacks_clock_a_minute_off_costs_no_post(
    sqlite_url: str, kind: Kind, skew_seconds: float
) -> None:
    """The card and the text are posted once, though Slack stamps them by another time."""
    slack = slack_of_scenarios()
    slack.clock.shift(skew_seconds)
    async with connected_world(sqlite_url, slack=slack, **QUICK_LOOKS) as world:
        alice = world.texter(ALICE)
        world.slack.faults.add(kind, path=POST, times=2)
        await alice.texts("Is my order ready?")
        thread = await world.expect_thread("Is my order ready?")
        await world.expect_silence()
        assert thread.shown == ["Is my order ready?"]
