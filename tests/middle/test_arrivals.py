"""What arrives from the carrier: once in its thread, however often and whatever brought it."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from bridge.outbox.outcome import Accepted, Refused, TryLater
from bridge.relay import crossings, decisions, lanes
from storage import cursors, inboxes
from storage.tables import (
    Conversation,
    Copy,
    Cursor,
    Delivery,
    Inbox,
    Message,
    RingCentralConversation,
    Thread,
)
from tests import makers
from tests.makers import ALICE, DAN, NOW, OUR_NUMBER, STORE, at
from tests.middle.desk import SCOPE, Desk, taken

# From a phone


async def test_who_withholds_a_number_is_told_apart(desk: Desk) -> None:
    """Two strangers without numbers have a thread each, and cannot be texted, in words."""
    for record_id, conversation in (("1", "81"), ("2", "82"), ("3", "81")):
        record = makers.record(
            record_id=record_id,
            ringcentral_conversation_id=conversation,
            outside_numbers=("unknown",),
            author_number="unknown",
        )
        assert await desk.arrives(record) == "relayed"
    first, second, third = await desk.find(Message)
    assert first.thread_id == third.thread_id != second.thread_id
    thread = await desk.thread(first.thread_id)
    await desk.post_card(thread, "1700000000.000100")
    assert await desk.replies(makers.reply()) == "refused"
    [told] = await desk.notices("failed")
    assert told.payload == {"reason": "no_number"}
    assert not await desk.texts_owed()


async def test_a_new_number_opens_a_thread(desk: Desk) -> None:
    """A text of somebody nobody texted is shown in a thread of its own, after its card."""
    assert await desk.arrives(makers.record(body="Is my order ready?")) == "relayed"
    message = await desk.message()
    assert (message.direction, message.origin, message.status) == ("in", "phone", "received")
    thread = await desk.the(Thread)
    assert (message.thread_id, thread.ts, thread.is_current) == (thread.id, None, True)
    card, post = await desk.card_of(thread), await desk.post_of(message)
    assert card.lane == post.lane
    assert card.lane_order < post.lane_order
    assert (card.due_at, post.due_at) == (NOW, NOW)
    assert not await desk.texts_owed()


async def test_the_same_numbers_share_a_thread(desk: Desk) -> None:
    """Later texts of the same number go to the same conversation and thread."""
    for seconds in range(3):
        await desk.arrives(makers.record(sent_at=at(seconds)))
    assert len(await desk.find(Conversation)) == len(await desk.find(Thread)) == 1
    assert len(await desk.find(Message)) == 3


async def test_another_number_has_another_thread(desk: Desk) -> None:
    """Two customers never share a thread."""
    await desk.arrives(makers.record())
    await desk.arrives(makers.record(outside_numbers=(DAN,), author_number=DAN))
    assert len(await desk.find(Thread)) == 2


async def test_the_carriers_id_is_remembered(desk: Desk) -> None:
    """RingCentral's ids lead to the conversation, several of them to one."""
    for conversation_id in ("18446744073709551617", "42", None):
        await desk.arrives(makers.record(ringcentral_conversation_id=conversation_id))
    named = await desk.find(RingCentralConversation)
    assert {each.ringcentral_conversation_id for each in named} == {"18446744073709551617", "42"}
    assert len({each.conversation_id for each in named}) == 1


async def test_participants_win(desk: Desk) -> None:
    """Where RingCentral gives two sets of numbers one id, each stays in its own thread."""
    await desk.arrives(makers.record(ringcentral_conversation_id="42"))
    dans = makers.record(
        ringcentral_conversation_id="42", outside_numbers=(DAN,), author_number=DAN
    )
    assert await desk.arrives(dans) == "relayed"
    first, second = await desk.find(Message)
    assert first.conversation_id != second.conversation_id


async def test_a_repeat_is_harmless_eleven_times(desk: Desk) -> None:
    """One text in is one message, however often it is told."""
    record = makers.record()
    became = [await desk.arrives(record) for _ in range(11)]
    assert became == ["relayed"] + ["repeat"] * 10
    assert len(await desk.find(Message)) == len(await desk.find(Copy)) == 1
    assert len(await desk.find(Delivery, kind="post")) == 1


