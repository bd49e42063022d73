"""Lost answers: looked up, never guessed; and what dead or late workers leave behind."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.exc import OperationalError
from sqlmodel import Session, select

from bridge.clock import machine_now
from bridge.outbox.outcome import (
    Absent,
    Accepted,
    CannotLook,
    Claimed,
    Ready,
    Refused,
    Several,
    TryLater,
    Unsure,
)
from storage import claims
from storage.database import Database
from storage.liveness import Liveness
from storage.tables import Attempt, Delivery
from tests import makers
from tests.outbox.scripted import QUICK, Outbox, eventually


def find_attempts(session: Session) -> Sequence[Attempt]:
    return session.exec(select(Attempt).order_by(Attempt.id)).all()  # type: ignore[arg-type]  # a column


async def attempts(outbox: Outbox) -> list[tuple[str | None, bool]]:
    return [(each.outcome, each.reported) for each in await outbox.database.read(find_attempts)]


async def test_found_by_looking_is_accepted(outbox: Outbox) -> None:
    """A lost answer whose record is found counts as sent, once."""
    outbox.slack.outcomes = [Unsure("lost")]
    outbox.slack.findings = [Accepted("found", "scope", {"status": "Sent"})]
    await outbox.start()
    found = await outbox.expect_state(await outbox.owe(), "accepted")
    assert found.external_id == "found"
    assert await attempts(outbox) == [("accepted", True)]
    assert [each.outcome for each in outbox.settled] == [
        Accepted("found", "scope", {"status": "Sent"})
    ]


async def test_absent_is_sent_again_after_its_time(outbox: Outbox) -> None:
    """What three looks do not find was not taken: it is sent again, not before its time."""
    outbox.slack.outcomes = [Unsure("lost")]
    await outbox.start()
    delivery = await outbox.owe()
    found = await outbox.expect_state(delivery, "accepted")
    assert found.attempts == 2
    assert await attempts(outbox) == [("unsure", True), ("accepted", True)]
    assert len(outbox.slack.looked) == 3
    waited_seconds = outbox.slack.sent_at[1] - outbox.slack.sent_at[0]
    assert waited_seconds >= QUICK.send_seconds + QUICK.looks_after_seconds[-1] - 0.05


async def test_looks_know_the_attempt(outbox: Outbox) -> None:
    """A look is told since when, and until when, the attempt may have sent."""
    outbox.slack.outcomes = [Unsure("lost")]
    outbox.slack.findings = [Accepted("found", "scope")]
    await outbox.start()
    await outbox.expect_state(await outbox.owe(), "accepted")
    (attempt,) = await outbox.database.read(find_attempts)
    (look,) = outbox.slack.looked
    assert (look.started_at, look.deadline_at) == (attempt.started_at, attempt.deadline_at)


async def test_absence_counts_by_the_providers_time(outbox: Outbox) -> None:
    """A clock that is ahead brings no resend forward: the attempt has had no time to show yet."""
    outbox.slack.outcomes = [Unsure("lost")]
    outbox.slack.findings = [
        *(Absent(timedelta(seconds=seconds)) for seconds in (0.0, 0.0, 0.35, 0.5)),
        Accepted("never looked for", "scope"),
    ]
    await outbox.start()
    await outbox.expect_state(await outbox.owe(), "accepted")
    assert len(outbox.slack.looked) == 4
    assert len(outbox.slack.sent) == 2
    assert outbox.slack.looked_at[2] - outbox.slack.looked_at[1] >= 0.35  # to its own deadline


async def test_several_are_for_a_person(outbox: Outbox) -> None:
    """Where more than one record could be it, nothing is sent, and a person is asked once."""
    outbox.slack.outcomes = [Unsure("lost")]
    outbox.slack.findings = [Several("2 of 3")]
    await outbox.start()
    await outbox.expect_state(await outbox.owe(), "parked")
    await asyncio.sleep(0.1)
    assert [type(each.outcome) for each in outbox.settled] == [Unsure]
    assert len(outbox.slack.sent) == 1


async def test_looks_go_on_where_the_provider_does_not_answer(outbox: Outbox) -> None:
    """A look that was not answered, hung or raised is made again, and concludes nothing."""

    outbox.slack.outcomes = [Unsure("lost")]
    outbox.slack.findings = [
        CannotLook("unreachable", after_seconds=0.02),
        CannotLook("unreachable", after_seconds=0.02),
        Accepted("found", "scope"),
    ]
    await outbox.start()
    found = await outbox.expect_state(await outbox.owe(), "accepted")
    assert len(outbox.slack.looked) == 3
    assert found.looks == 0


async def test_a_look_that_raises_is_made_again(outbox: Outbox) -> None:
    """A fault while looking counts as no look; it is not repeated without a pause."""
    outbox.slack.outcomes = [Unsure("lost")]
    outbox.slack.findings = [RuntimeError("a fault")]
    await outbox.start()
    delivery = await outbox.owe()
    await eventually(lambda: len(outbox.slack.looked) == 1)
    for _ in range(200):
        found = await outbox.get(delivery)
        if found.look_at is not None and found.look_at > machine_now() + timedelta(seconds=5):
            break
        await asyncio.sleep(0.01)
    assert found.state == "unsure"
    assert found.look_at is not None
    assert timedelta(seconds=5) < found.look_at - machine_now() < timedelta(seconds=11)


async def test_what_cannot_be_loaded_is_still_not_sent_twice(outbox: Outbox) -> None:
    """A look whose row cannot be loaded concludes nothing."""
    outbox.slack.outcomes = [Unsure("lost")]
    loads = 0

    def load(_session: Session, delivery: Claimed) -> object:
        nonlocal loads
        loads += 1
        if delivery.started_at is not None:
            raise ValueError("a poisoned row")
        return "words"

    outbox.slack.load_with = load
    await outbox.start()
    delivery = await outbox.owe()
    await eventually(lambda: loads >= 2)
    await asyncio.sleep(0.6)
    assert (await outbox.get(delivery)).state == "unsure"
    assert len(outbox.slack.sent) == 1
    await outbox.expect_state(await outbox.owe(), "accepted")


async def test_looks_that_hang_hold_up_nothing_else(outbox: Outbox) -> None:
    """A provider that answers no look takes no room from the other side, nor from new texts."""
    hangs = asyncio.Event()
    outbox.ringcentral.looks_wait = hangs
    outbox.ringcentral.outcomes = [Unsure("lost")] * 8
    timing = replace(QUICK, send_seconds=30.0, lease_seconds=90.0)
    await outbox.start(timing, in_flight=6)
    lost = [await outbox.owe(side="ringcentral", gate=f"g{number}") for number in range(8)]
    await eventually(lambda: len(outbox.ringcentral.looked) == 2)
    outbox.slack.outcomes = [Unsure("lost")]
    outbox.slack.findings = [Accepted("found", "scope")]
    await outbox.expect_state(await outbox.owe(), "accepted", seconds=2.0)
    await outbox.expect_state(await outbox.owe(side="ringcentral"), "accepted", seconds=2.0)
    assert len(outbox.ringcentral.looked) == 2
    outbox.ringcentral.findings = [Accepted(f"found {each.id}", "scope") for each in lost]
    hangs.set()
    for each in lost:
        await outbox.expect_state(each, "accepted")


# What other workers left


async def left_by_another(
    outbox: Outbox,
    liveness: Liveness,
    *,
    start: bool,
    lease_seconds: float = 60.0,
    deadline_seconds: float = 0.1,
) -> Delivery:
    """A delivery that a worker of this name has claimed, or started, and then nothing."""
    delivery = await outbox.owe()
    claim_name = f"{liveness.name}/1"
    now = machine_now()
    lease_until_at = now + timedelta(seconds=lease_seconds)
    delivery_id = makers.id_of(delivery)
    await outbox.database.write(claims.claim, [delivery_id], claim_name, lease_until_at)
    if start:
        started = await outbox.database.write(
            claims.start,
            delivery_id,
            claim_name,
            worker=liveness.name,
            machine_now=now,
            deadline_at=now + timedelta(seconds=min(deadline_seconds, lease_seconds / 2)),
        )
        assert started is not None
    return delivery


async def test_what_a_dead_worker_claimed_is_free(outbox: Outbox) -> None:
    """A claim that never started is sent as if nothing had been."""
    dead = await Liveness.hold(outbox.database)
    delivery = await left_by_another(outbox, dead, start=False)
    await dead.release()
    await outbox.start()
    await outbox.expect_state(delivery, "accepted", seconds=2.0)
    assert len(outbox.slack.sent) == 1


async def test_what_a_dead_worker_started_is_looked_up(outbox: Outbox) -> None:
    """A started attempt of a dead worker may have been sent: it is looked for."""
    dead = await Liveness.hold(outbox.database)
    delivery = await left_by_another(outbox, dead, start=True, deadline_seconds=20.0)
    await dead.release()
    outbox.slack.findings = [Absent(), Accepted("found", "scope")]
    await outbox.start()
    found = await outbox.expect_state(delivery, "accepted", seconds=2.0)
    assert found.external_id == "found"
    assert not outbox.slack.sent


async def test_what_a_dead_worker_never_sent_is_sent(outbox: Outbox) -> None:
    """A dead worker sends no more: what is absent after all looks is sent again."""
    dead = await Liveness.hold(outbox.database)
    delivery = await left_by_another(outbox, dead, start=True)
    await dead.release()
    await outbox.start()
    await outbox.expect_state(delivery, "accepted", seconds=3.0)
    assert len(outbox.slack.sent) == 1


async def test_a_display_of_a_dead_worker_is_shown_again(outbox: Outbox) -> None:
    """What may be repeated is repeated without looking."""
    dead = await Liveness.hold(outbox.database)
    delivery = await outbox.owe(kind="update")
    claim_name, now = f"{dead.name}/1", machine_now()
    delivery_id = makers.id_of(delivery)
    lease_until_at = now + timedelta(seconds=60)
    await outbox.database.write(claims.claim, [delivery_id], claim_name, lease_until_at)
    await outbox.database.write(
        claims.start, delivery_id, claim_name, worker=dead.name, machine_now=now, deadline_at=now
    )
    await dead.release()
    await outbox.start()
    await outbox.expect_state(delivery, "accepted", seconds=2.0)
    assert not outbox.slack.looked


async def test_what_a_live_worker_holds_is_left_alone(outbox: Outbox) -> None:
    """A slow worker is not a dead one: while its lease lasts nobody takes its work."""
    alive = await Liveness.hold(outbox.database)
    claimed = await left_by_another(outbox, alive, start=False)
    started = await left_by_another(outbox, alive, start=True)
    await outbox.start(replace(QUICK, poll_seconds=0.05))
    await asyncio.sleep(0.3)
    assert (await outbox.get(claimed)).state == "claimed"
    assert (await outbox.get(started)).state == "started"
    await alive.release()
    await outbox.expect_state(claimed, "accepted", seconds=2.0)


async def test_a_live_workers_expired_lease_is_taken_but_never_sent_twice(outbox: Outbox) -> None:
    """A worker that only stopped may send yet: what it started goes to a person."""
    alive = await Liveness.hold(outbox.database)
    claimed = await left_by_another(outbox, alive, start=False, lease_seconds=0.2)
    started = await left_by_another(outbox, alive, start=True, lease_seconds=0.3)
    await outbox.start(replace(QUICK, poll_seconds=0.05))
    await outbox.expect_state(claimed, "accepted", seconds=2.0)
    await outbox.expect_state(started, "parked", seconds=3.0)
    assert outbox.slack.sent_ids == [claimed.subject_id]
    assert [type(each.outcome) for each in outbox.settled] == [Accepted, Unsure]
    await alive.release()


@pytest.mark.parametrize("late", [Accepted("late", "scope"), Refused("MSG-240")])
async def test_a_stale_answer_is_written_down(outbox: Outbox, late: Accepted | Refused) -> None:
    """Whoever holds the delivery by now, what the provider accepted is on file."""
    outbox.slack.gate.clear()
    outbox.slack.outcomes = [late]
    await outbox.start(replace(QUICK, send_seconds=5.0, lease_seconds=20.0))
    delivery = await outbox.owe()
    await eventually(lambda: len(outbox.slack.sent) == 1)

    def take_over(session: Session) -> None:
        row = session.get(Delivery, delivery.id)
        assert row is not None
        row.state, row.claim, row.look_at = "unsure", "other/1", machine_now() + timedelta(hours=1)
        session.add(row)

    await outbox.database.write(take_over)
    outbox.slack.gate.set()
    if isinstance(late, Accepted):
        found = await outbox.expect_state(delivery, "accepted")
        assert found.external_id == "late"
        assert [each.outcome for each in outbox.settled] == [late]
    else:
        for _ in range(200):
            if (await attempts(outbox))[0][0] is not None:
                break
            await asyncio.sleep(0.01)
        assert (await outbox.get(delivery)).state == "unsure"
        assert not outbox.settled
    assert await attempts(outbox) == [
        ("accepted" if isinstance(late, Accepted) else "refused", True)
    ]


async def test_a_start_the_database_lost_sends_nothing_and_goes_again(outbox: Outbox) -> None:
    """Where the start could not be committed nothing is sent, and it goes a moment later."""
    failures = 1

    def record(_session: Session) -> None:
        nonlocal failures
        if failures:
            failures -= 1
            raise OperationalError("COMMIT", {}, ConnectionError("the database is away"))

    outbox.slack.prepared = Ready("words", record=record)
    await outbox.start()
    await outbox.expect_state(await outbox.owe(), "accepted", seconds=2.0)
    assert len(outbox.slack.sent) == 1


async def test_two_workers_send_each_once(outbox: Outbox, database_url: str) -> None:
    """Two workers drain one outbox: all of it, none of it twice, each lane in order."""
    other = await Database.open(database_url)
    try:
        deliveries = [
            await outbox.owe(lane=f"lane {number % 7}", lane_order=f"1:{number:03d}")
            for number in range(42)
        ]
        await outbox.start()
        await outbox.start(database=other)
        for each in deliveries:
            await outbox.expect_state(each, "accepted")
        assert sorted(outbox.slack.sent_ids) == sorted(each.subject_id for each in deliveries)
        by_lane: dict[str, list[int]] = {}
        for sent in outbox.slack.sent:
            by_lane.setdefault(sent.lane, []).append(sent.id)
        assert all(ids == sorted(ids) for ids in by_lane.values())
    finally:
        await outbox.close()
        await other.close()


async def test_try_later_after_a_look_keeps_its_reason(outbox: Outbox) -> None:
    """A resend that must wait is an ordinary retry."""
    outbox.slack.outcomes = [Unsure("lost"), TryLater("busy", after_seconds=0.05)]
    await outbox.start()
    found = await outbox.expect_state(await outbox.owe(), "accepted")
    assert found.attempts == 3
