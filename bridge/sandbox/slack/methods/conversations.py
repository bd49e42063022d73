"""conversations.* and users.conversations."""

from __future__ import annotations

from bisect import bisect_left
from decimal import Decimal, InvalidOperation

from bridge.sandbox.slack.channels import Channel
from bridge.sandbox.slack.errors import ApiError, Json
from bridge.sandbox.slack.messages import Message
from bridge.sandbox.slack.methods.registry import (
    HISTORY_SCOPE,
    READ_SCOPE,
    Call,
    method,
    page,
)

READ = ("channels:read", "groups:read", "im:read", "mpim:read")
HISTORY = ("channels:history", "groups:history", "im:history", "mpim:history")
TYPES = {"public_channel": "channel", "private_channel": "group", "im": "im", "mpim": "mpim"}
EARLIEST, LATEST = "0000000000.000000", "9999999999.999999"
HISTORY_PAGE, MOST_HISTORY = 100, 999


@method(
    "conversations.info",
    tier=3,
    scopes=READ,
    required="channel",
    optional="include_locale include_num_members",
    reads_json=False,
)
def info(call: Call) -> Json:
    channel = call.channel()
    call.require_channel_scope(channel, READ_SCOPE)
    with_members = bool(call.get("include_num_members"))
    return {"channel": channel.as_json(call.installation.bot_user_id, with_members)}


def _list(call: Call, user_id: str | None) -> Json:
    kinds: set[str] = set()
    for name in str(call.get("types") or "public_channel").split(","):
        if name.strip() not in TYPES:
            raise ApiError("invalid_types")
        kind = TYPES[name.strip()]
        kinds.add(kind)
        call.installation.require_any_scope([READ_SCOPE.get(kind, "mpim:read")])
    limit = call.get("limit")
    if limit is not None and not 1 <= limit <= 1000:
        raise ApiError("invalid_limit")
    bot_user_id = call.installation.bot_user_id
    found = [
        channel
        for channel in call.workspace.channels.values()
        if channel.kind in kinds
        and (not channel.is_private or call.is_member(channel))
        and (user_id is None or user_id in channel.members)
        and not (call.get("exclude_archived") and channel.is_archived)
    ]
    shown, metadata = page(found, call, 100, 1000)
    return {
        "channels": [channel.as_json(bot_user_id, user_id is None) for channel in shown],
        "response_metadata": metadata,
    }


@method(
    "conversations.list",
    tier=2,
    scopes=READ,
    optional="cursor exclude_archived limit team_id types",
    reads_json=False,
)
def list_conversations(call: Call) -> Json:
    return _list(call, None)


@method(
    "users.conversations",
    tier=2,
    scopes=READ,
    optional="cursor exclude_archived exclude_muted limit team_id types user",
    reads_json=False,
)
def users_conversations(call: Call) -> Json:
    return _list(call, str(call.get("user") or call.installation.bot_user_id))


@method(
    "conversations.members",
    tier=4,
    scopes=READ,
    required="channel",
    optional="cursor limit",
    reads_json=False,
)
def members(call: Call) -> Json:
    channel = call.channel()
    call.require_channel_scope(channel, READ_SCOPE)
    limit = call.get("limit")
    if limit is not None and not 1 <= limit <= 1000:
        raise ApiError("invalid_limit")
    shown, metadata = page(channel.members, call, 100, 1000)
    return {"members": shown, "response_metadata": metadata}


def _bound(call: Call, name: str, default: str) -> str:
    """A bound as a `ts` that compares as text."""
    given = call.get(name)
    if given in (None, ""):
        return default
    try:
        value = Decimal(str(given))
    except InvalidOperation as error:
        raise ApiError(f"invalid_ts_{name}") from error
    if not value.is_finite() or value < 0 or value >= 10_000_000_000:
        raise ApiError(f"invalid_ts_{name}")
    return f"{value:017.6f}"


def _page_limit(call: Call) -> int:
    return min(max(1, call.get("limit") or HISTORY_PAGE), MOST_HISTORY)


def _cursor_ts(call: Call) -> str | None:
    cursor = call.get("cursor")
    if not cursor:
        return None
    ts = str(cursor).removeprefix("next_ts:")
    if ts == cursor or not ts:
        raise ApiError("invalid_cursor")
    return ts


@method(
    "conversations.history",
    tier=3,
    scopes=HISTORY,
    required="channel",
    optional="cursor include_all_metadata inclusive latest limit oldest",
)
def history(call: Call) -> Json:
    channel = call.channel()
    call.require_channel_scope(channel, HISTORY_SCOPE)
    if not call.is_member(channel):
        raise ApiError("not_in_channel")
    oldest, latest = _bound(call, "oldest", EARLIEST), _bound(call, "latest", LATEST)
    found = channel.between(oldest, latest, bool(call.get("inclusive")))
    if (cursor_ts := _cursor_ts(call)) is not None:
        found = found[: bisect_left(found, cursor_ts)]
    limit = _page_limit(call)
    shown = found[-limit:]
    has_more = len(found) > limit
    answer: Json = {
        "messages": [_shown(call, channel.by_ts[ts]) for ts in reversed(shown)],
        "has_more": has_more,
        "pin_count": len(channel.pins),
        "channel_actions_ts": None,
        "channel_actions_count": 0,
    }
    if has_more:
        answer["response_metadata"] = {"next_cursor": f"next_ts:{shown[0]}"}
    return answer


