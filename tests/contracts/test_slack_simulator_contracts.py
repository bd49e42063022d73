"""The simulated Slack against Slack's published contracts and recorded payloads."""

from __future__ import annotations

import inspect
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from slack_sdk.models.blocks import block_elements
from slack_sdk.models.blocks import blocks as block_models

from bridge.sandbox.slack import BOT_TOKEN, SIGNING_SECRET, SlackSimulator
from bridge.sandbox.slack import block_kit as kit
from bridge.sandbox.slack.methods import METHODS, Method
from tests.contracts.slack_app import RecordingApp
from tests.contracts.slack_contracts import (
    check_answer,
    check_keys,
    contract,
    documented_errors,
    payload_shape,
)

TIERS = {"Tier1": 1, "Tier2": 2, "Tier3": 3, "Tier4": 4}
MODAL: dict[str, Any] = {
    "type": "modal",
    "title": {"type": "plain_text", "text": "Compose"},
    "submit": {"type": "plain_text", "text": "Send"},
    "blocks": [
        {
            "type": "input",
            "block_id": "body",
            "label": {"type": "plain_text", "text": "Text"},
            "element": {"type": "plain_text_input", "action_id": "text"},
        }
    ],
}
HOME: dict[str, Any] = {"type": "home", "blocks": [{"type": "divider"}]}


