"""Gates: what a provider allows, counted so that no window ever holds more."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import Session, SQLModel

from storage import claims, gates
from storage.database import Database, parse_url
from storage.sqlite import writing_engine
from tests import makers
from tests.makers import NOW, at

KEY = "ringcentral:1:medium"


def take(session: Session, wanted: int, seconds: float, *, limit: int, window: int) -> int:
    granted = gates.take(
        session, KEY, wanted, limit=limit, window_seconds=window, machine_now=at(seconds)
    )
    assert (granted.next_at is None) is (granted.count == wanted)
    assert granted.next_at is None or granted.next_at > at(seconds)
    return granted.count


steps = st.lists(
    st.tuples(st.floats(0, 20, allow_subnormal=False), st.integers(1, 12), st.booleans()),
    min_size=1,
    max_size=60,
)


@pytest.fixture(scope="module")
def engine_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of its own: the property is one of arithmetic, the same on both engines."""
    return tmp_path_factory.mktemp("gates") / "gates.db"


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=steps, limit=st.integers(1, 12), window=st.integers(1, 12), kept=st.integers(0, 5))
def test_no_window_ever_holds_more(
    engine_path: Path, steps: list[tuple[float, int, bool]], limit: int, window: int, kept: int
) -> None:
    """However requests come, no span as long as the window sees more permits than its limit."""
    engine = writing_engine(parse_url(f"sqlite:///{engine_path}"))
    given_at: list[float] = []
    with engine.connect() as connection:
        SQLModel.metadata.create_all(connection, tables=[SQLModel.metadata.tables["gate"]])
        with Session(bind=connection) as session:
            seconds = 0.0
            for pause, wanted, is_page in steps:
                seconds += pause
                allowed = limit if is_page else max(0, limit - kept)
                count = take(session, wanted, seconds, limit=allowed, window=window)
                given_at += [seconds] * count
        connection.rollback()
    engine.dispose()
    for index, first in enumerate(given_at):
        in_window = [each for each in given_at[index:] if each - first < window]
        assert len(in_window) <= limit


async def test_permits_come_back(database: Database) -> None:
    """A permit is free again once its second has left the window, and the gate says when."""
    assert await database.write(take, 3, 0.5, limit=3, window=10) == 3
    assert await database.write(take, 1, 10.4, limit=3, window=10) == 0

    def next_at(session: Session) -> timedelta:
        granted = gates.take(session, KEY, 1, limit=3, window_seconds=10, machine_now=at(9))
        assert granted.next_at is not None
        return granted.next_at - NOW

    assert await database.write(next_at) == timedelta(seconds=11)
    assert await database.write(take, 1, 11, limit=3, window=10) == 1


async def test_fewer_than_asked_are_better_than_none(database: Database) -> None:
    """Where some permits are left, they are given."""
    assert await database.write(take, 2, 0, limit=3, window=10) == 2
    assert await database.write(take, 5, 1, limit=3, window=10) == 1


async def test_the_last_permits_are_for_pages(database: Database) -> None:
    """What is kept for pages is not given to others, and is there for a page."""
    assert await database.write(take, 50, 0, limit=35, window=60) == 35
    assert await database.write(take, 1, 1, limit=35, window=60) == 0
    assert await database.write(take, 9, 1, limit=40, window=60) == 5


async def test_many_at_once_never_take_too_many(database: Database) -> None:
    """Requests of several threads share one budget."""
    taken = await asyncio.gather(
        *(database.write(take, 2, index / 50, limit=15, window=60) for index in range(40))
    )
    assert sum(taken) == 15


async def test_a_closed_gate_gives_nothing_to_anybody(
    database: Database, database_url: str
) -> None:
    """What one process heard of a limit holds for all of them, and after a restart."""
    await database.write(gates.close, KEY, at(30))
    for _ in range(2):
        reopened = await Database.open(database_url)
        assert await reopened.write(take, 1, 29.9, limit=9, window=10) == 0
        assert await reopened.write(take, 1, 30.1, limit=9, window=10) == 1
        await reopened.close()


async def test_an_earlier_end_never_shortens_a_later_one(database: Database) -> None:
    """Of two refusals the longer one counts."""
    await database.write(gates.close, KEY, at(30))
    await database.write(gates.close, KEY, at(10))
    assert await database.write(take, 1, 29.9, limit=9, window=10) == 0
    assert await database.write(take, 1, 30.1, limit=9, window=10) == 1


async def test_closing_keeps_count(database: Database) -> None:
    """What was given before a refusal still counts after it."""
    await database.write(take, 3, 0, limit=3, window=60)
    await database.write(gates.close, KEY, at(10))
    assert await database.write(take, 1, 20, limit=3, window=60) == 0


async def test_a_closed_gate_hides_no_other(database: Database) -> None:
    """500 deliveries behind a closed gate leave one behind another gate in sight."""

    def fill(session: Session) -> int:
        for _ in range(500):
            makers.add_delivery(session, NOW, gate="noisy", due_at=at(-600), priority=0)
        gates.close(session, "noisy", at(60))
        return makers.id_of(makers.add_delivery(session, NOW, gate="quiet"))

    quiet_id = await database.write(fill)
    due = await database.read(claims.find_due, now=NOW, machine_now=NOW, per_gate=5, limit=5)
    assert [each.id for each in due] == [quiet_id]


async def test_a_gate_without_permits_hides_no_other(database: Database) -> None:
    """A gate that just gave nothing is left out, for the priorities it gave nothing to."""

    def fill(session: Session) -> tuple[int, int]:
        for _ in range(50):
            makers.add_delivery(session, NOW, gate="noisy", due_at=at(-600))
        page = makers.add_delivery(session, NOW, gate="noisy", priority=0)
        return makers.id_of(page), makers.id_of(makers.add_delivery(session, NOW, gate="quiet"))

    page_id, quiet_id = await database.write(fill)
    due = await database.read(
        claims.find_due,
        now=NOW,
        machine_now=NOW,
        per_gate=5,
        limit=5,
        resting=[("noisy", 1), ("other", 1)],
    )
    assert [each.id for each in due] == [page_id, quiet_id]
