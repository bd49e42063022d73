"""A change that comes while an attempt is in flight changes the next attempt, if there is one."""

from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from bridge.outbox.outcome import Refused, TryLater
from bridge.relay import decisions
from bridge.relay.texts import AttachmentNote, Reply
from storage.tables import Inbox, Message, Thread
from tests import makers
from tests.middle.desk import Desk, taken

pytestmark = pytest.mark.usefixtures("thread")

Fail = Callable[..., Coroutine[Any, Any, Message]]


@pytest.fixture
async def thread(desk: Desk) -> Thread:
    """Alice's thread, its card posted."""
    conversation = await desk.do(makers.add_conversation, await desk.the(Inbox))
    return await desk.do(makers.add_thread, conversation)


async def test_what_was_deleted_in_flight_and_did_not_leave_is_not_sent(desk: Desk) -> None:
    """A deletion during an attempt that certainly failed cancels the text, and says so."""
    reply = makers.reply()
    await desk.replies(reply)
    message = await desk.message()
    begun = await desk.begin(await desk.text_of(message))
    assert await desk.deletes(makers.deletion_of(reply)) == "too_late"
    await desk.end(begun, TryLater("MSG-290"))
    assert await desk.status(message) == "cancelled"
    assert await desk.state(await desk.text_of(message)) == "cancelled"
    (told,) = await desk.notices("deleted_late")
    assert told.payload["status"] == "unsure"  # nobody knew yet whether the customer saw it
    assert len(await desk.notices("withdrawn")) == 1


async def test_what_was_edited_in_flight_and_did_not_leave_goes_in_its_new_words(
    desk: Desk,
) -> None:
    """An edit during an attempt that certainly failed is what the next attempt sends."""
    reply = makers.reply()
    await desk.replies(reply)
    message = await desk.message()
    begun = await desk.begin(await desk.text_of(message))
    assert await desk.edits(makers.edit_of(reply, markup="At seven")) == "too_late"
    await desk.end(begun, TryLater("MSG-290"))
    assert (await desk.message()).body == "At seven"
    assert await desk.state(await desk.text_of(message)) == "waiting"


async def test_send_again_sends_nothing_that_its_author_deleted(desk: Desk) -> None:
    """A parked text deleted in Slack is not sent by whoever presses the button later."""
    reply = makers.reply()
    await desk.replies(reply)
    message = await desk.message()
    await desk.park(await desk.text_of(message))
    await desk.deletes(makers.deletion_of(reply))
    assert await desk.decides(decisions.send_again, message) == "cancelled"
    assert await desk.state(await desk.text_of(message)) == "cancelled"


async def _refused_in_flight(desk: Desk, reply: Reply, *, change: bool) -> Message:
    """A reply that its author changes or deletes while it leaves, and that is then refused."""
    await desk.replies(reply)
    message = await desk.message()
    begun = await desk.begin(await desk.text_of(message))
    await _changes(desk, reply, change=change)
    await desk.end(begun, Refused("MSG-290"))
    return message


async def _failed_later(desk: Desk, reply: Reply, *, change: bool) -> Message:
    """A reply that its author changes or deletes once it was accepted, and that does not arrive."""
    await desk.replies(reply)
    message = await desk.message()
    await desk.attempt(await desk.text_of(message), taken("77"))
    await _changes(desk, reply, change=change)
    record = makers.own_record(record_id="77", status="DeliveryFailed", error_code="SMS-CAR-412")
    await desk.arrives(record)
    return message


async def _changes(desk: Desk, reply: Reply, *, change: bool) -> None:
    if change:
        assert await desk.edits(makers.edit_of(reply, markup="At seven")) == "too_late"
    else:
        assert await desk.deletes(makers.deletion_of(reply)) == "too_late"


@pytest.mark.parametrize("fail", [_refused_in_flight, _failed_later])
async def test_retry_sends_what_slack_shows(desk: Desk, fail: Fail) -> None:
    """An edit told "too late" is what Retry sends, once it turns out that nothing arrived."""
    message = await fail(desk, makers.reply(markup="At six"), change=True)
    (told,) = await desk.notices("failed")
    assert told.payload["was_edited"]
    assert await desk.decides(decisions.retry_message, message) == "done"
    assert (await desk.message()).body == "At seven"
    assert await desk.state(await desk.text_of(message)) == "waiting"


