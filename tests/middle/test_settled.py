"""What follows when something was delivered, or could not be; and what people decide then."""

from __future__ import annotations

import asyncio

import pytest
from sqlmodel import Session

from bridge.outbox.outcome import Accepted, Refused, Unsure
from bridge.relay import changes, decisions, inboxes, notices
from bridge.relay.inboxes import NotPaired
from storage.tables import (
    AuditEntry,
    Conversation,
    Delivery,
    Inbox,
    Message,
    Notice,
    Thread,
    Workspace,
)
from tests import makers
from tests.makers import ADA, BEA, CHANNEL, NOW, TEAM, at
from tests.middle.desk import SCOPE, Desk, taken


@pytest.fixture
async def thread(desk: Desk) -> Thread:
    """Alice's thread, its card posted."""
    conversation = await desk.do(makers.add_conversation, await desk.the(Inbox))
    return await desk.do(makers.add_thread, conversation)


@pytest.fixture
async def message(desk: Desk, thread: Thread) -> Message:
    """Bea's reply, owed to Alice."""
    await desk.replies(makers.reply(thread_ts=thread.ts))
    return await desk.message()


# A text to a phone


async def test_accepted_is_marked_once(desk: Desk, message: Message) -> None:
    """The carrier's acceptance shows as one mark; a second telling of it adds none."""
    begun = await desk.begin(await desk.text_of(message))
    await desk.end(begun, taken("77"))
    await desk.end(begun, taken("77"))
    assert await desk.status(message) == "accepted"
    (mark,) = await desk.mark_of(message)
    assert mark.state == "waiting"
    assert [each.external_id for each in await desk.copies(message, "ringcentral")] == ["77"]


async def test_refused_is_told_with_its_reason(desk: Desk, message: Message) -> None:
    """A text that was not sent says so in the thread, to its author."""
    await desk.attempt(await desk.text_of(message), Refused("MSG-240"))
    found = await desk.message()
    assert (found.status, found.failure) == ("failed", "MSG-240")
    (notice,) = await desk.notices()
    assert (notice.kind, notice.message_id, notice.payload) == (
        "failed",
        message.id,
        {"reason": "MSG-240"},
    )
    assert not await desk.mark_of(message)


async def test_unsure_is_not_called_failed(desk: Desk, message: Message) -> None:
    """Where nobody can tell, the thread says that, and asks."""
    await desk.park(await desk.text_of(message))
    assert await desk.status(message) == "unsure"
    assert [each.kind for each in await desk.notices()] == ["unsure"]
    assert not await desk.mark_of(message)


async def test_two_records_of_one_text_are_both_ours(desk: Desk, message: Message) -> None:
    """Should a text have left twice, neither record is shown as somebody else's."""
    first = await desk.begin(await desk.text_of(message))
    await desk.end(first, taken("77"))
    await desk.end(first, taken("78"))
    for record_id in ("77", "78"):
        await desk.arrives(makers.own_record(record_id=record_id))
    assert len(await desk.find(Message)) == 1


# What a person decides


async def test_of_two_clicks_on_retry_one_sends(desk: Desk, message: Message) -> None:
    """Two people press Retry at once: one text goes, and the other is told."""
    await desk.attempt(await desk.text_of(message), Refused("MSG-290"))
    became = await asyncio.gather(
        *(desk.decides(decisions.retry_message, message) for _ in range(4))
    )
    assert sorted(became) == ["done", "queued", "queued", "queued"]
    assert len(await desk.find(AuditEntry)) == 1
    await desk.accept_text(message, "77")
    assert await desk.decides(decisions.retry_message, message) == "accepted"
    assert await desk.state(await desk.text_of(message)) == "accepted"


async def test_a_second_failure_is_told_again(desk: Desk, message: Message) -> None:
    """A retry that is refused for the same reason is told anew."""
    await desk.attempt(await desk.text_of(message), Refused("MSG-290"))
    desk.clock.forward(seconds=30)
    await desk.decides(decisions.retry_message, message)
    await desk.attempt(await desk.text_of(message), Refused("MSG-290"))
    assert len(await desk.notices("failed")) == 2


async def test_of_two_clicks_on_send_again_one_sends(desk: Desk, message: Message) -> None:
    """The same for a text of which nobody could tell."""
    await desk.park(await desk.text_of(message))
    became = await asyncio.gather(*(desk.decides(decisions.send_again, message) for _ in range(3)))
    assert sorted(became) == ["done", "queued", "queued"]


