"""Events at the edge: acknowledged after the commit, once each, and nothing unwanted kept."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlmodel import Session, col, func, select

from bridge.relay.reasons import explain
from bridge.sandbox.slack.people import user_id_for
from storage.database import Database, DatabaseBusy
from storage.tables import KeptEvent, Message, Notice, Workspace
from tests.edges.slack_world import SlackWorld, open_world

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
ADA = user_id_for("Ada")


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
    async with open_world(database) as world:
        await world.connect()
        yield world


def _count(session: Session, table: Any) -> int:
    return session.exec(select(func.count()).select_from(table)).one()


def _find_kept(session: Session) -> list[KeptEvent]:
    return list(session.exec(select(KeptEvent)))


def _find_notices(session: Session, kind: str) -> list[Notice]:
    return list(session.exec(select(Notice).where(col(Notice.kind) == kind)))


async def _replied(world: SlackWorld) -> tuple[Any, dict[str, Any]]:
    """A reply that was texted, and the event that told of it."""
    await world.text_in("Hello?")
    root = await world.thread("Hello?")
    reply = await world.slack.say("Bea", "front-desk", "Hi", thread_ts=root.ts)
    await world.slack.wait_for(lambda: reply.reactions)
    told = [each for each in world.slack.deliveries if each.event.get("ts") == reply.ts]
    return reply, told[0].body


async def test_the_request_url_is_verified(world: SlackWorld) -> None:
    """Slack's check of the address is answered, once it is signed."""
    await world.slack.verify_request_url()


async def test_repeats_are_one_text(world: SlackWorld) -> None:
    """Eleven events for one message, each with an id of its own, are one text."""
    _, body = await _replied(world)
    for number in range(10):
        repeat = {**body, "event_id": f"EvREPEAT{number}"}
        answer = await world.slack.post_signed(json.dumps(repeat).encode())
        assert answer.failure is None
    await world.slack.settled()
    assert world.carrier.sent == ["Hi"]
    assert await world.database.read(_count, Message) == 2


async def test_an_event_is_acknowledged_after_its_commit(database_url: str) -> None:
    """While the database takes nothing Slack gets 503, and its repeat is one text."""
    database = await FailingDatabase.open(database_url)
    assert isinstance(database, FailingDatabase)
    async with open_world(database) as world:
        await world.connect()
        await world.text_in("Hello?")
        root = await world.thread("Hello?")
        await world.slack.settled()
        await world.worker.stop()
        database.failures = 2
        await world.slack.say("Bea", "front-desk", "Hi", thread_ts=root.ts)
        await world.slack.settled()
        told = [each for each in world.slack.deliveries if each.event.get("text") == "Hi"]
        assert [each.state for each in told] == ["delivered"]
        assert [answer.failure for answer in told[0].attempts] == ["http_error", "http_error", None]
        assert await database.read(_count, Message) == 2
    await database.close()


async def test_an_unwanted_event_is_answered(world: SlackWorld) -> None:
    """An event that no listener wants gets 200, so that Slack does not switch us off."""
    _, body = await _replied(world)
    for kind in ("emoji_changed", "message", "app_mention"):
        event = {"type": kind, "event_ts": "1.1", "channel": "C0OTHER", "subtype": "channel_topic"}
        answer = await world.slack.post_signed(json.dumps({**body, "event": event}).encode())
        assert answer.failure is None
    rate = {"type": "app_rate_limited", "team_id": body["team_id"], "minute_rate_limited": 1}
    assert (await world.slack.post_signed(json.dumps(rate).encode())).failure is None
    assert await world.database.read(_find_kept) == []


