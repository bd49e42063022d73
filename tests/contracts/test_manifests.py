"""The manifests against Slack's schema, against the listeners, and against each other."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from bridge.sandbox.slack import SlackSimulator
from bridge.sandbox.slack.installation import EVENT_SCOPES
from bridge.sandbox.slack.people import user_id_for
from bridge.slack import parse, render
from storage.database import Database
from tests.contracts.slack_contracts import REPOSITORY, check_requests, contracts, reference_folder
from tests.edges.slack_world import OUR_NUMBER, open_world

MODES = ("socket", "http")
ADDRESS = "https://bridge.example.com/slack/"
# What no method and no event asks for, and why it is there all the same.
SCOPES_OF_ARGUMENTS = {"commands", "chat:write.customize"}


def manifest(mode: str) -> dict[str, Any]:
    path = REPOSITORY / "manifests" / f"slack-app.{mode}.yaml"
    loaded: dict[str, Any] = yaml.safe_load(path.read_text())
    return loaded


def events_of(mode: str) -> set[str]:
    return set(manifest(mode)["settings"]["event_subscriptions"]["bot_events"])


def scopes_of(mode: str) -> set[str]:
    return set(manifest(mode)["oauth_config"]["scopes"]["bot"])


def methods_called() -> set[str]:
    """The Web API methods named in the Slack side's source."""
    source = "".join(each.read_text() for each in Path(REPOSITORY / "bridge/slack").glob("*.py"))
    return set(re.findall(r'"([a-z]+\.[a-zA-Z]+)"', source)) & set(contracts()["methods"])


@pytest.mark.parametrize("mode", MODES)
def test_slack_would_take_the_manifest(mode: str) -> None:
    """Each manifest is valid by Slack's own schema."""
    schema = json.loads((reference_folder() / "manifest.schema.json").read_text())
    jsonschema.validate(manifest(mode), schema)


@pytest.mark.parametrize("mode", MODES)
def test_events_are_those_listened_to(mode: str) -> None:
    """Every event listened to is subscribed, and none is subscribed for nothing."""
    subscribed = {each.partition(".")[0] for each in events_of(mode)}
    assert subscribed == set(parse.WANTED_EVENTS)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("mode", MODES)
async def test_commands_and_shortcuts_are_those_listened_to(mode: str, database: Database) -> None:
    """The command is declared with escaping, buttons can be clicked, no shortcut is left over."""
    features = manifest(mode)["features"]
    async with open_world(database, works=False) as world:
        names = world.side.listeners.names
    assert {each["command"] for each in features["slash_commands"]} == names["commands"]
    assert all(each["should_escape"] for each in features["slash_commands"])
    assert names["actions"] == frozenset(render.BUTTONS)
    assert manifest(mode)["settings"]["interactivity"]["is_enabled"]
    assert "shortcuts" not in features


@pytest.mark.parametrize("mode", MODES)
def test_scopes_are_the_least_that_works(mode: str) -> None:
    """Each method called and each event has its scope, and no scope is without use."""
    scopes, methods = scopes_of(mode), contracts()["methods"]
    used = set(SCOPES_OF_ARGUMENTS)
    for method in methods_called():
        allowed = set(methods[method]["bot_scopes_any_of"])
        assert not allowed or allowed & scopes, f"{method} needs one of {sorted(allowed)}"
        used |= allowed & scopes
    for event in events_of(mode):
        needed = {EVENT_SCOPES[event]} - {""}
        assert needed <= scopes, f"{event} needs {needed}"
        used |= needed
    assert scopes == used


@pytest.mark.parametrize("mode", MODES)
def test_each_scope_says_why(mode: str) -> None:
    """A security review reads the reason beside each scope."""
    text = (REPOSITORY / "manifests" / f"slack-app.{mode}.yaml").read_text()
    for scope in scopes_of(mode):
        assert re.search(rf"- {re.escape(scope)} # \S+", text), scope


def test_the_manifests_differ_only_as_they_must() -> None:
    """Socket Mode differs from HTTP by its switch and by having no addresses."""
    socket, http = manifest("socket"), manifest("http")
    addresses = list(_take_addresses(http))
    assert sorted(addresses) == [ADDRESS + each for each in ("commands", "events", "interactive")]
    assert socket["settings"].pop("socket_mode_enabled") is True
    assert http["settings"].pop("socket_mode_enabled") is False
    assert socket == http


def _take_addresses(manifest: dict[str, Any]) -> Iterator[str]:
    yield manifest["settings"]["event_subscriptions"].pop("request_url")
    yield manifest["settings"]["interactivity"].pop("request_url")
    for command in manifest["features"]["slash_commands"]:
        yield command.pop("url")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("mode", MODES)
async def test_the_manifest_is_enough_and_every_call_is_documented(
    mode: str, database: Database
) -> None:
    """With the manifest's scopes and events alone the whole path works, within Slack's contract."""
    simulator = SlackSimulator(rate_limits=False)
    ada = user_id_for("Ada")
    async with open_world(database, mode=mode, simulator=simulator, administrators=ada) as world:
        world.slack.install(
            request_url=f"{world.base_url}/slack/events" if mode == "http" else None,
            manifest=manifest(mode),
        )
        await world.connect()
        await world.text_in("Is my order ready?")
        root = await world.thread("Is my order ready?")
        reply = await world.slack.say("Bea", "front-desk", "Yes", thread_ts=root.ts)
        await world.slack.wait_for(lambda: reply.reactions)
        await world.slack.command("Bea", "front-desk", "/sms", "+1 415 555 0100 And now")
        await world.thread("And now")
        await world.slack.wait_for(lambda: world.slack.private_answers("Bea"))
        await world.slack.archive("front-desk")
        direct = await world.slack.direct_message("Ada")
        await world.slack.wait_for(lambda: direct.messages)
        assert OUR_NUMBER not in str(direct.messages)
        check_requests(world.slack.requests)
