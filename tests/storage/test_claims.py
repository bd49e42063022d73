"""Claims: heads of lanes, never the same twice, and a start that loses whatever overtook it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session, select

from bridge.relay import lanes
from storage import claims, deliveries, gates
from storage.database import Database
from storage.tables import Attempt, Delivery
from tests import makers
from tests.makers import NOW, at

DEADLINE, LEASE = at(20), at(60)


async def owe(database: Database, **changes: Any) -> int:
    return makers.id_of(await database.write(makers.add_delivery, NOW, **changes))


async def get(database: Database, delivery_id: int) -> Delivery:
    return await database.read(deliveries.get, delivery_id)


async def due(database: Database, now: datetime = NOW, **changes: Any) -> list[int]:
    arguments: dict[str, Any] = {"machine_now": NOW, "per_gate": 99, "limit": 99} | changes
    return [each.id for each in await database.read(claims.find_due, now=now, **arguments)]


def claim_due(session: Session, claim_name: str, limit: int = 99) -> list[int]:
    """Claim as the worker does: find, lock, lease, in one transaction."""
    found = claims.find_due(session, now=NOW, machine_now=NOW, per_gate=limit, limit=limit)
    locked = [each.id for each in claims.lock_due(session, found)]
    return [makers.id_of(each) for each in claims.claim(session, locked, claim_name, LEASE)]


def start(
    session: Session, delivery_id: int, claim_name: str = "w/1", deadline_at: datetime = DEADLINE
) -> int | None:
    return claims.start(
        session,
        delivery_id,
        claim_name,
        worker=claim_name.partition("/")[0],
        machine_now=NOW,
        deadline_at=deadline_at,
    )


async def claimed(database: Database, **changes: Any) -> int:
    delivery_id = await owe(database, **changes)
    assert delivery_id in await database.write(claim_due, "w/1")
    return delivery_id


async def started(database: Database, **changes: Any) -> int:
    delivery_id = await claimed(database, **changes)
    assert await database.write(start, delivery_id) is not None
    return delivery_id


def find_attempts(session: Session) -> Sequence[Attempt]:
    return session.exec(select(Attempt)).all()


def put_state(session: Session, delivery_id: int, state: str) -> None:
    row = deliveries.get(session, delivery_id)
    row.state = state
    makers.add(session, row)


def settle(session: Session, delivery_id: int, claim_name: str | None, state: str) -> bool:
    return claims.settle(session, delivery_id, claim_name, state=state, now=NOW, external_id="x")


# Lanes


async def test_only_the_head_of_a_lane_is_due(database: Database) -> None:
    """A lane goes one at a time, by place, whatever the order it was owed in."""
    second = await owe(database, lane="a", lane_order=lanes.place(at(2), "2"))
    first = await owe(database, lane="a", lane_order=lanes.place(at(1), "1"))
    other = await owe(database, lane="b")
    assert sorted(await due(database)) == sorted([first, other])
    await database.write(put_state, first, "accepted")
    assert sorted(await due(database)) == sorted([second, other])


async def test_of_one_place_the_first_owed_goes_first(database: Database) -> None:
    """Where places are equal, the order of owing decides."""
    first = await owe(database, lane="a", lane_order="1:same")
    await owe(database, lane="a", lane_order="1:same")
    assert await due(database) == [first]


async def test_a_card_goes_first(database: Database) -> None:
    """A thread's card goes before everything in it, though it was owed last."""
    await owe(database, lane="a", lane_order=lanes.place(at(-900), "1"))
    card = await owe(database, lane="a", lane_order=lanes.FIRST)
    assert await due(database) == [card]


async def test_what_is_open_holds_up_its_lane(database: Database) -> None:
    """A hold, a retry, a send and a look hold up the later ones of their lane, and no other."""
    head = await owe(database, lane="a", lane_order="1:1", due_at=at(60))
    await owe(database, lane="a", lane_order="1:2")
    other = await owe(database, lane="b")
    for state in ("waiting", "claimed", "started", "unsure"):
        await database.write(put_state, head, state)
        assert await due(database) == [other], state