@pytest.fixture
async def slack() -> AsyncIterator[SlackSimulator]:
    async with SlackSimulator(rate_limits=False) as slack:
        yield slack


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    headers = {"Authorization": f"Bearer {BOT_TOKEN}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        yield session


async def call(
    slack: SlackSimulator, http: aiohttp.ClientSession, method: str, **arguments: Any
) -> dict[str, Any]:
    how: dict[str, Any] = {"json": arguments}
    if not METHODS[method].reads_json:
        how = {"data": {key: str(value) for key, value in arguments.items()}}
    async with http.post(slack.api_url + method, **how) as response:
        answer: dict[str, Any] = await response.json()
    return answer


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_methods_take_what_slack_documents(method: Method) -> None:
    """Every method takes exactly the documented arguments, scopes and kinds of body."""
    expected = contract(method.name)
    assert {*method.required, *method.optional} == expected["args"].keys()
    assert set(method.required) == set(expected["required_args"])
    assert set(method.scopes) <= set(expected["bot_scopes_any_of"])
    assert method.reads_json == bool(expected["json_body_documented"])


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_tiers_are_the_lower_of_those_documented(method: Method) -> None:
    """Where sources disagree about a method's rate, the simulator takes the lower one."""
    expected = contract(method.name)
    documented = str(expected["docs_tier"])
    figures = [int(documented[5])] if documented.startswith("Tier ") else []
    if (modelled := expected["java_sdk_tier"]) in TIERS:
        figures.append(TIERS[modelled])
    assert method.tier == (min(figures) if figures else None)


def refusals() -> list[tuple[str, dict[str, Any], str]]:
    """Calls that Slack refuses, each with the documented reason."""
    desk, nowhere, elsewhere = "C0FRONTDESK", "C0000000000", "C0BACKOFFICE"
    general, ts = "C000GENERAL", "1000000000.000001"
    text = {"type": "plain_text", "text": "x"}
    long_section = {"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3001}}
    big = [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 2900}}] * 5
    nested = {"event_type": "e", "event_payload": {"a": {"b": {"c": 1}}}}
    large = {"event_type": "e", "event_payload": {"a": "x" * 17_000}}
    post, ephemeral = {"channel": desk, "text": "x"}, {"channel": desk, "user": "U0000000BEA"}
    return [
        ("chat.postMessage", {"channel": desk}, "no_text"),
        ("chat.postMessage", {"channel": desk, "text": "  "}, "no_text"),
        ("chat.postMessage", {"text": "x"}, "invalid_arguments"),
        ("chat.postMessage", {**post, "colour": "red"}, "invalid_arguments"),
        ("chat.postMessage", {**post, "unfurl_links": "perhaps"}, "invalid_arguments"),
        ("chat.postMessage", {**post, "channel": nowhere}, "channel_not_found"),
        ("chat.postMessage", {**post, "channel": elsewhere}, "channel_not_found"),
        ("chat.postMessage", {**post, "channel": "@bea"}, "channel_not_found"),
        ("chat.postMessage", {**post, "as_user": True}, "as_user_not_supported"),
        ("chat.postMessage", {**post, "thread_ts": ts}, "cannot_reply_to_message"),
        ("chat.postMessage", {**post, "blocks": "{"}, "invalid_blocks_format"),
        ("chat.postMessage", {**post, "blocks": [long_section]}, "invalid_blocks"),
        ("chat.postMessage", {**post, "blocks": [{"type": "divider"}] * 51}, "invalid_blocks"),
        ("chat.postMessage", {**post, "blocks": [{"type": "crayon"}]}, "invalid_blocks"),
        ("chat.postMessage", {**post, "blocks": big}, "msg_blocks_too_long"),
        ("chat.postMessage", {**post, "attachments": [{}] * 101}, "too_many_attachments"),
        ("chat.postMessage", {**post, "markdown_text": "x"}, "markdown_text_conflict"),
        ("chat.postMessage", {**post, "metadata": "{"}, "invalid_metadata_format"),
        ("chat.postMessage", {**post, "metadata": {"event_type": "e"}}, "invalid_metadata_schema"),
        ("chat.postMessage", {**post, "metadata": nested}, "invalid_metadata_schema"),
        ("chat.postMessage", {**post, "metadata": large}, "metadata_too_large"),
        ("chat.update", {**post, "ts": ts}, "message_not_found"),
        ("chat.delete", {"channel": desk, "ts": ts}, "message_not_found"),
        ("chat.postEphemeral", {**ephemeral, "blocks": big}, "msg_too_long"),
        ("chat.postEphemeral", {**ephemeral, "blocks": "{"}, "invalid_blocks_format"),
        (
            "files.completeUploadExternal",
            {"files": [{"id": "F0"}], "blocks": "{"},
            "invalid_blocks",
        ),
        ("chat.postEphemeral", {**ephemeral}, "no_text"),
        ("chat.postEphemeral", {**ephemeral, "text": "x" * 4001}, "msg_too_long"),
        (
            "chat.postEphemeral",
            {**ephemeral, "user": "U000000OTTO", "text": "x"},
            "user_not_in_channel",
        ),
        ("chat.postEphemeral", {**ephemeral, "channel": general, "text": "x"}, "not_in_channel"),
        ("chat.getPermalink", {"channel": desk, "message_ts": ts}, "message_not_found"),
        ("conversations.info", {"channel": nowhere}, "channel_not_found"),
        ("conversations.list", {"types": "cave"}, "invalid_types"),
        ("conversations.list", {"limit": 1001}, "invalid_limit"),
        ("conversations.list", {"cursor": "x"}, "invalid_cursor"),
        ("conversations.members", {"channel": desk, "limit": 0}, "invalid_limit"),
        ("conversations.open", {}, "users_list_not_supplied"),
        ("conversations.open", {"users": "U0"}, "user_not_found"),
        ("conversations.open", {"users": "U000000DORA"}, "user_disabled"),
        ("conversations.history", {"channel": general}, "not_in_channel"),
        ("conversations.history", {"channel": desk, "oldest": "x"}, "invalid_ts_oldest"),
        ("conversations.history", {"channel": desk, "latest": "x"}, "invalid_ts_latest"),
        ("conversations.replies", {"channel": desk, "ts": ts}, "thread_not_found"),
        ("conversations.join", {"channel": elsewhere}, "channel_not_found"),
        (
            "conversations.invite",
            {"channel": desk, "users": "U0000000BEA"},
            "already_in_channel",
        ),
        ("conversations.invite", {"channel": general, "users": "U0"}, "not_in_channel"),
        ("users.info", {"user": "U0"}, "user_not_found"),
        ("users.lookupByEmail", {"email": "nobody@front-desk.example"}, "users_not_found"),
        ("usergroups.users.list", {"usergroup": "S0"}, "no_such_subteam"),
        ("reactions.add", {"channel": desk, "timestamp": "x", "name": "x"}, "bad_timestamp"),
        ("reactions.add", {"channel": desk, "timestamp": ts, "name": "x"}, "message_not_found"),
        ("reactions.remove", {"name": "x"}, "no_item_specified"),
        ("reactions.get", {}, "no_item_specified"),
        ("views.open", {"trigger_id": "1", "view": MODAL}, "invalid_trigger_id"),
        ("views.push", {"trigger_id": "1", "view": MODAL}, "invalid_trigger_id"),
        ("views.open", {"trigger_id": "1", "view": {**MODAL, "title": text}}, "invalid_trigger_id"),
        ("views.open", {"trigger_id": "1", "view": HOME}, "invalid_arguments"),
        ("views.update", {"view_id": "V1", "view": MODAL}, "not_found"),
        ("views.publish", {"user_id": "U0", "view": HOME}, "invalid_arguments"),
        ("views.publish", {"user_id": "U0000000BEA", "view": HOME, "hash": "x"}, "hash_conflict"),
        ("files.getUploadURLExternal", {"filename": "a", "length": 0}, "invalid_arguments"),
        (
            "files.getUploadURLExternal",
            {"filename": "a", "length": 1, "alt_txt": "x" * 1001},
            "alt_txt_too_large",
        ),
        ("files.completeUploadExternal", {"files": [{"id": "F0"}]}, "file_not_found"),
        (
            "files.completeUploadExternal",
            {"files": [{"id": "F0"}], "channel_id": general},
            "not_in_channel",
        ),
        ("files.info", {"file": "F0"}, "file_not_found"),
        ("bookmarks.add", {"title": "x", "type": "crayon", "channel_id": desk},
         "invalid_bookmark_type"),
        ("bookmarks.add", {"title": "x", "type": "link", "link": "x", "channel_id": desk},
         "invalid_link"),
        ("bookmarks.edit", {"bookmark_id": "Bk0", "channel_id": desk}, "not_found"),
        ("bookmarks.remove", {"bookmark_id": "Bk0", "channel_id": desk}, "not_found"),
        ("pins.add", {"channel": desk}, "no_item_specified"),
        ("pins.add", {"channel": general, "timestamp": ts}, "not_in_channel"),
        ("pins.remove", {"channel": desk, "timestamp": ts}, "message_not_found"),
        ("team.info", {"team": "T0"}, "team_not_found"),
        ("bots.info", {"bot": "B0"}, "bot_not_found"),
        ("apps.connections.open", {}, "not_allowed_token_type"),
    ]  # fmt: skip


