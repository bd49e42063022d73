"""pins.* and bookmarks.*"""

from __future__ import annotations

from bridge.sandbox.slack.errors import ApiError, Json, invalid_arguments
from bridge.sandbox.slack.methods.registry import Call, method


@method("pins.add", tier=2, scopes=("pins:write",), required="channel", optional="timestamp")
def add_pin(call: Call) -> Json:
    channel = call.channel()
    if not call.is_member(channel):
        raise ApiError("not_in_channel")
    if not call.get("timestamp"):
        raise ApiError("no_item_specified")
    message = call.message(channel, "timestamp")
    if message.ts in channel.pins:
        raise ApiError("already_pinned")
    channel.pins.append(message.ts)
    message.is_pinned = True
    return {}


@method("pins.remove", tier=2, scopes=("pins:write",), required="channel", optional="timestamp")
def remove_pin(call: Call) -> Json:
    channel = call.channel()
    if not call.get("timestamp"):
        raise ApiError("no_item_specified")
    message = call.message(channel, "timestamp")
    if message.ts not in channel.pins:
        raise ApiError("no_pin")
    channel.pins.remove(message.ts)
    message.is_pinned = False
    return {}


@method("pins.list", tier=2, scopes=("pins:read",), required="channel", reads_json=False)
def list_pins(call: Call) -> Json:
    channel = call.channel()
    items = [
        {
            "type": "message",
            "channel": channel.channel_id,
            "message": channel.by_ts[ts].as_json(),
            "created": int(float(ts)),
            "created_by": call.installation.bot_user_id,
        }
        for ts in channel.pins
        if ts in channel.by_ts
    ]
    return {"items": items}


@method(
    "bookmarks.add",
    tier=2,
    scopes=("bookmarks:write",),
    required="title type",
    optional="access_level channel_id emoji entity_id link parent_id",
)
def add_bookmark(call: Call) -> Json:
    channel = call.channel("channel_id")
    if call.get("type") != "link":
        raise ApiError("invalid_bookmark_type")
    if not str(call.get("link") or "").startswith(("https://", "http://")):
        raise ApiError("invalid_link")
    bookmark_id = call.workspace.next_id("Bk")
    bookmark: Json = {
        "id": bookmark_id,
        "channel_id": channel.channel_id,
        "title": call.get("title"),
        "link": call.get("link"),
        "emoji": call.get("emoji") or "",
        "icon_url": "",
        "type": "link",
        "entity_id": None,
        "date_created": int(call.world.clock.now()),
        "date_updated": 0,
        "rank": "i",
        "last_updated_by_user_id": call.installation.bot_user_id,
        "last_updated_by_team_id": "",
        "shortcut_id": None,
        "app_id": call.installation.app_id,
    }
    channel.bookmarks[bookmark_id] = bookmark
    return {"bookmark": bookmark}


@method("bookmarks.list", tier=3, scopes=("bookmarks:read",), optional="channel_id")
def list_bookmarks(call: Call) -> Json:
    return {"bookmarks": list(call.channel("channel_id").bookmarks.values())}


@method(
    "bookmarks.edit",
    tier=2,
    scopes=("bookmarks:write",),
    optional="bookmark_id channel_id emoji link title",
)
def edit_bookmark(call: Call) -> Json:
    channel = call.channel("channel_id")
    bookmark = channel.bookmarks.get(str(call.get("bookmark_id")))
    if bookmark is None:
        raise ApiError("not_found")
    changes: Json = {
        name: call.get(name) for name in ("emoji", "link", "title") if name in call.args
    }
    if not changes:
        raise invalid_arguments("nothing to change")
    bookmark |= changes
    return {"bookmark": bookmark}


@method(
    "bookmarks.remove",
    tier=2,
    scopes=("bookmarks:write",),
    optional="bookmark_id channel_id quip_section_id",
)
def remove_bookmark(call: Call) -> Json:
    channel = call.channel("channel_id")
    if channel.bookmarks.pop(str(call.get("bookmark_id")), None) is None:
        raise ApiError("not_found")
    return {}
