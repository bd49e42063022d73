"""Statements built once mean what they mean when SQLAlchemy builds them each time."""

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Update, update
from sqlalchemy.exc import IntegrityError, MultipleResultsFound, NoResultFound
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from storage import prepared
from storage.database import Database
from storage.inserts import insert
from storage.tables import Contact, Copy, Login, SlackPerson
from tests.makers import NOW

THEN = datetime(2026, 3, 1, 17, 30, 1, 234567, tzinfo=UTC)


@prepared.one_or_none
def get_person(team_id: str, user_id: str) -> SelectOfScalar[SlackPerson]:
    """One of a team."""
    return select(SlackPerson).where(SlackPerson.team_id == team_id, SlackPerson.user_id == user_id)


@prepared.one
def get_only(team_id: str) -> SelectOfScalar[SlackPerson]:
    return select(SlackPerson).where(SlackPerson.team_id == team_id)


@prepared.first
def get_newest_name(team_id: str = "T1") -> SelectOfScalar[str]:
    query = select(SlackPerson.name).where(SlackPerson.team_id == team_id)
    return query.order_by(col(SlackPerson.read_at).desc())


@prepared.every
def find_read_before(time: datetime) -> SelectOfScalar[datetime]:
    query = select(SlackPerson.read_at).where(SlackPerson.read_at < time)
    return query.order_by(col(SlackPerson.read_at))


@prepared.every
def find_present() -> SelectOfScalar[SlackPerson]:
    query = select(SlackPerson).where(col(SlackPerson.standing).in_(("member", "guest")))
    return query.order_by(col(SlackPerson.name))


@prepared.rowcount
def rename(user_id: str, *, name: str, read_at: datetime) -> Update:
    changed = update(SlackPerson).where(col(SlackPerson.user_id) == user_id)
    return changed.values(name=name, read_at=read_at)


def person(user_id: str, **changes: Any) -> SlackPerson:
    values = {"team_id": "T1", "user_id": user_id, "name": user_id, "standing": "member"}
    return SlackPerson(**{**values, "read_at": NOW, **changes})


def add(session: Session, *people: SlackPerson) -> None:
    session.add_all(people)


async def test_an_entity_comes_whole_and_typed(database: Database) -> None:
    """What was stored is read as it was, times aware and truths as truths."""
    await database.write(add, person("U1", is_administrator=True, read_at=THEN))
    found = await database.read(get_person, "T1", "U1")
    assert found == person("U1", is_administrator=True, read_at=THEN)
    assert found is not None
    assert found.read_at.tzinfo is UTC
    assert found.is_administrator is True
    assert await database.read(get_person, "T1", "U2") is None


async def test_values_come_by_place_by_name_or_by_default(database: Database) -> None:
    """A prepared query is called like any function."""
    await database.write(add, person("U1"), person("U2", read_at=THEN))
    by_name = await database.read(get_person, team_id="T1", user_id="U2")
    assert by_name is not None
    assert by_name.user_id == "U2"
    assert await database.read(get_newest_name) == "U1"
    assert await database.read(get_newest_name, "T2") is None
    with pytest.raises(TypeError):
        await database.read(get_person, "T1")  # type: ignore[call-arg]  # that is the point


async def test_one_means_one(database: Database) -> None:
    """None where one must be, and two where one may be, are errors."""
    with pytest.raises(NoResultFound):
        await database.read(get_only, "T1")
    await database.write(add, person("U1"), person("U2"))
    with pytest.raises(MultipleResultsFound):
        await database.read(get_only, "T1")


async def test_columns_lists_and_order(database: Database) -> None:
    """A column's values are typed, a fixed list is part of the statement, order holds."""
    people = (person("U1"), person("U2", read_at=THEN), person("U3", standing="robot"))
    await database.write(add, *people)
    assert await database.read(find_read_before, NOW) == [THEN]
    assert [each.name for each in await database.read(find_present)] == ["U1", "U2"]


async def test_a_change_tells_how_many_it_changed(database: Database) -> None:
    """And is seen by the next query of the same unit, as is what is pending in its session."""

    def unit(session: Session) -> tuple[int, int, str]:
        session.add(person("U1"))
        changed = rename(session, "U1", name="Bea", read_at=THEN)
        found = get_only(session, "T1")
        assert found.read_at == THEN
        return changed, rename(session, "U9", name="-", read_at=NOW), found.name

    assert await database.write(unit) == (1, 0, "Bea")


async def test_an_inserted_row_has_its_number(database: Database) -> None:
    """And adding it to the session again inserts no second one."""

    def unit(session: Session) -> tuple[int | None, int | None, int]:
        one, two = Login(name="one"), Login(name="two")
        insert(session, one)
        insert(session, two)
        session.add(one)
        session.flush()
        return one.id, two.id, len(session.exec(select(Login)).all())

    first_id, second_id, count = await database.write(unit)
    assert first_id is not None
    assert second_id is not None
    assert second_id > first_id
    assert count == 2


async def test_a_driver_s_error_is_sqlalchemy_s(database: Database) -> None:
    """A unit that is refused by the database is told so as ever, and undone."""

    def unit(session: Session) -> None:
        session.add(Contact(phone_number="+14155550100"))
        insert(session, Login(name="one"))
        insert(session, Login(name="one"))

    with pytest.raises(IntegrityError):
        await database.write(unit)
    assert await database.read(lambda session: session.exec(select(Contact)).all()) == []


async def test_a_reader_cannot_write_by_the_driver_either(database: Database) -> None:
    """What only reads may not change anything."""
    with pytest.raises(Exception, match=r"(?i)read-?only"):
        await database.read(rename, "U1", name="Bea", read_at=NOW)
    assert await database.read(lambda session: session.exec(select(Copy)).all()) == []
