"""`/sms <number> <text>`: one text, its thread, and a private answer with a link to it."""

from __future__ import annotations

import asyncio

from bridge.outbox.outcome import Accepted
from bridge.relay.answers import LINK_WAIT
from bridge.relay.conversations import CARD_DEBOUNCE, UNPOSTED_WAIT
from bridge.relay.crossings import SendAccepted, SendRefused
from storage import inboxes
from storage.tables import Answer, Conversation, Delivery, Inbox, Message, Thread
from tests import makers
from tests.makers import NOW, OUR_NUMBER, at
from tests.middle.desk import SCOPE, Desk


async def answers_owed(desk: Desk) -> list[Delivery]:
    return await desk.find(Delivery, subject_type="answer")


async def with_thread(desk: Desk) -> None:
    """Alice has a thread."""
    conversation = await desk.do(makers.add_conversation, await desk.the(Inbox))
    await desk.do(makers.add_thread, conversation)


async def test_a_command_opens_a_thread_and_owes_text_post_and_answer(desk: Desk) -> None:
    """A new number gets its conversation, its card, its text, its showing and its answer."""
    became = await desk.commands(makers.new_text(markup="Your table is ready"))
    message, thread = await desk.message(), await desk.the(Thread)
    assert became == SendAccepted(makers.id_of(message))
    assert (message.origin, message.body, message.status) == (
        "command",
        "Your table is ready",
        "queued",
    )
    assert await desk.state(await desk.card_of(thread)) == "waiting"
    assert (await desk.post_of(message)).due_at == NOW
    assert (await desk.text_of(message)).due_at == NOW
    (answer,) = await desk.find(Answer)
    assert (answer.kind, answer.payload["thread_id"]) == ("sent", thread.id)


async def test_the_link_waits_for_its_thread(desk: Desk) -> None:
    """The answer waits until the thread is posted, and then comes at once."""
    await desk.commands(makers.new_text())
    (owed,) = await answers_owed(desk)
    assert owed.due_at == NOW + LINK_WAIT
    desk.clock.forward(seconds=2)
    await desk.post_card(await desk.the(Thread), "1700000000.000100")
    (owed,) = await answers_owed(desk)
    assert owed.due_at == at(2)


async def test_a_card_that_is_not_posted_is_not_updated(desk: Desk) -> None:
    """Its updates wait until it is posted, and cost no permit before that."""
    await desk.arrives(makers.record(record_id="1"))
    await desk.arrives(makers.record(record_id="2"))
    (update,) = await desk.find(Delivery, subject_type="card", kind="update")
    assert update.due_at == NOW + UNPOSTED_WAIT
    desk.clock.forward(seconds=90)
    await desk.post_card(await desk.the(Thread), "1700000000.000100")
    (update,) = await desk.find(Delivery, subject_type="card", kind="update")
    assert update.due_at == at(90) + CARD_DEBOUNCE


async def test_a_known_number_keeps_its_thread(desk: Desk) -> None:
    """A number with a thread is texted in it, and its link is ready."""
    await desk.arrives(makers.record())
    await desk.post_card(await desk.the(Thread), "1700000000.000100")
    await desk.commands(makers.new_text())
    assert len(await desk.find(Thread)) == 1
    (owed,) = await answers_owed(desk)
    assert owed.due_at == NOW


async def test_the_same_command_twice_is_one_text(desk: Desk) -> None:
    """Slack delivers a command again where it missed our answer."""
    text = makers.new_text()
    first = await desk.commands(text)
    again = await asyncio.gather(*(desk.commands(text) for _ in range(4)))
    assert again == [first] * 4
    assert len(await desk.find(Message)) == len(await answers_owed(desk)) == 1


async def test_two_commands_are_two_texts(desk: Desk) -> None:
    """The same words typed twice are meant twice, and go in order."""
    await desk.commands(makers.new_text())
    desk.clock.forward(seconds=1)
    await desk.commands(makers.new_text())
    first, second = await desk.texts_owed()
    assert (first.lane, first.lane_order < second.lane_order) == (second.lane, True)


async def test_its_mark_waits_for_its_post(desk: Desk) -> None:
    """Accepted before it was posted or after: a command's post gets one mark."""
    await with_thread(desk)
    for posted_first in (True, False):
        await desk.commands(makers.new_text())
        message = (await desk.find(Message))[-1]
        post = Accepted(f"1700000000.00020{int(posted_first)}", SCOPE)
        if posted_first:
            await desk.attempt(await desk.post_of(message), post)
            assert not await desk.mark_of(message)
            await desk.accept_text(message, f"77{posted_first}")
        else:
            await desk.accept_text(message, f"77{posted_first}")
            assert not await desk.mark_of(message)
            await desk.attempt(await desk.post_of(message), post)
        assert [each.state for each in await desk.mark_of(message)] == ["waiting"]


async def test_its_mark_comes_when_both_are_settled_at_once(desk: Desk) -> None:
    """Two workers that settle the text and its post at one moment do not miss each other."""
    await with_thread(desk)
    for number in range(5):
        await desk.commands(makers.new_text())
        message = (await desk.find(Message))[-1]
        post, text = await desk.post_of(message), await desk.text_of(message)
        posting, sending = await desk.begin(post), await desk.begin(text)
        await asyncio.gather(
            desk.end(posting, Accepted(f"1700000000.00030{number}", SCOPE)),
            desk.end(sending, Accepted(f"88{number}", makers.STORE)),
        )
        assert len(await desk.mark_of(message)) == 1


# Which inbox


async def test_without_an_inbox_it_says_what_to_do(desk: Desk) -> None:
    """Nothing is recorded where no number is connected."""
    await desk.do(inboxes.disconnect, makers.id_of(await desk.the(Inbox)), NOW)
    became = await desk.commands(makers.new_text())
    assert isinstance(became, SendRefused)
    assert "connect" in became.sentence
    assert not await desk.find(Conversation)


async def test_the_only_inbox_sends_from_any_channel(desk: Desk) -> None:
    """With one number there is nothing to choose."""
    assert isinstance(await desk.commands(makers.new_text(channel_id="C0777")), SendAccepted)
    assert (await desk.the(Thread)).channel_id == makers.CHANNEL


async def test_of_several_the_channels_own_sends(desk: Desk) -> None:
    """A command typed in an inbox's channel sends from that inbox; elsewhere it asks."""
    second = await desk.do(makers.add_inbox, phone_number="+16505550102", channel_id="C0002")
    elsewhere = await desk.commands(makers.new_text(channel_id="C0777"))
    assert isinstance(elsewhere, SendRefused)
    assert "<#C0001>" in elsewhere.sentence
    assert "<#C0002>" in elsewhere.sentence
    await desk.commands(makers.new_text(channel_id="C0002"))
    assert (await desk.the(Conversation)).inbox_id == second.id


async def test_our_own_numbers_are_not_texted(desk: Desk) -> None:
    """A text to ourselves is refused in words."""
    became = await desk.commands(makers.new_text(to_number=OUR_NUMBER))
    assert isinstance(became, SendRefused)
    assert not await desk.find(Message)


async def test_another_workspaces_inbox_is_not_used(desk: Desk) -> None:
    """A command sends from numbers of its own workspace only."""
    became = await desk.commands(makers.new_text(team_id="T0002"))
    assert isinstance(became, SendRefused)
