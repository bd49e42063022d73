"""The content of a posted message: checked, cut and stored as Slack does."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from bridge.sandbox.slack import block_kit as kit
from bridge.sandbox.slack.blocks import blocks_length, checked_message_blocks, parse_json
from bridge.sandbox.slack.errors import ApiError, Json

TEXT_LIMIT = 40_000
EDIT_TEXT_LIMIT = 4_000
ATTACHMENT_LIMIT = 100
# Slack does not publish the cap; 16,000 bytes is what its users report.
METADATA_BYTE_LIMIT = 16_000

CONTROL = re.compile(r"<(?:[@#!][^<>\n]+|[a-zA-Z][a-zA-Z0-9+.-]*:[^<>\n]+)>")
ENTITY_OR_AMP = re.compile(r"&(?!(?:amp|lt|gt);)")
BARE_LINK = re.compile(r"(?<![<|\w])https?://[^\s<>|]+")


@dataclass(slots=True)
class Content:
    text: str = ""
    blocks: list[Json] = field(default_factory=list)
    attachments: list[Json] = field(default_factory=list)
    metadata: Json | None = None

    @property
    def is_empty(self) -> bool:
        return not (self.text.strip() or self.blocks or self.attachments)


def as_stored(text: str) -> str:
    """`text` as Slack keeps it: stray `&<>` become entities, bare addresses become links."""
    pieces: list[str] = []
    end = 0
    for found in CONTROL.finditer(text):
        pieces += [_stored_plain(text[end : found.start()]), found.group()]
        end = found.end()
    pieces.append(_stored_plain(text[end:]))
    return "".join(pieces)


def _stored_plain(text: str) -> str:
    escaped = ENTITY_OR_AMP.sub("&amp;", text).replace("<", "&lt;").replace(">", "&gt;")
    return BARE_LINK.sub(lambda found: f"<{found.group()}>", escaped)


def read_content(args: Json, too_long: str = "msg_blocks_too_long") -> Content:
    """The content of chat.postMessage and its kin; ApiError where Slack refuses it.

    `too_long` is the method's own name for blocks that are too long together.
    """
    markdown = args.get("markdown_text")
    if markdown is not None:
        if args.get("text") or args.get("blocks"):
            raise ApiError("markdown_text_conflict")
        if len(markdown) > kit.MARKDOWN_LIMIT:
            raise ApiError("invalid_blocks")
        blocks = checked_message_blocks([{"type": "markdown", "text": markdown}])
        return Content(as_stored(markdown), blocks, _attachments(args), read_metadata(args))
    blocks = checked_message_blocks(args["blocks"]) if args.get("blocks") else []
    if blocks_length(blocks) > kit.BLOCKS_CHARACTER_LIMIT:
        raise ApiError(too_long)
    text = as_stored(str(args.get("text") or ""))
    return Content(text, blocks, _attachments(args), read_metadata(args))


def _attachments(args: Json) -> list[Json]:
    if not args.get("attachments"):
        return []
    try:
        attachments = parse_json(args["attachments"])
    except ValueError as error:
        raise ApiError("no_text") from error
    if not isinstance(attachments, list) or not all(isinstance(one, dict) for one in attachments):
        raise ApiError("no_text")
    if len(attachments) > ATTACHMENT_LIMIT:
        raise ApiError("too_many_attachments")
    for index, attachment in enumerate(attachments):
        attachment.setdefault("id", index + 1)
        if attachment.get("blocks"):
            attachment["blocks"] = checked_message_blocks(attachment["blocks"])
    return attachments


def read_metadata(args: Json) -> Json | None:
    """Metadata with an event_type and a flat payload (one nested level), or None."""
    if not args.get("metadata"):
        return None
    try:
        metadata = parse_json(args["metadata"])
    except ValueError as error:
        raise ApiError("invalid_metadata_format") from error
    if not isinstance(metadata, dict):
        raise ApiError("invalid_metadata_format")
    if not metadata:
        return {}
    payload = metadata.get("event_payload")
    if not isinstance(metadata.get("event_type"), str) or not isinstance(payload, dict):
        raise ApiError("invalid_metadata_schema")
    if metadata.keys() - {"event_type", "event_payload", "entities"}:
        raise ApiError("invalid_metadata_schema")
    if not all(_is_flat(value) for value in payload.values()):
        raise ApiError("invalid_metadata_schema")
    if len(json.dumps(metadata).encode()) > METADATA_BYTE_LIMIT:
        raise ApiError("metadata_too_large")
    return metadata


def _is_flat(value: Any) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return all(isinstance(one, str | int | float | bool | type(None)) for one in inner)
