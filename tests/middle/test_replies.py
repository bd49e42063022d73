"""Replies: one text each, changed or taken back while it can be, and told where it cannot."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlmodel import Session

from bridge.outbox.outcome import Accepted, Refused, TryLater, Unsure
from bridge.relay import crossings, decisions, lanes
from bridge.relay import inboxes as relay_inboxes
from bridge.relay.texts import AttachmentNote, Reply
from storage import inboxes, logins
from storage.tables import Conversation, Delivery, Inbox, Message, SlackOriginal, Thread
from tests import makers
from tests.makers import NOW, at
from tests.middle.desk import SCOPE, Desk, taken

pytestmark = pytest.mark.usefixtures("thread")


@pytest.fixture
async def thread(desk: Desk) -> Thread:
    """Alice's thread, its card posted."""
    conversation = await desk.do(makers.add_conversation, await desk.the(Inbox))
    return await desk.do(makers.add_thread, conversation)


async def hold(desk: Desk, seconds: float) -> None:
    inbox = await desk.the(Inbox)
    inbox.hold_seconds = seconds
    await desk.do(merge, inbox)


def merge(session: Session, row: Inbox) -> None:
    session.merge(row)


# A reply


async def test_changes_in_other_peoples_threads_leave_no_trace(desk: Desk) -> None:
    """What colleagues edit and delete in threads of their own is neither read nor stored."""
    aside = makers.reply(thread_ts="1700000000.999999")
    assert await desk.edits(makers.edit_of(aside, "Private words")) == "not_ours"
    assert await desk.deletes(makers.deletion_of(aside)) == "not_ours"
    assert not await desk.find(SlackOriginal)


async def test_a_change_under_a_card_we_do_not_know_yet_is_told_again(desk: Desk) -> None:
    """The thread may be ours: Slack repeats the event until that is known."""
    await desk.arrives(makers.record(outside_numbers=(makers.DAN,), author_number=makers.DAN))
    (card,) = await desk.find(Delivery, subject_type="card", kind="open", state="waiting")
    await desk.begin(card)
    reply = makers.reply(thread_ts="1700000000.000900")
    with pytest.raises(crossings.CardInFlight):
        await desk.edits(makers.edit_of(reply, "No"))
    with pytest.raises(crossings.CardInFlight):
        await desk.deletes(makers.deletion_of(reply))


async def test_what_waits_goes_through_the_gate_of_todays_login(desk: Desk) -> None:
    """A number connected again with another login: what waits and what is retried uses it."""
    await desk.replies(makers.reply())
    await desk.replies(makers.reply(markup="Second"))
    first, second = await desk.find(Message)
    await desk.attempt(await desk.text_of(first), Refused("MSG-245"))
    other_login = makers.id_of(await desk.do(logins.get_or_add, "other"))
    await desk.do(relay_inboxes.disconnect, makers.TEAM, makers.CHANNEL, makers.ADA, NOW)
    await desk.do(relay_inboxes.connect, makers.pairing(other_login), NOW)
    gate = lanes.send_gate(other_login)
    assert (await desk.text_of(second)).gate == gate
    assert await desk.decides(decisions.retry_message, first) == "done"
    assert (await desk.text_of(first)).gate == gate


async def test_a_reply_is_owed_to_the_phone(desk: Desk, thread: Thread) -> None:
    """A reply in a thread is a text to its conversation, after the inbox's hold."""
    await hold(desk, 5)
    reply = makers.reply(markup="Yes, until 6 pm")
    assert await desk.replies(reply) == "relayed"
    message = await desk.message()
    assert (message.direction, message.origin, message.status) == ("out", "slack", "queued")
    assert (message.body, message.author_id) == ("Yes, until 6 pm", makers.BEA)
    assert message.conversation_id == thread.conversation_id
    text = await desk.text_of(message)
    assert text.due_at == NOW + timedelta(seconds=5)
    assert [each.external_id for each in await desk.copies(message, "slack")] == [reply.ts]


async def test_a_repeat_is_harmless_eleven_times(desk: Desk) -> None:
    """Slack tells one reply in many events; it is one text."""
    reply = makers.reply()
    became = [await desk.replies(reply) for _ in range(3)]
    became += await asyncio.gather(*(desk.replies(reply) for _ in range(8)))
    assert became == ["relayed"] + ["repeat"] * 10
    assert len(await desk.texts_owed()) == 1


async def test_a_repeat_after_it_was_sent_sends_nothing(desk: Desk) -> None:
    """Slack may tell a reply again after an hour; it was sent."""
    reply = makers.reply()
    await desk.replies(reply)
    await desk.accept_text(await desk.message(), "77")
    assert await desk.replies(reply) == "repeat"
    (text,) = await desk.texts_owed()
    assert text.state == "accepted"


async def test_a_thread_that_is_not_ours(desk: Desk) -> None:
    """Replies in other people's threads are left alone."""
    assert await desk.replies(makers.reply(thread_ts="1.0")) == "not_ours"
    assert await desk.replies(makers.reply(channel_id="C0999")) == "not_ours"
    assert not await desk.find(Message)


