"""The workspace: people, channels, messages and files, and every change announced as an event.

Both the Web API and the people act on it; it neither listens nor waits.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from bridge.sandbox.slack.channels import Channel, ChannelKind
from bridge.sandbox.slack.clock import SlackClock
from bridge.sandbox.slack.errors import Json
from bridge.sandbox.slack.files import FileStore
from bridge.sandbox.slack.installation import Installation
from bridge.sandbox.slack.mentions import Pings, marks_of
from bridge.sandbox.slack.messages import Message, PrivateAnswer
from bridge.sandbox.slack.people import TEAM_ID, Person, make_person, the_cast
from bridge.sandbox.slack.typed import Directory

FAMILY = {"channel": "channels", "group": "groups", "im": "im", "mpim": "mpim"}


@dataclass(slots=True)
class UserGroup:
    usergroup_id: str
    handle: str
    name: str
    users: list[str] = field(default_factory=list)
    is_disabled: bool = False


Announce = Callable[[str, Json, Channel | None, str], None]


class Workspace:
    """All state; `announce(subscription, event, channel, team_id)` tells of each change."""

    def __init__(self, clock: SlackClock) -> None:
        self.clock = clock
        self.installation = Installation()
        self.people: dict[str, Person] = {}
        self.channels: dict[str, Channel] = {}
        self.usergroups: dict[str, UserGroup] = {}
        self.custom_emoji: dict[str, str] = {}
        self.private_answers: list[PrivateAnswer] = []
        self.files = FileStore(clock)
        self.announce: Announce = lambda *_: None
        self.changed: Callable[[], None] = lambda: None
        self._directory: Directory | None = None
        self.made_ids = 0

    # Who and where

    def person(self, who: str | Person) -> Person:
        """The person with this id or name; KeyError when there is none."""
        if isinstance(who, Person):
            return who
        if who in self.people:
            return self.people[who]
        wanted = who.lower().lstrip("@")
        for person in self.people.values():
            if person.name.lower() == wanted or person.handle == wanted:
                return person
        raise KeyError(f"nobody here is called {who}")

    def channel(self, which: str | Channel) -> Channel:
        """The channel with this id or name; KeyError when there is none."""
        if isinstance(which, Channel):
            return which
        if which in self.channels:
            return self.channels[which]
        wanted = which.lstrip("#")
        for channel in self.channels.values():
            if channel.name == wanted:
                return channel
        raise KeyError(f"there is no channel {which}")

    def name_of(self, any_id: str) -> str:
        if any_id in self.people:
            return self.people[any_id].name
        if any_id in self.channels:
            return self.channels[any_id].name
        if any_id in self.usergroups:
            return self.usergroups[any_id].handle
        return any_id

    def directory(self) -> Directory:
        if self._directory is None:
            self._directory = Directory(
                {person.handle: person.user_id for person in self.people.values()},
                {channel.name: channel.channel_id for channel in self.channels.values()},
                {group.handle: group.usergroup_id for group in self.usergroups.values()},
            )
        return self._directory

    def next_id(self, prefix: str) -> str:
        self.made_ids += 1
        return f"{prefix}{self.made_ids:010d}"

    def add_person(self, person: Person) -> Person:
        self.people[person.user_id] = person
        self._directory = None
        return person

    def add_channel(
        self,
        name: str,
        members: Iterable[str],
        kind: ChannelKind = "channel",
        is_shared: bool = False,
        channel_id: str | None = None,
    ) -> Channel:
        channel = Channel(
            channel_id=channel_id or self.next_id("D" if kind == "im" else "C"),
            name=name,
            kind=kind,
            members=list(members),
            created=int(self.clock.now()),
            is_shared=is_shared,
        )
        channel.creator = channel.members[0] if channel.members else ""
        self.channels[channel.channel_id] = channel
        self._directory = None
        return channel

    def add_usergroup(self, handle: str, users: Iterable[str]) -> UserGroup:
        group = UserGroup(self.next_id("S"), handle, handle.title(), list(users))
        self.usergroups[group.usergroup_id] = group
        self._directory = None
        return group

    def direct_channel(self, user_ids: Iterable[str]) -> tuple[Channel, bool]:
        """The direct conversation of these people, and whether it had to be made."""
        wanted = set(user_ids)
        for channel in self.channels.values():
            if channel.kind in ("im", "mpim") and set(channel.members) == wanted:
                return channel, False
        kind: ChannelKind = "im" if len(wanted) <= 2 else "mpim"
        name = "" if kind == "im" else "mpdm-" + "--".join(sorted(wanted)).lower()
        return self.add_channel(name, sorted(wanted), kind), True

    # Messages

    def post(self, channel: Channel, link_names: bool = False, **fields: Any) -> Message:
        """Put a message into the channel and announce it; `fields` are those of Message."""
        fields.setdefault("team_id", TEAM_ID)
        message = Message(
            ts=self.clock.next_ts(), channel_id=channel.channel_id, name_of=self.name_of, **fields
        )
        self._mark(message, link_names)
        if message.thread_ts is not None:
            message.parent_user_id = channel.by_ts[message.thread_ts].user_id
        channel.add(message)
        self._announce_message(channel, message)
        return message

    def _mark(self, message: Message, link_names: bool) -> None:
        names = self.directory().users if link_names else None
        marks = marks_of(message.text, message.blocks, message.attachments, names)
        message.pings, message.links = marks.pings, marks.links

    def _announce_message(self, channel: Channel, message: Message) -> None:
        event = message.as_json() | {
            "channel": channel.channel_id,
            "event_ts": message.ts,
            "channel_type": channel.kind,
        }
        if message.broadcast and message.thread_ts:
            event.pop("parent_user_id", None)
            event["root"] = channel.by_ts[message.thread_ts].as_json()
        team_id = message.team_id
        if team_id != TEAM_ID and message.user_id:
            profile = self.people[message.user_id].profile()
            event |= {"user_team": team_id, "source_team": team_id, "user_profile": profile}
        self.announce(f"message.{FAMILY[channel.kind]}", event, channel, team_id)
        bot_user_id = self.installation.bot_user_id
        is_typed = not message.bot_id and message.subtype in (
            None,
            "file_share",
            "thread_broadcast",
        )
        if bot_user_id in message.pings.users and is_typed and channel.kind != "im":
            self.announce("app_mention", self._mention_of(event), channel, team_id)

    @staticmethod
    def _mention_of(event: Json) -> Json:
        unwanted = ("channel_type", "root", "parent_user_id")
        kept = {key: value for key, value in event.items() if key not in unwanted}
        return kept | {"type": "app_mention"}

    def change(
        self,
        channel: Channel,
        message: Message,
        edited_by: str | None,
        link_names: bool = False,
        **fields: Any,
    ) -> None:
        """Change a message and announce it; without `edited_by` it is no edit (a link preview)."""
        previous = message.as_json()
        for name, value in fields.items():
            setattr(message, name, value)
        changed_ts = self.clock.next_ts()
        if edited_by is not None:
            message.edited = {"user": edited_by, "ts": changed_ts}
        message.versions += 1
        self._mark(message, link_names)
        self._announce_change(channel, message, previous, changed_ts)

    def _announce_change(
        self, channel: Channel, message: Message, previous: Json, changed_ts: str
    ) -> None:
        shown = message.as_json()
        if message.subtype == "tombstone":
            shown["hidden"] = True
        if message.team_id != TEAM_ID:
            shown |= {"user_team": message.team_id, "source_team": message.team_id}
        event: Json = {
            "type": "message",
            "subtype": "message_changed",
            "hidden": True,
            "message": shown,
            "previous_message": previous,
            "channel": channel.channel_id,
            "ts": changed_ts,
            "event_ts": changed_ts,
            "channel_type": channel.kind,
        }
        self.announce(f"message.{FAMILY[channel.kind]}", event, channel, message.team_id)

    def delete(self, channel: Channel, message: Message) -> None:
        """Delete a message; a parent with replies leaves a tombstone behind."""
        previous = message.as_json()
        deleted_ts = self.clock.next_ts()
        if message.replies:
            message.become_tombstone()
            self._announce_change(channel, message, previous, deleted_ts)
            return
        channel.remove(message)
        message.is_deleted = True
        event: Json = {
            "type": "message",
            "subtype": "message_deleted",
            "hidden": True,
            "deleted_ts": message.ts,
            "previous_message": previous,
            "channel": channel.channel_id,
            "ts": deleted_ts,
            "event_ts": deleted_ts,
            "channel_type": channel.kind,
        }
        self.announce(f"message.{FAMILY[channel.kind]}", event, channel, message.team_id)

    def react(self, channel: Channel, message: Message, user_id: str, name: str) -> None:
        message.reactions.setdefault(name, []).append(user_id)
        self._announce_reaction("reaction_added", channel, message, user_id, name)

    def unreact(self, channel: Channel, message: Message, user_id: str, name: str) -> None:
        message.reactions[name].remove(user_id)
        if not message.reactions[name]:
            del message.reactions[name]
        self._announce_reaction("reaction_removed", channel, message, user_id, name)

    def _announce_reaction(
        self, kind: str, channel: Channel, message: Message, user_id: str, name: str
    ) -> None:
        event: Json = {
            "type": kind,
            "user": user_id,
            "reaction": name,
            "item": {"type": "message", "channel": channel.channel_id, "ts": message.ts},
            "event_ts": self.clock.next_ts(),
        }
        if message.user_id:
            event["item_user"] = message.user_id
        self.announce(kind, event, channel, TEAM_ID)

    def whisper(
        self,
        channel: Channel,
        user_id: str,
        source: str,
        text: str,
        blocks: list[Json],
        thread_ts: str | None = None,
    ) -> PrivateAnswer:
        """Show something to one person only."""
        answer = PrivateAnswer(
            ts=self.clock.next_ts(),
            user_id=user_id,
            channel_id=channel.channel_id,
            text=text,
            name_of=self.name_of,
            source=source,
            blocks=blocks,
            thread_ts=thread_ts,
            pings=marks_of(text, blocks).pings,
        )
        self.private_answers.append(answer)
        self.changed()
        return answer

    # Channels

    def join(self, channel: Channel, user_id: str, inviter_id: str | None = None) -> None:
        channel.members.append(user_id)
        event: Json = {
            "type": "member_joined_channel",
            "user": user_id,
            "channel": channel.channel_id,
            "channel_type": channel.channel_id[0],
            "team": TEAM_ID,
            "event_ts": self.clock.next_ts(),
        }
        if inviter_id:
            event["inviter"] = inviter_id
        self.announce("member_joined_channel", event, channel, TEAM_ID)
        self.tell(channel, "join", user_id, f"<@{user_id}> has joined the channel")

    def leave(self, channel: Channel, user_id: str) -> None:
        event: Json = {
            "type": "member_left_channel",
            "user": user_id,
            "channel": channel.channel_id,
            "channel_type": channel.channel_id[0],
            "team": TEAM_ID,
            "event_ts": self.clock.next_ts(),
        }
        # An app learns of its own removal, so the event goes out while it still is a member.
        self.announce("member_left_channel", event, channel, TEAM_ID)
        channel.members.remove(user_id)
        self.tell(channel, "leave", user_id, f"<@{user_id}> has left the channel")

    def archive(self, channel: Channel, user_id: str, is_archived: bool) -> None:
        verb = "archive" if is_archived else "unarchive"
        channel.is_archived = is_archived
        self.tell(channel, verb, user_id, f"{verb}d the channel")
        kind = f"{channel.kind}_{verb}"
        event: Json = {
            "type": kind,
            "channel": channel.channel_id,
            "user": user_id,
            "event_ts": self.clock.next_ts(),
        }
        if is_archived:
            event["is_moved"] = 0
        self.announce(kind, event, channel, TEAM_ID)

    def rename(self, channel: Channel, user_id: str, name: str) -> None:
        old_name, channel.name = channel.name, name
        self._directory = None
        text = f'has renamed the channel from "{old_name}" to "{name}"'
        self.tell(channel, "name", user_id, text)
        kind = f"{channel.kind}_rename"
        event: Json = {
            "type": kind,
            "channel": {
                "id": channel.channel_id,
                "name": name,
                "name_normalized": name,
                "created": channel.created,
                "is_channel": channel.kind == "channel",
                "is_mpim": channel.kind == "mpim",
            },
            "event_ts": self.clock.next_ts(),
        }
        self.announce(kind, event, channel, TEAM_ID)

    def tell(self, channel: Channel, what: str, user_id: str, text: str) -> None:
        """The grey line Slack itself writes into a channel about a change of the channel."""
        prefix = "group" if channel.kind == "group" else "channel"
        author = self.name_of(user_id)
        line = self.post(
            channel, author=author, text=text, subtype=f"{prefix}_{what}", user_id=user_id
        )
        line.pings = Pings()  # such lines notify nobody, whom they name or not

    def change_person(self, person: Person) -> None:
        person.updated = int(self.clock.now())
        event = {
            "type": "user_change",
            "user": person.as_json(with_email=True),
            "cache_ts": person.updated,
            "event_ts": self.clock.next_ts(),
        }
        self.announce("user_change", event, None, TEAM_ID)


def new_client_msg_id() -> str:
    return str(uuid.uuid4())


def populated_workspace(clock: SlackClock) -> Workspace:
    """The workspace every test starts with; see the cast in the package's docstring."""
    workspace = Workspace(clock)
    cast = {person.name: workspace.add_person(person).user_id for person in the_cast()}
    installation = workspace.installation
    bot = make_person("SMS", is_bot=True, bot_id=installation.bot_id, app_id=installation.app_id)
    bot.user_id = installation.bot_user_id
    workspace.add_person(bot)

    def create(name: str, *names: str, kind: ChannelKind = "channel", shared: bool = False) -> None:
        channel_id = "C" + name.replace("-", "").upper().rjust(10, "0")
        members = [cast[person] for person in names]
        workspace.add_channel(name, members, kind, shared, channel_id)

    create("general", "Olga", "Ada", "Bea", "Carl")
    create("front-desk", "Ada", "Olga", "Bea", "Carl", "Gus", "Sam", "Relay")
    create("partners", "Ada", "Bea", "Otto", shared=True)
    create("back-office", "Olga", "Ada", kind="group")
    workspace.add_usergroup("desk", [cast["Bea"], cast["Carl"]])
    return workspace
