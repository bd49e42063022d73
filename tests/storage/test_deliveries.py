"""What is owed: once for ever, coalesced where only the last state is shown, and found quickly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import event, text
from sqlmodel import Session

from storage import claims, deliveries, lookups, status
from storage.database import Database
from storage.tables import Attempt, Delivery
from tests import makers
from tests.makers import NOW, STORE, at


async def owe(database: Database, **changes: Any) -> Delivery:
    return await database.write(makers.add_delivery, NOW, **changes)


async def get(database: Database, delivery: Delivery) -> Delivery:
    return await database.read(deliveries.get, makers.id_of(delivery))


def put(session: Session, delivery: Delivery, /, **values: Any) -> None:
    row = deliveries.get(session, makers.id_of(delivery))
    for name, value in values.items():
        setattr(row, name, value)
    makers.add(session, row)


async def test_the_same_is_owed_once(database: Database) -> None:
    """Owing the same again, in whatever lane or at whatever time, changes nothing."""
    wanted = makers.owed(subject_id=7)
    assert await database.write(deliveries.enqueue, wanted, NOW)
    again = makers.owed(subject_id=7, lane="another", due_at=at(60))
    assert not await database.write(deliveries.enqueue, again, NOW)
    found = await database.read(makers.get_delivery, 7)
    assert (found.lane, found.due_at) == (wanted.lane, NOW)


async def test_a_settled_delivery_is_never_owed_again(database: Database) -> None:
    """What was delivered once stays delivered, also when its cause is repeated."""
    delivery = await owe(database, subject_id=7)
    await database.write(put, delivery, state="accepted")
    assert not await database.write(deliveries.enqueue, makers.owed(subject_id=7), NOW)
    assert (await get(database, delivery)).state == "accepted"


# Displays


async def test_displays_coalesce(database: Database) -> None:
    """What was not shown yet is shown as one, when the first of it was due."""
    for seconds in (0, 1, 2):
        wanted = makers.owed(subject_id=7, kind="update", due_at=at(seconds))
        await database.write(deliveries.show_again, wanted, NOW)
    found = await database.read(makers.get_delivery, 7, "slack", "update")
    assert (found.version, found.due_at, found.state) == (3, NOW, "waiting")


async def test_a_settled_display_shows_again(database: Database) -> None:
    """A display that was settled, however, is owed again when there is something new."""
    delivery = await owe(database, subject_id=7, kind="update")
    wanted = makers.owed(subject_id=7, kind="update", due_at=at(5))
    for version, state in enumerate(("accepted", "refused", "parked", "cancelled"), start=2):
        await database.write(put, delivery, state=state, attempts=4, due_at=NOW)
        await database.write(deliveries.show_again, wanted, NOW)
        found = await get(database, delivery)
        assert (found.state, found.due_at, found.attempts) == ("waiting", at(5), 0)
        assert found.version == version


async def test_a_display_in_flight_is_not_disturbed(database: Database) -> None:
    """A display on its way goes on; that there is something newer is remembered."""
    delivery = await owe(database, subject_id=7, kind="update")
    wanted = makers.owed(subject_id=7, kind="update", due_at=at(5))
    for version, state in enumerate(("claimed", "started"), start=2):
        await database.write(put, delivery, state=state, claim="w/1")
        await database.write(deliveries.show_again, wanted, NOW)
        found = await get(database, delivery)
        assert (found.state, found.claim, found.version) == (state, "w/1", version)


async def test_the_last_display_asked_for_is_shown_last(database: Database) -> None:
    """Of a mark, its removal, and the mark again, the mark comes last and so stays."""

    def ask(session: Session, kind: str, order: int) -> None:
        wanted = makers.owed(subject_id=7, kind=kind, lane="mark:7", lane_order=f"1:{order}")
        deliveries.show_again(session, wanted, NOW)

    await database.write(ask, "mark", 1)
    mark = await database.read(makers.get_delivery, 7, "slack", "mark")
    await database.write(put, mark, state="accepted")
    await database.write(ask, "unmark", 2)
    await database.write(ask, "mark", 3)
    unmark = await database.read(makers.get_delivery, 7, "slack", "unmark")
    due = await database.read(claims.find_due, now=NOW, machine_now=NOW, per_gate=9, limit=9)
    assert [each.id for each in due] == [unmark.id]


# Changing and cancelling what has not started


async def test_unstarted_is_changed(database: Database) -> None:
    """Before the start an edit wins: what was claimed must be read anew."""
    delivery = await owe(database, subject_id=7)
    for state in ("waiting", "claimed"):
        await database.write(put, delivery, state=state, claim="w/1", lease_until_at=at(60))
        assert await database.write(deliveries.change_unstarted, "thing", 7, "slack", at(9))
        found = await get(database, delivery)
        assert (found.state, found.claim, found.due_at) == ("waiting", None, at(9))


async def test_unstarted_is_cancelled(database: Database) -> None:
    """Before the start a deletion wins."""
    delivery = await owe(database, subject_id=7)
    args = ("thing", 7, "slack", "deleted", NOW)
    for state in ("waiting", "claimed"):
        await database.write(put, delivery, state=state, claim="w/1", lease_until_at=at(60))
        assert await database.write(deliveries.cancel_unstarted, *args)
        found = await get(database, delivery)
        assert (found.state, found.claim, found.reason) == ("cancelled", None, "deleted")
        assert not await database.write(deliveries.cancel_unstarted, *args)


async def test_what_started_is_neither_changed_nor_cancelled(database: Database) -> None:
    """From the start on neither an edit nor a deletion takes it back."""
    delivery = await owe(database, subject_id=7)
    for state in ("started", "unsure", "accepted", "refused", "parked"):
        await database.write(put, delivery, state=state, claim="w/1")
        assert not await database.write(deliveries.change_unstarted, "thing", 7, "slack", at(9))
        assert not await database.write(
            deliveries.cancel_unstarted, "thing", 7, "slack", "deleted", NOW
        )
        assert (await get(database, delivery)).state == state


# Opening again


async def test_of_two_clicks_one_reopens(database: Database) -> None:
    """Retry opens a refused delivery once; the second click finds it open."""
    delivery = await owe(database, subject_id=7)
    await database.write(put, delivery, state="refused", attempts=3, reason="MSG-240")

    def reopen(session: Session) -> bool:
        return deliveries.reopen(
            session, "thing", 7, "slack", "post", from_states=("refused",), due_at=at(100)
        )

    assert [await database.write(reopen) for _ in range(2)] == [True, False]
    found = await get(database, delivery)
    assert (found.state, found.attempts, found.reason) == ("waiting", 0, None)
    assert found.created_at == at(100), "its hour begins anew"


async def test_a_person_settles_what_is_parked_once(database: Database) -> None:
    """A person's word counts where nothing else has settled it meanwhile."""
    delivery = await owe(database, subject_id=7)
    await database.write(put, delivery, state="parked")

    def settle(session: Session) -> bool:
        return deliveries.settle_parked(session, "thing", 7, "slack", "accepted", NOW)

    assert [await database.write(settle) for _ in range(2)] == [True, False]
    assert (await get(database, delivery)).state == "accepted"


