"""Texts sent from the RingCentral app are shown as such; our own are recognised as ours."""

from bridge.sandbox.ringcentral import NUMBER
from tests.scenarios.world import QUICK_LOOKS, Texter, World, connected_world

SMS = r"/sms$"


async def test_a_text_sent_from_the_app_is_shown_as_such(world: World, alice: Texter) -> None:
    """Colleagues who answer from the RingCentral app are seen in the thread."""
    thread = await world.thread_with(alice)
    await world.ringcentral.app_sends("101", NUMBER, alice.number, "From my mobile")
    await alice.expect_sms("From my mobile")
    post = await thread.expect_post("From my mobile")
    assert "Sent from the RingCentral app" in post.shown
    await thread.expect_card("From my mobile")


async def test_the_first_text_of_a_conversation_can_come_from_the_app(world: World) -> None:
    """A conversation that began in the app has its thread too."""
    dan = world.texter("+14155550155")
    await world.ringcentral.app_sends("101", NUMBER, dan.number, "We tried to call you")
    await dan.expect_sms("We tried to call you")
    thread = await world.expect_thread("We tried to call you")
    await dan.texts("I was away")
    await thread.expect_post("I was away")


async def test_an_app_text_that_fails_is_told_without_a_button(world: World, alice: Texter) -> None:
    """Nobody is offered to retry what the bridge did not send and cannot send."""
    thread = await world.thread_with(alice)
    alice.fails_with("SMS-CAR-412")
    await world.ringcentral.app_sends("101", NUMBER, alice.number, "From my mobile")
    await thread.expect_post("From my mobile")
    told = await thread.expect_post("from the RingCentral app *did not arrive*")
    assert "could not be reached" in told.shown
    assert "Retry" not in str(told.blocks)


async def test_our_own_text_is_not_shown_again(world: World, alice: Texter) -> None:
    """The store's echo of a reply is known as ours, live and by catch-up."""
    thread = await world.thread_with(alice)
    reply = await thread.reply("Until 6 pm")
    await alice.expect_sms("Until 6 pm")
    await thread.expect_mark(reply)
    await world.sync()
    await world.expect_silence()
    assert thread.shown == ["Hello"]


async def test_an_echo_that_comes_before_the_answer_is_known_as_ours(
    world: World, alice: Texter
) -> None:
    """The store tells of the text while its POST is still unanswered: it is shown once."""
    thread = await world.thread_with(alice)
    world.ringcentral.faults.add("slow_after", method="POST", path=SMS, seconds=0.6)
    reply = await thread.reply("Until 6 pm")
    await alice.expect_sms("Until 6 pm")
    await world.sync()
    await thread.expect_mark(reply)
    await world.expect_silence()
    assert await world.count_texts() == 2


async def test_an_app_text_while_ours_is_under_way_is_shown_afterwards(
    world: World, alice: Texter
) -> None:
    """What could have been ours is kept until the answer tells, then shown as the app's."""
    thread = await world.thread_with(alice)
    world.ringcentral.faults.add("slow", method="POST", path=SMS, seconds=0.6)
    reply = await thread.reply("Until 6 pm")
    await world.eventually(lambda: _is_sending(world), "the text on its way")
    await world.ringcentral.app_sends("101", NUMBER, alice.number, "From my mobile")
    await alice.expect_sms("From my mobile")
    await world.sync()
    assert thread.shown == ["Hello"]
    await alice.expect_sms("Until 6 pm")
    await thread.expect_mark(reply)
    assert "RingCentral app" in (await thread.expect_post("From my mobile")).shown


async def test_the_same_words_from_the_app_are_told_apart(world: World, alice: Texter) -> None:
    """Bea replies and Dana types the very same in the app: two texts, one of each."""
    thread = await world.thread_with(alice)
    reply = await thread.reply("Yes")
    await alice.expect_sms("Yes")
    await thread.expect_mark(reply)
    await world.ringcentral.app_sends("101", NUMBER, alice.number, "Yes")
    await alice.expect_sms("Yes")
    await thread.expect_post("Sent from the RingCentral app")


async def test_an_echo_whose_answer_was_lost_is_known_as_ours(sqlite_url: str) -> None:
    """The answer never comes, the store does: the text is marked as sent and shown once."""
    async with connected_world(sqlite_url, **QUICK_LOOKS) as world:
        alice = world.texter("+14155550100")
        thread = await world.thread_with(alice)
        world.ringcentral.faults.add("drop_after", method="POST", path=SMS)
        reply = await thread.reply("Until 6 pm")
        await alice.expect_sms("Until 6 pm")
        await world.sync()
        await thread.expect_mark(reply)
        await world.sync()
        assert thread.shown == ["Hello"]


def _is_sending(world: World) -> bool:
    return any(fault.hits for fault in world.ringcentral.faults.rules)
