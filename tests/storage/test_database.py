"""The seam: a unit's commit is durable, whole, and its own."""

from sqlmodel import select

from storage.database import Database, Session
from storage.tables import Contact


def add_contact(session: Session, number: str) -> str:
    session.add(Contact(phone_number=number))
    return number


def find_numbers(session: Session) -> list[str]:
    return list(session.exec(select(Contact.phone_number).order_by(Contact.phone_number)))


async def test_a_write_is_read_back(database: Database) -> None:
    """What a write returned after is there for every reader."""
    assert await database.write(add_contact, "+14155550100") == "+14155550100"
    assert await database.read(find_numbers) == ["+14155550100"]
