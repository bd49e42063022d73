"""Every failure is told to the person it concerns, in the thread, with its reason."""

import asyncio
from collections.abc import Callable

import pytest

from bridge.sandbox.ringcentral import NUMBER, RingCentralSimulator
from tests.scenarios.world import QUICK_LOOKS, Texter, World, connected_world

ALICE = "+14155550100"
ABROAD = "+442079460958"
SMS = r"/sms$"


def _lost_the_number(ringcentral: RingCentralSimulator) -> None:
    number = ringcentral.account.number(NUMBER)
    number.sms_holder_ids.clear()
    number.extension_id = ringcentral.account.extension("102").extension_id


def _lost_its_texts(ringcentral: RingCentralSimulator) -> None:
    ringcentral.account.number(NUMBER).features.discard("SmsSender")


def _blocked(ringcentral: RingCentralSimulator) -> None:
    ringcentral.account.blocked_numbers.add(ALICE)


def _pending(ringcentral: RingCentralSimulator) -> None:
    ringcentral.account.number(NUMBER).status = "Pending"


def _may_not_send(ringcentral: RingCentralSimulator) -> None:
    ringcentral.account.extension("101").permissions.discard("OutboundSMS")


@pytest.mark.parametrize(
    ("breaks", "code", "reason", "remedy"),
    [
        (_lost_the_number, "MSG-245", "does not belong to the RingCentral login", "log in as its"),
        (_lost_its_texts, "MSG-367", "cannot send texts", "enable texts for it"),
        (_blocked, "MSG-243", "blocked in RingCentral", "take it off the block list"),
        (_pending, "MSG-242", "not available from this number", "Admin Portal"),
        (_may_not_send, "CMN-408", "login may not send texts", "Outbound SMS"),
    ],
)
async def test_what_the_carrier_refuses_is_told_with_its_reason(
    world: World,
    alice: Texter,
    breaks: Callable[[RingCentralSimulator], None],
    code: str,
    reason: str,
    remedy: str,
) -> None:
    """The author is mentioned, reads what happened, the code, and who can mend it; no mark."""
    thread = await world.thread_with(alice)
    breaks(world.ringcentral)
    reply = await thread.reply("Until 6 pm", by="Carl")
    told = await thread.expect_told("Carl", "was not sent", reason, code, remedy, "Until 6 pm")
    assert told.buttons() == ["retry_message"]
    await thread.expect_no_mark(reply)
    await thread.expect_card("was not sent")


async def test_a_text_abroad_is_refused_with_its_reason(world: World) -> None:
    """A number that may not text abroad says so, in the thread that the command opened."""
    await world.command("Bea", f"{ABROAD} Your table is ready")
    thread = await world.expect_thread("Sent by Bea with a command")
    await thread.expect_told("Bea", "was not sent", "may not text abroad", "MSG-240")


async def test_a_code_nobody_documented_is_named(world: World, alice: Texter) -> None:
    """An unknown refusal is told as it came."""
    thread = await world.thread_with(alice)
    body = {"errorCode": "MSG-999", "message": "No", "errors": [{"errorCode": "MSG-999"}]}
    world.ringcentral.faults.add("status", method="POST", path=SMS, status=400, body=body)
    await thread.reply("Until 6 pm")
    await thread.expect_told("Bea", "was not sent", "MSG-999")


async def test_a_failure_after_acceptance_takes_the_mark_away(sqlite_url: str) -> None:
    """The carrier's later word replaces the mark by words."""
    ringcentral = RingCentralSimulator(sent_after_seconds=0.4)
    async with connected_world(sqlite_url, ringcentral=ringcentral) as world:
        alice = world.texter(ALICE)
        thread = await world.thread_with(alice)
        ringcentral.opt_out(NUMBER, ALICE)
        reply = await thread.reply("Until 6 pm")
        await thread.expect_mark(reply)
        told = await thread.expect_told("Bea", "did not arrive", "opted out", "SMS-RC-413")
        assert "START" in told.shown
        await thread.expect_no_mark(reply)
        await thread.expect_card("did not arrive")