@method(
    "conversations.replies",
    tier=3,
    scopes=HISTORY,
    required="channel ts",
    optional="cursor include_all_metadata inclusive latest limit oldest",
    reads_json=False,
)
def replies(call: Call) -> Json:
    """The parent first, then its replies, oldest first; a reply's ts gives only that reply."""
    channel = call.channel()
    call.require_channel_scope(channel, HISTORY_SCOPE)
    if not call.is_member(channel):
        raise ApiError("channel_not_found")
    parent = channel.by_ts.get(str(call.get("ts")))
    if parent is None:
        raise ApiError("thread_not_found")
    found = _replies_within(call, parent)
    if (cursor_ts := _cursor_ts(call)) is not None:
        found = [message for message in found if message.ts > cursor_ts]
    limit = _page_limit(call)
    shown, rest = found[:limit], found[limit:]
    head = [parent] if cursor_ts is None else []
    answer: Json = {
        "messages": [_shown(call, message) for message in [*head, *shown]],
        "has_more": bool(rest),
    }
    if rest:
        answer["response_metadata"] = {"next_cursor": f"next_ts:{shown[-1].ts}"}
    return answer


def _replies_within(call: Call, parent: Message) -> list[Message]:
    oldest, latest = _bound(call, "oldest", EARLIEST), _bound(call, "latest", LATEST)
    if call.get("inclusive"):
        return [message for message in parent.replies if oldest <= message.ts <= latest]
    return [message for message in parent.replies if oldest < message.ts < latest]


def _shown(call: Call, message: Message) -> Json:
    return message.as_json(with_metadata=bool(call.get("include_all_metadata")))


@method("conversations.join", tier=3, scopes=("channels:join",), required="channel")
def join(call: Call) -> Json:
    channel = call.channel()
    if channel.kind != "channel":
        raise ApiError("method_not_supported_for_channel_type")
    if channel.is_archived:
        raise ApiError("is_archived")
    bot_user_id = call.installation.bot_user_id
    answer: Json = {"response_metadata": {}}
    if call.is_member(channel):
        answer = {"warning": "already_in_channel"}
        answer["response_metadata"] = {"warnings": ["already_in_channel"]}
    else:
        call.workspace.join(channel, bot_user_id)
    return {"channel": channel.as_json(bot_user_id), **answer}


@method(
    "conversations.open",
    tier=3,
    scopes=("im:write", "mpim:write", "channels:manage", "groups:write"),
    optional="channel prevent_creation return_im users",
)
def open_conversation(call: Call) -> Json:
    bot_user_id = call.installation.bot_user_id
    if call.get("channel"):
        channel = call.channel()
        if channel.kind not in ("im", "mpim"):
            raise ApiError("method_not_supported_for_channel_type")
        return _opened(call, channel, True)
    users = _named_users(call)
    if not users:
        raise ApiError("users_list_not_supplied")
    if len(users) > 8:
        raise ApiError("too_many_users")
    for user_id in users:
        person = call.workspace.people.get(user_id)
        if person is None:
            raise ApiError("user_not_found")
        if person.is_deleted:
            raise ApiError("user_disabled")
    call.installation.require_any_scope(["im:write" if len(users) == 1 else "mpim:write"])
    channel, is_new = call.workspace.direct_channel([*users, bot_user_id])
    return _opened(call, channel, not is_new)


def _named_users(call: Call) -> list[str]:
    users = call.get("users") or ""
    names = users if isinstance(users, list) else str(users).split(",")
    return [str(name).strip() for name in names if str(name).strip()]


def _opened(call: Call, channel: Channel, was_open: bool) -> Json:
    answer: Json = {"no_op": was_open, "already_open": was_open}
    if call.get("return_im"):
        return answer | {"channel": channel.as_json(call.installation.bot_user_id)}
    return answer | {"channel": {"id": channel.channel_id}}


@method(
    "conversations.invite",
    tier=3,
    scopes=(
        "channels:manage",
        "groups:write",
        "channels:write.invites",
        "groups:write.invites",
        "im:write",
        "mpim:write",
    ),
    required="channel users",
    optional="force",
)
def invite(call: Call) -> Json:
    channel = call.channel()
    if not call.is_member(channel):
        raise ApiError("not_in_channel")
    if channel.is_archived:
        raise ApiError("is_archived")
    users = _named_users(call)
    for user_id in users:
        person = call.workspace.people.get(user_id)
        if person is None or person.is_deleted:
            raise ApiError("user_not_found")
        if user_id == call.installation.bot_user_id:
            raise ApiError("cant_invite_self")
        if user_id in channel.members:
            raise ApiError("already_in_channel")
        if person.is_ultra_restricted:
            raise ApiError("ura_max_channels")
    for user_id in users:
        call.workspace.join(channel, user_id, call.installation.bot_user_id)
    return {"channel": channel.as_json(call.installation.bot_user_id)}
