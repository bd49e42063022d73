"""A row that is already there is an answer."""

import asyncio

from sqlmodel import select

from storage.database import Database, Session, insert_ignore
from storage.tables import Contact, Login
from tests.storage.test_database import ALICE, BEA, CARL, find_numbers


def contact(number: str) -> dict[str, str]:
    return {"phone_number": number}


async def test_one_row_tells_whether_it_was_inserted(database: Database) -> None:
    """The first of two arrivals is new, the second is known."""
    assert await database.write(insert_ignore, Contact, contact(ALICE)) is True
    assert await database.write(insert_ignore, Contact, contact(ALICE)) is False


async def test_one_row_gives_its_id_or_nothing(database: Database) -> None:
    """A new row's id comes with it; a row that was there gives none."""

    def record(session: Session, name: str) -> int | None:
        new_id: int | None = insert_ignore(session, Login, {"name": name}, returning=Login.id)
        return new_id

    first = await database.write(record, "one")
    assert isinstance(first, int)
    assert await database.write(record, "one") is None
    second = await database.write(record, "two")
    assert second
    assert second > first


async def test_rows_tell_how_many_were_new(database: Database) -> None:
    """Of a page that overlaps the last, only what is new counts, repeats within it included."""

    def record(session: Session, *numbers: str) -> int:
        return insert_ignore(session, Contact, [contact(number) for number in numbers])

    assert await database.write(record, ALICE, BEA) == 2
    assert await database.write(record, BEA, CARL, CARL) == 1
    assert await database.write(record) == 0
    assert await database.read(find_numbers) == [ALICE, BEA, CARL]


async def test_rows_give_what_was_new(database: Database) -> None:
    """Of a page that overlaps the last, the new ones are named."""

    def record(session: Session, *numbers: str) -> list[str]:
        rows = [contact(number) for number in numbers]
        return insert_ignore(session, Contact, rows, returning=Contact.phone_number)

    assert await database.write(record, ALICE) == [ALICE]
    assert sorted(await database.write(record, ALICE, BEA, CARL)) == [BEA, CARL]
    assert await database.write(record) == []


async def test_left_out_columns_get_their_defaults(database: Database) -> None:
    """An insert that ignores conflicts is otherwise an insert like any other."""

    def record(session: Session) -> int:
        insert_ignore(session, Login, {"name": "one"})
        return session.exec(select(Login.generation)).one()

    assert await database.write(record) == 0


async def test_what_the_row_refers_to_may_be_pending(database: Database) -> None:
    """A parent only added to the session is there before the row that refers to it."""

    def record(session: Session) -> bool:
        session.add(Contact(phone_number=ALICE))
        return insert_ignore(session, Contact, contact(ALICE))

    assert await database.write(record) is False


async def test_two_at_once_insert_one(database: Database) -> None:
    """Of repeats arriving together exactly one is new."""
    results = await asyncio.gather(
        *(database.write(insert_ignore, Contact, contact(ALICE)) for _ in range(10))
    )
    assert sorted(results) == [False] * 9 + [True]
