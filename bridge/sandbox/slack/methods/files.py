"""files.*: uploads in three steps, and what is known about a file."""

from __future__ import annotations

import asyncio
from typing import Any

from bridge.sandbox.slack.blocks import checked_message_blocks, parse_json
from bridge.sandbox.slack.channels import Channel
from bridge.sandbox.slack.errors import ApiError, Json, invalid_arguments
from bridge.sandbox.slack.files import StoredFile
from bridge.sandbox.slack.methods.registry import Call, method
from bridge.sandbox.slack.people import TEAM_ID
from bridge.sandbox.slack.posting import as_stored

ALT_TEXT_LIMIT = 1000
SIZE_LIMIT = 1_000_000_000
# The message with the file appears only after Slack has looked at the file.
SHARE_DELAY_SECONDS = 0.02


@method(
    "files.getUploadURLExternal",
    tier=4,
    scopes=("files:write",),
    required="length filename",
    optional="alt_txt snippet_type",
    reads_json=False,
)
def get_upload_url(call: Call) -> Json:
    length = call.get("length")
    if length <= 0:
        raise invalid_arguments("must be greater than 0 [json-pointer:/length]")
    if length > SIZE_LIMIT:
        raise ApiError("file_upload_size_restricted")
    alt_txt = str(call.get("alt_txt") or "")
    if len(alt_txt) > ALT_TEXT_LIMIT:
        raise ApiError("alt_txt_too_large")
    key, ticket = call.workspace.files.open_ticket(str(call.get("filename")), length, alt_txt)
    return {"upload_url": f"{call.world.base_url}/upload/v1/{key}", "file_id": ticket.file_id}


@method(
    "files.completeUploadExternal",
    tier=4,
    scopes=("files:write",),
    required="files",
    optional="blocks channel_id channels icon_emoji icon_url initial_comment thread_ts username",
)
def complete_upload(call: Call) -> Json:
    wanted = _wanted_files(call)
    channels = _share_channels(call)
    blocks = _blocks(call)
    for entry in wanted:
        found = call.workspace.files.ticket_of(str(entry["id"]))
        if found is None or found[1].data is None:
            raise ApiError("file_not_found")
    files = [_finish(call, entry) for entry in wanted]
    if channels:
        loop = asyncio.get_running_loop()
        loop.call_later(SHARE_DELAY_SECONDS, _share, call, channels, files, blocks)
    return {"files": [file.full_json(call.world.base_url) for file in files]}


def _blocks(call: Call) -> list[Json]:
    if not call.get("blocks"):
        return []
    try:
        return checked_message_blocks(call.get("blocks"))
    except ApiError as error:
        raise ApiError("invalid_blocks", **error.fields) from error  # all this method documents


def _wanted_files(call: Call) -> list[Json]:
    try:
        wanted: Any = parse_json(call.get("files"))
    except ValueError as error:
        raise invalid_arguments("must be a list [json-pointer:/files]") from error
    if not isinstance(wanted, list) or not wanted:
        raise invalid_arguments("must be a list [json-pointer:/files]")
    if not all(isinstance(entry, dict) and entry.get("id") for entry in wanted):
        raise invalid_arguments("missing required field: id [json-pointer:/files]")
    return wanted


def _share_channels(call: Call) -> list[Channel]:
    named = [call.get("channel_id"), *str(call.get("channels") or "").split(",")]
    channels: list[Channel] = []
    for channel_id in filter(None, named):
        channel = call.workspace.channels.get(str(channel_id))
        if channel is None or (channel.is_private and not call.is_member(channel)):
            raise ApiError("channel_not_found")
        if not call.is_member(channel):
            raise ApiError("not_in_channel")
        if channel.is_archived:
            raise ApiError("posting_to_channel_denied")
        channels.append(channel)
    return channels


def _finish(call: Call, entry: Json) -> StoredFile:
    store = call.workspace.files
    found = store.ticket_of(str(entry["id"]))
    if found is None or found[1].data is None:
        raise ApiError("file_not_found")
    key, ticket = found
    del store.tickets[key]
    bot_user_id = call.installation.bot_user_id
    file = store.keep(ticket.name, found[1].data, bot_user_id, file_id=ticket.file_id)
    file.title = str(entry.get("title") or ticket.name)
    file.alt_txt = ticket.alt_txt
    return file


def _share(
    call: Call, channels: list[Channel], files: list[StoredFile], blocks: list[Json]
) -> None:
    installation = call.installation
    for channel in channels:
        thread_ts = call.get("thread_ts") or None
        parent = channel.by_ts.get(thread_ts) if thread_ts else None
        if thread_ts and (parent is None or parent.is_deleted):
            thread_ts = None
        message = call.workspace.post(
            channel,
            author=call.get("username") or installation.bot_name,
            text=as_stored(str(call.get("initial_comment") or "")),
            blocks=blocks,
            subtype="file_share",
            user_id=installation.bot_user_id,
            bot_id=installation.bot_id,
            app_id=installation.app_id,
            bot_profile=installation.bot_profile(TEAM_ID),
            username=call.get("username"),
            thread_ts=thread_ts,
            files=[file.full_json(call.world.base_url) for file in files],
        )
        for file in files:
            share = (channel.channel_id, channel.is_private, message.ts, message.thread_ts)
            file.shares.append(share)
    call.workspace.changed()


@method(
    "files.info",
    tier=4,
    scopes=("files:read",),
    required="file",
    optional="count cursor limit page",
    reads_json=False,
)
def info(call: Call) -> Json:
    file = call.workspace.files.by_id.get(str(call.get("file")))
    if file is None:
        raise ApiError("file_not_found")
    if file.is_deleted:
        raise ApiError("file_deleted")
    if not may_read(call, file):
        raise ApiError("not_visible")
    shown = file.full_json(call.world.base_url) | {"shares": file.shares_json()}
    return {"file": shown, "comments": [], "response_metadata": {"next_cursor": ""}}


def may_read(call: Call, file: StoredFile) -> bool:
    """The app reads its own files and those shared where it is a member, or publicly."""
    if file.user_id == call.installation.bot_user_id:
        return True
    channels = (call.workspace.channels[channel_id] for channel_id, *_ in file.shares)
    return any(call.is_member(channel) or not channel.is_private for channel in channels)
