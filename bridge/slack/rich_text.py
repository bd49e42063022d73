"""Slack's rich-text blocks to what a phone can show.

They are what a person's client really sent: unlike the `text` beside them they hold no marks to
guess at, and every emoji with its character.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from bridge.slack.emoji_names import emoji_named, emoji_of_codes
from bridge.slack.markup import link_text, phone_text, tidy, typed_text, without_controls

Part = Mapping[str, Any]
Names = Mapping[str, str]

DEEPEST_INDENT = 8  # what Slack's own editor allows


def phone_text_of(markup: str, blocks: object, names: Names) -> str:
    """What a phone shows for a message: by its blocks where a person wrote them, else its text."""
    parts = _parts(blocks)
    if parts and all(block.get("type") == "rich_text" for block in parts):
        return phone_text_from_blocks(parts, names)
    return phone_text(markup, names)


def phone_text_from_blocks(blocks: object, names: Names, *, plain: bool = True) -> str:
    """What a phone shows for rich-text blocks; `names` and `plain` are those of `phone_text`.

    Other blocks and unknown elements count by the text they hold.
    """
    lines = "\n".join(_block_text(block, names) for block in _parts(blocks))
    return tidy(typed_text(without_controls(lines), plain=plain))


def _block_text(block: Part, names: Names) -> str:
    sections = [_section_text(section, names) for section in _parts(block.get("elements"))]
    return "\n".join(section.removesuffix("\n") for section in sections)


def _section_text(section: Part, names: Names) -> str:
    match section.get("type"):
        case "rich_text_list":
            return _list_text(section, names)
        case "rich_text_quote":
            quoted = _inline_text(section, names).removesuffix("\n")
            return "\n".join(f"> {line}" for line in quoted.split("\n"))
        case _:
            return _inline_text(section, names)


def _list_text(section: Part, names: Names) -> str:
    """One line an item; a nested list is a list of its own with a deeper indent."""
    indent = "  " * min(_number(section.get("indent")), DEEPEST_INDENT)
    first = 1 + _number(section.get("offset"))
    is_ordered = section.get("style") == "ordered"
    items = enumerate(_parts(section.get("elements")), start=first)
    return "\n".join(
        f"{indent}{f'{number}.' if is_ordered else '-'} {_inline_text(item, names)}"
        for number, item in items
    )


def _inline_text(section: Part, names: Names) -> str:
    if "elements" not in section:
        return _element_text(section, names)
    return "".join(_element_text(each, names) for each in _parts(section["elements"]))


def _element_text(element: Part, names: Names) -> str:
    match element.get("type"):
        case "link":
            return link_text(_text(element, "url"), _text(element, "text"))
        case "emoji":
            return _emoji_text(element)
        case "user":
            return names.get(_text(element, "user_id")) or "someone"
        case "usergroup":
            return "@" + (names.get(_text(element, "usergroup_id")) or "group").removeprefix("@")
        case "channel":
            return "#" + (names.get(_text(element, "channel_id")) or "channel").removeprefix("#")
        case "broadcast":
            return "@" + (_text(element, "range") or "channel")
        case "date":
            return _text(element, "fallback") or _date_text(element.get("timestamp"))
        case "color":
            return _text(element, "value")
        case _ if "elements" in element:
            return _inline_text(element, names)
        case _:
            return _text(element, "text")


def _emoji_text(element: Part) -> str:
    name = _text(element, "name")
    tone = element.get("skin_tone")
    skin_tone = tone if isinstance(tone, int) and 2 <= tone <= 6 else None
    found = emoji_of_codes(_text(element, "unicode")) or emoji_named(name, skin_tone)
    return found or (f":{name}:" if name else "")


def _date_text(timestamp: object) -> str:
    try:
        moment = datetime.fromtimestamp(int(str(timestamp)), UTC)
    except (ValueError, OverflowError, OSError):
        return ""
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _parts(value: object) -> list[Part]:
    return [part for part in value if isinstance(part, Mapping)] if isinstance(value, list) else []


def _text(element: Part, key: str) -> str:
    value = element.get(key)
    return value if isinstance(value, str) else ""


def _number(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0
