"""The worker: wakes at once, is idle when idle, and writes each outcome down once."""

import asyncio
import time
from dataclasses import replace
from datetime import timedelta

from sqlalchemy.exc import OperationalError
from sqlmodel import Session

from bridge.outbox.outcome import (
    Absent,
    Accepted,
    Claimed,
    Ready,
    Refused,
    Settlement,
    TryLater,
    Unsure,
)
from storage import messages
from storage.database import Database
from tests.outbox.scripted import QUICK, Outbox, eventually


async def test_wakes_at_once(outbox: Outbox) -> None:
    """What is owed while the worker sleeps leaves within a second, however rarely it polls."""
    await outbox.start()
    await asyncio.sleep(0.05)
    for _ in range(3):
        began = time.monotonic()
        delivery = await outbox.owe()
        await outbox.expect_state(delivery, "accepted")
        assert time.monotonic() - began < 1.0


async def test_wakes_at_once_for_another_process(outbox: Outbox, database_url: str) -> None:
    """What another database object owes wakes the worker too."""
    await outbox.start()
    await asyncio.sleep(0.05)
    other = await Database.open(database_url)
    try:
        neighbour = Outbox(other)
        began = time.monotonic()
        delivery = await neighbour.owe()
        await outbox.expect_state(delivery, "accepted")
        assert time.monotonic() - began < 1.0
    finally:
        await other.close()


async def test_idle_when_idle(outbox: Outbox) -> None:
    """With nothing owed the worker asks the database nothing."""
    await outbox.start()
    await outbox.expect_state(await outbox.owe(), "accepted")
    await asyncio.sleep(0.1)
    before = outbox.database.counts.units
    await asyncio.sleep(1.0)
    assert outbox.database.counts.units - before <= 2


async def test_idle_after_the_clock_was_moved(outbox: Outbox) -> None:
    """Moving the clock wakes the worker once, not for ever."""
    await outbox.start()
    await asyncio.sleep(0.05)
    outbox.clock.forward(seconds=5)
    await asyncio.sleep(0.1)
    before = outbox.database.counts.units
    await asyncio.sleep(0.5)
    assert outbox.database.counts.units - before <= 2


async def test_sleeps_until_a_hold_ends(outbox: Outbox) -> None:
    """What is on hold leaves when its hold ends, not before."""
    await outbox.start()
    now = outbox.clock.now()
    delivery = await outbox.owe(due_at=now + timedelta(seconds=0.4))
    await asyncio.sleep(0.25)
    assert (await outbox.get(delivery)).state == "waiting"
    await outbox.expect_state(delivery, "accepted", seconds=1.0)


async def test_clock_moved_forward_ends_holds(outbox: Outbox) -> None:
    """When product time is moved past a hold, what was held leaves at once."""
    await outbox.start()
    for _ in range(10):  # also where the clock moves while the worker is in the middle of a round
        delivery = await outbox.owe(due_at=outbox.clock.now() + timedelta(minutes=30))
        outbox.clock.forward(minutes=30)
        await outbox.expect_state(delivery, "accepted", seconds=1.0)


# Outcome to state


async def test_accepted(outbox: Outbox) -> None:
    """What the provider took is accepted, with the provider's id, and its room is told once."""
    await outbox.start()
    found = await outbox.expect_state(await outbox.owe(), "accepted")
    assert found.external_id is not None
    assert found.attempts == 1
    assert [type(each.outcome) for each in outbox.settled] == [Accepted]


async def test_refused(outbox: Outbox) -> None:
    """What the provider refuses is not tried again, and its room is told the reason."""
    outbox.slack.outcomes = [Refused("invalid_blocks", "detail")]
    await outbox.start()
    found = await outbox.expect_state(await outbox.owe(), "refused")
    assert found.reason == "invalid_blocks"
    assert [each.outcome for each in outbox.settled] == [Refused("invalid_blocks", "detail")]
    assert len(outbox.slack.sent) == 1