async def test_replies_go_in_the_order_they_were_written(desk: Desk) -> None:
    """Whatever order Slack tells them in, they have their places by Slack's time."""
    late, early = makers.reply(ts="1800000000.000200"), makers.reply(ts="1800000000.000100")
    for reply in (late, early):
        await desk.replies(reply)
    second, first = await desk.texts_owed()
    assert first.lane == second.lane
    assert first.lane_order < second.lane_order


async def test_a_reply_in_an_older_thread_is_sent(desk: Desk, thread: Thread) -> None:
    """A conversation's earlier thread still is that conversation."""
    conversation = await desk.the(Conversation)
    await desk.do(makers.add_thread, conversation, "1700000001.000100")
    assert await desk.replies(makers.reply(thread_ts=thread.ts)) == "relayed"


async def test_a_reply_under_a_card_we_do_not_know_yet_is_told_again(desk: Desk) -> None:
    """A card may stand in Slack before its answer reached us: a reply under it is never lost."""
    await desk.arrives(makers.record(outside_numbers=(makers.DAN,), author_number=makers.DAN))
    thread = await desk.the(Thread, ts=None)
    begun = await desk.begin(await desk.card_of(thread))
    reply = makers.reply(thread_ts="1700000009.000100")
    with pytest.raises(crossings.CardInFlight):
        await desk.replies(reply)
    await desk.end(begun, Unsure("lost"))
    with pytest.raises(crossings.CardInFlight):
        await desk.replies(reply)
    await desk.end(begun, Accepted("1700000009.000100", SCOPE))
    assert await desk.replies(reply) == "relayed"
    assert await desk.replies(makers.reply(thread_ts="1.0")) == "not_ours"


# What cannot be texted


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (makers.reply(is_stranger=True), "stranger"),
        (makers.reply(files=(AttachmentNote("image/png", 10, "a.png"),)), "files"),
        (makers.reply(markup="  \n "), "empty"),
    ],
)
async def test_what_cannot_be_texted_is_refused_once(
    desk: Desk, thread: Thread, reply: Reply, reason: str
) -> None:
    """Strangers, files and empty texts are refused, and told once in the thread."""
    assert [await desk.replies(reply) for _ in range(3)] == ["refused", "repeat", "repeat"]
    message = await desk.message()
    assert (message.status, message.failure) == ("failed", reason)
    assert not await desk.texts_owed()
    (notice,) = await desk.notices("failed")
    assert (notice.thread_id, notice.message_id) == (thread.id, message.id)
    assert notice.payload == {"reason": reason}


async def test_a_disconnected_number_cannot_send(desk: Desk) -> None:
    """After a disconnect a reply is refused and told, not swallowed."""
    await desk.do(inboxes.disconnect, makers.id_of(await desk.the(Inbox)), NOW)
    assert await desk.replies(makers.reply()) == "refused"
    assert (await desk.message()).failure == "disconnected"
    assert len(await desk.notices("failed")) == 1


async def test_what_was_edited_into_words_is_not_empty(desk: Desk) -> None:
    """An empty reply whose edit came first is its edit."""
    reply = makers.reply(markup="")
    await desk.edits(makers.edit_of(reply, "Words"))
    assert await desk.replies(reply) == "relayed"


# Edits


async def test_an_edit_before_its_message(desk: Desk) -> None:
    """An edit that comes first is kept, and is what is texted."""
    reply = makers.reply(markup="Yse")
    assert await desk.edits(makers.edit_of(reply, "Yes")) == "kept"
    assert await desk.replies(reply) == "relayed"
    assert (await desk.message()).body == "Yes"


async def test_an_edit_before_the_start_changes_the_text(desk: Desk) -> None:
    """What is on hold is changed, and held anew."""
    await hold(desk, 5)
    reply = makers.reply(markup="Yse")
    await desk.replies(reply)
    desk.clock.forward(seconds=3)
    assert await desk.edits(makers.edit_of(reply, "Yes")) == "changed"
    message = await desk.message()
    assert (message.body, message.markup) == ("Yes", "Yes")
    assert (await desk.text_of(message)).due_at == at(8)
    assert not await desk.notices()


async def test_the_newest_edit_wins_whatever_order_they_come_in(desk: Desk) -> None:
    """An older edit told late changes nothing."""
    reply = makers.reply(markup="a")
    await desk.replies(reply)
    newer = makers.edit_of(reply, "c", edit_ts="1800000010.000000")
    older = makers.edit_of(reply, "b", edit_ts="1800000009.000000")
    assert [await desk.edits(each) for each in (newer, older, newer)] == [
        "changed",
        "repeat",
        "repeat",
    ]
    assert (await desk.message()).body == "c"


