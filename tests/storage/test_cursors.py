"""Cursors: who read from a place moves the cursor from that place only."""

from datetime import timedelta

from storage import cursors, leases
from storage.cursors import Place
from storage.database import Database
from tests import makers
from tests.makers import NOW, STORE

LATER = NOW + timedelta(hours=1)
FIRST = Place("token-1", NOW, NOW)


async def add_cursor(database: Database) -> Place:
    """The cursor of a store with a connected inbox, never read."""
    await database.write(makers.add_workspace)
    await database.write(makers.add_inbox)
    await database.write(cursors.match_inboxes, NOW)
    return await place(database)


async def place(database: Database) -> Place:
    found = await database.read(cursors.get, STORE)
    assert found is not None
    return cursors.place_of(found)


async def test_a_step_from_another_place_changes_nothing(database: Database) -> None:
    """A reads, stands still, B reads to the end; A's late slice takes no token away."""
    start = await add_cursor(database)
    assert await database.write(cursors.advance, STORE, start, FIRST, NOW) is not None
    late = Place(None, LATER, NOW)
    assert await database.write(cursors.advance, STORE, start, late, NOW) is None
    cursor = await database.read(cursors.get, STORE)
    assert cursor is not None
    assert cursors.place_of(cursor) == FIRST
    assert not cursor.gap_open


async def test_a_slice_moves_on_and_leaves_the_gap_open(database: Database) -> None:
    """Without a token what is younger is missing."""
    start = await add_cursor(database)
    await database.write(cursors.advance, STORE, start, Place(None, NOW, NOW), NOW)
    assert (
        await database.write(cursors.advance, STORE, Place(None, NOW, NOW), FIRST, NOW) is not None
    )
    assert await place(database) == FIRST


async def test_a_token_is_lost_once(database: Database) -> None:
    """Who finds an old token refused does not take the new one away."""
    start = await add_cursor(database)
    await database.write(cursors.advance, STORE, start, FIRST, NOW)
    await database.write(cursors.lose_token, STORE, "token-0")
    assert await place(database) == FIRST
    await database.write(cursors.lose_token, STORE, "token-1")
    assert await place(database) == Place(None, NOW, NOW)


async def test_a_lease_is_prolonged_by_its_holder_alone(database: Database) -> None:
    """Even one that ran out, as long as nobody else took it."""
    assert await database.write(leases.take, "work", "first", NOW, 10.0)
    assert await database.write(leases.prolong, "work", "first", LATER, 10.0)
    assert not await database.write(leases.prolong, "work", "second", LATER, 10.0)
    assert not await database.write(leases.take, "work", "second", LATER, 10.0)
    assert not await database.write(leases.prolong, "other work", "first", NOW, 10.0)
