"""One message as the workspace keeps it, as the API shows it, and as a person sees it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from bridge.sandbox.slack.errors import Json
from bridge.sandbox.slack.mentions import Pings, walk
from bridge.sandbox.slack.people import TEAM_URL
from bridge.sandbox.slack.reading import read_blocks, read_mrkdwn

TOMBSTONE_TEXT = "This message was deleted."
TOMBSTONE_USER = "USLACKBOT"


@dataclass(slots=True, eq=False)
class Message:
    """A message in a channel; `thread_ts` is set on replies only, `replies` on parents only."""

    ts: str
    channel_id: str
    author: str
    text: str
    name_of: Callable[[str], str]
    user_id: str | None = None
    team_id: str = ""
    thread_ts: str | None = None
    parent_user_id: str | None = None
    broadcast: bool = False
    blocks: list[Json] = field(default_factory=list)
    attachments: list[Json] = field(default_factory=list)
    files: list[Json] = field(default_factory=list)
    subtype: str | None = None
    bot_id: str | None = None
    app_id: str | None = None
    bot_profile: Json | None = None
    username: str | None = None
    icons: Json | None = None
    metadata: Json | None = None
    client_msg_id: str | None = None
    edited: Json | None = None
    reactions: dict[str, list[str]] = field(default_factory=dict)
    replies: list[Message] = field(default_factory=list)
    pings: Pings = field(default_factory=Pings)
    links: list[tuple[str, str]] = field(default_factory=list)
    unfurl_links: bool | None = None
    unfurl_media: bool | None = None
    is_deleted: bool = False
    is_ephemeral: bool = False
    is_pinned: bool = False
    versions: int = 1

    @property
    def shown(self) -> str:
        """The message as a person reads it: its blocks where it has some, else its text."""
        if self.blocks:
            return read_blocks(self.blocks, self.name_of)
        return read_mrkdwn(self.text, self.name_of)

    @property
    def permalink(self) -> str:
        address = f"{TEAM_URL}archives/{self.channel_id}/p{self.ts.replace('.', '')}"
        if self.thread_ts is None:
            return address
        return f"{address}?thread_ts={self.thread_ts}&cid={self.channel_id}"

    @property
    def reply_count(self) -> int:
        return len(self.replies)

    @property
    def is_reply(self) -> bool:
        return self.thread_ts is not None

    def buttons(self) -> list[str]:
        """The action ids a person can use on this message."""
        return [part["action_id"] for part in walk(self.blocks) if "action_id" in part]

    def is_by_app(self, app_id: str) -> bool:
        return self.app_id == app_id

    def as_json(self, with_metadata: bool = False) -> Json:
        """The message object of the Web API; metadata is given only to those who ask for it."""
        shown: Json = {"type": "message", "ts": self.ts, "text": self.text}
        optional = {
            "subtype": self.subtype,
            "user": self.user_id,
            "team": self.team_id,
            "client_msg_id": self.client_msg_id,
            "bot_id": self.bot_id,
            "app_id": self.app_id,
            "bot_profile": self.bot_profile,
            "username": self.username,
            "icons": self.icons,
            "blocks": self.blocks,
            "attachments": self.attachments,
            "edited": self.edited,
        }
        shown |= {key: value for key, value in optional.items() if value}
        if self.files:
            shown |= {"files": self.files, "upload": False, "display_as_bot": False}
        if self.reactions:
            shown["reactions"] = [
                {"name": name, "users": list(users), "count": len(users)}
                for name, users in self.reactions.items()
            ]
        if with_metadata and self.metadata:
            shown["metadata"] = self.metadata
        return shown | self._thread_fields()

    def _thread_fields(self) -> Json:
        if self.thread_ts:
            fields: Json = {"thread_ts": self.thread_ts}
            if self.parent_user_id:
                fields["parent_user_id"] = self.parent_user_id
            return fields
        if not self.replies:
            return {}
        users = list(dict.fromkeys(reply.user_id or reply.bot_id or "" for reply in self.replies))
        return {
            "thread_ts": self.ts,
            "reply_count": len(self.replies),
            "reply_users_count": len(users),
            "reply_users": users,
            "latest_reply": self.replies[-1].ts,
            "is_locked": False,
            "subscribed": False,
        }

    def become_tombstone(self) -> None:
        """What is left of a deleted parent that has replies."""
        self.is_deleted = True
        self.subtype = "tombstone"
        self.text = TOMBSTONE_TEXT
        self.user_id = TOMBSTONE_USER
        self.author = "Slackbot"
        self.blocks, self.attachments, self.files, self.links = [], [], [], []
        self.reactions = {}
        self.bot_id = self.app_id = self.username = self.client_msg_id = None
        self.bot_profile = self.icons = self.metadata = self.edited = None
        self.pings = Pings()


@dataclass(slots=True, eq=False)
class PrivateAnswer:
    """What only one person was shown; `source` is ephemeral, command, response_url or ack."""

    ts: str
    user_id: str
    channel_id: str
    text: str
    name_of: Callable[[str], str]
    source: str
    blocks: list[Json] = field(default_factory=list)
    thread_ts: str | None = None
    pings: Pings = field(default_factory=Pings)
    is_deleted: bool = False

    @property
    def shown(self) -> str:
        if self.blocks:
            return read_blocks(self.blocks, self.name_of)
        return read_mrkdwn(self.text, self.name_of)

    def buttons(self) -> list[str]:
        return [part["action_id"] for part in walk(self.blocks) if "action_id" in part]