async def test_a_second_unsure_is_asked_again(desk: Desk, message: Message) -> None:
    """A resend whose answer is lost too is a new question."""
    await desk.park(await desk.text_of(message))
    desk.clock.forward(seconds=30)
    await desk.decides(decisions.send_again, message)
    await desk.park(await desk.text_of(message))
    assert await desk.status(message) == "unsure"
    assert len(await desk.notices("unsure")) == 2


async def test_it_was_sent(desk: Desk, message: Message) -> None:
    """A person who knows settles it: the mark comes, and nothing is sent."""
    await desk.park(await desk.text_of(message))
    assert await desk.decides(decisions.it_was_sent, message) == "done"
    assert await desk.decides(decisions.send_again, message) == "accepted"
    assert await desk.state(await desk.text_of(message)) == "accepted"
    assert len(await desk.mark_of(message)) == 1


async def test_a_late_answer_settles_what_was_parked(desk: Desk, message: Message) -> None:
    """Where the carrier's answer comes after the question, the question is moot."""
    text = await desk.text_of(message)
    begun = await desk.begin(text)
    await desk.do(desk._settler._end, begun.delivery, Unsure("several"))
    await desk.end(begun, taken("77"))
    assert await desk.status(message) == "accepted"
    assert await desk.decides(decisions.send_again, message) == "accepted"


async def test_dropped_stays_dropped(desk: Desk, message: Message) -> None:
    """What a person dropped is not sent by a later click."""
    await desk.attempt(await desk.text_of(message), Refused("stale"))
    assert await desk.decides(decisions.drop_message, message) == "done"
    assert await desk.decides(decisions.retry_message, message) == "cancelled"
    assert await desk.decides(decisions.drop_message, message) == "cancelled"


async def test_nothing_is_decided_about_what_is_on_its_way(desk: Desk, message: Message) -> None:
    """Buttons of an older notice answer with today's state."""
    for decide in (
        decisions.retry_message,
        decisions.send_again,
        decisions.it_was_sent,
        decisions.drop_message,
    ):
        assert await desk.decides(decide, message) == "queued"
    assert not await desk.find(AuditEntry)


# Threads that are gone


async def test_a_deleted_card_moves_the_conversation_on(desk: Desk, thread: Thread) -> None:
    """A conversation whose card was deleted goes on in a new thread; administrators hear once."""
    args = (thread.team_id, thread.channel_id, thread.ts or "", NOW)
    assert await desk.do(changes.move_on, *args)
    assert not await desk.do(changes.move_on, *args)
    old, new = await desk.find(Thread)
    assert (old.is_current, new.is_current, new.ts) == (False, True, None)
    (notice,) = await desk.notices("card_deleted")
    assert notice.channel_id == ADA
    await desk.arrives(makers.record())
    assert (await desk.message()).thread_id == new.id


async def test_nothing_is_lost_when_a_thread_is_gone(desk: Desk, thread: Thread) -> None:
    """Every text, and every word of ours, that found its thread gone is shown in the next one."""
    for seconds in range(3):
        await desk.arrives(makers.record(sent_at=at(seconds)))
    await desk.replies(makers.reply(thread_ts=thread.ts))
    reply = await desk.message(origin="slack")
    await desk.attempt(await desk.text_of(reply), Refused("MSG-240"))
    posts = await desk.find(Delivery, side="slack", kind="post")
    assert [each.subject_type for each in posts] == ["message"] * 3 + ["notice"]
    posts.sort(key=lambda each: (each.lane_order, each.id))
    for post in posts:  # each of them finds the thread gone, and goes again behind the new card
        await desk.attempt(post, Refused("thread_gone"))
        new = await desk.the(Thread, is_current=True)
        if new.ts is None:
            await desk.post_card(new, "1700000009.000100")
        await desk.attempt(post, Accepted(f"1700000009.0002{post.id}", SCOPE))
    shown = await desk.find(Message, direction="in")
    assert {each.thread_id for each in shown} == {new.id}
    assert (await desk.the(Notice, kind="failed")).thread_id == new.id
    assert len(await desk.find(Thread)) == 2
    assert len(await desk.notices("card_deleted")) == 1


async def test_a_deletion_and_a_post_that_finds_it_open_one_thread(
    desk: Desk, thread: Thread
) -> None:
    """The event of a deletion and a post refused for it come at once: one new thread."""
    await desk.arrives(makers.record())
    begun = await desk.begin(await desk.the(Delivery, side="slack", kind="post"))
    await asyncio.gather(
        desk.end(begun, Refused("thread_gone")),
        desk.do(changes.move_on, thread.team_id, thread.channel_id, thread.ts or "", NOW),
    )
    assert len(await desk.find(Thread)) == 2


