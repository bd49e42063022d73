"""A channel: who is in it and its messages, found by `ts` and kept in order."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from typing import Literal

from bridge.sandbox.slack.errors import Json
from bridge.sandbox.slack.messages import Message

ChannelKind = Literal["channel", "group", "im", "mpim"]


@dataclass(slots=True, eq=False)
class Channel:
    """`kind` is Slack's channel_type: channel (public), group (private), im or mpim."""

    channel_id: str
    name: str
    kind: ChannelKind = "channel"
    members: list[str] = field(default_factory=list)
    creator: str = ""
    created: int = 0
    topic: str = ""
    purpose: str = ""
    is_archived: bool = False
    is_shared: bool = False
    by_ts: dict[str, Message] = field(default_factory=dict)
    root_order: list[str] = field(default_factory=list)
    pins: list[str] = field(default_factory=list)
    bookmarks: dict[str, Json] = field(default_factory=dict)

    @property
    def is_private(self) -> bool:
        return self.kind != "channel"

    @property
    def messages(self) -> list[Message]:
        """Every message, replies included, oldest first; tombstones are left out."""
        return [message for message in self.by_ts.values() if not message.is_deleted]

    @property
    def timeline(self) -> list[Message]:
        """The channel as it shows: parents and broadcast replies."""
        return [self.by_ts[ts] for ts in self.root_order]

    @property
    def roots(self) -> list[Message]:
        """Messages that are no replies, whether or not they have any."""
        return [message for message in self.timeline if message.thread_ts is None]

    @property
    def threads(self) -> list[Message]:
        """Parents that have replies."""
        return [message for message in self.roots if message.replies]

    def message(self, ts: str) -> Message:
        """The message named `ts`; KeyError when there is none."""
        return self.by_ts[ts]

    def add(self, message: Message) -> None:
        self.by_ts[message.ts] = message
        if message.thread_ts is None or message.broadcast:
            self.root_order.append(message.ts)
        if message.thread_ts is not None:
            self.by_ts[message.thread_ts].replies.append(message)

    def remove(self, message: Message) -> None:
        del self.by_ts[message.ts]
        if message.thread_ts is None or message.broadcast:
            del self.root_order[bisect_left(self.root_order, message.ts)]
        if message.thread_ts is not None and (parent := self.by_ts.get(message.thread_ts)):
            parent.replies.remove(message)

    def between(self, oldest: str, latest: str, inclusive: bool) -> list[str]:
        """The `ts` of the timeline within the bounds, oldest first."""
        left = bisect_left if inclusive else bisect_right
        right = bisect_right if inclusive else bisect_left
        return self.root_order[left(self.root_order, oldest) : right(self.root_order, latest)]

    def as_json(self, for_user_id: str, with_members: bool = False) -> Json:
        """The conversation object as seen by `for_user_id`."""
        if self.kind == "im":
            other = next((user for user in self.members if user != for_user_id), for_user_id)
            return {
                "id": self.channel_id,
                "created": self.created,
                "is_im": True,
                "is_org_shared": False,
                "is_archived": self.is_archived,
                "user": other,
                "is_user_deleted": False,
                "is_open": True,
            }
        shown: Json = {
            "id": self.channel_id,
            "name": self.name,
            "name_normalized": self.name,
            "is_channel": self.kind == "channel",
            "is_group": self.kind == "group",
            "is_im": False,
            "is_mpim": self.kind == "mpim",
            "is_private": self.is_private,
            "created": self.created,
            "creator": self.creator,
            "is_archived": self.is_archived,
            "is_general": self.name == "general",
            "is_member": for_user_id in self.members,
            "is_shared": self.is_shared,
            "is_ext_shared": self.is_shared,
            "is_org_shared": False,
            "is_pending_ext_shared": False,
            "unlinked": 0,
            "pending_shared": [],
            "topic": {"value": self.topic, "creator": "", "last_set": 0},
            "purpose": {"value": self.purpose, "creator": "", "last_set": 0},
            "previous_names": [],
        }
        if with_members:
            shown["num_members"] = len(self.members)
        return shown