@pytest.mark.parametrize(("method", "arguments", "error"), refusals())
async def test_refusals_carry_the_documented_error(
    slack: SlackSimulator,
    http: aiohttp.ClientSession,
    method: str,
    arguments: dict[str, Any],
    error: str,
) -> None:
    """What Slack refuses is refused here, with an error string Slack documents for the method."""
    slack.install(scopes=[s for s in sorted(slack.workspace.installation.scopes)
                          if s != "chat:write.public"])  # fmt: skip
    answer = await call(slack, http, method, **arguments)
    assert answer["error"] == error
    assert error in documented_errors(method)


def test_no_error_is_made_up() -> None:
    """Every error string in the methods' source is documented for some method, or for all."""
    known = set().union(*(documented_errors(name) for name in METHODS))
    folder = Path(inspect.getfile(METHODS["api.test"].answer)).parent
    for path in (*folder.glob("*.py"), folder.parent / "posting.py", folder.parent / "views.py"):
        raised = re.findall(r'ApiError\("([a-z_]+)"', path.read_text())
        unknown = set(raised) - known
        assert not unknown, f"{path.name}: {sorted(unknown)}"


async def test_every_answer_has_what_slack_promises(
    slack: SlackSimulator, http: aiohttp.ClientSession
) -> None:
    """A successful answer of every method carries the fields Slack documents as required."""
    desk = "C0FRONTDESK"
    posted = await call(slack, http, "chat.postMessage", channel=desk, text="hello")
    ts = posted["ts"]
    slack.workspace.add_usergroup("crew", ["U0000000BEA"])
    group = next(iter(slack.workspace.usergroups))
    upload = await call(slack, http, "files.getUploadURLExternal", filename="a.txt", length=2)
    async with http.post(upload["upload_url"], data=b"hi") as response:
        assert response.status == 200
    triggers = slack.world.triggers
    opened = await call(
        slack, http, "views.open", trigger_id=triggers.issue("U0000000BEA"), view=MODAL
    )
    view_id = opened["view"]["id"]
    bookmark = await call(
        slack, http, "bookmarks.add", channel_id=desk, title="t", type="link", link="https://a.b"
    )
    bookmark_id = bookmark["bookmark"]["id"]
    answers = {
        "chat.postMessage": posted,
        "files.getUploadURLExternal": upload,
        "views.open": opened,
        "bookmarks.add": bookmark,
    }
    file_ids = [{"id": upload["file_id"], "title": "A"}]
    wanted: list[tuple[str, dict[str, Any]]] = [
        ("api.test", {}),
        ("auth.test", {}),
        ("team.info", {}),
        ("emoji.list", {}),
        ("bots.info", {"bot": slack.bot_id}),
        ("chat.update", {"channel": desk, "ts": ts, "text": "changed"}),
        ("chat.getPermalink", {"channel": desk, "message_ts": ts}),
        ("chat.postEphemeral", {"channel": desk, "user": "U0000000BEA", "text": "psst"}),
        ("reactions.add", {"channel": desk, "timestamp": ts, "name": "eyes"}),
        ("reactions.get", {"channel": desk, "timestamp": ts}),
        ("reactions.remove", {"channel": desk, "timestamp": ts, "name": "eyes"}),
        ("pins.add", {"channel": desk, "timestamp": ts}),
        ("pins.list", {"channel": desk}),
        ("pins.remove", {"channel": desk, "timestamp": ts}),
        ("bookmarks.list", {"channel_id": desk}),
        ("bookmarks.edit", {"channel_id": desk, "bookmark_id": bookmark_id, "title": "u"}),
        ("bookmarks.remove", {"channel_id": desk, "bookmark_id": bookmark_id}),
        ("conversations.info", {"channel": desk}),
        ("conversations.list", {}),
        ("conversations.members", {"channel": desk}),
        ("conversations.open", {"users": "U0000000BEA"}),
        ("conversations.history", {"channel": desk}),
        ("conversations.replies", {"channel": desk, "ts": ts}),
        ("conversations.join", {"channel": "C000GENERAL"}),
        ("conversations.invite", {"channel": "C000GENERAL", "users": "U0000000GUS"}),
        ("users.info", {"user": "U0000000BEA"}),
        ("users.list", {}),
        ("users.conversations", {}),
        ("users.lookupByEmail", {"email": "bea@front-desk.example"}),
        ("usergroups.list", {}),
        ("usergroups.users.list", {"usergroup": group}),
        ("views.update", {"view_id": view_id, "view": MODAL}),
        ("views.push", {"trigger_id": triggers.issue("U0000000BEA", view_id), "view": MODAL}),
        ("views.publish", {"user_id": "U0000000BEA", "view": HOME}),
        ("files.completeUploadExternal", {"files": file_ids, "channel_id": desk}),
        ("files.info", {"file": upload["file_id"]}),
        ("chat.delete", {"channel": desk, "ts": ts}),
    ]
    for method, arguments in wanted:
        answers[method] = await call(slack, http, method, **arguments)
    assert METHODS.keys() - answers.keys() == {"apps.connections.open"}
    for method, answer in answers.items():
        assert answer["ok"], f"{method}: {answer}"
        check_answer(method, answer)
        allowed = {"ok", "response_metadata", "warning"}
        documented = set(contract(method)["response_properties"])
        if documented:
            assert answer.keys() <= documented | allowed, method