async def test_a_customer_who_texted_stop_gets_nothing_and_the_author_hears(
    world: World, alice: Texter
) -> None:
    """STOP shows in the thread; the next reply does not arrive, and says how to undo it."""
    thread = await world.thread_with(alice)
    await alice.texts("STOP")
    await thread.expect_post("STOP")
    reply = await thread.reply("Your table is ready")
    await thread.expect_told("Bea", "did not arrive", "opted out", "START")
    await thread.expect_no_mark(reply)


async def test_a_phone_that_cannot_be_reached_is_told(world: World, alice: Texter) -> None:
    """A delivery failure of the customer's carrier reaches the author, once."""
    thread = await world.thread_with(alice)
    alice.fails_with("SMS-CAR-412")
    reply = await thread.reply("Until 6 pm")
    await thread.expect_told("Bea", "did not arrive", "could not be reached", "SMS-CAR-412")
    await thread.expect_no_mark(reply)
    await world.sync()
    await world.expect_silence()


async def test_retry_sends_once(world: World, alice: Texter) -> None:
    """Two colleagues press Retry at once: the phone gets one text, and each hears what was."""
    thread = await world.thread_with(alice)
    _blocked(world.ringcentral)
    reply = await thread.reply("Until 6 pm")
    told = await thread.expect_told("Bea", "was not sent", "MSG-243")
    world.ringcentral.account.blocked_numbers.clear()
    await asyncio.gather(
        thread.click(told, "retry_message", by="Bea"),
        thread.click(told, "retry_message", by="Carl"),
    )
    await alice.expect_sms("Until 6 pm")
    await thread.expect_mark(reply)
    await world.slack.wait_for(
        lambda: world.slack.private_answers("Bea") and world.slack.private_answers("Carl")
    )
    said = [world.slack.private_answers(who)[-1].text for who in ("Bea", "Carl")]
    assert sorted(text.split(":")[0] for text in said) == [
        "It is being sent again.",
        "Nothing was changed",
    ]
    await thread.click(told, "retry_message")
    await world.expect_private("Bea", "it has been sent meanwhile")
    await world.expect_silence()
    assert len(world.ringcentral.sent) == 1


async def test_a_retry_that_fails_again_is_told_again(world: World, alice: Texter) -> None:
    """Each failure has its own words, so that nobody takes the old ones for news."""
    thread = await world.thread_with(alice)
    _blocked(world.ringcentral)
    await thread.reply("Until 6 pm")
    told = await thread.expect_told("Bea", "was not sent", "MSG-243")
    await thread.click(told, "retry_message")
    again = await thread.expect_told("Bea", "was not sent", "MSG-243")
    assert again is not told


async def test_a_text_that_failed_on_its_way_can_be_retried(world: World, alice: Texter) -> None:
    """Retry after the carrier's late failure sends a new text, and the mark comes back."""
    thread = await world.thread_with(alice)
    alice.fails_with("SMS-CAR-412")
    reply = await thread.reply("Until 6 pm")
    told = await thread.expect_told("Bea", "did not arrive", "SMS-CAR-412")
    alice.fails_with("")
    await thread.click(told, "retry_message")
    await alice.expect_sms("Until 6 pm")
    await thread.expect_mark(reply)


async def test_a_retry_whose_connection_breaks_is_not_taken_for_the_failed_one(
    sqlite_url: str,
) -> None:
    """The record of the text that failed is not what the retry is looked for: it is sent."""
    async with connected_world(sqlite_url, **QUICK_LOOKS) as world:
        alice = world.texter(ALICE)
        thread = await world.thread_with(alice)
        alice.fails_with("SMS-CAR-412")
        await thread.expect_mark(await thread.reply("Until 6 pm"))
        await world.ringcentral.settled()
        await world.sync()
        told = await thread.expect_told("Bea", "did not arrive", "SMS-CAR-412")
        alice.fails_with("")
        world.ringcentral.faults.add("drop_before", method="POST", path=SMS)
        await thread.click(told, "retry_message")
        await alice.expect_sms("Until 6 pm")