async def test_an_edit_after_the_start_is_told(desk: Desk) -> None:
    """From the start on the thread says what the customer saw, once for each edit."""
    reply = makers.reply(markup="a")
    await desk.replies(reply)
    message = await desk.message()
    begun = await desk.begin(await desk.text_of(message))
    edit = makers.edit_of(reply, "b")
    assert [await desk.edits(edit) for _ in range(2)] == ["too_late", "repeat"]
    await desk.end(begun, taken("77"))
    assert await desk.edits(makers.edit_of(reply, "c")) == "too_late"
    assert (await desk.message()).body == "a"
    assert [each.message_id for each in await desk.notices("edited_late")] == [message.id] * 2


async def test_an_edit_that_changes_no_words_is_nothing(desk: Desk) -> None:
    """Unfurled links and the like come as edits with the same words."""
    reply = makers.reply(markup="a")
    await desk.replies(reply)
    await desk.accept_text(await desk.message(), "77")
    assert await desk.edits(makers.edit_of(reply, "a")) == "repeat"
    assert not await desk.notices()


async def test_an_edit_of_a_failed_text_is_what_a_retry_sends(desk: Desk) -> None:
    """A text that was not sent is changed without a word, ready for its retry."""
    reply = makers.reply(markup="a")
    await desk.replies(reply)
    message = await desk.message()
    await desk.attempt(await desk.text_of(message), Refused("CMN-101"))
    assert await desk.edits(makers.edit_of(reply, "b")) == "changed"
    assert (await desk.message()).body == "b"
    assert not await desk.notices("edited_late")


# Deletions


async def test_a_deletion_before_its_message_leaves_it_stillborn(desk: Desk) -> None:
    """What was deleted before it came is never texted."""
    reply = makers.reply()
    assert await desk.deletes(makers.deletion_of(reply)) == "stillborn"
    assert await desk.replies(reply) == "stillborn"
    assert await desk.edits(makers.edit_of(reply, "b")) == "repeat"
    assert not await desk.find(Message)


async def test_a_deletion_before_the_start_takes_it_back(desk: Desk) -> None:
    """What is on hold and deleted is not sent, and nobody is bothered."""
    reply = makers.reply()
    await desk.replies(reply)
    became = [await desk.deletes(makers.deletion_of(reply)) for _ in range(2)]
    assert became == ["cancelled", "repeat"]
    message = await desk.message()
    assert message.status == "cancelled"
    assert await desk.state(await desk.text_of(message)) == "cancelled"
    assert not await desk.notices()
    assert await desk.replies(reply) == "repeat"


async def test_a_deletion_after_the_start_is_told(desk: Desk) -> None:
    """What left is not undone: the thread says so, once."""
    reply = makers.reply()
    await desk.replies(reply)
    message = await desk.message()
    begun = await desk.begin(await desk.text_of(message))
    became = [await desk.deletes(makers.deletion_of(reply)) for _ in range(2)]
    assert became == ["too_late", "repeat"]
    await desk.end(begun, taken("77"))
    assert await desk.status(message) == "accepted"
    assert len(await desk.notices("deleted_late")) == 1


async def test_a_deleted_failure_is_not_retried(desk: Desk) -> None:
    """A text that was not sent and then deleted can no longer be sent by a click."""
    reply = makers.reply()
    await desk.replies(reply)
    message = await desk.message()
    await desk.attempt(await desk.text_of(message), Refused("CMN-101"))
    assert await desk.deletes(makers.deletion_of(reply)) == "cancelled"
    assert await desk.decides(decisions.retry_message, message) == "cancelled"
    assert await desk.state(await desk.text_of(message)) == "refused"


async def test_a_cancel_lets_go_what_was_kept(desk: Desk) -> None:
    """A text from the app that waited for an attempt is shown though the text was taken back."""
    reply = makers.reply()
    await desk.replies(reply)
    begun = await desk.begin(await desk.text_of(await desk.message()))
    await desk.arrives(makers.own_record(body="From the app"))
    await desk.end(begun, TryLater("busy"))
    await desk.deletes(makers.deletion_of(reply))
    assert not await desk.kept()
    assert (await desk.message(origin="ringcentral_app")).body == "From the app"


async def test_an_edit_and_its_start_never_both_win(desk: Desk) -> None:
    """Of an edit, a deletion and a start at the same moment, what is told is what was sent."""
    for number in range(6):
        reply = makers.reply(markup="before")
        await desk.replies(reply)
        (original,) = await desk.find(SlackOriginal, ts=reply.ts)
        message = await desk.message(id=original.message_id)
        text = await desk.text_of(message)
        change = (
            desk.edits(makers.edit_of(reply, "after"))
            if number % 2
            else desk.deletes(makers.deletion_of(reply))
        )

        async def start(text: Delivery = text) -> bool:
            try:
                await desk.begin(text)
            except (AssertionError, ValueError):  # lost
                return False
            return True

        became, started = await asyncio.gather(change, start())
        found = await desk.message(id=original.message_id)
        if became == "too_late":
            assert started
            assert found.body == "before"
        if became == "cancelled":
            assert not started
            assert found.status == "cancelled"
        if became == "changed":
            assert found.body == "after"
