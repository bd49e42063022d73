"""The workspace as plain data and back, so that a sandbox goes on where it was stopped.

Not kept: triggers and response URLs, which live for seconds and minutes, and how the app is
installed, which whoever starts the simulator decides.
"""

from __future__ import annotations

from typing import Protocol

from bridge.sandbox.plain import plain
from bridge.sandbox.slack.channels import Channel
from bridge.sandbox.slack.errors import Json
from bridge.sandbox.slack.files import StoredFile
from bridge.sandbox.slack.mentions import Pings
from bridge.sandbox.slack.messages import Message, PrivateAnswer
from bridge.sandbox.slack.people import Person
from bridge.sandbox.slack.simulator import SlackSimulator
from bridge.sandbox.slack.views import View
from bridge.sandbox.slack.workspace import UserGroup, Workspace


class Files(Protocol):
    """Where bytes are kept."""

    def put(self, data: bytes) -> str: ...

    def get(self, name: str) -> bytes: ...


def snapshot(slack: SlackSimulator, files: Files) -> Json:
    """Everything people and apps have made, and the events the app has not taken yet."""
    workspace, views = slack.workspace, slack.world.views
    return {
        "people": [plain(each) for each in workspace.people.values()],
        "usergroups": [plain(each) for each in workspace.usergroups.values()],
        "channels": [_channel_json(each) for each in workspace.channels.values()],
        "private_answers": [plain(each, without={"name_of"}) for each in workspace.private_answers],
        "files": [plain(each, files.put) for each in workspace.files.by_id.values()],
        "ids": [workspace.made_ids, workspace.files.made_ids, views.made_ids],
        "views": [plain(each) for each in views.by_id.values()],
        "stacks": views.stacks,
        "homes": {user_id: view.view_id for user_id, view in views.homes.items()},
        "pending": [
            {"subscription": each.subscription, "body": each.body}
            for each in slack.deliveries
            if each.state == "pending"
        ],
    }


def _channel_json(channel: Channel) -> Json:
    messages = [plain(each, without={"name_of", "replies"}) for each in channel.by_ts.values()]
    shown: Json = plain(channel, without={"by_ts"})
    return shown | {"messages": messages}


def restore(slack: SlackSimulator, kept: Json, files: Files) -> None:
    """Put it all back, and send again what was on its way."""
    workspace, views = slack.workspace, slack.world.views
    workspace.people = {each["user_id"]: Person(**each) for each in kept["people"]}
    workspace.usergroups = {each["usergroup_id"]: UserGroup(**each) for each in kept["usergroups"]}
    workspace.channels = {
        each["channel_id"]: _channel(workspace, each) for each in kept["channels"]
    }
    workspace.private_answers = [
        PrivateAnswer(**each | {"name_of": workspace.name_of, "pings": _pings(each["pings"])})
        for each in kept["private_answers"]
    ]
    for each in kept["files"]:
        shares = [(channel, private, ts, thread) for channel, private, ts, thread in each["shares"]]
        file = StoredFile(**each | {"data": files.get(each["data"]), "shares": shares})
        workspace.files.by_id[file.file_id] = file
    workspace.made_ids, workspace.files.made_ids, views.made_ids = kept["ids"]
    views.by_id = {each["view_id"]: View(**each) for each in kept["views"]}
    views.stacks = kept["stacks"]
    views.homes = {user_id: views.by_id[view_id] for user_id, view_id in kept["homes"].items()}
    for each in kept["pending"]:
        slack.deliver_again(each["subscription"], each["body"])
    slack.workspace.changed()


def _channel(workspace: Workspace, kept: Json) -> Channel:
    messages = kept.pop("messages")
    root_order = kept.pop("root_order")
    channel = Channel(**kept)
    for each in messages:
        message = Message(
            **each
            | {
                "name_of": workspace.name_of,
                "pings": _pings(each["pings"]),
                "links": [(url, label) for url, label in each["links"]],
            }
        )
        channel.add(message)
        workspace.clock.begin_after(message.ts)
    channel.root_order = root_order
    return channel


def _pings(kept: Json) -> Pings:
    return Pings(*(tuple(kept[name]) for name in ("users", "usergroups", "broadcasts")))
