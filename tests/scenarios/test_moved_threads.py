"""Threads and channels that go away take no text with them: conversations go on elsewhere."""

from tests.scenarios.world import Texter, World


async def test_a_deleted_card_moves_the_conversation_on(world: World, alice: Texter) -> None:
    """The next text opens a new thread, replies there are texts, and an administrator hears."""
    old = await world.thread_with(alice, "Hello")
    await world.slack.delete("Ada", "front-desk", old.card.ts)
    await world.expect_direct_message("Ada", "card was deleted")
    card = await world.expect_post("(415) 555-0100")
    await alice.texts("Are you there?")
    new = await world.expect_thread("Are you there?")
    assert new.card is card
    reply = await new.reply("Here we are")
    await alice.expect_sms("Here we are")
    await new.expect_mark(reply)


async def test_a_card_that_was_deleted_unseen_loses_no_text(world: World, alice: Texter) -> None:
    """Where Slack's event of the deletion is lost, the refused post tells: it is shown anew."""
    old = await world.thread_with(alice, "Hello")
    world.slack.faults.add("lose", path="message.channels")
    await world.slack.delete("Ada", "front-desk", old.card.ts)
    await alice.texts("Are you there?")
    new = await world.expect_thread("Are you there?")
    assert new.card is not old.card
    await world.expect_direct_message("Ada", "card was deleted")


async def test_a_failure_is_told_although_its_card_is_gone(world: World, alice: Texter) -> None:
    """What must be told follows its conversation into the new thread."""
    old = await world.thread_with(alice, "Hello")
    slow = world.ringcentral.faults.add("slow", method="POST", path=r"/sms$", seconds=0.5)
    world.ringcentral.account.blocked_numbers.add(alice.number)
    await old.reply("Until 6 pm")
    await world.eventually(lambda: slow.hits, "the request")
    world.slack.faults.add("lose", path="message.channels")
    await world.slack.delete("Ada", "front-desk", old.card.ts)
    new = await world.expect_thread("was not sent")
    assert new.card is not old.card
    await world.expect_direct_message("Ada", "card was deleted")


async def test_an_archived_channel_waits(world: World, alice: Texter) -> None:
    """Texts for an archived channel are kept, an administrator hears, they come when it is back."""
    thread = await world.thread_with(alice, "Hello")
    await world.slack.archive("front-desk")
    await world.expect_direct_message("Ada", "archived")
    await alice.texts("Are you there?")
    await world.expect_direct_message("Ada", "Unarchive the channel, or connect its number")
    await alice.texts("Please answer")
    await world.slack.unarchive("front-desk")
    await thread.expect_post("Are you there?")
    await thread.expect_post("Please answer")
    assert thread.shown == ["Hello", "Are you there?", "Please answer"]


async def test_a_channel_without_the_app_waits(world: World, alice: Texter) -> None:
    """Somebody removes the app: the texts wait until it is invited again."""
    thread = await world.thread_with(alice, "Hello")
    await world.slack.kick_bot("front-desk")
    await world.expect_direct_message("Ada", "no longer has this app as a member")
    world.slack.workspace.installation.scopes -= {"chat:write.public"}
    await alice.texts("Are you there?")
    await world.expect_direct_message("Ada", "Invite the app to the channel")
    await world.slack.invite_bot("front-desk")
    await thread.expect_post("Are you there?")


async def test_a_renamed_channel_changes_nothing(world: World, alice: Texter) -> None:
    """Channels are known by their ids."""
    thread = await world.thread_with(alice, "Hello")
    await world.slack.rename("front-desk", "reception")
    await alice.texts("Are you there?")
    await thread.expect_post("Are you there?")


async def test_a_deleted_reply_to_nobody_is_no_loss(world: World, alice: Texter) -> None:
    """Deleting one of the bridge's own posts changes nothing, and the next text is shown."""
    thread = await world.thread_with(alice, "Hello")
    await world.slack.delete("Ada", "front-desk", thread.card.replies[0].ts)
    await alice.texts("Are you there?")
    await thread.expect_post("Are you there?")