async def test_try_later_is_tried_again_when_the_provider_said(outbox: Outbox) -> None:
    """TryLater waits as long as the provider said, and then goes."""
    outbox.slack.outcomes = [TryLater("busy", after_seconds=0.2)]
    await outbox.start()
    began = time.monotonic()
    found = await outbox.expect_state(await outbox.owe(), "accepted")
    assert time.monotonic() - began >= 0.2
    assert found.attempts == 2
    assert [type(each.outcome) for each in outbox.settled] == [TryLater, Accepted]


async def test_a_limit_closes_the_gate_for_all(outbox: Outbox) -> None:
    """After a rate limit nothing goes through its gate until it opens; other gates stay open."""
    outbox.slack.outcomes = [TryLater("ratelimited", after_seconds=0.5, closes_gate=True)]
    await outbox.start()
    limited = await outbox.owe(gate="slack:T0001:post:C1")
    await eventually(lambda: len(outbox.slack.sent) == 1)
    await outbox.expect_state(limited, "waiting")
    same = await outbox.owe(gate="slack:T0001:post:C1")
    other = await outbox.owe(gate="slack:T0001:post:C2")
    for each in (other, same, limited):
        await outbox.expect_state(each, "accepted")
    assert outbox.slack.sent_ids[:2] == [limited.subject_id, other.subject_id]
    assert outbox.slack.sent_at[2] - outbox.slack.sent_at[0] >= 0.5


async def test_unsure_of_what_repeats_is_simply_repeated(outbox: Outbox) -> None:
    """A display whose answer was lost is shown again without looking."""
    outbox.slack.outcomes = [Unsure("connection broke")]
    await outbox.start()
    delivery = await outbox.owe(kind="update")
    await eventually(lambda: len(outbox.slack.sent) == 1)
    found = await outbox.expect_state(delivery, "waiting")
    assert found.reason == "unsure"
    assert not outbox.slack.looked
    outbox.clock.forward(minutes=2)
    await outbox.expect_state(delivery, "accepted")
    assert len(outbox.slack.sent) == 2


# What senders do wrong


async def test_a_send_that_raises_may_have_left(outbox: Outbox) -> None:
    """An exception while sending is looked up, never just sent again."""
    outbox.slack.outcomes = [RuntimeError("a fault")]
    outbox.slack.findings = [Absent(), Accepted("found", "scope")]
    await outbox.start()
    found = await outbox.expect_state(await outbox.owe(), "accepted")
    assert found.external_id == "found"
    assert len(outbox.slack.sent) == 1


async def test_a_send_that_hangs_is_cut_off_and_looked_up(outbox: Outbox) -> None:
    """A send that does not end by its deadline is cut off; what it did is looked up."""
    outbox.slack.sending_seconds = 30.0
    outbox.slack.findings = [Accepted("found", "scope")]
    await outbox.start()
    found = await outbox.expect_state(await outbox.owe(), "accepted")
    assert found.external_id == "found"
    assert len(outbox.slack.sent) == 1


async def test_a_preparation_that_raises_sends_nothing(outbox: Outbox) -> None:
    """An exception while preparing means nothing left: it is tried again later."""
    outbox.slack.prepared = RuntimeError("a fault")
    await outbox.start()
    delivery = await outbox.owe()
    for _ in range(500):
        found = await outbox.get(delivery)
        if found.reason == "prepare_failed":
            break
        await asyncio.sleep(0.01)
    assert (found.state, found.reason, found.attempts) == ("waiting", "prepare_failed", 1)
    assert not outbox.slack.sent
    outbox.slack.prepared = Ready("words")
    outbox.clock.forward(minutes=2)
    await outbox.expect_state(delivery, "accepted")


async def test_a_preparation_that_hangs_is_cut_off(outbox: Outbox) -> None:
    """Preparing has a deadline too; nothing left, so it is tried again later."""
    outbox.slack.preparing_seconds = 30.0
    await outbox.start()
    delivery = await outbox.owe()
    for _ in range(500):
        found = await outbox.get(delivery)
        if found.reason == "prepare_timed_out":
            break
        await asyncio.sleep(0.01)
    assert (found.state, found.reason) == ("waiting", "prepare_timed_out")
    assert not outbox.slack.sent


