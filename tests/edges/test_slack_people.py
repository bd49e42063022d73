"""Who people are, as Slack says: names in texts, and who may text a customer."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bridge.outbox.outcome import Refused, TryLater
from bridge.sandbox.slack.people import user_id_for
from bridge.slack.people import person_of
from storage.database import Database
from tests.edges.slack_world import SlackWorld, open_world

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

STANDINGS = {
    "Bea": "member",
    "Ada": "member",
    "Olga": "member",
    "Gus": "guest",
    "Sam": "guest",
    "Otto": "stranger",
    "Dora": "deactivated",
    "Relay": "robot",
}


@pytest.fixture
async def world(database: Database) -> AsyncIterator[SlackWorld]:
    async with open_world(database, works=False) as world:
        yield world


@pytest.mark.parametrize("name", STANDINGS)
async def test_only_members_may_text(world: SlackWorld, name: str) -> None:
    """A member's words become phone text; anybody else is refused by standing."""
    told = await world.side.phone_text_of("Hello", world.slack.team_id, user_id_for(name))
    standing = STANDINGS[name]
    assert told == ("Hello" if standing == "member" else Refused(standing))


@pytest.mark.parametrize(("name", "is_one"), [("Bea", False), ("Ada", True), ("Olga", True)])
async def test_administrators_are_slack_s(world: SlackWorld, name: str, is_one: bool) -> None:
    """The workspace's administrators and owners administer the bridge."""
    person = await world.side.people.get(user_id_for(name))
    assert world.side.people.is_administrator(person) is is_one


async def test_slack_is_asked_once_in_ten_minutes(world: SlackWorld) -> None:
    """What Slack said of somebody is kept for ten minutes, then asked again."""
    for _ in range(3):
        await world.side.people.get(user_id_for("Bea"))
    assert len(world.slack.calls("users.info")) == 1
    world.clock.forward(minutes=11)
    await world.side.people.get(user_id_for("Bea"))
    assert len(world.slack.calls("users.info")) == 2


async def test_names_are_written_out(world: SlackWorld) -> None:
    """A mention becomes the name; somebody whom Slack hides is "someone"."""
    markup = f"Ask <@{user_id_for('Carl')}> or <@U0NOBODY>"
    told = await world.side.phone_text_of(markup, world.slack.team_id, user_id_for("Bea"))
    assert isinstance(told, str)
    assert told.startswith("Ask Carl or")
    assert "U0NOBODY" not in told


async def test_a_silent_slack_is_asked_later(world: SlackWorld) -> None:
    """Where Slack does not say who wrote a text, it waits: it is neither sent nor refused."""
    world.slack.faults.add("status", path="users.info", status=503, times=None)
    told = await world.side.phone_text_of("Hi", world.slack.team_id, user_id_for("Bea"))
    assert isinstance(told, TryLater)


def test_people_of_the_same_organisation_are_no_strangers(world: SlackWorld) -> None:
    """On an organisation's plan a person of a sister workspace who is here too is a member."""
    now = world.clock.now()
    user = {"id": "U1", "team_id": "T2", "name": "Eve", "enterprise_user": {"teams": ["T1"]}}
    assert person_of("T1", user, now).standing == "member"
    assert person_of("T3", user, now).standing == "stranger"
    assert person_of("T1", {"id": "U2", "profile": "odd"}, now).name == "someone"