async def test_a_second_card_does_not_move_the_thread(desk: Desk) -> None:
    """Should a card have been posted twice, the thread stays under the first."""
    await desk.arrives(makers.record())
    thread = await desk.the(Thread)
    begun = await desk.begin(await desk.card_of(thread))
    await desk.end(begun, Accepted("1700000000.000100", SCOPE))
    await desk.end(begun, Accepted("1700000000.000999", SCOPE))
    assert (await desk.thread(thread.id)).ts == "1700000000.000100"


async def test_a_card_that_slack_refuses_is_posted_again_later(desk: Desk) -> None:
    """A customer's text waits for its card, is not tried every second, and is not given up."""
    await desk.arrives(makers.record())
    thread = await desk.the(Thread)
    await desk.attempt(await desk.card_of(thread), Refused("invalid_blocks"))
    card = await desk.card_of(thread)
    assert (card.state, card.due_at) == ("waiting", at(3600))
    assert len(await desk.notices("unshown")) == 1


# Words to administrators


async def test_administrators_hear_once_of_each_cause(desk: Desk) -> None:
    """However often a cause repeats, each administrator reads of it once."""
    for _ in range(3):
        await desk.do(notices.tell_administrators, "gap:1", "gap", {"store": "1"}, NOW)
    await desk.do(notices.tell_administrators, "gap:2", "gap", {"store": "1"}, NOW)
    assert [each.channel_id for each in await desk.notices("gap")] == [ADA, ADA]


async def test_without_named_administrators_who_connected_hears(desk: Desk) -> None:
    """Where the settings name nobody, those who connected the inboxes are told."""
    workspace = await desk.the(Workspace)
    workspace.administrator_ids = []

    def merge(session: Session) -> None:
        session.merge(workspace)

    await desk.do(merge)
    await desk.do(makers.add_inbox, phone_number="+16505550102", channel_id="C2", connected_by=BEA)
    assert await desk.do(notices.tell_administrators, "k", "gap", {}, NOW) == 2
    assert {each.channel_id for each in await desk.notices("gap")} == {ADA, BEA}


async def test_words_that_cannot_be_posted_are_not_told_of_for_ever(desk: Desk) -> None:
    """Where an administrator cannot be reached, that is not told to the same administrator."""
    await desk.do(notices.tell_administrators, "gap:1", "gap", {}, NOW)
    for _ in range(4):
        for owed in await desk.find(Delivery, subject_type="notice", state="waiting"):
            await desk.attempt(owed, Refused("user_not_found"))
    assert len(await desk.notices()) == 2


# Inboxes


async def pair(desk: Desk, **changes: object) -> Inbox | NotPaired:
    login_id = (await desk.find(Inbox))[0].login_id
    wanted = makers.pairing(login_id, **changes)
    return await desk.do(inboxes.connect, wanted, desk.clock.now())


async def test_a_reconnected_number_keeps_its_conversations(desk: Desk, thread: Thread) -> None:
    """Disconnect and connect again: the same inbox, threads and replies."""
    assert await desk.do(inboxes.disconnect, TEAM, CHANNEL, ADA, NOW) is not None
    assert await desk.do(inboxes.disconnect, TEAM, CHANNEL, ADA, NOW) is None
    assert await desk.arrives(makers.record()) == "not_ours"
    again = await pair(desk)
    assert isinstance(again, Inbox)
    assert len(await desk.find(Inbox)) == 1
    assert await desk.arrives(makers.record()) == "relayed"
    assert (await desk.message()).thread_id == thread.id
    assert await desk.replies(makers.reply()) == "relayed"
    assert len(await desk.find(Conversation)) == 1


async def test_a_number_has_one_channel_and_a_channel_one_number(desk: Desk) -> None:
    """A second pairing of either is refused in words."""
    for changes_ in (
        {},
        {"channel_id": "C0002"},
        {"phone_number": "+16505550102"},
    ):
        refused = await pair(desk, **changes_)
        assert isinstance(refused, NotPaired)
    other = await pair(desk, phone_number="+16505550102", channel_id="C0002")
    assert isinstance(other, Inbox)


async def test_each_connection_is_said_in_its_channel(desk: Desk) -> None:
    """Who connects a number reads so in the channel, each time."""
    await desk.do(inboxes.disconnect, TEAM, CHANNEL, ADA, NOW)
    await pair(desk)
    desk.clock.forward(hours=1)
    await desk.do(inboxes.disconnect, TEAM, CHANNEL, ADA, desk.clock.now())
    await pair(desk)
    assert [each.channel_id for each in await desk.notices("connected")] == [CHANNEL, CHANNEL]
    acts = [each.act for each in await desk.find(AuditEntry)]
    assert acts == ["disconnect", "connect", "disconnect", "connect"]