async def test_other_channels_are_dropped(
    world: SlackWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is said outside inbox channels is neither stored nor logged."""
    root = await world.slack.say("Bea", "partners", "Unrelated secret")
    await world.slack.say("Bea", "partners", "Unrelated reply", thread_ts=root.ts)
    aside = await world.slack.say("Bea", "front-desk", "A remark to colleagues")
    await world.slack.say("Carl", "front-desk", "Fine", thread_ts=aside.ts)
    await world.slack.settled()
    assert await world.database.read(_count, Message) == 0
    assert "Unrelated" not in capsys.readouterr().out
    assert world.carrier.sent == []


async def test_other_robots_are_not_texted(world: SlackWorld) -> None:
    """Another app's words in a thread never reach a phone."""
    await world.text_in("Hello?")
    root = await world.thread("Hello?")
    await world.slack.join("Relay", "front-desk")
    await world.slack.say("Relay", "front-desk", "I am a bot", thread_ts=root.ts)
    await world.slack.settled()
    assert await world.database.read(_count, Message) == 1
    assert world.carrier.sent == []


GARBLED: dict[str, Any] = {
    "not JSON": b"{not json",
    "a list": b"[1]",
    "nested without end": b'{"a":' + b"[" * 100_000,
    "event is text": {"event": "message"},
    "authorizations is text": {"authorizations": "T1"},
    "authorizations of text": {"authorizations": ["T1"]},
    "no user": {"event": {"user": None}},
    "text is a number": {"event": {"text": 7}},
    "channel is a list": {"event": {"channel": ["C1"]}},
    "ts is a number": {"event": {"ts": 1.5}},
}


@pytest.mark.parametrize("name", GARBLED)
async def test_what_is_not_understood_is_kept(database: Database, name: str) -> None:
    """What Slack signed but we cannot read is kept whole, answered 200, and told."""
    async with open_world(database, administrators=ADA) as world:
        await world.connect()
        _, body = await _replied(world)
        garbled = GARBLED[name]
        if isinstance(garbled, dict):
            event = garbled.get("event", {})
            merged = {**body["event"], **event} if isinstance(event, dict) else event
            garbled = json.dumps({**body, **garbled, "event": merged}).encode()
        answer = await world.slack.post_signed(garbled)
        assert answer.failure is None
        kept = await world.database.read(_find_kept)
        assert len(kept) == 1
        assert world.carrier.sent == ["Hi"]
        notices = await world.database.read(_find_notices, "not_understood")
        assert [each.channel_id for each in notices] == [ADA]


async def test_half_a_surrogate_is_stored(world: SlackWorld) -> None:
    """Text that no database takes (NUL, half a surrogate pair) is made storable, not refused."""
    _, body = await _replied(world)
    ts = f"{float(body['event']['ts']) + 1:.6f}"
    event = {**body["event"], "ts": ts, "text": "a\0b\ud83d!"}
    answer = await world.slack.post_signed(json.dumps({**body, "event": event}).encode())
    assert answer.failure is None
    await world.slack.wait_for(lambda: len(world.carrier.sent) == 2)
    assert world.carrier.sent[1] == "ab\ufffd!"


async def test_link_previews_change_nothing(world: SlackWorld) -> None:
    """A preview that Slack adds to a message is no edit."""
    reply, _ = await _replied(world)
    await world.slack.unfurl("front-desk", reply.ts, "https://example.com", "Example")
    await world.slack.settled()
    assert await world.database.read(_find_notices, "edited_late") == []


async def test_a_lost_channel_is_told(database: Database) -> None:
    """An archived inbox channel is told to the administrators."""
    async with open_world(database, administrators=ADA) as world:
        await world.connect()
        await world.slack.archive("front-desk")
        await world.slack.settled()
        notices = await world.database.read(_find_notices, "channel_lost")
        assert [each.payload["how"] for each in notices] == ["archived"]
        direct = await world.slack.direct_message("Ada")
        shown = await world.slack.wait_for(lambda: direct.messages)
        assert "archived" in shown[0].shown


async def test_a_removed_app_is_told(database: Database) -> None:
    """An app that was removed from an inbox channel tells the administrators."""
    async with open_world(database, administrators=ADA, works=False) as world:
        await world.connect()
        await world.slack.kick_bot("front-desk")
        await world.slack.settled()
        notices = await world.database.read(_find_notices, "channel_lost")
        assert [each.payload["how"] for each in notices] in (["left"], [])


async def test_an_uninstalled_app_stops(world: SlackWorld) -> None:
    """An uninstalled app marks its workspace revoked and accepts nothing any more."""
    await world.slack.uninstall()
    await world.slack.settled()
    workspace = await world.database.read(_workspace)
    assert workspace.revoked_at is not None


def _workspace(session: Session) -> Workspace:
    return session.exec(select(Workspace)).one()


async def test_a_changed_person_is_remembered(world: SlackWorld) -> None:
    """Somebody who is deactivated can no longer text, although we knew them as a member."""
    await _replied(world)
    await world.slack.deactivate("Bea")
    await world.slack.settled()
    person = await world.side.people.get(world.slack.person("Bea").user_id)
    assert person.standing == "deactivated"
    assert "deactivated" in explain("deactivated").sentence
