"""Lanes as the worker keeps them: order within, independence between."""

import asyncio
from datetime import timedelta

from sqlmodel import Session

from bridge.outbox.gates import Budget
from bridge.outbox.outcome import Absent, Accepted, Ready, Refused, Several, TryLater, Unsure
from bridge.relay import lanes
from storage import deliveries
from storage.tables import Delivery
from tests import makers
from tests.makers import at
from tests.outbox.scripted import Outbox, eventually


async def owe_second_then_first(outbox: Outbox, lane: str = "a") -> tuple[Delivery, Delivery]:
    """Two texts of a lane, both due, enqueued in the wrong order; first and second are returned."""
    second = await outbox.owe(lane=lane, lane_order=lanes.place(at(2), "2"))
    first = await outbox.owe(lane=lane, lane_order=lanes.place(at(1), "1"))
    return first, second


async def test_due_before_either_left_they_leave_in_order(outbox: Outbox) -> None:
    """Texts enqueued in the wrong order leave in the right one, one after the other."""
    first, second = await owe_second_then_first(outbox)
    await outbox.start()
    await outbox.expect_state(second, "accepted")
    assert outbox.slack.sent_ids == [first.subject_id, second.subject_id]
    assert outbox.slack.most_at_once == 1


async def test_an_earlier_text_overtakes_one_that_is_being_prepared(outbox: Outbox) -> None:
    """A text that was claimed but not started lets an earlier one go first."""
    outbox.slack.preparing_seconds = 0.25
    await outbox.start()
    second = await outbox.owe(lane="a", lane_order="1:2")
    await asyncio.sleep(0.1)
    assert (await outbox.get(second)).state == "claimed"
    first = await outbox.owe(lane="a", lane_order="1:1")
    await outbox.expect_state(second, "accepted")
    assert outbox.slack.sent_ids == [first.subject_id, second.subject_id]
    assert outbox.slack.most_at_once == 1


async def test_a_retry_holds_up_its_lane_alone(outbox: Outbox) -> None:
    """A text that is to be tried later keeps its place; other lanes go on meanwhile."""
    outbox.slack.outcomes = [TryLater("busy", after_seconds=30.0)]
    first, second = await owe_second_then_first(outbox)
    await outbox.start()
    await eventually(lambda: len(outbox.slack.sent) == 1)
    other = await outbox.owe(lane="b")
    await outbox.expect_state(other, "accepted")
    assert (await outbox.get(first)).state == "waiting"
    assert (await outbox.get(second)).state == "waiting"
    outbox.clock.forward(seconds=31)
    await outbox.expect_state(second, "accepted")
    assert outbox.slack.sent_ids == [
        first.subject_id,
        other.subject_id,
        first.subject_id,
        second.subject_id,
    ]


async def test_a_hold_holds_up_its_lane(outbox: Outbox) -> None:
    """A text behind one that is on hold waits for it."""
    now = outbox.clock.now()
    held = await outbox.owe(lane="a", lane_order="1:1", due_at=now + timedelta(seconds=30))
    later = await outbox.owe(lane="a", lane_order="1:2")
    await outbox.start()
    await asyncio.sleep(0.1)
    assert not outbox.slack.sent
    outbox.clock.forward(seconds=31)
    await outbox.expect_state(later, "accepted")
    assert outbox.slack.sent_ids == [held.subject_id, later.subject_id]


async def test_a_card_goes_before_its_thread(outbox: Outbox) -> None:
    """What a thread shows waits until the thread is there."""
    first, second = await owe_second_then_first(outbox)
    card = await outbox.owe(lane="a", lane_order=lanes.FIRST, kind="open")
    await outbox.start()
    await outbox.expect_state(second, "accepted")
    assert outbox.slack.sent_ids == [card.subject_id, first.subject_id, second.subject_id]


async def test_what_is_refused_lets_the_next_go(outbox: Outbox) -> None:
    """A text that will not be sent holds up nobody."""
    outbox.slack.outcomes = [Refused("MSG-240")]
    first, second = await owe_second_then_first(outbox)
    await outbox.start()
    await outbox.expect_state(second, "accepted")
    assert (await outbox.get(first)).state == "refused"