@pytest.mark.parametrize("fail", [_refused_in_flight, _failed_later])
async def test_retry_is_not_offered_for_what_was_deleted(desk: Desk, fail: Fail) -> None:
    """A deletion told "too late" cancels a text that did not arrive; no click can send it."""
    message = await fail(desk, makers.reply(markup="At six"), change=False)
    assert await desk.status(message) == "cancelled"
    assert not await desk.notices("failed")
    assert len(await desk.notices("withdrawn")) == 1
    assert await desk.decides(decisions.retry_message, message) == "cancelled"
    assert await desk.state(await desk.text_of(message)) in ("refused", "accepted")


async def test_what_was_deleted_after_it_was_sent_loses_its_mark(desk: Desk) -> None:
    """A text that did not arrive is not marked as sent, deleted or not."""
    message = await _failed_later(desk, makers.reply(markup="At six"), change=False)
    assert len(await desk.mark_of(message, "unmark")) == 1


async def test_what_the_customer_saw_stays_told(desk: Desk) -> None:
    """The words quoted as seen are those of their moment, whatever a retry will send."""
    await _failed_later(desk, makers.reply(markup="At six"), change=True)
    (told,) = await desk.notices("edited_late")
    assert told.payload["quote"] == "At six"


async def test_stale_words_are_not_asked_about(desk: Desk) -> None:
    """What an hour of tries did not send is asked about as its author has it by now."""
    reply = makers.reply(markup="At six")
    await desk.replies(reply)
    message = await desk.message()
    begun = await desk.begin(await desk.text_of(message))
    await _changes(desk, reply, change=True)
    desk.clock.forward(hours=2)
    await desk.end(begun, TryLater("MSG-290"))
    (told,) = await desk.notices("failed")
    assert told.payload["reason"] == "stale"
    assert (await desk.message()).body == "At seven"
    assert await desk.decides(decisions.retry_message, message) == "done"


@pytest.mark.parametrize("words", ["", " "])
async def test_an_edit_that_mends_a_refused_reply_offers_to_send_it(desk: Desk, words: str) -> None:
    """Where the words were at fault and nothing was owed, new words are offered to be sent."""
    reply = makers.reply(markup=words)
    assert await desk.replies(reply) == "refused"
    message = await desk.message()
    assert await desk.edits(makers.edit_of(reply, markup="At seven")) == "changed"
    (told,) = await desk.notices("edited_unsent")
    assert told.message_id == message.id
    assert await desk.decides(decisions.retry_message, message) == "done"
    assert await desk.state(await desk.text_of(message)) == "waiting"
    await desk.accept_text(message, "77")
    assert await desk.status(message) == "accepted"


async def test_an_edit_of_a_reply_with_files_says_what_to_do(desk: Desk) -> None:
    """Its files stay where they are: an edit cannot make it a text, and its author is told."""
    reply = makers.reply(files=(AttachmentNote("image/png"),))
    assert await desk.replies(reply) == "refused"
    message = await desk.message()
    await desk.edits(makers.edit_of(reply, markup="At seven"))
    (told,) = await desk.notices("edited_unsent")
    assert told.payload["reason"] == "files"
    assert await desk.decides(decisions.retry_message, message) == "failed"
    assert not await desk.texts_owed()


async def test_an_edit_that_mends_nothing_is_not_told(desk: Desk) -> None:
    """Nothing is offered where the new words are none."""
    reply = makers.reply(markup="")
    await desk.replies(reply)
    await desk.edits(makers.edit_of(reply, markup=" "))
    assert not await desk.notices("edited_unsent")


async def test_a_text_too_long_is_mended_by_an_edit(desk: Desk) -> None:
    """What was refused for its length is sent by Retry once it is shorter."""
    reply = makers.reply(markup="long " * 400)
    await desk.replies(reply)
    message = await desk.message()
    await desk.attempt(await desk.text_of(message), Refused("too_long"))
    await desk.edits(makers.edit_of(reply, markup="Short"))
    assert len(await desk.notices("edited_unsent")) == 1
    assert await desk.decides(decisions.retry_message, message) == "done"
    assert (await desk.message()).body == "Short"