async def test_a_repeat_is_harmless_all_at_once(desk: Desk) -> None:
    """Eleven tellings at the same moment, in any number of threads, are one message."""
    record = makers.record()
    became = await asyncio.gather(*(desk.arrives(record) for _ in range(11)))
    assert sorted(became) == ["relayed"] + ["repeat"] * 10 or set(became) == {"relayed", "repeat"}
    assert len(await desk.find(Message)) == len(await desk.find(Thread)) == 1
    assert len(await desk.find(Delivery, kind="post")) == 1


async def test_a_group_is_one_conversation(desk: Desk) -> None:
    """A group is its set of numbers in any order; each text keeps who wrote it."""
    await desk.arrives(makers.record(outside_numbers=(ALICE, DAN), author_number=ALICE))
    await desk.arrives(makers.record(outside_numbers=(DAN, ALICE), author_number=DAN))
    conversation = await desk.the(Conversation)
    assert conversation.participants_key == f"{ALICE},{DAN}"
    assert [each.author_number for each in await desk.find(Message)] == [ALICE, DAN]


async def test_a_number_of_no_inbox_is_not_ours(desk: Desk) -> None:
    """Texts to a number that is not connected are left alone."""
    assert await desk.arrives(makers.record(own_number="+16505550199")) == "not_ours"
    assert not await desk.find(Message)


async def test_an_older_text_never_looks_like_the_last(desk: Desk) -> None:
    """A text that is caught up late does not turn the conversation's time back."""
    await desk.arrives(makers.record(sent_at=at(100)))
    await desk.arrives(makers.record(sent_at=at(50)))
    assert (await desk.the(Conversation)).last_text_at == at(100)


async def test_a_conversation_of_a_channel_that_changed_goes_on(desk: Desk) -> None:
    """Where a number moved to another channel, its texts open threads there."""
    await desk.arrives(makers.record())
    inbox = await desk.the(Inbox)
    await desk.do(inboxes.disconnect, makers.id_of(inbox), NOW)
    await desk.do(makers.add_inbox, channel_id="C0002")
    await desk.arrives(makers.record())
    assert [each.channel_id for each in await desk.find(Thread)] == [makers.CHANNEL, "C0002"]


# Gaps


async def test_live_texts_wait_for_a_gap(desk: Desk) -> None:
    """While a store is caught up its live texts wait, at most half a minute, then go in order."""
    await desk.do(cursors.match_inboxes, NOW)
    await desk.do(cursors.open_gaps, NOW)
    await desk.arrives(makers.record(sent_at=at(10), record_id="20"))
    await desk.arrives(makers.record(sent_at=at(5), record_id="10"))
    live, older = await desk.find(Delivery, kind="post")
    assert [live.due_at, older.due_at] == [NOW + crossings.GAP_WAIT] * 2
    await desk.do(crossings.release_gap, STORE, at(3))
    live, older = await desk.find(Delivery, kind="post")
    assert [live.due_at, older.due_at] == [at(3), at(3)]
    assert older.lane_order < live.lane_order


async def test_a_gap_of_another_store_holds_up_nothing(desk: Desk) -> None:
    """Only the store with the gap waits."""
    login_id = (await desk.the(Inbox)).login_id
    gap = Cursor(store="1/999", login_id=login_id, since_at=NOW, due_at=NOW, gap_open=True)
    await desk.do(makers.add, gap)
    await desk.arrives(makers.record())
    assert (await desk.the(Delivery, kind="post")).due_at == NOW


# From the RingCentral app, and our own echoes


async def test_a_text_from_the_app_is_shown(desk: Desk) -> None:
    """A text sent from the RingCentral app appears in its thread, as such, and is not sent."""
    assert await desk.arrives(makers.own_record(body="On my way")) == "relayed"
    message = await desk.message()
    assert (message.direction, message.origin, message.status) == (
        "out",
        "ringcentral_app",
        "accepted",
    )
    assert await desk.post_of(message)
    assert not await desk.texts_owed()


async def replied(desk: Desk) -> Message:
    """A reply in Alice's thread that is owed to her."""
    conversation = await desk.do(makers.add_conversation, await desk.the(Inbox))
    await desk.do(makers.add_thread, conversation)
    assert await desk.replies(makers.reply()) == "relayed"
    return await desk.message(origin="slack")


