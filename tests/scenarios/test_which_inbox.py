"""A command goes out from the inbox it belongs to, and from none where that is not clear."""

from bridge.sandbox.ringcentral import NUMBER, TOLL_FREE_NUMBER
from tests.scenarios.world import World

DAN = "+14155550155"


async def test_the_only_inbox_sends_from_anywhere(world: World) -> None:
    """Typed in a channel that is no inbox, the text leaves from the only one, and shows there."""
    dan = world.texter(DAN)
    await world.command("Bea", f"{DAN} Your table is ready", channel="general")
    assert (await dan.expect_sms("Your table is ready")).from_number == NUMBER
    thread = await world.expect_thread("Your table is ready")
    await world.expect_private("Bea", thread.card.permalink)


async def test_of_several_inboxes_the_channel_decides(world: World) -> None:
    """Each channel sends from its own number; elsewhere the person is told where to type it."""
    await world.connect(TOLL_FREE_NUMBER, "partners")
    dan = world.texter(DAN)
    await world.command("Bea", f"{DAN} From the desk")
    assert (await dan.expect_sms("From the desk")).from_number == NUMBER
    await world.expect_thread("From the desk")
    await world.command("Ada", f"{DAN} From the partners", channel="partners")
    assert (await dan.expect_sms("From the partners")).from_number == TOLL_FREE_NUMBER
    await world.expect_thread("From the partners", "partners")
    await world.command("Bea", f"{DAN} From nowhere", channel="general")
    answer = await world.expect_private("Bea", "Several numbers can send")
    assert f"/sms {DAN} From nowhere" in answer
    assert await world.count_texts() == 2


async def test_one_of_our_numbers_is_not_texted_from_another(world: World) -> None:
    """All our connected numbers are our own, from whichever channel they are typed."""
    await world.connect(TOLL_FREE_NUMBER, "partners")
    await world.command("Bea", f"{TOLL_FREE_NUMBER} Hello")
    await world.expect_private("Bea", "own number")
    assert await world.count_texts() == 0