def test_block_kit_keys_are_those_of_the_official_models() -> None:
    """Every block and element takes exactly the keys that Slack's own models write."""
    # Models inherit keys their element does not have, and newer keys we refuse on purpose.
    not_ours = {"agent_prompt", "agent_prompt_display", "visible_to_user_ids", "alt_text"}
    not_ours |= {"type", "block_id", "action_id", "confirm", "placeholder"}
    differences: dict[str, set[str]] = {}
    for module, table in ((block_models, kit.BLOCK_KEYS), (block_elements, kit.ELEMENT_KEYS)):
        for name, model in inspect.getmembers(module, inspect.isclass):
            kind = getattr(model, "type", None)
            if model.__module__ != module.__name__ or kind not in table:
                continue
            written, ours = written_keys(model), table[kind]
            if unlike := (ours - written) | (written - ours - not_ours):
                differences[name] = unlike
    assert differences == {}


def written_keys(model: Any) -> set[str]:
    """The keys a model writes: a property on most, a plain set on some."""
    if isinstance(model.attributes, property):
        return set(model.attributes.__get__(object.__new__(model)))
    return set(model.attributes)


# What Slack sends today and the recordings, which are older, do not have.
NEWER = {
    "context_team_id", "context_enterprise_id", "app_id", "files", "user_team", "source_team",
    "user_profile", "event_ts", "reply_users", "client_msg_id", "team", "user", "edited",
    "icons", "username", "reactions", "is_bot", "file_access", "last_name", "hidden",
    "is_primary_owner", "blocks", "is_locked", "who_can_share_contact_card",
}  # fmt: skip


