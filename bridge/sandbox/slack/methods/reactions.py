"""reactions.*"""

from __future__ import annotations

from bridge.sandbox.slack.channels import Channel
from bridge.sandbox.slack.errors import ApiError, Json
from bridge.sandbox.slack.messages import Message
from bridge.sandbox.slack.methods.registry import Call, method
from bridge.sandbox.slack.typed import is_emoji_name


def _item(call: Call) -> tuple[Channel, Message]:
    if not call.get("channel") or not call.get("timestamp"):
        raise ApiError("no_item_specified")
    channel = call.channel()
    seconds, _, fraction = str(call.get("timestamp")).partition(".")
    if not (seconds.isdigit() and fraction.isdigit()):
        raise ApiError("bad_timestamp")
    return channel, call.message(channel, "timestamp")


def _emoji_name(call: Call) -> str:
    name = str(call.get("name"))
    if name not in call.workspace.custom_emoji and not is_emoji_name(name):
        raise ApiError("invalid_name")
    return name


@method(
    "reactions.add",
    tier=3,
    scopes=("reactions:write",),
    required="name timestamp channel",
)
def add(call: Call) -> Json:
    channel, message = _item(call)
    if channel.is_archived:
        raise ApiError("is_archived")
    if not call.is_member(channel):
        raise ApiError("no_access")
    name, bot_user_id = _emoji_name(call), call.installation.bot_user_id
    if bot_user_id in message.reactions.get(name, ()):
        raise ApiError("already_reacted")
    call.workspace.react(channel, message, bot_user_id, name)
    return {}


@method(
    "reactions.remove",
    tier=2,
    scopes=("reactions:write",),
    required="name",
    optional="channel file file_comment timestamp",
)
def remove(call: Call) -> Json:
    channel, message = _item(call)
    if not call.is_member(channel):
        raise ApiError("no_access")
    name, bot_user_id = _emoji_name(call), call.installation.bot_user_id
    if bot_user_id not in message.reactions.get(name, ()):
        raise ApiError("no_reaction")
    call.workspace.unreact(channel, message, bot_user_id, name)
    return {}


@method(
    "reactions.get",
    tier=3,
    scopes=("reactions:read",),
    optional="channel file file_comment full timestamp",
    reads_json=False,
)
def get(call: Call) -> Json:
    channel, message = _item(call)
    shown = message.as_json() | {"permalink": message.permalink}
    return {"type": "message", "channel": channel.channel_id, "message": shown}