async def test_what_is_settled_lets_the_next_go(database: Database) -> None:
    """Also what a person must decide lets later ones go."""
    head = await owe(database, lane="a", lane_order="1:1")
    later = await owe(database, lane="a", lane_order="1:2")
    for state in ("accepted", "refused", "parked", "cancelled"):
        await database.write(put_state, head, state)
        assert await due(database) == [later], state


async def test_a_late_arrival_goes_at_once_but_not_beside_another(database: Database) -> None:
    """What comes after its later neighbours went is due at once, unless one is on its way."""
    later = await owe(database, lane="a", lane_order="1:2")
    late = await owe(database, lane="a", lane_order="1:1")
    for neighbour, goes in (("accepted", 1), ("unsure", 1), ("claimed", 0), ("started", 0)):
        await database.write(put_state, later, neighbour)
        assert await due(database) == [late] * goes, neighbour


async def test_pages_first_then_the_longest_due(database: Database) -> None:
    """Priority decides before time."""
    young = await owe(database, due_at=at(-1))
    old = await owe(database, due_at=at(-9))
    page = await owe(database, due_at=NOW, priority=0)
    bulk = await owe(database, due_at=at(-99), priority=3)
    await owe(database, due_at=at(1))
    assert await due(database) == [page, old, young, bulk]
    assert await due(database, limit=2) == [page, old]


# Claiming


async def test_a_claim_is_a_lease(database: Database) -> None:
    """What is claimed belongs to one worker until its lease ends."""
    delivery_id = await owe(database)
    assert await database.write(claim_due, "w/1") == [delivery_id]
    assert await database.write(claim_due, "v/1") == []
    found = await get(database, delivery_id)
    assert (found.state, found.claim, found.lease_until_at) == ("claimed", "w/1", LEASE)


async def test_two_workers_never_claim_the_same(database: Database, database_url: str) -> None:
    """Two processes that claim at once share out what is due, all of it, none of it twice."""

    def fill(session: Session) -> set[int]:
        return {
            makers.id_of(makers.add_delivery(session, NOW, lane=f"lane {number % 60}"))
            for number in range(120)
        }

    await database.write(fill)
    other = await Database.open(database_url)
    taken: list[int] = []
    for rounds in range(6):  # whoever looks while another locks sees the same ten, and gets none
        batches = await asyncio.gather(
            *(
                each.write(claim_due, f"{worker}/{rounds}", 10)
                for _ in range(4)
                for worker, each in (("w", database), ("v", other))
            )
        )
        taken += [each for batch in batches for each in batch]
    await other.close()
    assert len(taken) == len(set(taken))
    assert len(taken) == 60, "one of each lane"


async def test_a_permit_is_taken_for_what_is_claimed_alone(
    database: Database, database_url: str
) -> None:
    """Workers that find the same deliveries spend one permit on each of them."""

    def claim_with_permits(session: Session, claim_name: str) -> int:
        found = claims.find_due(session, now=NOW, machine_now=NOW, per_gate=9, limit=9)
        locked = claims.lock_due(session, found)
        granted = gates.take(
            session, "g", len(locked), limit=100, window_seconds=60, machine_now=NOW
        )
        allowed = [each.id for each in locked[: granted.count]]
        return len(claims.claim(session, allowed, claim_name, LEASE))

    for _ in range(30):
        await owe(database, gate="g")
    other = await Database.open(database_url)
    counts = await asyncio.gather(
        *(
            each.write(claim_with_permits, f"{number}/1")
            for number, each in enumerate((database, other) * 4)
        )
    )
    await other.close()
    gate = await database.write(gates.lock, "g")
    assert sum(counts) <= 30
    assert sum(gate.grants.values()) == sum(counts)


# Starting


async def test_a_start_is_on_file_before_anything_is_sent(database: Database) -> None:
    """The attempt and its deadline are committed with the start."""
    delivery_id = await claimed(database)
    attempt_id = await database.write(start, delivery_id)
    found = await get(database, delivery_id)
    assert (found.state, found.attempts) == ("started", 1)
    (attempt,) = await database.read(find_attempts)
    assert (attempt.id, attempt.worker, attempt.deadline_at) == (attempt_id, "w", at(20))
    assert attempt.outcome is None


