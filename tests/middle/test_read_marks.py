"""What is to be marked as read: texts from phones, once Slack shows them."""

from __future__ import annotations

import pytest

from bridge.outbox.outcome import Accepted, Refused, TryLater
from storage.tables import Inbox, ReadOwed
from tests import makers
from tests.makers import STORE
from tests.middle.desk import SCOPE, Desk


@pytest.fixture(autouse=True)
async def thread(desk: Desk) -> None:
    """Alice's thread, its card posted."""
    conversation = await desk.do(makers.add_conversation, await desk.the(Inbox))
    await desk.do(makers.add_thread, conversation)


async def owed(desk: Desk) -> list[tuple[str, str]]:
    return [(each.store, each.record_id) for each in await desk.find(ReadOwed)]


async def test_a_text_counts_as_read_once_slack_shows_it(desk: Desk) -> None:
    """Not when it is recorded, not when Slack was not reached; and once."""
    await desk.arrives(makers.record(record_id="77"))
    message = await desk.message()
    assert await owed(desk) == []
    await desk.attempt(await desk.post_of(message), TryLater("slack_not_reached"))
    assert await owed(desk) == []
    await desk.attempt(await desk.post_of(message), Accepted("1.1", SCOPE))
    assert await owed(desk) == [(STORE, "77")]


async def test_what_slack_refuses_stays_new(desk: Desk) -> None:
    """Nobody has seen it here."""
    await desk.arrives(makers.record())
    await desk.attempt(await desk.post_of(await desk.message()), Refused("invalid_blocks"))
    assert await owed(desk) == []


async def test_our_own_texts_are_no_news_anywhere(desk: Desk) -> None:
    """Those from RingCentral's app are shown, too, and are read as they are."""
    await desk.arrives(makers.own_record())
    await desk.attempt(await desk.post_of(await desk.message()), Accepted("1.1", SCOPE))
    assert await owed(desk) == []
