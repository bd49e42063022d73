"""A desk for each test, on each engine in turn."""

import pytest

from storage.database import Database
from tests.middle.desk import Desk


@pytest.fixture
async def desk(database: Database) -> Desk:
    """One connected inbox, and an administrator."""
    made = Desk(database)
    await made.open()
    return made