async def test_our_own_text_is_recognised(desk: Desk) -> None:
    """What we sent is not shown again when its record comes."""
    message = await replied(desk)
    await desk.accept_text(message, "77", conversation_id="42")
    assert await desk.arrives(makers.own_record(record_id="77", status="Queued")) == "repeat"
    assert len(await desk.find(Message)) == 1
    named = await desk.the(RingCentralConversation)
    assert (named.ringcentral_conversation_id, named.conversation_id) == (
        "42",
        message.conversation_id,
    )


async def test_an_echo_before_the_answer_is_kept_and_recognised(desk: Desk) -> None:
    """A record that comes before the carrier's answer is ours once the answer says so."""
    begun = await desk.begin(await desk.text_of(await replied(desk)))
    assert await desk.arrives(makers.own_record(record_id="77", status="Queued")) == "kept"
    assert await desk.arrives(makers.own_record(record_id="77", status="Queued")) == "kept"
    await desk.end(begun, taken("77"))
    assert not await desk.kept()
    assert len(await desk.find(Message)) == 1


async def test_a_failure_told_before_the_answer_is_not_lost(desk: Desk) -> None:
    """Where the record of our own text already tells of its failure, the thread is told."""
    message = await replied(desk)
    begun = await desk.begin(await desk.text_of(message))
    await desk.arrives(makers.own_record(record_id="77", status="Queued"))
    failed = makers.own_record(record_id="77", status="DeliveryFailed", error_code="SMS-CAR-411")
    assert await desk.arrives(failed) == "kept"
    await desk.end(begun, taken("77"))
    assert await desk.status(message) == "failed"
    (notice,) = await desk.notices("failed")
    assert notice.payload["reason"] == "SMS-CAR-411"


@pytest.mark.parametrize("is_kept", [True, False])
async def test_a_failure_that_a_look_sees_first_is_told(desk: Desk, is_kept: bool) -> None:
    """A look that finds our text failed by now does not swallow its receipt."""
    message = await replied(desk)
    begun = await desk.begin(await desk.text_of(message))
    failed = makers.own_record(record_id="77", status="DeliveryFailed", error_code="SMS-CAR-411")
    if is_kept:
        assert await desk.arrives(failed) == "kept"
    await desk.end(begun, taken("77", status="DeliveryFailed"))
    if not is_kept:
        assert await desk.arrives(failed) == "receipt"
    assert await desk.status(message) == "failed"
    (notice,) = await desk.notices("failed")
    assert notice.payload["reason"] == "SMS-CAR-411"


async def test_what_the_attempt_did_not_make_came_from_the_app(desk: Desk) -> None:
    """A kept record that is not ours is shown once our attempt is settled."""
    begun = await desk.begin(await desk.text_of(await replied(desk)))
    assert await desk.arrives(makers.own_record(record_id="78", body="From the app")) == "kept"
    await desk.end(begun, taken("77"))
    shown = await desk.message(origin="ringcentral_app")
    assert shown.body == "From the app"
    assert not await desk.kept()


async def test_a_text_from_the_app_is_shown_where_ours_was_refused(desk: Desk) -> None:
    """What was kept is released by every end of the attempt: a refusal, a later try, a cancel."""
    message = await replied(desk)
    begun = await desk.begin(await desk.text_of(message))
    await desk.arrives(makers.own_record(record_id="78"))
    await desk.end(begun, TryLater("busy", after_seconds=0))
    assert len(await desk.find(Message, origin="ringcentral_app")) == 1
    begun = await desk.begin(await desk.text_of(message))
    await desk.arrives(makers.own_record(record_id="79"))
    await desk.end(begun, Refused("MSG-240"))
    assert len(await desk.find(Message, origin="ringcentral_app")) == 2
    assert not await desk.kept()


async def test_while_a_person_must_decide_echoes_are_kept(desk: Desk) -> None:
    """Of a parked text nobody knows which record is its own."""
    message = await replied(desk)
    await desk.park(await desk.text_of(message))
    assert await desk.arrives(makers.own_record(record_id="78")) == "kept"
    assert await desk.decides(decisions.drop_message, message) == "done"
    assert not await desk.kept()
    assert len(await desk.find(Message, origin="ringcentral_app")) == 1


