"""chat.*: posting, changing and deleting the app's messages."""

from __future__ import annotations

from bridge.sandbox.slack.channels import Channel
from bridge.sandbox.slack.errors import ApiError, Json
from bridge.sandbox.slack.messages import Message
from bridge.sandbox.slack.methods.registry import Call, method
from bridge.sandbox.slack.people import TEAM_ID
from bridge.sandbox.slack.posting import EDIT_TEXT_LIMIT, TEXT_LIMIT, Content, read_content

LOOKS = ("username", "icon_url", "icon_emoji")


def _refuse_as_user(call: Call) -> None:
    if call.get("as_user"):
        raise ApiError("as_user_not_supported")


def _postable_channel(call: Call) -> Channel:
    """A channel, or the direct conversation with a person named by user id."""
    named = str(call.get("channel"))
    if named in call.workspace.people:
        return _direct_channel(call, named)
    if named.startswith("#"):
        channel = next(
            (one for one in call.workspace.channels.values() if one.name == named[1:]), None
        )
        if channel is not None:
            call.args["channel"] = channel.channel_id
    channel = call.channel()
    if not call.is_member(channel):
        if channel.is_private:
            raise ApiError("channel_not_found")
        if "chat:write.public" not in call.installation.scopes or channel.is_shared:
            raise ApiError("not_in_channel")
    if channel.is_archived:
        raise ApiError("is_archived")
    return channel


def _direct_channel(call: Call, user_id: str) -> Channel:
    person = call.workspace.people[user_id]
    if person.is_deleted or person.is_bot:
        raise ApiError("channel_not_found")
    if not call.installation.has_messages_tab:
        raise ApiError("messages_tab_disabled")
    channel, _ = call.workspace.direct_channel([user_id, call.installation.bot_user_id])
    return channel


def _thread_ts(call: Call, channel: Channel) -> str | None:
    """The parent's ts; a reply's own ts or a deleted parent cannot be answered."""
    thread_ts = call.get("thread_ts")
    if not thread_ts:
        return None
    parent = channel.by_ts.get(thread_ts)
    if parent is None or parent.is_deleted or parent.is_reply:
        raise ApiError("cannot_reply_to_message")
    return str(thread_ts)


def _looks(call: Call) -> Json:
    """The name and picture of a post that does not look like the app itself."""
    if not any(call.get(name) for name in LOOKS):
        return {}
    call.installation.require_any_scope(["chat:write.customize"])
    looks: Json = {"subtype": "bot_message"}
    if username := call.get("username"):
        looks |= {"username": username, "author": username}
    icons = {"image_48": call.get("icon_url"), "emoji": call.get("icon_emoji")}
    looks["icons"] = {key: value for key, value in icons.items() if value}
    return looks


def _app_fields(call: Call) -> Json:
    installation = call.installation
    return {
        "author": installation.bot_name,
        "user_id": installation.bot_user_id,
        "bot_id": installation.bot_id,
        "app_id": installation.app_id,
        "bot_profile": installation.bot_profile(TEAM_ID),
    }


@method(
    "chat.postMessage",
    tier=None,
    scopes=("chat:write",),
    required="channel",
    optional="as_user attachments blocks current_draft_last_updated_ts icon_emoji icon_url"
    " link_names markdown_text metadata mrkdwn parse reply_broadcast text thread_ts unfurl_links"
    " unfurl_media username",
)
def post_message(call: Call) -> Json:
    _refuse_as_user(call)
    channel = _postable_channel(call)
    content = read_content(call.args)
    if content.is_empty:
        raise ApiError("no_text")
    thread_ts = _thread_ts(call, channel)
    is_broadcast = bool(thread_ts and call.get("reply_broadcast"))
    fields = _app_fields(call) | _looks(call)
    if fields.get("subtype") == "bot_message":
        del fields["user_id"], fields["bot_profile"]
    if is_broadcast:
        fields["subtype"] = "thread_broadcast"
    message = call.workspace.post(
        channel,
        link_names=bool(call.get("link_names")) or call.get("parse") == "full",
        text=content.text[:TEXT_LIMIT],
        blocks=content.blocks,
        attachments=content.attachments,
        metadata=content.metadata,
        thread_ts=thread_ts,
        broadcast=is_broadcast,
        unfurl_links=call.get("unfurl_links"),
        unfurl_media=call.get("unfurl_media"),
        **fields,
    )
    return {"channel": channel.channel_id, "ts": message.ts, "message": message.as_json(True)}