# What the recordings show and Slack leaves out where there is nothing to say.
NOT_ALWAYS = {
    "app_id", "attachments", "authed_teams", "authed_users", "blocks", "bot_id", "bot_profile",
    "display_as_bot", "edited", "enterprise", "enterprise_id", "icons", "inviter", "metadata",
    "parent_user_id", "source_team", "subtype", "thread_ts", "upload", "user_profile", "user_team",
    "username", "view",
}  # fmt: skip


@pytest.fixture
async def app(slack: SlackSimulator) -> AsyncIterator[RecordingApp]:
    async with RecordingApp(SIGNING_SECRET) as app:
        slack.install(request_url=app.url, mode="http")
        yield app


async def test_events_have_the_recorded_shapes(
    slack: SlackSimulator, app: RecordingApp, http: aiohttp.ClientSession
) -> None:
    """No event carries a key that Slack was never seen to send at that place."""
    parent = await slack.say("Bea", "front-desk", "morning @SMS")
    await slack.say("Carl", "front-desk", "hi", thread_ts=parent.ts)
    await slack.say("Carl", "front-desk", "all", thread_ts=parent.ts, broadcast=True)
    await slack.say("Carl", "front-desk", "see", files=[("a.txt", b"hi")])
    gone = await slack.say("Carl", "front-desk", "oops")
    await slack.delete("Carl", "front-desk", gone.ts)
    await slack.edit("Bea", "front-desk", parent.ts, "good morning")
    await slack.react("Carl", "front-desk", parent.ts, "eyes")
    await slack.unreact("Carl", "front-desk", parent.ts, "eyes")
    await slack.open_home("Bea")
    await slack.rename("front-desk", "desk-front")
    await slack.archive("desk-front")
    await slack.unarchive("desk-front")
    await slack.join("Otto", "desk-front")
    await slack.leave("Otto", "desk-front")
    await slack.deactivate("Carl")
    customised = {"channel": "C0FRONTDESK", "text": "hello", "username": "Customer"}
    assert (await call(slack, http, "chat.postMessage", **customised))["ok"]
    await slack.uninstall()
    await slack.settled()
    names = {
        "": "Message", "file_share": "MessageFileShare", "bot_message": "MessageBot",
        "thread_broadcast": "MessageThreadBroadcast", "message_changed": "MessageChanged",
        "message_deleted": "MessageDeleted", "channel_join": "MessageChannelJoin",
    }  # fmt: skip
    seen: set[str] = set()
    for body in app.events:
        event = body["event"]
        name = "".join(part.title() for part in event["type"].split("_"))
        if event["type"] == "message":
            name = names.get(event.get("subtype", ""), "")
        if name:
            seen.add(name)
            recorded = payload_shape(f"events/{name}Payload")
            check_keys(body, recorded, NEWER, name)
            missing = (recorded.keys() | {"event"}) - body.keys() - NOT_ALWAYS
            missing |= recorded["event"].keys() - event.keys() - NOT_ALWAYS
            assert not missing, f"{name} lacks {sorted(missing)}"
    assert seen == {
        *names.values(), "AppMention", "AppHomeOpened", "AppUninstalled", "ChannelArchive",
        "ChannelRename", "ChannelUnarchive", "FileShared", "MemberJoinedChannel",
        "MemberLeftChannel", "ReactionAdded", "ReactionRemoved", "TokensRevoked", "UserChange",
    }  # fmt: skip


