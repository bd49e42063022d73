"""Socket Mode: the same listeners, nothing lost when connections come and go."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic import SecretStr
from sqlmodel import Session, func, select

from bridge import meters
from bridge.errors import StartRefused
from bridge.outbox.gates import Gates, no_budget
from bridge.sandbox.slack import SlackSimulator
from bridge.slack.side import build_slack
from storage.database import Database, DatabaseBusy
from storage.tables import KeptEvent, Message
from tests.edges.slack_world import SlackWorld, make_settings, open_world

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


class FailingDatabase(Database):
    """A database that cannot take the next `failures` writes."""

    failures: int = 0

    async def write(self, unit: Any, *args: Any, **kwargs: Any) -> Any:
        if self.failures:
            self.failures -= 1
            raise DatabaseBusy
        return await super().write(unit, *args, **kwargs)


@pytest.fixture
async def world(database: Database) -> AsyncIterator[SlackWorld]:
    async with open_world(database, mode="socket") as world:
        await world.connect()
        yield world


def _count(session: Session, table: Any) -> int:
    return session.exec(select(func.count()).select_from(table)).one()


async def test_the_whole_path_works(world: SlackWorld) -> None:
    """Text in, reply, mark, command and button, all without a public address."""
    await world.text_in("Hello?")
    root = await world.thread("Hello?")
    reply = await world.slack.say("Bea", "front-desk", "Hi", thread_ts=root.ts)
    await world.slack.wait_for(lambda: reply.reactions)
    result = await world.slack.command("Bea", "front-desk", "/sms", "help")
    assert result.refused is None
    assert "texts people from Slack" in world.slack.private_answers("Bea")[0].shown
    assert world.carrier.sent == ["Hi"]


async def test_an_envelope_is_acknowledged_after_its_commit(database_url: str) -> None:
    """While the database takes nothing the envelope is not acknowledged, and comes again, once."""
    database = await FailingDatabase.open(database_url)
    assert isinstance(database, FailingDatabase)
    async with open_world(database, mode="socket") as world:
        await world.connect()
        await world.text_in("Hello?")
        root = await world.thread("Hello?")
        await world.slack.settled()
        await world.worker.stop()
        database.failures = 1
        await world.slack.say("Bea", "front-desk", "Hi", thread_ts=root.ts)
        await world.slack.settled(15)
        told = [each for each in world.slack.deliveries if each.event.get("text") == "Hi"]
        assert [each.state for each in told] == ["delivered"]
        assert len(told[0].attempts) == 2
        assert await database.read(_count, Message) == 2
    await database.close()


@pytest.mark.parametrize("reason", ["refresh_requested", "warning", "dropped"])
async def test_connections_come_and_go(database: Database, reason: str) -> None:
    """Slack replaces or cuts the connection; what is said meanwhile is texted once."""
    slack = SlackSimulator(rate_limits=False, retry_delays_seconds=(0.5, 4.0, 6.0))
    async with open_world(database, mode="socket", simulator=slack) as world:
        await world.connect()
        await world.text_in("Hello?")
        root = await world.thread("Hello?")
        if reason == "dropped":
            await slack.drop_connections()
        else:
            await slack.refresh_connections(reason)
        await slack.say("Bea", "front-desk", "Still here?", thread_ts=root.ts)
        await slack.wait_for(lambda: world.carrier.sent, 12)
        await slack.settled(15)
        assert world.carrier.sent == ["Still here?"]


async def test_what_is_not_understood_is_kept(world: SlackWorld) -> None:
    """An envelope that cannot be read is kept and acknowledged, as over HTTP."""
    assert await world.side.listeners.kept_as_unreadable({"type": "event_callback", "event": "x"})
    assert await world.database.read(_count, KeptEvent) == 1


async def test_stopping_is_quick(database: Database) -> None:
    """A process that is told to stop closes its connection at once."""
    async with open_world(database, mode="socket") as world:
        started_at = time.monotonic()
        await world.side.stop()
        assert time.monotonic() - started_at < 3


async def test_a_wrong_token_stops_the_start(database: Database) -> None:
    """A token that Slack refuses ends the start with what to do about it."""
    async with open_world(database, works=False) as world:
        settings = make_settings(world.slack, "http", slack_bot_token=SecretStr("xoxb-wrong"))
        side = build_slack(settings, database, Gates(database, no_budget), world.clock)
        with pytest.raises(StartRefused, match="SLACK_BOT_TOKEN"):
            await side.start()
        await side.stop()


async def test_a_wrong_app_token_stops_the_start(database: Database) -> None:
    """So does an app-level token that Slack refuses."""
    async with open_world(database, works=False) as world:
        settings = make_settings(world.slack, "socket", slack_app_token=SecretStr("xapp-wrong"))
        side = build_slack(settings, database, Gates(database, no_budget), world.clock)
        with pytest.raises(StartRefused, match="SLACK_APP_TOKEN"):
            await side.start()
        await side.stop()


async def test_a_start_without_a_socket_connects_later(database: Database) -> None:
    """Where Slack opens no connection at the start, one is made once it does."""
    slack = SlackSimulator(rate_limits=False, retry_delays_seconds=(2.0, 6.0, 15.0))
    slack.faults.add("drop_before", path="apps.connections.open")
    meters.connected("slack_socket")
    async with open_world(database, mode="socket", simulator=slack) as world:
        assert meters.connection_ages()["slack_socket"] is None  # the watcher sees it
        await world.connect()
        await world.text_in("Hello?")
        root = await world.thread("Hello?")
        await slack.say("Bea", "front-desk", "Late, but here", thread_ts=root.ts)
        await slack.wait_for(lambda: world.carrier.sent, 30)


async def test_a_start_without_slack_uses_what_it_knows(database: Database) -> None:
    """Where Slack is away, a process that has met the workspace starts all the same."""
    async with open_world(database, works=False):
        pass
    async with open_world(database, works=False) as world:
        world.slack.faults.add("status", path="auth.test", status=503, times=None)
        await world.side.installation.learn("xoxb-sandbox", frozenset())
        assert (await world.side.installation.workspace()).bot_id