async def test_a_parked_text_hides_no_later_text_of_the_app(desk: Desk) -> None:
    """A text sent from the app long after the lost attempt is shown, whoever decides what when."""
    message = await replied(desk)
    await desk.park(await desk.text_of(message))
    an_hour_later = makers.NOW + timedelta(hours=1)
    later = makers.own_record(record_id="79", sent_at=an_hour_later)
    assert await desk.arrives(makers.own_record(record_id="78")) == "kept"
    assert await desk.arrives(later) == "relayed"
    assert len(await desk.kept()) == 1


async def test_it_was_sent_takes_the_kept_record_for_its_own(desk: Desk) -> None:
    """When a person says it was sent, its record is not shown as another text."""
    message = await replied(desk)
    await desk.park(await desk.text_of(message))
    await desk.arrives(makers.own_record(record_id="78", body="Something else"))
    await desk.arrives(makers.own_record(record_id="79", body=message.body, status="Delivered"))
    assert await desk.decides(decisions.it_was_sent, message) == "done"
    assert [each.external_id for each in await desk.copies(message, "ringcentral")] == ["79"]
    assert (await desk.message(origin="slack")).carrier_status == "Delivered"
    assert (await desk.message(origin="ringcentral_app")).body == "Something else"


@pytest.mark.parametrize(
    ("shown", "own"),
    [
        (("Something else",), None),
        (("Something else", "Yes, until 6pm"), "2"),
        (("Yes, until 6pm", "Test SMS using a RingCentral Developer account - {body}"), "2"),
        (("Yes, until 7 pm", "{body}"), "2"),
        (("{body}", "{body}"), "1"),
    ],
)
async def test_it_was_sent_takes_the_record_most_like_it(
    desk: Desk, shown: tuple[str, ...], own: str | None
) -> None:
    """One kept record becomes the text's own, all others are shown as sent from the app."""
    message = await replied(desk)
    await desk.park(await desk.text_of(message))
    for number, body in enumerate(shown, 1):
        body = body.format(body=message.body)
        await desk.arrives(makers.own_record(record_id=str(number), body=body))
    await desk.decides(decisions.it_was_sent, message)
    copied = [each.external_id for each in await desk.copies(message, "ringcentral")]
    assert copied == ([own] if own else [])
    others = await desk.find(Message, origin="ringcentral_app")
    assert len(others) == len(shown) - len(copied)


async def test_another_conversations_texts_are_not_kept(desk: Desk) -> None:
    """Only records that an attempt in flight could have made wait for it."""
    await desk.begin(await desk.text_of(await replied(desk)))
    dans = makers.own_record(outside_numbers=(DAN,))
    assert await desk.arrives(dans) == "relayed"


async def test_a_failed_text_from_the_app_is_told(desk: Desk) -> None:
    """A text sent from the app that did not arrive says so in the thread, however it comes."""
    await desk.arrives(makers.own_record(record_id="1", status="Sent"))
    await desk.arrives(makers.own_record(record_id="1", status="DeliveryFailed"))
    await desk.arrives(makers.own_record(record_id="2", status="SendingFailed"))
    assert [each.payload["reason"] for each in await desk.notices("failed")] == [
        "DeliveryFailed",
        "SendingFailed",
    ]
    assert [each.status for each in await desk.find(Message)] == ["failed", "failed"]


# Receipts


async def accepted_reply(desk: Desk, record_id: str = "77") -> Message:
    message = await replied(desk)
    await desk.accept_text(message, record_id)
    (mark,) = await desk.mark_of(message)
    await desk.attempt(mark, Accepted())
    return message


async def test_a_receipt_is_written_down(desk: Desk) -> None:
    """What the carrier says later is on file, and said once."""
    message = await accepted_reply(desk)
    delivered = makers.own_record(record_id="77", status="Delivered")
    assert [await desk.arrives(delivered) for _ in range(2)] == ["receipt", "repeat"]
    found = await desk.message()
    assert (found.status, found.carrier_status) == ("accepted", "Delivered")
    assert not await desk.notices()
    assert not await desk.mark_of(message, "unmark")


