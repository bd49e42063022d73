"""Texts in a thread and replies out of it, through real Bolt, real HTTP and a real outbox."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bridge.outbox.outcome import Refused, Several, Unsure
from bridge.sandbox.slack.messages import Message
from storage.database import Database
from tests.edges.slack_world import OUR_NUMBER, SlackWorld, open_world

NASTY = "<!channel> @here <@U0BEA> *bold* <https://evil.example|bank> & :wave:\nline two"


@pytest.fixture
async def world(database: Database) -> AsyncIterator[SlackWorld]:
    async with open_world(database) as world:
        await world.connect()
        yield world


async def notice_in(world: SlackWorld, root: Message, words: str) -> Message:
    """What the bridge says with these words in a thread, once it is there."""
    found = await world.slack.wait_for(lambda: [m for m in root.replies if words in m.shown])
    return found[0]


async def test_a_text_opens_a_thread(world: SlackWorld) -> None:
    """A text from a phone is a card that says who, and a reply with the words as they came."""
    await world.text_in("Is my order ready?")
    root = await world.thread("Is my order ready?")
    assert "(415) 555-0100" in root.shown
    assert root.replies[0].username == "(415) 555-0100"
    assert root.replies[0].unfurl_links is False
    assert root.replies[0].unfurl_media is False


async def test_a_text_from_a_phone_is_harmless(world: SlackWorld) -> None:
    """No text from a phone mentions, deceives or restyles, in its thread or on its card."""
    await world.text_in(NASTY)
    root = await world.thread("line two")
    assert root.replies[0].shown.strip() == NASTY
    for message in (root, *root.replies):
        assert not message.pings
        assert all(label == url for url, label in message.links)


async def test_a_reply_is_texted_and_marked(world: SlackWorld) -> None:
    """A reply goes to the phone as phone text, and gets one mark when the carrier took it."""
    await world.text_in("Is my order ready?")
    root = await world.thread("Is my order ready?")
    reply = await world.slack.say("Bea", "front-desk", "Yes, ask @Carl & Co", thread_ts=root.ts)
    await world.slack.wait_for(lambda: reply.reactions)
    assert world.carrier.sent == ["Yes, ask Carl & Co"]
    assert list(reply.reactions) == ["white_check_mark"]


async def test_a_broadcast_reply_is_one_text(world: SlackWorld) -> None:
    """A reply that was also sent to the channel is texted once."""
    await world.text_in("Hello?")
    root = await world.thread("Hello?")
    reply = await world.slack.say("Bea", "front-desk", "Hi", thread_ts=root.ts, broadcast=True)
    await world.slack.wait_for(lambda: reply.reactions)
    assert world.carrier.sent == ["Hi"]


@pytest.mark.parametrize(("who", "words"), [("Gus", "Guests"), ("Sam", "Guests")])
async def test_a_guest_is_refused(world: SlackWorld, who: str, words: str) -> None:
    """A guest's reply is not texted, and the thread says so to the guest."""
    await world.slack.join(who, "front-desk")
    await world.text_in("Hello?")
    root = await world.thread("Hello?")
    await world.slack.say(who, "front-desk", "I am a guest", thread_ts=root.ts)
    notice = await notice_in(world, root, "not sent")
    assert words in notice.shown
    assert world.slack.person(who).user_id in notice.pings.users
    assert notice.buttons() == []
    assert world.carrier.sent == []


async def test_a_stranger_is_refused(database: Database) -> None:
    """A reply from another organisation is not texted."""
    async with open_world(database) as world:
        await world.connect("partners")
        await world.text_in("Hello?")
        root = await world.thread("Hello?", "partners")
        await world.slack.say("Otto", "partners", "From outside", thread_ts=root.ts)
        await notice_in(world, root, "not sent")
        assert world.carrier.sent == []


