"""Providers' limits are honoured: what is refused for now waits, and arrives once."""

import asyncio

from bridge.sandbox.ringcentral import RingCentralSimulator
from bridge.sandbox.slack import SlackSimulator
from storage.tables import Gate
from tests.scenarios.world import WAIT_SECONDS, World, connected_world, slack_of_scenarios

ALICE, DAN = "+14155550100", "+14155550155"
SMS = r"/sms$"


def _use_up(world: World) -> None:
    """Another program with the same login and app makes all the requests of this minute."""
    limits, sent = world.ringcentral.world.limits, world.ringcentral.requests
    own = next(each for each in sent if each.group == "Light")
    for _ in range(limits.limit_of("Medium") - len([e for e in sent if e.group == "Medium"])):
        limits.take(own.extension_id, own.app_id, "Medium")


async def _until_penalty_is_known(world: World) -> None:
    """The bridge has it on file that RingCentral takes nothing for a while."""
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            if any(each.closed_until_at for each in await world.rows(Gate)):
                return
            await asyncio.sleep(0.01)


def _requests_in_penalty(ringcentral: RingCentralSimulator) -> list[str]:
    return [each.path for each in ringcentral.requests if each.during_penalty]


async def test_a_penalty_is_waited_out(sqlite_url: str) -> None:
    """After RingCentral's 429 nothing starts until its time is over; then each text goes once."""
    ringcentral = RingCentralSimulator(penalty_seconds=1.0, rate_limit_window_seconds=1.5)
    async with connected_world(sqlite_url, ringcentral=ringcentral) as world:
        alice, dan = world.texter(ALICE), world.texter(DAN)
        to_alice = await world.thread_with(alice, "Hello, Alice here")
        to_dan = await world.thread_with(dan, "Hello, Dan here")
        _use_up(world)
        await to_alice.reply("Table one")
        await _until_penalty_is_known(world)
        await to_dan.reply("Table two")
        await to_alice.reply("Bring an umbrella")
        await alice.expect_sms("Table one")
        await dan.expect_sms("Table two")
        await alice.expect_sms("Bring an umbrella")
    assert 429 in [each.status for each in ringcentral.requests]
    assert not _requests_in_penalty(ringcentral)
    assert len(ringcentral.sent) == 3


async def test_a_penalty_outlives_a_restart(sqlite_url: str) -> None:
    """Whoever starts within the penalty knows of it: no request restarts it."""
    ringcentral = RingCentralSimulator(penalty_seconds=1.5, rate_limit_window_seconds=1.5)
    async with connected_world(sqlite_url, ringcentral=ringcentral) as world:
        alice = world.texter(ALICE)
        thread = await world.thread_with(alice)
        _use_up(world)
        await thread.reply("Table one")
        await _until_penalty_is_known(world)
        await world.stop_bridge()
        await world.start_bridge()
        await alice.expect_sms("Table one")
    assert not _requests_in_penalty(ringcentral)
    assert len(ringcentral.sent) == 1


async def test_an_outage_of_the_carrier_is_waited_out(sqlite_url: str) -> None:
    """503 with MSG-290 is tried again by itself; nobody is bothered, and the text goes once."""
    async with connected_world(sqlite_url) as world:
        alice = world.texter(ALICE)
        thread = await world.thread_with(alice)
        body = {"errorCode": "MSG-290", "message": "Busy", "errors": [{"errorCode": "MSG-290"}]}
        world.ringcentral.faults.add(
            "status", method="POST", path=SMS, status=503, body=body, times=2
        )
        reply = await thread.reply("Table one")
        await world.until_put_off("MSG-290", times=1)
        world.clock.forward(seconds=2)
        await world.until_put_off("MSG-290", times=2)
        world.clock.forward(seconds=4)
        await alice.expect_sms("Table one")
        await thread.expect_mark(reply)


async def test_a_long_wait_is_told_its_author_once(sqlite_url: str) -> None:
    """Ten seconds over its hold the thread says why, then the mark says that it has left."""
    async with connected_world(sqlite_url) as world:
        thread = await world.thread_with(world.texter(ALICE))
        body = {"errorCode": "MSG-290", "message": "Busy", "errors": [{"errorCode": "MSG-290"}]}
        away = world.ringcentral.faults.add(
            "status", method="POST", path=SMS, status=503, body=body, times=None
        )
        reply = await thread.reply("Table one")
        await world.eventually(lambda: away.hits, "the refusal")
        await world.bridge.delays.look()
        await world.bridge.delays.look()
        await world.until_put_off("MSG-290")
        world.clock.forward(seconds=11)
        for _ in range(4):
            await world.bridge.delays.look()
        told = await thread.expect_told("Bea", "*has not left yet*", "Table one")
        world.ringcentral.faults.clear()
        world.clock.forward(seconds=64)
        await world.texter(ALICE).expect_sms("Table one")
        await thread.expect_mark(reply)
        await world.eventually(lambda: "*has been sent* now" in told.shown, "the news in its place")


async def test_a_text_that_leaves_late_but_at_once_is_not_told(sqlite_url: str) -> None:
    """After a stop what is owed is on its way at the first look, and gone at the second."""
    async with connected_world(sqlite_url, hold_seconds=5) as world:
        thread = await world.thread_with(world.texter(ALICE))
        await thread.reply("Table one")
        await world.eventually(lambda: len(thread.card.replies) > 1, "the reply")
        world.clock.forward(minutes=2)
        await world.bridge.delays.look()
        await world.texter(ALICE).expect_sms("Table one")
        await world.bridge.delays.look()


async def test_a_full_channel_does_not_delay_another(sqlite_url: str) -> None:
    """Slack counts posts by channel: while one must wait, the other goes on."""
    slack: SlackSimulator = slack_of_scenarios()
    async with connected_world(sqlite_url, slack=slack) as world:
        toll_free = "+18885550150"
        await world.connect(toll_free, "partners")
        alice = world.texter(ALICE)
        slow = slack.faults.add(
            "status",
            path="chat.postMessage",
            status=429,
            body={"ok": False, "error": "ratelimited"},
            headers={"Retry-After": "2"},
        )
        await alice.texts("To the desk")
        await world.eventually(lambda: slow.hits == 1, "the refusal")
        await alice.texts("To the hotline", to=toll_free)
        await world.expect_thread("To the hotline", "partners")
        assert not [post for post in world.unexpected_posts() if "To the desk" in post.shown]
        await world.expect_thread("To the desk")


async def test_a_burst_of_texts_is_shown_whole(sqlite_url: str) -> None:
    """More texts at once than Slack takes in a second are all shown, once and in order."""
    slack = slack_of_scenarios(rate_limits=True)
    async with connected_world(sqlite_url, slack=slack) as world:
        alice = world.texter(ALICE)
        for number in range(5):
            await alice.texts(f"Text {number}")
            await world.ringcentral.settled()
        thread = await world.expect_thread("Text 0")
        for number in range(1, 5):
            await thread.expect_post(f"Text {number}")
        assert thread.shown == [f"Text {number}" for number in range(5)]
