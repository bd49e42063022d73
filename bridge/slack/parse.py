"""Slack's events, commands and clicks, read into the product's words. Pure.

What an event is not (a message of a robot, a channel's topic, a link preview) is `Unwanted`; what
it should be but cannot be read raises `NotUnderstood`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from bridge.relay.texts import AttachmentNote, Reply, ReplyDeletion, ReplyEdit, storable

SPOKEN_SUBTYPES = (None, "file_share", "thread_broadcast")
LOST_CHANNEL_EVENTS = {
    "channel_archive": "archived",
    "group_archive": "archived",
    "channel_deleted": "deleted",
    "group_deleted": "deleted",
    "channel_id_changed": "renumbered",
}
REGAINED_CHANNEL_EVENTS = ("channel_unarchive", "group_unarchive")
REVOCATIONS = ("tokens_revoked", "app_uninstalled")
WANTED_EVENTS = (
    "message",
    *LOST_CHANNEL_EVENTS,
    *REGAINED_CHANNEL_EVENTS,
    "member_joined_channel",
    "member_left_channel",
    "user_change",
    *REVOCATIONS,
)

FORM_FIELDS = {"command", "ssl_check"}

Body = Mapping[str, Any]


class NotUnderstood(Exception):
    """Authentic, and not what Slack documents; the text says what is missing, never its value."""


@dataclass(frozen=True)
class Unwanted:
    """Nothing of the bridge's concern."""


@dataclass(frozen=True)
class ParentDeleted:
    """A message outside any thread, or a thread's parent, is gone: a card of ours perhaps."""

    team_id: str
    channel_id: str
    ts: str


@dataclass(frozen=True)
class ChannelLost:
    """A channel can no longer be posted to; `how` is archived, deleted, left or renumbered."""

    team_id: str
    channel_id: str
    how: str


@dataclass(frozen=True)
class ChannelRegained:
    """A channel was unarchived, or the app invited to it."""

    team_id: str
    channel_id: str


@dataclass(frozen=True)
class AccessRevoked:
    """The workspace took our token back."""

    team_id: str


@dataclass(frozen=True)
class PersonChanged:
    """A person's name or standing changed; `user` is Slack's user object."""

    team_id: str
    user: Body


Event = (
    Reply
    | ReplyEdit
    | ReplyDeletion
    | ParentDeleted
    | ChannelLost
    | ChannelRegained
    | AccessRevoked
    | PersonChanged
    | Unwanted
)


@dataclass(frozen=True)
class Typed:
    """A slash command as it was typed; `trigger_id` is unique for each time it was."""

    team_id: str
    channel_id: str
    user_id: str
    command: str
    text: str
    trigger_id: str
    response_url: str


@dataclass(frozen=True)
class Click:
    """A click on a button; `value` holds only the id of what the button is about."""

    team_id: str
    channel_id: str
    user_id: str
    action_id: str
    value: str
    clicked_ts: str
    response_url: str


def parse_body(text: str) -> Body:
    """The fields of a request's body: JSON, a form, or a form whose `payload` is JSON."""
    try:
        fields = json.loads(text) if text.startswith("{") else _parse_form(text)
    except (ValueError, RecursionError) as error:
        raise NotUnderstood(f"not readable: {type(error).__name__}") from None
    if not isinstance(fields, dict):
        raise NotUnderstood("not an object")
    return fields


def _parse_form(text: str) -> Any:
    form = dict(parse_qsl(text, keep_blank_values=True))
    if "payload" in form:
        return json.loads(form["payload"])
    if not FORM_FIELDS & form.keys():
        raise NotUnderstood("neither JSON nor a form of Slack's")
    return form


def check_shape(body: object) -> None:
    """Raise NotUnderstood for an outer shape that Slack never sends and Bolt cannot read."""
    if not isinstance(body, dict):
        raise NotUnderstood("not an object")
    if body.get("type") == "event_callback":
        _dict(body, "event")
    authorizations = body.get("authorizations") or []
    if not isinstance(authorizations, list) or len(_dicts(body, "authorizations")) != len(
        authorizations
    ):
        raise NotUnderstood("authorizations is not a list of objects")


