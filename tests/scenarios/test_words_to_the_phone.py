"""What is written in Slack reaches the phone as a phone can show it."""

import pytest

from tests.scenarios.world import Texter, World


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Ask @Carl about it", "Ask Carl about it"),
        ("See #general for more", "See #general for more"),
        ("Fish & chips < 10", "Fish & chips < 10"),
        ("See https://example.com/a?b=1&c=2 today", "See https://example.com/a?b=1&c=2 today"),
        ("Write to help@example.com", "Write to help@example.com"),
        ("It is *really* _very_ ~not~ late", "It is really very not late"),
        ("Great :tada: and 👋", "Great 🎉 and 👋"),
        ("“Tomorrow” – at nine…", '"Tomorrow" - at nine...'),
        ("First line\nSecond line", "First line\nSecond line"),
        ("The code is `A*1_2`", "The code is A*1_2"),
    ],
)
async def test_slack_markup_becomes_phone_text(
    world: World, alice: Texter, written: str, read: str
) -> None:
    """Mentions are names, emoji are Unicode, links are addresses, formatting marks are gone."""
    thread = await world.thread_with(alice)
    reply = await thread.reply(written)
    assert (await alice.expect_sms(read)).text == read
    await thread.expect_mark(reply)


async def test_a_text_sent_by_command_is_shown_as_the_phone_got_it(world: World) -> None:
    """The thread shows the words the phone shows, and who wrote them."""
    dan = world.texter("+14155550155")
    await world.command(
        "Bea", "+14155550155 Ask <@U0000000CARL|carl> *today* :wave: &amp; bring it"
    )
    sent = await dan.expect_sms("Ask")
    thread = await world.expect_thread("Ask")
    assert sent.text in thread.shown[0]
    assert "Sent by Bea with a command" in thread.shown[0]


async def test_a_text_of_exactly_a_thousand_units_goes(world: World, alice: Texter) -> None:
    """1,000 UTF-16 units are one text; an emoji counts two."""
    thread = await world.thread_with(alice)
    longest = "👋" + "a" * 998
    await thread.reply(longest)
    assert (await alice.expect_sms("aaa")).text == longest


async def test_a_longer_text_is_refused_in_the_thread(world: World, alice: Texter) -> None:
    """Over 1,000 units its author is told in the thread, and nothing reaches the phone."""
    thread = await world.thread_with(alice)
    reply = await thread.reply("👋" + "a" * 999)
    told = await thread.expect_told("Bea", "was not sent", "longer than the 1,000 characters")
    assert not told.buttons()
    await thread.expect_no_mark(reply)
    assert not world.ringcentral.sent


async def test_a_longer_command_is_refused_at_once(world: World) -> None:
    """It is told privately how long it is, with the words given back; no thread is opened."""
    words = "👋" + "a" * 999
    await world.command("Bea", f"+14155550155 {words}")
    answer = await world.expect_private("Bea", "1,001")
    assert words in answer
    assert await world.count_texts() == 0


async def test_a_file_is_refused_in_the_thread(world: World, alice: Texter) -> None:
    """Neither the file nor the words with it are sent, and the thread says so."""
    thread = await world.thread_with(alice)
    await thread.reply("The menu", files=[("menu.pdf", b"%PDF-1.4")])
    await thread.expect_told("Bea", "was not sent", "Files cannot be sent to phones yet")
    await thread.reply("", files=[("menu.pdf", b"%PDF-1.4")])
    await thread.expect_told("Bea", "was not sent", "Files cannot be sent to phones yet")
    assert not world.ringcentral.sent


async def test_a_reply_with_nothing_a_phone_can_show_is_refused(
    world: World, alice: Texter
) -> None:
    """A reply that is only invisible is not a text: its author is told."""
    thread = await world.thread_with(alice)
    await thread.reply("\u200b")
    await thread.expect_told("Bea", "was not sent", "no text in it that a phone can show")
    assert not world.ringcentral.sent


async def test_a_message_outside_a_thread_is_a_text_to_nobody(world: World, alice: Texter) -> None:
    """What colleagues say to each other in the inbox's channel is not recorded and not sent."""
    await world.thread_with(alice)
    message = await world.slack.say("Bea", "front-desk", "Who takes this one?")
    await world.slack.say("Carl", "front-desk", "I do", thread_ts=message.ts)
    await world.slack.settled()
    assert await world.count_texts() == 1
