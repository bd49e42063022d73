"""The Web API as a table: each method's arguments, scopes, tier, and the function behind it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bridge.sandbox.slack.channels import Channel
from bridge.sandbox.slack.errors import ApiError, Json
from bridge.sandbox.slack.installation import Installation
from bridge.sandbox.slack.messages import Message
from bridge.sandbox.slack.workspace import Workspace
from bridge.sandbox.slack.world import World

READ_SCOPE = {"channel": "channels:read", "group": "groups:read", "im": "im:read"}
HISTORY_SCOPE = {"channel": "channels:history", "group": "groups:history", "im": "im:history"}


@dataclass(slots=True)
class Call:
    """One call whose token, scopes and argument types have been checked."""

    world: World
    args: Json

    @property
    def workspace(self) -> Workspace:
        return self.world.workspace

    @property
    def installation(self) -> Installation:
        return self.world.installation

    def get(self, name: str, default: Any = None) -> Any:
        return self.args.get(name, default)

    def channel(self, name: str = "channel") -> Channel:
        """The channel the argument names, if the app may know of it."""
        channel = self.workspace.channels.get(str(self.args.get(name)))
        if channel is None or (channel.is_private and not self.is_member(channel)):
            raise ApiError("channel_not_found")
        return channel

    def is_member(self, channel: Channel) -> bool:
        return self.installation.bot_user_id in channel.members

    def message(self, channel: Channel, name: str = "ts") -> Message:
        message = channel.by_ts.get(str(self.args.get(name)))
        if message is None or message.is_deleted:
            raise ApiError("message_not_found")
        return message

    def require_channel_scope(self, channel: Channel, scopes: dict[str, str]) -> None:
        family = scopes["channel"].partition(":")[2]
        self.installation.require_any_scope([scopes.get(channel.kind, f"mpim:{family}")])


Answer = Callable[[Call], Json]


@dataclass(frozen=True, slots=True)
class Method:
    """`tier` is None for the methods with a budget of their own."""

    name: str
    answer: Answer
    required: tuple[str, ...]
    optional: tuple[str, ...]
    scopes: tuple[str, ...]
    tier: int | None
    reads_json: bool
    token: str


METHODS: dict[str, Method] = {}


def method(
    name: str,
    *,
    tier: int | None,
    scopes: tuple[str, ...] = (),
    required: str = "",
    optional: str = "",
    reads_json: bool = True,
    token: str = "bot",
) -> Callable[[Answer], Answer]:
    """Register the function that answers `name`; argument names are separated by spaces."""

    def register(answer: Answer) -> Answer:
        METHODS[name] = Method(
            name,
            answer,
            tuple(required.split()),
            tuple(optional.split()),
            scopes,
            tier,
            reads_json,
            token,
        )
        return answer

    return register


def page(items: list[Any], call: Call, default_limit: int, most: int) -> tuple[list[Any], Json]:
    """One page of `items` by `cursor` and `limit`, and the response_metadata that goes with it."""
    cursor = call.get("cursor") or ""
    start = 0
    if cursor:
        digits = cursor.removeprefix("next:")
        if digits == cursor or not digits.isdigit():
            raise ApiError("invalid_cursor")
        start = int(digits)
    limit = min(max(1, call.get("limit") or default_limit), most)
    more = f"next:{start + limit}" if start + limit < len(items) else ""
    return items[start : start + limit], {"next_cursor": more}