def team_id_of(body: Body) -> str:
    """The workspace whose installation of the app an event is for."""
    for authorization in _dicts(body, "authorizations"):
        if authorization.get("team_id"):
            return _text(authorization, "team_id")
    return _text(body, "team_id")


def message_channel_of(event: Body) -> str:
    """The channel of a message event."""
    return _text(event, "channel")


def parse_event(body: Body, bot_user_id: str) -> Event:
    """What an event_callback says; raises NotUnderstood."""
    event = _dict(body, "event")
    kind = event.get("type")
    team_id = team_id_of(body)
    if kind == "message":
        return _parse_message(event, team_id, _home_ids(body, team_id))
    if kind in LOST_CHANNEL_EVENTS:
        key = "old_channel_id" if kind == "channel_id_changed" else "channel"
        return ChannelLost(team_id, _text(event, key), LOST_CHANNEL_EVENTS[kind])
    if kind in REGAINED_CHANNEL_EVENTS:
        return ChannelRegained(team_id, _text(event, "channel"))
    if kind == "member_joined_channel" and event.get("user") == bot_user_id:
        return ChannelRegained(team_id, _text(event, "channel"))
    if kind == "member_left_channel" and event.get("user") == bot_user_id:
        return ChannelLost(team_id, _text(event, "channel"), "left")
    if kind == "user_change":
        user = _dict(event, "user")
        _text(user, "id")
        return PersonChanged(team_id, user)
    if kind == "app_uninstalled" or (kind == "tokens_revoked" and _names_bot(event, bot_user_id)):
        return AccessRevoked(team_id)
    return Unwanted()


def is_revocation(body: Body) -> bool:
    """True for the events that tell that the app was removed, or its tokens taken back."""
    event = body.get("event")
    return isinstance(event, dict) and event.get("type") in REVOCATIONS


def _names_bot(event: Body, bot_user_id: str) -> bool:
    tokens = event.get("tokens")
    bots = tokens.get("bot") if isinstance(tokens, dict) else None
    return isinstance(bots, list) and bot_user_id in bots


def _home_ids(body: Body, team_id: str) -> set[str]:
    ids = {team_id, body.get("team_id"), body.get("enterprise_id")}
    ids |= {each.get("enterprise_id") for each in _dicts(body, "authorizations")}
    return {each for each in ids if isinstance(each, str) and each}


def _parse_message(event: Body, team_id: str, home_ids: set[str]) -> Event:
    subtype = event.get("subtype")
    if subtype == "message_changed":
        return _parse_change(event, team_id)
    if subtype == "message_deleted":
        return _parse_deletion(event, team_id)
    if not _is_spoken_reply(event):
        return Unwanted()
    return _reply_of(event, team_id, _text(event, "channel"), _is_stranger(event, home_ids))


def _is_spoken_reply(message: Body) -> bool:
    spoken = message.get("subtype") in SPOKEN_SUBTYPES and not message.get("bot_id")
    return spoken and _is_reply(message)


def _reply_of(message: Body, team_id: str, channel_id: str, is_stranger: bool) -> Reply:
    return Reply(
        team_id=team_id,
        channel_id=channel_id,
        thread_ts=_text(message, "thread_ts"),
        ts=_text(message, "ts"),
        author_id=_text(message, "user"),
        markup=_words(message),
        is_stranger=is_stranger,
        files=tuple(_parse_file(each) for each in _dicts(message, "files")),
    )


def parse_found_reply(message: Body, team_id: str, channel_id: str) -> list[Event]:
    """A message of `conversations.replies`, as the events that told of it would have said it.

    The reply as it reads today, then its newest edit, where there was one. Whether its author is a
    stranger is asked before it is sent, as of every text.
    """
    if not _is_spoken_reply(message):
        return []
    reply = _reply_of(message, team_id, channel_id, is_stranger=False)
    edited = message.get("edited")
    if not isinstance(edited, dict):
        return [reply]
    return [reply, _edit_of(message, edited, team_id, channel_id)]


