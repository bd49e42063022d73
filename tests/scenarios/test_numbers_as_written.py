"""`/sms` takes a number in every way people write one, and keeps one conversation for it."""

import pytest

from tests.scenarios.world import World

ALICE = "+14155550100"
WRITTEN = [
    "+1 415 555 0100",
    "+14155550100",
    "1-415-555-0100",
    "4155550100",
    "(415) 555-0100",
    "415.555.0100",
    "tel:+14155550100",
    "“+1 415 555 0100”",
    "+1\u00a0415\u00a0555\u00a00100",
    "415\u2013555\u20130100",
    "\u202a+1 415 555 0100\u202c",
    "*+1 415 555 0100*",
    "011 1 415 555 0100",
]


@pytest.mark.parametrize("written", WRITTEN)
async def test_the_phone_gets_the_text_however_its_number_is_written(
    world: World, written: str
) -> None:
    """National, international, a Slack link, quotes, odd spaces and dashes: the same phone."""
    alice = world.texter(ALICE)
    await world.command("Bea", f"{written} 2 tables are ready")
    text = await alice.expect_sms("2 tables are ready")
    assert text.text == "2 tables are ready"
    thread = await world.expect_thread("2 tables are ready")
    await world.expect_private("Bea", thread.card.permalink)


async def test_one_conversation_however_the_number_is_written(world: World) -> None:
    """The next command for the same phone, written otherwise, comes into the same thread."""
    alice = world.texter(ALICE)
    await world.command("Bea", "415-555-0100 Your table is ready")
    await alice.expect_sms("Your table is ready")
    thread = await world.expect_thread("Your table is ready")
    await world.command("Carl", "+1 (415) 555 0100: See you soon")
    await alice.expect_sms("See you soon")
    assert "Carl" in (await thread.expect_post("See you soon")).shown
    await world.expect_private("Carl", thread.card.permalink)


async def test_a_phone_link_that_slack_made_is_the_number(world: World) -> None:
    """Some of Slack's clients turn a typed number into a tel: link: it is still the number."""
    alice = world.texter(ALICE)
    await world.slack.command(
        "Bea", "front-desk", "/sms", "+1 (415) 555-0100 Hello", link_phones=True
    )
    assert (await alice.expect_sms("Hello")).text == "Hello"
    await world.expect_thread("Hello")


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("+1 650 555 0101 Hello", "our own numbers"),
        ("74250 Hello", "short number"),
        ("911 Hello", "emergency"),
        ("ext. 102 Hello", "extension"),
        ("555-0100 Hello", "area code"),
        ("415 555 01000 Hello", "too many digits"),
        ("+1 415 555 010 Hello", "too few digits"),
        ("John Hello there", "only a number sends directly"),
        ("+1 415 555 0100, +1 415 555 0102 Hello", "one number at a time"),
        ("+1 415 555 0100", "Write the text after the number"),
    ],
)
async def test_what_cannot_be_texted_is_refused_in_one_sentence_with_the_text_given_back(
    world: World, typed: str, why: str
) -> None:
    """The person reads what to write instead and can copy what was typed; nothing is sent."""
    await world.command("Bea", typed)
    answer = await world.expect_private("Bea", why)
    sentence, given_back = answer.split("\n", 1)
    assert sentence.endswith(".")
    assert ". " not in sentence.removeprefix("ext. ")
    assert given_back == f"/sms {typed}"
    assert not world.ringcentral.sent
    assert await world.count_texts() == 0


async def test_help_explains_itself(world: World) -> None:
    """`/sms help`, and `/sms` alone, tell how to send, to connect, and why not in threads."""
    for typed in ("help", ""):
        await world.command("Bea", typed)
        answer = await world.expect_private("Bea", "sends a text")
        assert "connect" in answer
        assert "does not allow commands inside threads" in answer


async def test_a_misspelt_command_is_met_with_what_was_meant(world: World) -> None:
    """`/sms nubmers` sends nothing, names `/sms numbers`, and gives the words back."""
    await world.command("Bea", "nubmers")
    answer = await world.expect_private("Bea", "Did you mean `/sms numbers`?")
    assert "/sms nubmers" in answer
    assert await world.count_texts() == 0