async def test_a_guest_cannot_press_retry(world: World, alice: Texter) -> None:
    """A button is answered by who pressed it: a guest sends nothing."""
    thread = await world.thread_with(alice)
    _blocked(world.ringcentral)
    await thread.reply("Until 6 pm")
    told = await thread.expect_told("Bea", "was not sent", "MSG-243")
    world.ringcentral.account.blocked_numbers.clear()
    await world.slack.join("Gus", "front-desk")
    await thread.click(told, "retry_message", by="Gus")
    await world.expect_private("Gus", "guests")
    await world.expect_silence()
    assert not world.ringcentral.sent


async def test_a_failure_does_not_hold_up_the_next_text(world: World, alice: Texter) -> None:
    """A text that is refused for its words is told; the one after it arrives."""
    thread = await world.thread_with(alice)
    await thread.reply("a" * 1001)
    await thread.reply("Short")
    await thread.expect_told("Bea", "was not sent", "1,000 characters")
    await alice.expect_sms("Short")


async def test_texts_of_an_hour_ago_ask_before_they_go(sqlite_url: str) -> None:
    """A text that could not leave for an hour may no longer be meant: its author decides."""
    async with connected_world(sqlite_url) as world:
        alice = world.texter(ALICE)
        thread = await world.thread_with(alice)
        body = {"errorCode": "MSG-290", "message": "Busy", "errors": [{"errorCode": "MSG-290"}]}
        world.ringcentral.faults.add(
            "status", method="POST", path=SMS, status=503, body=body, times=None
        )
        reply = await thread.reply("In five minutes")
        for times in (1, 2, 3):
            await world.until_put_off("MSG-290", times)
            world.clock.forward(minutes=25)
        told = await thread.expect_told("Bea", "was not sent", "within an hour", "In five minutes")
        assert told.buttons() == ["retry_message", "drop_message"]
        world.ringcentral.faults.clear()
        await thread.click(told, "drop_message")
        await world.expect_private("Bea", "Dropped")
        await thread.click(told, "retry_message")
        await world.expect_private("Bea", "it has been cancelled")
        await thread.expect_no_mark(reply)
        assert not world.ringcentral.sent


async def test_a_group_text_that_reached_some_names_whom_it_missed(
    world: World, alice: Texter
) -> None:
    """One of a group has opted out: the thread says who, and offers nothing that texts the rest
    twice."""
    carla = world.texter("+14155550122")
    await alice.texts("We are two", to=[NUMBER, carla.number])
    await carla.expect_sms("We are two")
    group = await world.expect_thread("We are two")
    world.ringcentral.opt_out(NUMBER, carla.number)
    reply = await group.reply("See you both")
    await alice.expect_sms("See you both")
    told = await group.expect_told("Bea", "did not reach (415) 555-0122", "opted out", "SMS-RC-413")
    assert "0100" not in told.shown
    assert told.buttons() == []
    await group.expect_card("did not reach all")
    await group.edit(reply, "See you, all of you")
    await group.expect_told("Bea", "Edited after it was sent", "See you both")


async def test_a_group_text_that_reached_nobody_can_be_retried(world: World, alice: Texter) -> None:
    """Where all of a group refuse, a retry texts nobody twice."""
    carla = world.texter("+14155550122")
    await alice.texts("We are two", to=[NUMBER, carla.number])
    await carla.expect_sms("We are two")
    group = await world.expect_thread("We are two")
    for each in (alice, carla):
        world.ringcentral.opt_out(NUMBER, each.number)
    await group.reply("See you both")
    told = await group.expect_told("Bea", "did not arrive", "opted out")
    assert told.buttons() == ["retry_message"]
