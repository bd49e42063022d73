"""Contacts: outside numbers with a name."""

from __future__ import annotations

from collections.abc import Sequence

from sqlmodel import Session, select
from sqlmodel.sql.expression import SelectOfScalar

from storage import prepared
from storage.tables import Contact


def names_of(session: Session, phone_numbers: Sequence[str]) -> dict[str, str]:
    """The names known for these numbers."""
    found = (_get(session, each) for each in phone_numbers)
    return {each.phone_number: each.name for each in found if each is not None and each.name}


@prepared.one_or_none
def _get(phone_number: str) -> SelectOfScalar[Contact]:
    return select(Contact).where(Contact.phone_number == phone_number)
