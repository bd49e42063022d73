"""Contacts: outside numbers with a name."""

from __future__ import annotations

from collections.abc import Sequence

from sqlmodel import Session, col, select

from storage.tables import Contact


def names_of(session: Session, phone_numbers: Sequence[str]) -> dict[str, str]:
    """The names known for these numbers."""
    query = select(Contact).where(col(Contact.phone_number).in_(phone_numbers))
    return {each.phone_number: each.name for each in session.exec(query) if each.name}
