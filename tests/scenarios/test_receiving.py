"""An inbox that cannot receive says so in its channel, and later what was caught up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy import update
from sqlmodel import Session, col

from bridge.app import Bridge
from bridge.clock import machine_now
from bridge.receiving import ReceivingWatch
from bridge.relay.receiving import TOLD_AFTER
from bridge.sandbox.ringcentral import QUEUE_NUMBER
from storage import cursors
from storage.database import Database
from storage.tables import Cursor
from tests.scenarios.world import WAIT_SECONDS, World, another_process, connected_world

LONG_AGO = timedelta(hours=1)


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    """One inbox; texts arrive by webhook, and are read for when the tests say so."""
    async with connected_world(database_url) as connected:
        yield connected


async def unread_for(database: Database, span: timedelta, *, failed: bool = False) -> None:
    """The stores, or those that cannot be read, were last read to their end so long ago."""

    def unit(session: Session) -> None:
        statement = update(Cursor).values(read_at=machine_now() - span)
        if failed:
            statement = statement.where(col(Cursor.failure_code).is_not(None))
        session.execute(statement)

    await database.write(unit)


async def look(bridge: Bridge) -> None:
    """What each process does every few seconds, in one that has run for long."""
    watch = ReceivingWatch(
        bridge.database, bridge.clock, TOLD_AFTER, started_at=machine_now() - LONG_AGO
    )
    await watch.look()


async def fails_to_read(world: World, reason: str) -> None:
    """The stores' turn comes, in vain for one of them."""
    for cursor in await world.rows(Cursor):
        await world.bridge.database.write(cursors.mark_due, cursor.store, machine_now())
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            failures = [each.failure_code for each in await world.rows(Cursor)]
            if reason in failures:
                return
            await asyncio.sleep(0.02)


async def test_ringcentral_is_away(world: World) -> None:
    """Five minutes of 503: the channel is told since when and why, then that nothing was missed."""
    world.ringcentral.faults.add("status", path="/message-sync", times=None)
    await fails_to_read(world, "away")
    await unread_for(world.bridge.database, timedelta(minutes=5))
    await look(world.bridge)
    told = await world.expect_post("may be missing here")
    assert "RingCentral does not answer as it should" in told.shown
    await look(world.bridge)
    await world.command("Bea", "status")
    await world.expect_private("Bea", "may be missing in")
    world.ringcentral.faults.clear()
    await world.sync()
    await world.expect_post("nothing was missed")


async def test_a_short_trouble_is_nobodys_news(world: World) -> None:
    """Three minutes: not a word in the channel."""
    world.ringcentral.faults.add("status", path="/message-sync", times=None)
    await fails_to_read(world, "away")
    await unread_for(world.bridge.database, timedelta(minutes=3))
    await look(world.bridge)
    world.ringcentral.faults.clear()
    await world.sync()
    await world.expect_silence()


async def test_the_bridge_was_down_for_an_hour(world: World) -> None:
    """Nobody could say so meanwhile; the channel hears what was caught up."""
    database = await Database.open(world.settings["DATABASE_URL"])
    await world.stop_bridge()
    alice = world.texter("+14155550100")
    await alice.texts("Are you there?")
    await alice.texts("Hello?")
    await unread_for(database, LONG_AGO)
    await database.close()
    await world.start_bridge()
    again = await world.expect_post("Receiving again")
    assert "2 texts were caught up" in again.shown
    thread = await world.expect_thread("Are you there?")
    await thread.expect_post("Hello?")


async def test_a_queue_that_was_closed_to_the_login(world: World) -> None:
    """Its channel is told, not that of the login's own number."""
    await world.connect(QUEUE_NUMBER, "partners")
    await world.until_told_of_everything()
    world.ringcentral.account.extension("101").is_admin = False
    world.ringcentral.account.extension("201").manager_ids.clear()
    await fails_to_read(world, "unreadable")
    await world.expect_direct_message("Ada", "no longer lets this login read")
    await unread_for(world.bridge.database, timedelta(minutes=5), failed=True)
    await look(world.bridge)
    told = await world.expect_post("may be missing here", channel="partners")
    assert "super admin" in told.shown


async def test_two_processes_say_it_once(world: World) -> None:
    """Both look at the same moment: one notice."""
    async with another_process(world, "worker") as other:
        world.ringcentral.faults.add("status", path="/message-sync", times=None)
        await fails_to_read(world, "away")
        await unread_for(world.bridge.database, timedelta(minutes=5))
        await asyncio.gather(look(world.bridge), look(other))
        await world.expect_post("may be missing here")
        world.ringcentral.faults.clear()
        await world.sync()
        await world.expect_post("nothing was missed")
        await world.expect_silence()


async def test_the_login_is_refused(world: World) -> None:
    """The JWT was revoked: the channel and the administrator hear of it, and what to do."""
    world.ringcentral.faults.add(
        "status",
        path="/restapi/oauth/token",
        times=None,
        status=400,
        body={"error": "invalid_grant", "errors": [{"errorCode": "OAU-140"}]},
    )
    world.ringcentral.expire_access_tokens()
    await fails_to_read(world, "login_refused")
    await world.expect_direct_message("Ada", "RingCentral refuses the login")
    await unread_for(world.bridge.database, timedelta(minutes=5))
    await look(world.bridge)
    told = await world.expect_post("may be missing here")
    assert "renew its credentials" in told.shown