async def expect_lost(database: Database, delivery_id: int, state: str) -> None:
    assert await database.write(start, delivery_id) is None
    found = await get(database, delivery_id)
    assert (found.state, found.attempts) == (state, 0)
    assert await database.read(find_attempts) == []


async def test_an_edit_wins_over_a_start(database: Database) -> None:
    """What was changed after the claim is read anew before it is sent."""
    delivery_id = await claimed(database, subject_id=7)
    await database.write(deliveries.change_unstarted, "thing", 7, "slack", at(5))
    await expect_lost(database, delivery_id, "waiting")
    assert (await get(database, delivery_id)).due_at == at(5)


async def test_a_cancel_wins_over_a_start(database: Database) -> None:
    """What was cancelled after the claim is not sent."""
    delivery_id = await claimed(database, subject_id=7)
    await database.write(deliveries.cancel_unstarted, "thing", 7, "slack", "deleted", NOW)
    await expect_lost(database, delivery_id, "cancelled")


async def test_a_closed_gate_wins_over_a_start(database: Database) -> None:
    """No attempt starts once a limit is known, though its permit was taken before."""
    delivery_id = await claimed(database, gate="g")
    await database.write(gates.close, "g", at(30))
    await expect_lost(database, delivery_id, "waiting")
    assert await due(database) == []
    assert await due(database, machine_now=at(31)) == [delivery_id]


async def test_a_lease_too_short_for_a_send_is_not_started(database: Database) -> None:
    """What took too long to prepare goes back, as its send could outlive its lease."""
    delivery_id = await claimed(database)
    assert await database.write(start, delivery_id, "w/1", LEASE + timedelta(seconds=1)) is None
    assert (await get(database, delivery_id)).state == "waiting"


async def test_a_lost_claim_is_not_started(database: Database) -> None:
    """A claim that was freed and taken by another starts nothing."""
    delivery_id = await claimed(database)

    def free(session: Session) -> None:
        claims.wait_again(
            session, delivery_id, "w/1", from_state="claimed", due_at=NOW, reason="freed"
        )

    await database.write(free)
    assert await database.write(claim_due, "v/1") == [delivery_id]
    assert await database.write(start, delivery_id, "w/1") is None
    assert (await get(database, delivery_id)).claim == "v/1"
    assert await database.write(start, delivery_id, "v/1") is not None


async def test_an_earlier_text_that_came_after_the_claim_goes_first(database: Database) -> None:
    """Of two texts due before either left, the earlier one leaves first."""
    later = await claimed(database, lane="a", lane_order="1:2")
    earlier = await owe(database, lane="a", lane_order="1:1")
    await expect_lost(database, later, "waiting")
    assert await due(database) == [earlier]


async def test_a_start_that_failed_is_taken_back(database: Database) -> None:
    """Where nobody knows if the start was committed, but nothing was sent, it waits again."""
    for delivery_id in (await started(database), await claimed(database)):

        def take_back(session: Session, delivery_id: int = delivery_id) -> None:
            claims.take_back_start(
                session, delivery_id, "w/1", worker="w", machine_now=NOW, due_at=NOW
            )

        await database.write(take_back)
        assert (await get(database, delivery_id)).state == "waiting"
        await database.write(put_state, delivery_id, "cancelled")
    (attempt,) = await database.read(find_attempts)
    assert (attempt.outcome, attempt.reported) == ("later", True)


# Settling


async def test_settled_once(database: Database) -> None:
    """Of two who settle with the same claim the first does."""
    delivery_id = await started(database)
    assert await database.write(settle, delivery_id, "w/1", "refused")
    assert not await database.write(settle, delivery_id, "w/1", "refused")