async def test_release_lets_go_what_waits_for_one_reason(database: Database) -> None:
    """What waits for a gap goes when it closes; what waits for another stays."""
    mine = await owe(database, due_at=at(30), reason="gap:1/101")
    other = await owe(database, due_at=at(30), reason="gap:1/102")
    gone = await owe(database, due_at=at(30), reason="gap:1/101")
    await database.write(put, gone, state="accepted")
    assert await database.write(deliveries.release, "slack", "gap:1/101", at(1)) == 1
    assert (await get(database, mine)).due_at == at(1)
    assert (await get(database, other)).due_at == at(30)


async def test_bring_forward_never_puts_off(database: Database) -> None:
    """A lane brought forward is due now, unless it was due before."""
    later = await owe(database, lane="a", due_at=at(60))
    due = await owe(database, lane="a", due_at=at(-5))
    other = await owe(database, lane="b", due_at=at(60))
    await database.write(deliveries.bring_forward, "a", NOW)
    assert [(await get(database, each)).due_at for each in (later, due, other)] == [
        NOW,
        at(-5),
        at(60),
    ]


async def test_which_attempts_are_in_question(database: Database) -> None:
    """From the start until somebody knows, a record may be the newest attempt's."""
    delivery = await owe(database, lane="a")

    def try_it(session: Session) -> None:
        session.add(
            Attempt(
                delivery_id=makers.id_of(delivery), worker="w", started_at=NOW, deadline_at=at(20)
            )
        )

    async def in_question(lane: str) -> list[int | None]:
        found = await database.read(deliveries.find_attempts_in_question, lane)
        return [each.id for each in found]

    await database.write(try_it)
    await database.write(try_it)
    expected = dict.fromkeys(("started", "unsure", "parked"), True) | dict.fromkeys(
        ("waiting", "claimed", "accepted", "refused", "cancelled"), False
    )
    for state, unsettled in expected.items():
        await database.write(put, delivery, state=state)
        assert await in_question("a") == ([2] if unsettled else []), state
        assert await in_question("b") == []