def _edit_of(message: Body, edited: Body, team_id: str, channel_id: str) -> ReplyEdit:
    return ReplyEdit(
        team_id=team_id,
        channel_id=channel_id,
        thread_ts=_text(message, "thread_ts"),
        ts=_text(message, "ts"),
        edit_ts=_text(edited, "ts"),
        author_id=_text(message, "user"),
        markup=_words(message),
    )


def _parse_change(event: Body, team_id: str) -> Event:
    message = _dict(event, "message")
    if message.get("subtype") == "tombstone":
        # Deleting a parent that has replies is told as a change, not as a deletion.
        return ParentDeleted(team_id, _text(event, "channel"), _text(message, "ts"))
    edited = message.get("edited")
    if not isinstance(edited, dict) or message.get("bot_id") or not _is_reply(message):
        return Unwanted()  # a link preview, a card of ours, or a message of no thread
    return _edit_of(message, edited, team_id, _text(event, "channel"))


def _parse_deletion(event: Body, team_id: str) -> Event:
    channel_id, ts = _text(event, "channel"), _text(event, "deleted_ts")
    previous = event.get("previous_message")
    if isinstance(previous, dict) and not _is_reply(previous):
        return ParentDeleted(team_id, channel_id, ts)
    if isinstance(previous, dict) and previous.get("bot_id"):
        return Unwanted()
    thread_ts = _text(previous, "thread_ts") if isinstance(previous, dict) else None
    return ReplyDeletion(team_id, channel_id, thread_ts, ts)


def _is_reply(message: Body) -> bool:
    thread_ts = message.get("thread_ts")
    return bool(thread_ts) and thread_ts != message.get("ts")


def _is_stranger(event: Body, home_ids: set[str]) -> bool:
    teams = {event.get("user_team"), event.get("source_team")} - {None, ""}
    return bool(teams - home_ids)


def _parse_file(file: Body) -> AttachmentNote:
    size, name, content_type = file.get("size"), file.get("name"), file.get("mimetype")
    return AttachmentNote(
        content_type=content_type if isinstance(content_type, str) else "application/octet-stream",
        size_bytes=size if isinstance(size, int) else None,
        name=storable(name) if isinstance(name, str) else None,
    )


def parse_command_body(body: Body) -> Typed:
    """A slash command; raises NotUnderstood."""
    return Typed(
        team_id=_text(body, "team_id"),
        channel_id=_text(body, "channel_id"),
        user_id=_text(body, "user_id"),
        command=_text(body, "command"),
        text=storable(str(body.get("text") or "")),
        trigger_id=_text(body, "trigger_id"),
        response_url=_text(body, "response_url"),
    )


def parse_click(body: Body, action: Body) -> Click:
    """A click on a button in a message; raises NotUnderstood."""
    return Click(
        team_id=_text(_dict(body, "team"), "id"),
        channel_id=_text(_dict(body, "channel"), "id"),
        user_id=_text(_dict(body, "user"), "id"),
        action_id=_text(action, "action_id"),
        value=_text(action, "value"),
        clicked_ts=_text(action, "action_ts"),
        response_url=_text(body, "response_url"),
    )


def time_of(ts: str) -> datetime:
    """When a message with this ts was written, to the millisecond or so."""
    return datetime.fromtimestamp(float(ts), UTC)


def _words(message: Body) -> str:
    text = message.get("text")
    if text is not None and not isinstance(text, str):
        raise NotUnderstood("text is not text")
    return storable(text or "")


def _text(fields: Body, key: str) -> str:
    value = fields.get(key)
    if not isinstance(value, str) or not value:
        raise NotUnderstood(f"no {key}")
    return storable(value)


def _dict(fields: Body, key: str) -> Body:
    value = fields.get(key)
    if not isinstance(value, dict):
        raise NotUnderstood(f"no {key}")
    return value


def _dicts(fields: Body, key: str) -> list[Body]:
    values = fields.get(key)
    return [each for each in values if isinstance(each, dict)] if isinstance(values, list) else []