async def test_a_failure_after_acceptance_takes_the_mark_away_and_tells(desk: Desk) -> None:
    """A text that did not arrive loses its mark, and its author reads why."""
    message = await accepted_reply(desk)
    failed = makers.own_record(record_id="77", status="DeliveryFailed", error_code="SMS-UP-430")
    assert [await desk.arrives(failed) for _ in range(3)] == ["receipt", "repeat", "repeat"]
    assert (await desk.message()).failure == "SMS-UP-430"
    (unmark,) = await desk.mark_of(message, "unmark")
    assert unmark.state == "waiting"
    (notice,) = await desk.notices("failed")
    assert (notice.message_id, notice.payload) == (
        message.id,
        {"reason": "SMS-UP-430", "was_accepted": True},
    )


async def test_a_failure_is_told_once_though_statuses_come_out_of_order(desk: Desk) -> None:
    """An old status between two tellings of a failure makes no second notice."""
    await accepted_reply(desk)
    for status in ("DeliveryFailed", "Sent", "DeliveryFailed"):
        await desk.arrives(makers.own_record(record_id="77", status=status))
    assert len(await desk.notices("failed")) == 1


async def failed_then_retried(desk: Desk) -> Message:
    message = await accepted_reply(desk)
    await desk.arrives(makers.own_record(record_id="77", status="DeliveryFailed"))
    desk.clock.forward(seconds=1)
    assert await desk.decides(decisions.retry_message, message) == "done"
    await desk.accept_text(message, "78")
    return message


async def test_after_a_retry_only_its_own_record_speaks(desk: Desk) -> None:
    """The record of the failed try, told again by a full synchronisation, fails nothing."""
    message = await failed_then_retried(desk)
    again = makers.own_record(record_id="77", status="DeliveryFailed")
    assert await desk.arrives(again) == "repeat"
    assert await desk.status(message) == "accepted"
    assert len(await desk.notices("failed")) == 1


async def test_the_second_failure_is_told_as_well(desk: Desk) -> None:
    """A retry that fails for the same reason is told again."""
    message = await failed_then_retried(desk)
    await desk.arrives(makers.own_record(record_id="78", status="DeliveryFailed"))
    assert await desk.status(message) == "failed"
    assert len(await desk.notices("failed")) == 2


async def test_the_mark_comes_back_after_a_retry(desk: Desk) -> None:
    """Mark, its removal, and the mark again: the mark is what stays."""
    message = await failed_then_retried(desk)
    (mark,) = await desk.mark_of(message)
    (unmark,) = await desk.mark_of(message, "unmark")
    assert (mark.state, unmark.state) == ("waiting", "waiting")
    assert (mark.lane, mark.lane_order > unmark.lane_order) == (unmark.lane, True)
    assert lanes.mark_lane(makers.id_of(message)) == mark.lane


async def test_a_receipt_refreshes_the_card(desk: Desk) -> None:
    """Delivered shows on the card, a moment later and together with what else changed."""
    await accepted_reply(desk)
    thread = await desk.the(Thread)
    card = await desk.the(Delivery, subject_type="card", subject_id=thread.id, kind="update")
    await desk.attempt(card, Accepted())
    desk.clock.forward(seconds=60)
    await desk.arrives(makers.own_record(record_id="77", status="Delivered"))
    card = await desk.the(Delivery, subject_type="card", subject_id=thread.id, kind="update")
    assert card.state == "waiting"
    assert card.due_at == desk.clock.now() + timedelta(seconds=1.5)


async def test_a_post_of_a_text_from_the_app_is_a_copy(desk: Desk) -> None:
    """Where a text is shown is remembered, so that its mark and its answers find it."""
    await desk.arrives(makers.own_record(record_id="1"))
    message, thread = await desk.message(), await desk.the(Thread)
    await desk.post_card(thread, "1700000000.000100")
    await desk.attempt(await desk.post_of(message), Accepted("1700000000.000200", SCOPE))
    (copy,) = await desk.copies(message, "slack")
    assert (copy.scope, copy.external_id) == (SCOPE, "1700000000.000200")
    assert message.author_number == OUR_NUMBER