async def test_what_was_accepted_settles_whoever_holds_it(database: Database) -> None:
    """A late answer of the provider counts, though the claim is lost."""
    delivery_id = await started(database)
    for state in ("waiting", "claimed", "started", "unsure", "parked"):
        await database.write(put_state, delivery_id, state)
        assert await database.write(settle, delivery_id, None, "accepted")
        assert (await get(database, delivery_id)).external_id == "x"


async def test_nothing_else_settles_with_a_lost_claim(database: Database) -> None:
    """Only the holder of a claim may say that it failed."""
    delivery_id = await started(database)
    assert not await database.write(settle, delivery_id, "v/9", "refused")
    assert not await database.write(settle, delivery_id, "v/9", "parked")
    assert (await get(database, delivery_id)).state == "started"


async def test_a_newer_version_is_shown_afterwards(database: Database) -> None:
    """A display asked to show more while it was on its way shows it next."""
    wanted = makers.owed(subject_id=7, kind="update")
    await database.write(deliveries.enqueue, wanted, NOW)
    row = await database.read(makers.get_delivery, 7, "slack", "update")
    await database.write(claim_due, "w/1")
    await database.write(start, makers.id_of(row))
    await database.write(deliveries.show_again, wanted, NOW)

    def end(session: Session) -> None:
        claims.settle(session, makers.id_of(row), "w/1", state="accepted", now=NOW, shown_version=1)
        claims.show_newer(session, makers.id_of(row), at(1))

    await database.write(end)
    found = await get(database, makers.id_of(row))
    assert (found.state, found.due_at, found.shown_version) == ("waiting", at(1), 1)


# Unsure


async def test_a_look_is_for_one_worker(database: Database) -> None:
    """Of two who would look, one does; should it die, another may later."""
    delivery_id = await started(database)
    assert await database.write(claims.become_unsure, delivery_id, "w/1", at(2))
    assert await database.write(claims.find_looks, at(1), 9) == []
    (found,) = await database.write(claims.find_looks, at(2), 9)
    assert await database.write(claims.claim_look, delivery_id, found.claim, "v/1", at(30))
    assert not await database.write(claims.claim_look, delivery_id, found.claim, "u/1", at(30))
    assert await database.write(claims.find_looks, at(29), 9) == []
    assert len(await database.write(claims.find_looks, at(30), 9)) == 1


async def test_only_answered_looks_count(database: Database) -> None:
    """A look that the provider did not answer is not one of the three."""
    delivery_id = await started(database)
    await database.write(claims.become_unsure, delivery_id, "w/1", at(2))

    async def counted_after(*answers: bool) -> tuple[int, int]:
        for answered in answers:
            await database.write(again, answered)
        found = await get(database, delivery_id)
        return found.looks, found.looks_unanswered

    def again(session: Session, answered: bool) -> None:
        claims.look_again(session, delivery_id, "w/1", at(10), answered=answered)

    assert await counted_after(False, False) == (0, 2)
    assert await counted_after(True) == (1, 0)
    assert await counted_after(False) == (1, 1)


async def test_unsure_is_for_what_was_started(database: Database) -> None:
    """What is only claimed cannot be unsure."""
    delivery_id = await claimed(database)
    assert not await database.write(claims.become_unsure, delivery_id, "w/1", at(2))


# When to wake


async def test_when_the_worker_must_wake(database: Database) -> None:
    """Holds wake by product time; looks and opening gates by machine time."""
    assert await database.read(claims.next_due_at, NOW) is None
    assert await database.read(claims.next_machine_at, NOW) is None
    await owe(database, due_at=at(50), gate="g")
    await owe(database, due_at=at(40))
    await owe(database, due_at=at(-1))
    assert await database.read(claims.next_due_at, NOW) == at(40)
    await database.write(gates.close, "nothing waits behind it", at(1))
    await database.write(gates.close, "g", at(30))
    assert await database.read(claims.next_machine_at, NOW) == at(30)
    delivery_id = await started(database, due_at=at(-9), lane="l")
    await database.write(claims.become_unsure, delivery_id, "w/1", at(20))
    assert await database.read(claims.next_machine_at, NOW) == at(20)