def _own_message(call: Call, refusal: str) -> tuple[Channel, Message]:
    channel = call.channel()
    message = call.message(channel)
    if not message.is_by_app(call.installation.app_id):
        raise ApiError(refusal)
    return channel, message


@method(
    "chat.update",
    tier=3,
    scopes=("chat:write",),
    required="ts channel",
    optional="as_user attachments blocks file_ids link_names markdown_text metadata parse"
    " reply_broadcast text unfurled_attachments",
)
def update(call: Call) -> Json:
    channel, message = _own_message(call, "cant_update_message")
    if channel.is_archived:
        raise ApiError("is_inactive")
    if len(str(call.get("text") or "")) > EDIT_TEXT_LIMIT:
        raise ApiError("msg_too_long")
    content = _content_for_update(call, message)
    call.workspace.change(
        channel,
        message,
        call.installation.bot_user_id,
        link_names=bool(call.get("link_names")),
        text=content.text,
        blocks=content.blocks,
        attachments=content.attachments,
        metadata=content.metadata,
    )
    return {
        "channel": channel.channel_id,
        "ts": message.ts,
        "text": message.text,
        "message": message.as_json(True),
    }


def _content_for_update(call: Call, message: Message) -> Content:
    """What is left out stays, an empty list removes; metadata is kept unless given."""
    given = read_content(call.args, "msg_too_long")
    kept_blocks = "blocks" not in call.args and "markdown_text" not in call.args
    content = Content(
        given.text if "text" in call.args or "markdown_text" in call.args else message.text,
        message.blocks if kept_blocks else given.blocks,
        message.attachments if "attachments" not in call.args else given.attachments,
        message.metadata if given.metadata is None else given.metadata,
    )
    named = ("text", "blocks", "attachments", "markdown_text", "metadata", "file_ids")
    if not any(name in call.args for name in named) or content.is_empty:
        raise ApiError("no_text")
    return content


@method("chat.delete", tier=3, scopes=("chat:write",), required="ts channel", optional="as_user")
def delete(call: Call) -> Json:
    channel, message = _own_message(call, "cant_delete_message")
    call.workspace.delete(channel, message)
    return {"channel": channel.channel_id, "ts": message.ts}


@method(
    "chat.postEphemeral",
    tier=4,
    scopes=("chat:write",),
    required="user channel",
    optional="as_user attachments blocks icon_emoji icon_url link_names markdown_text metadata"
    " parse text thread_ts username",
)
def post_ephemeral(call: Call) -> Json:
    channel = call.channel()
    if not call.is_member(channel):
        raise ApiError("not_in_channel")
    if channel.is_archived:
        raise ApiError("is_archived")
    user_id = str(call.get("user"))
    if user_id not in channel.members:
        raise ApiError("user_not_in_channel")
    if len(str(call.get("text") or "")) > EDIT_TEXT_LIMIT:
        raise ApiError("msg_too_long")
    content = _ephemeral_content(call)
    thread_ts = _thread_ts(call, channel)
    _looks(call)
    answer = call.workspace.whisper(
        channel, user_id, "ephemeral", content.text, content.blocks, thread_ts
    )
    return {"message_ts": answer.ts}


def _ephemeral_content(call: Call) -> Content:
    """This method documents no errors of metadata, so it is left unread."""
    named = {key: value for key, value in call.args.items() if key != "metadata"}
    content = read_content(named, "msg_too_long")
    if content.is_empty:
        raise ApiError("no_text")
    return content


@method("chat.getPermalink", tier=None, required="channel message_ts", reads_json=False)
def get_permalink(call: Call) -> Json:
    channel = call.channel()
    message = call.message(channel, "message_ts")
    return {"channel": channel.channel_id, "permalink": message.permalink}
