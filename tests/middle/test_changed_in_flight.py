"""A change that comes while an attempt is in flight changes the next attempt, if there is one."""

import pytest

from bridge.outbox.outcome import TryLater
from bridge.relay import decisions
from storage.tables import Inbox, Thread
from tests import makers
from tests.middle.desk import Desk

pytestmark = pytest.mark.usefixtures("thread")


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