async def test_a_refusal_is_told_with_its_code(world: SlackWorld) -> None:
    """What the carrier refused is told in the thread: what happened, the code, who can mend it."""
    world.carrier.outcomes = [Refused("MSG-367")]
    await world.text_in("Hello?")
    root = await world.thread("Hello?")
    await world.slack.say("Bea", "front-desk", "Yes?", thread_ts=root.ts)
    notice = await notice_in(world, root, "not sent")
    assert "MSG-367" in notice.shown
    assert "administrator" in notice.shown
    assert "Yes?" in notice.shown
    assert notice.buttons() == ["retry_message"]
    result = await world.slack.click("Carl", "front-desk", notice.ts, "retry_message")
    assert result.refused is None
    await world.slack.wait_for(lambda: world.carrier.sent)
    answers = await world.slack.wait_for(lambda: world.slack.private_answers("Carl"))
    assert "being sent again" in answers[0].shown
    await world.slack.click("Bea", "front-desk", notice.ts, "retry_message")
    answers = await world.slack.wait_for(lambda: world.slack.private_answers("Bea"))
    assert "meanwhile" in answers[0].shown or "already" in answers[0].shown
    assert world.carrier.sent == ["Yes?"]


async def test_a_guest_cannot_decide(world: SlackWorld) -> None:
    """A guest's click on a button changes nothing, and the guest is told why."""
    world.carrier.outcomes = [Refused("MSG-367")]
    await world.slack.join("Gus", "front-desk")
    await world.text_in("Hello?")
    root = await world.thread("Hello?")
    await world.slack.say("Bea", "front-desk", "Yes?", thread_ts=root.ts)
    notice = await notice_in(world, root, "not sent")
    await world.slack.click("Gus", "front-desk", notice.ts, "retry_message")
    answers = await world.slack.wait_for(lambda: world.slack.private_answers("Gus"))
    assert "guests cannot text customers" in answers[0].shown
    assert world.carrier.sent == []


async def test_an_unsure_text_is_another_sentence(world: SlackWorld) -> None:
    """What may have been sent is asked of a person, who can say that it was."""
    world.carrier.outcomes = [Unsure("dropped")]
    world.carrier.findings = [Several("two")]
    await world.text_in("Hello?")
    root = await world.thread("Hello?")
    reply = await world.slack.say("Bea", "front-desk", "Maybe", thread_ts=root.ts)
    notice = await notice_in(world, root, "may not")
    assert notice.buttons() == ["send_again", "it_was_sent"]
    await world.slack.click("Bea", "front-desk", notice.ts, "it_was_sent")
    await world.slack.wait_for(lambda: reply.reactions)
    assert world.carrier.sent == []


async def test_a_late_edit_says_what_the_customer_saw(world: SlackWorld) -> None:
    """An edit after sending changes nothing at the customer's, and the thread says so."""
    await world.text_in("Hello?")
    root = await world.thread("Hello?")
    reply = await world.slack.say("Bea", "front-desk", "At 5", thread_ts=root.ts)
    await world.slack.wait_for(lambda: reply.reactions)
    await world.slack.edit("Bea", "front-desk", reply.ts, "At 6")
    notice = await notice_in(world, root, "Edited")
    assert "At 5" in notice.shown
    await world.slack.delete("Bea", "front-desk", reply.ts)
    await notice_in(world, root, "Deleted")
    assert world.carrier.sent == ["At 5"]


async def test_a_deleted_card_moves_the_conversation(world: SlackWorld) -> None:
    """A conversation whose parent was deleted goes on in a new thread, nothing is dropped."""
    await world.text_in("First")
    root = await world.thread("First")
    await world.slack.delete("Ada", "front-desk", root.ts)
    await world.slack.settled()
    await world.text_in("Second", record_id="2")
    again = await world.thread("Second")
    assert again.ts != root.ts


async def test_the_card_shows_the_last_text(world: SlackWorld) -> None:
    """The card follows the conversation: its last text and what became of it."""
    await world.text_in("Is my order ready?")
    root = await world.thread("Is my order ready?")
    await world.slack.say("Bea", "front-desk", "In ten minutes", thread_ts=root.ts)
    await world.slack.wait_for(lambda: "In ten minutes" in root.shown and "sent" in root.shown)
    assert OUR_NUMBER not in root.shown
