"""What phones send: each text is shown once, in its own conversation, as what it is."""

from bridge.sandbox.ringcentral import NUMBER
from storage.tables import RingCentralConversation
from tests.scenarios.world import Texter, World

CARLA, DAN = "+14155550122", "+14155550155"
PICTURE = ("menu.jpg", "image/jpeg", b"\xff\xd8\xff\xe0")


async def test_a_text_from_a_number_nobody_texted_opens_a_thread(world: World) -> None:
    """A stranger's first text opens a thread under the number as people write it."""
    dan = world.texter(DAN)
    await dan.texts("Are you open?")
    thread = await world.expect_thread("Are you open?")
    assert "(415) 555-0155" in thread.card.shown
    assert "(415) 555-0155" in (thread.card.replies[0].username or "")
    await thread.expect_card("Are you open?")


async def test_each_customer_has_a_thread(world: World, alice: Texter) -> None:
    """Two customers' texts never meet in one thread, and a reply reaches only its own."""
    dan = world.texter(DAN)
    first, second = await world.thread_with(alice, "I am Alice"), await world.thread_with(dan, "Hi")
    assert first.card is not second.card
    await second.reply("Hello Dan")
    await dan.expect_sms("Hello Dan")


async def test_a_group_text_shows_who_wrote_and_a_reply_goes_to_all(
    world: World, alice: Texter
) -> None:
    """A group has a conversation of its own, beside that of each of its members."""
    carla = world.texter(CARLA)
    own = await world.thread_with(alice, "Just me")
    await alice.texts("We are six", to=[NUMBER, CARLA])
    await carla.expect_sms("We are six")
    group = await world.expect_thread("We are six")
    assert group.card is not own.card
    assert "(415) 555-0100" in group.card.shown
    assert "(415) 555-0122" in group.card.shown
    assert "0100" in (group.card.replies[0].username or "")
    await carla.texts("Seven", to=[NUMBER, alice.number])
    await alice.expect_sms("Seven")
    assert "0122" in ((await group.expect_post("Seven")).username or "")
    reply = await group.reply("A table for seven it is")
    at_alice = await alice.expect_sms("A table for seven it is")
    at_carla = await carla.expect_sms("A table for seven it is")
    assert set(at_alice.to_numbers) == set(at_carla.to_numbers) == {alice.number, CARLA}
    assert len(world.ringcentral.sent) == 1
    await group.expect_mark(reply)


async def test_a_picture_is_announced(world: World, alice: Texter) -> None:
    """An MMS shows that a file came with it, also where it has no words."""
    await alice.texts("Look", files=[PICTURE])
    thread = await world.expect_thread("Look")
    assert "image/jpeg" in thread.shown[0]
    await alice.texts("", files=[PICTURE])
    await thread.expect_post("With a file")


async def test_an_empty_text_is_shown_as_one(world: World, alice: Texter) -> None:
    """A text without words is not lost: the thread says that there were none."""
    thread = await world.thread_with(alice)
    await alice.texts("")
    await thread.expect_post("no text")


async def test_a_short_code_can_text_in(world: World) -> None:
    """A five-digit sender, as banks use, has its conversation too."""
    await world.texter("72345").texts("Your code is 1234")
    thread = await world.expect_thread("Your code is 1234")
    assert "72345" in thread.card.shown


async def test_ringcentrals_conversation_id_is_kept_exactly(world: World, alice: Texter) -> None:
    """Ids above 2^53, which most JSON readers round, are on file digit for digit."""
    thread = await world.thread_with(alice)
    await thread.reply("Hello Alice")
    await alice.expect_sms("Hello Alice")
    (record,) = world.ringcentral.messages("101", "Inbound")
    [known] = await world.rows(RingCentralConversation)
    assert int(known.ringcentral_conversation_id) > 2**53
    assert known.ringcentral_conversation_id == str(record["conversation"]["id"])


async def test_the_participants_decide_where_ringcentrals_id_changes(
    world: World, alice: Texter
) -> None:
    """A new id of RingCentral's for the same people leads to the same thread."""
    thread = await world.thread_with(alice)
    for message in world.ringcentral.world.mailboxes:
        message.conversation_id += 2
    await alice.texts("Still me")
    await thread.expect_post("Still me")
    reply = await thread.reply("Still us")
    await alice.expect_sms("Still us")
    await thread.expect_mark(reply)


async def test_a_number_of_another_inbox_is_another_conversation(
    world: World, alice: Texter
) -> None:
    """The same customer at two of our numbers has a thread in each number's channel."""
    toll_free = "+18885550150"
    await world.connect(toll_free, "partners")
    await alice.texts("At the desk")
    await world.expect_thread("At the desk")
    await alice.texts("At the hotline", to=toll_free)
    thread = await world.expect_thread("At the hotline", "partners")
    await thread.reply("The hotline answers", by="Ada")
    assert (await alice.expect_sms("The hotline answers")).from_number == toll_free


async def test_a_text_to_a_number_without_an_inbox_is_not_ours(world: World, alice: Texter) -> None:
    """Other numbers of the same login have their texts left alone."""
    await alice.texts("Hello hotline", to="+18885550150")
    await world.ringcentral.settled()
    await world.expect_silence()
    assert await world.count_texts() == 0