async def test_interactivity_has_the_recorded_shapes(
    slack: SlackSimulator, app: RecordingApp, http: aiohttp.ClientSession
) -> None:
    """No command, click, shortcut or submission carries a key Slack was never seen to send."""
    desk = "C0FRONTDESK"
    button = {"type": "button", "action_id": "claim", "text": {"type": "plain_text", "text": "C"}}
    blocks = [{"type": "actions", "elements": [button]}]
    posted = await call(slack, http, "chat.postMessage", channel=desk, text="card", blocks=blocks)
    extra = {"response_url", "is_enterprise_install", "state", "actions", "action_ts"}
    command = await slack.command("Bea", "front-desk", "/sms", "help")
    clicked = await slack.click("Bea", "front-desk", posted["ts"], "claim")
    shortcut = await slack.message_shortcut("Bea", "front-desk", posted["ts"], "note")
    trigger_id = clicked.payload["trigger_id"]
    modal = {**MODAL, "notify_on_close": True}
    assert (await call(slack, http, "views.open", trigger_id=trigger_id, view=modal))["ok"]
    submitted = await slack.submit_view("Bea", {"text": "hello"})
    trigger_id = shortcut.payload["trigger_id"]
    assert (await call(slack, http, "views.open", trigger_id=trigger_id, view=modal))["ok"]
    closed = await slack.close_view("Bea")
    assert closed is not None
    assert len(app.interactions) == 5
    in_message = extra | {
        "app_id", "ts", "bot_id", "bot_profile", "block_id", "value", "type", "blocks",
    }  # fmt: skip
    for name, payload, allowed in (
        ("SlashCommand", command.payload, set[str]()),
        ("BlockAction", clicked.payload, in_message),
        ("MessageShortcut", shortcut.payload, in_message),
        ("ViewSubmission", submitted.payload, extra | {"blocks", "response_urls", "values"}),
        ("ViewClosed", closed.payload, extra | {"blocks", "values"}),
    ):
        check_keys(payload, payload_shape(f"interactivity/{name}Payload"), allowed, name)