async def test_what_a_person_must_decide_lets_the_next_go(outbox: Outbox) -> None:
    """A parked text holds up nobody, however long its person takes."""
    outbox.slack.outcomes = [Unsure("lost")]
    outbox.slack.findings = [Several("2 of 2")]
    first, second = await owe_second_then_first(outbox)
    await outbox.start()
    await outbox.expect_state(second, "accepted")
    assert (await outbox.get(first)).state == "parked"


async def test_an_unsure_text_holds_up_its_lane(outbox: Outbox) -> None:
    """While a lost answer is looked for, later texts of its lane wait."""
    outbox.slack.outcomes = [Unsure("lost")]
    outbox.slack.findings = [Absent(), Accepted("found", "scope")]
    first, second = await owe_second_then_first(outbox)
    await outbox.start()
    await outbox.expect_state(second, "accepted")
    assert (await outbox.get(first)).external_id == "found"
    assert outbox.slack.sent_ids == [first.subject_id, second.subject_id]
    assert len(outbox.slack.looked) == 2


async def test_a_late_arrival_goes_at_once(outbox: Outbox) -> None:
    """A text whose later neighbours have gone waits for nothing."""
    await outbox.start()
    await outbox.expect_state(await outbox.owe(lane="a", lane_order="1:2"), "accepted")
    late = await outbox.owe(lane="a", lane_order="1:1")
    await outbox.expect_state(late, "accepted", seconds=1.0)


async def test_an_edit_while_preparing_is_what_leaves(outbox: Outbox) -> None:
    """What is loaded before an edit is never sent: it is loaded anew."""
    outbox.slack.preparing_seconds = 0.2
    await outbox.start()
    delivery = await outbox.owe()
    await asyncio.sleep(0.1)
    changed = await outbox.database.write(
        deliveries.change_unstarted, "thing", delivery.subject_id, "slack", outbox.clock.now()
    )
    assert changed
    await outbox.expect_state(delivery, "accepted")
    assert [each.version for each in outbox.slack.sent] == [2]


async def test_a_cancel_while_preparing_sends_nothing(outbox: Outbox) -> None:
    """What is cancelled before its start never leaves."""
    outbox.slack.preparing_seconds = 0.15
    await outbox.start()
    delivery = await outbox.owe()
    await asyncio.sleep(0.05)
    await outbox.database.write(
        deliveries.cancel_unstarted, "thing", delivery.subject_id, "slack", "deleted", at(0)
    )
    await asyncio.sleep(0.3)
    assert not outbox.slack.sent
    assert (await outbox.get(delivery)).state == "cancelled"


# Gates and displays


def ten_a_minute_in_a_channel(key: str) -> Budget | None:
    return Budget(10, 60) if ":post:" in key else None


async def test_a_gate_without_permits_delays_no_other(outbox: Outbox) -> None:
    """500 texts behind a spent gate neither hide another gate nor keep the worker busy."""
    now = outbox.clock.now()

    def fill(session: Session) -> None:
        for _ in range(500):
            makers.add_delivery(
                session, now, gate="slack:T1:post:noisy", due_at=now - timedelta(seconds=60)
            )

    await outbox.database.write(fill)
    await outbox.start(budget_of=ten_a_minute_in_a_channel)
    await eventually(lambda: len(outbox.slack.sent) == 10)
    quiet = await outbox.owe(gate="slack:T1:post:quiet")
    await outbox.expect_state(quiet, "accepted", seconds=2.0)
    before = outbox.database.counts.units
    await asyncio.sleep(0.5)
    assert outbox.database.counts.units - before <= 4
    assert len(outbox.slack.sent) == 11


async def test_what_hangs_behind_one_gate_delays_no_other(outbox: Outbox) -> None:
    """A provider's slow account takes a part of the places, never all of them."""
    outbox.slack.gate.clear()
    for _ in range(12):
        await outbox.owe(gate="slack:T1:post:slow")
    await outbox.start(in_flight=6)
    await eventually(lambda: len(outbox.slack.sent) >= 2)
    other = await outbox.owe(side="ringcentral")
    await outbox.expect_state(other, "accepted")
    page = await outbox.owe(gate="slack:T1:post:slow", priority=0)
    await eventually(lambda: page.subject_id in outbox.slack.sent_ids)
    outbox.slack.gate.set()
    await eventually(lambda: len(outbox.slack.sent) == 13)


