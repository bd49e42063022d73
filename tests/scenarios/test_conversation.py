"""A text becomes a thread, a reply becomes a text: the path every message takes."""

from tests.scenarios.world import Texter, World


async def test_a_customer_texts_and_a_colleague_answers(world: World, alice: Texter) -> None:
    """A text opens a thread, a reply in it reaches the phone, and the carrier's mark shows."""
    await alice.texts("Is my order ready?")
    thread = await world.expect_thread("Is my order ready?")
    reply = await thread.reply("Yes, until 6 pm", by="Bea")
    await alice.expect_sms("Yes, until 6 pm")
    await thread.expect_mark(reply)


async def test_the_next_text_comes_into_the_same_thread(world: World, alice: Texter) -> None:
    """A conversation keeps its thread, and its card shows the last text."""
    await alice.texts("Is my order ready?")
    thread = await world.expect_thread("Is my order ready?")
    await alice.texts("I can come at five")
    await thread.expect_post("I can come at five")
    await thread.expect_card("I can come at five")


async def test_a_command_texts_a_new_number(world: World) -> None:
    """`/sms <number> <text>` opens a thread, texts the phone, and links the thread privately."""
    dan = world.texter("+14155550155")
    await world.command("Bea", "(415) 555-0155 Your table is ready")
    await dan.expect_sms("Your table is ready")
    thread = await world.expect_thread("Your table is ready")
    await world.expect_private("Bea", thread.card.permalink)
    await dan.texts("Thanks!")
    await thread.expect_post("Thanks!")


async def test_a_broadcast_reply_is_one_text(world: World, alice: Texter) -> None:
    """A reply also sent to the channel is a reply: the customer gets it once."""
    await alice.texts("Hello")
    thread = await world.expect_thread("Hello")
    await thread.reply("We open at nine", by="Carl", broadcast=True)
    await alice.expect_sms("We open at nine")