async def test_a_refusal_while_preparing_is_final(outbox: Outbox) -> None:
    """A refusal before anything was sent settles the delivery, and its room is told."""
    outbox.slack.prepared = Refused("guest")
    await outbox.start()
    found = await outbox.expect_state(await outbox.owe(), "refused")
    assert found.reason == "guest"
    assert [each.outcome for each in outbox.settled] == [Refused("guest")]
    assert not outbox.slack.sent


async def test_a_row_that_cannot_be_loaded_stops_no_other(outbox: Outbox) -> None:
    """A row whose loading raises waits by itself, whatever it raises; all others go."""

    def load(session: Session, delivery: Claimed) -> object:
        if delivery.subject_id == 901:
            raise ValueError("a poisoned row")
        if delivery.subject_id == 902:
            return messages.get(session, 12345)  # what it refers to is not on file
        return "words"

    outbox.slack.load_with = load
    poisoned = [await outbox.owe(subject_id=901), await outbox.owe(subject_id=902)]
    healthy = [await outbox.owe() for _ in range(3)]
    await outbox.start()
    for each in healthy:
        await outbox.expect_state(each, "accepted", seconds=2.0)
    for each in poisoned:
        found = await outbox.expect_state(each, "waiting")
        assert found.reason == "load_failed"
    assert not {901, 902} & set(outbox.slack.sent_ids)


async def test_a_room_that_raises_stops_no_other(outbox: Outbox) -> None:
    """Where writing down what follows fails, other deliveries go on."""

    def on_settled(_session: Session, settlement: Settlement) -> None:
        if settlement.delivery.subject_id == 903:
            raise ValueError("a fault of ours")

    outbox.on_settled = on_settled
    await outbox.start()
    await outbox.owe(subject_id=903)
    await outbox.expect_state(await outbox.owe(), "accepted", seconds=2.0)


async def test_the_outcome_outlives_a_database_that_is_away(outbox: Outbox) -> None:
    """An outcome that cannot be written at first is written later: it cannot be had twice."""
    failures = 3

    def on_settled(_session: Session, _settlement: Settlement) -> None:
        nonlocal failures
        if failures:
            failures -= 1
            raise OperationalError("COMMIT", {}, ConnectionError("the database is away"))

    outbox.on_settled = on_settled
    await outbox.start()
    await outbox.expect_state(await outbox.owe(), "accepted")
    assert failures == 0
    assert len(outbox.slack.sent) == 1


# Stopping


async def test_stopping_lets_what_is_in_flight_end(outbox: Outbox) -> None:
    """A worker that stops claims nothing more, and what it sends is settled."""
    outbox.slack.gate.clear()
    worker = await outbox.start()
    delivery = await outbox.owe()
    await eventually(lambda: len(outbox.slack.sent) == 1)
    stopping = asyncio.create_task(worker.stop())
    await asyncio.sleep(0.05)
    later = await outbox.owe()
    outbox.slack.gate.set()
    await asyncio.wait_for(stopping, 2.0)
    assert (await outbox.get(delivery)).state == "accepted"
    assert (await outbox.get(later)).state == "waiting"
    assert not worker.is_running


async def test_stopping_ends_within_its_bound(outbox: Outbox) -> None:
    """A send that does not end is cut off when the stop's time is up; its fate is found later."""
    outbox.slack.gate.clear()
    worker = await outbox.start(
        replace(QUICK, send_seconds=20.0, lease_seconds=60.0, stop_seconds=0.2)
    )
    delivery = await outbox.owe()
    await eventually(lambda: len(outbox.slack.sent) == 1)
    began = time.monotonic()
    await worker.stop()
    assert time.monotonic() - began < 1.0
    assert (await outbox.get(delivery)).state == "started"