async def test_displays_coalesce_and_the_newest_is_shown(outbox: Outbox) -> None:
    """However often a card changes while one is on its way, one more follows with the newest."""
    outbox.slack.gate.clear()
    await outbox.start()
    now = outbox.clock.now()
    wanted = makers.owed(subject_id=7, kind="update", due_at=now)
    await outbox.database.write(deliveries.show_again, wanted, now)
    await eventually(lambda: len(outbox.slack.sent) == 1)
    for _ in range(5):
        await outbox.database.write(deliveries.show_again, wanted, now)
    outbox.slack.gate.set()
    await eventually(lambda: len(outbox.slack.sent) == 2)
    row = await outbox.database.read(makers.get_delivery, 7, "slack", "update")
    await outbox.expect_state(row, "accepted")
    assert [each.version for each in outbox.slack.sent] == [1, 6]
    await asyncio.sleep(0.05)
    assert len(outbox.slack.sent) == 2


# Staleness


async def test_a_text_an_hour_late_is_not_sent_without_asking(outbox: Outbox) -> None:
    """What was due over an hour ago, as after a long stop, is given back to its author."""
    now = outbox.clock.now()
    text = await outbox.owe(side="ringcentral", due_at=now - timedelta(minutes=61))
    shown = await outbox.owe(side="slack", due_at=now - timedelta(days=3))
    page = await outbox.owe(side="ringcentral", due_at=now - timedelta(days=3), priority=0)
    await outbox.start()
    found = await outbox.expect_state(text, "refused")
    assert found.reason == "stale"
    await outbox.expect_state(shown, "accepted")
    await outbox.expect_state(page, "accepted")
    assert outbox.ringcentral.sent_ids == [page.subject_id]


async def _until_tried(outbox: Outbox, delivery: Delivery, times: int) -> None:
    """It was tried so often, and waits again."""
    async with asyncio.timeout(5):
        while (found := await outbox.get(delivery)).attempts < times or found.state != "waiting":  # noqa: ASYNC110 -- a row has no event
            await asyncio.sleep(0.01)


async def test_after_a_long_outage_of_the_login_each_text_asks_before_it_leaves(
    outbox: Outbox,
) -> None:
    """What waited for an administrator is not given up, and not sent unasked hours later."""
    outbox.ringcentral.prepared = TryLater("login_refused", patient=True)
    now = outbox.clock.now()
    head, follower = [
        await outbox.owe(side="ringcentral", lane="lane", lane_order=order, due_at=now)
        for order in ("1", "2")
    ]
    await outbox.start()
    for tries in range(1, 4):
        await _until_tried(outbox, head, tries)
        outbox.clock.forward(hours=1)
    await _until_tried(outbox, head, 4)
    assert [(await outbox.get(each)).state for each in (head, follower)] == ["waiting"] * 2
    outbox.ringcentral.prepared = Ready("words")
    outbox.clock.forward(hours=1)
    for each in (head, follower):
        assert (await outbox.expect_state(each, "refused")).reason == "stale"
    assert not outbox.ringcentral.sent


async def test_a_text_is_stale_an_hour_after_it_was_first_due(outbox: Outbox) -> None:
    """Neither the time it was owed before that counts, nor a later time of its next try."""
    now = outbox.clock.now()
    days_ago = now - timedelta(days=3)
    scheduled = await outbox.database.write(
        makers.add_delivery, days_ago, side="ringcentral", due_at=now
    )
    put_off = await outbox.owe(side="ringcentral", due_at=now - timedelta(minutes=61))

    def put_off_till_now(session: Session) -> None:
        session.merge(put_off).due_at = now

    await outbox.database.write(put_off_till_now)
    await outbox.start()
    await outbox.expect_state(scheduled, "accepted")
    assert (await outbox.expect_state(put_off, "refused")).reason == "stale"


async def test_prepared_words_are_recorded_with_the_start(outbox: Outbox) -> None:
    """What is on file of a started attempt is what was sent."""
    recorded: list[Session] = []
    outbox.slack.prepared = Ready("words", record=recorded.append)
    await outbox.start()
    await outbox.expect_state(await outbox.owe(), "accepted")
    assert len(recorded) == 1