# What was settled costs nothing

QUERIES: dict[str, Callable[[Session], object]] = {
    "find_due": lambda session: claims.find_due(
        session, now=NOW, machine_now=NOW, per_gate=9, limit=9, resting=[("a", 1)]
    ),
    "find_looks": lambda session: claims.find_looks(session, NOW, 9),
    "find_leased": claims.find_leased,
    "next_due_at": lambda session: claims.next_due_at(session, NOW),
    "next_machine_at": lambda session: claims.next_machine_at(session, NOW),
    "find_attempts_in_question": lambda session: deliveries.find_attempts_in_question(
        session, "lane 5"
    ),
    "release": lambda session: deliveries.release(session, "slack", "gap", NOW),
    "bring_forward": lambda session: deliveries.bring_forward(session, "lane 5", NOW),
    "count_open": deliveries.count_open,
    "find_waiting": lambda session: status.find_waiting(session, NOW),
    "find_parked_channels": status.find_parked_channels,
    "start": lambda session: claims.start(
        session, 5, "w/1", worker="w", machine_now=NOW, deadline_at=NOW
    ),
    "settle": lambda session: claims.settle(session, 5, "w/1", state="accepted", now=NOW),
    "find_taken_by_others": lambda session: lookups.find_taken_by_others(
        session, STORE, ["5", "6"], message_id=1, part=0
    ),
    "find_own": lambda session: lookups.find_own(session, STORE, ["5", "6"], message_id=1, part=0),
    "find_of_earlier_attempts": lambda session: lookups.find_of_earlier_attempts(
        session, ["5", "6"], delivery_id=5
    ),
    "get_last_attempt": lambda session: claims.get_last_attempt(session, 5),
}
SETTLED_ROWS = 20_000


def add_settled(session: Session) -> None:
    """Many deliveries, all settled long ago."""
    makers.add_delivery(session, NOW, subject_id=1)
    series = (
        "WITH RECURSIVE series(number) AS (SELECT 2 UNION ALL"
        f" SELECT number + 1 FROM series WHERE number < {SETTLED_ROWS})"
    )
    columns = (
        "subject_type, side, kind, part, marker, gate, priority, due_at, attempts, looks,"
        " looks_unanswered, version, shown_version, created_at"
    )
    session.execute(
        text(
            f"INSERT INTO delivery (subject_id, lane, lane_order, state, {columns})"
            f" {series} SELECT number, 'lane ' || number, '1:' || number, 'accepted', {columns}"
            " FROM series, delivery WHERE subject_id = 1"
        )
    )


def add_attempts(session: Session) -> None:
    """Each delivery's attempt, and its copy."""
    message_id = makers.id_of(makers.add_message(session))
    session.execute(
        text(
            "INSERT INTO attempt"
            " (delivery_id, worker, started_at, deadline_at, outcome, reported, external_id)"
            " SELECT id, 'w', due_at, due_at, 'accepted', true, id FROM delivery"
        )
    )
    session.execute(
        text(
            "INSERT INTO copy (side, scope, external_id, message_id, part)"
            f" SELECT 'ringcentral', '{STORE}', id, {message_id}, id FROM delivery"
        )
    )


async def test_what_was_settled_costs_nothing(database: Database) -> None:
    """No query of the outbox reads through all that was ever delivered."""
    await database.write(add_settled)
    await database.write(add_attempts)

    def plans(session: Session) -> dict[str, str]:
        if database.dialect == "postgresql":
            session.execute(text("ANALYZE delivery, attempt, copy"))
        return {name: _plan(session, query) for name, query in QUERIES.items()}

    reads_all = [
        f"{words} {table}"
        for words in ("SCAN", "Seq Scan on")
        for table in ("delivery", "attempt", "copy")
    ]
    for name, plan in (await database.write(plans)).items():
        assert not any(words in plan for words in reads_all), f"{name}:\n{plan}"


def _plan(session: Session, query: Callable[[Session], object]) -> str:
    seen: list[tuple[str, Any]] = []
    connection = session.connection()

    def note(*call: Any) -> None:
        seen.append((call[2], call[3]))

    event.listen(connection, "before_cursor_execute", note)
    query(session)
    event.remove(connection, "before_cursor_execute", note)
    explain = "EXPLAIN" if connection.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
    return "\n".join(
        str(row[-1])
        for statement, parameters in seen
        for row in connection.exec_driver_sql(f"{explain} {statement}", parameters)
    )
