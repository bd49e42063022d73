"""What Slack's clients make of what a person types: markup in `text`, and rich_text blocks.

A person never sends markup: `<` becomes an entity, `@Bea` becomes a mention, an address a link.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import emoji

from bridge.sandbox.slack.errors import Json

PIECE = re.compile(
    r"```(?P<preformatted>.+?)```"
    r"|`(?P<code>[^`\n]+)`"
    r"|(?<!\w)\*(?P<bold>[^*\n]+)\*(?!\w)"
    r"|(?<!\w)_(?P<italic>[^_\n]+)_(?!\w)"
    r"|(?<!\w)~(?P<strike>[^~\n]+)~(?!\w)"
    r"|(?P<url>https?://[^\s<>|]+)"
    r"|(?P<email>[\w.+-]+@[\w-]+(?:\.[\w-]+)+)"
    r"|(?P<phone>\+\d[\d ().\u00a0-]{5,}\d)"
    r"|(?<!\w)@(?P<name>[A-Za-z0-9][\w.-]*)"
    r"|(?<!\w)#(?P<channel>[a-z0-9][a-z0-9_-]*)"
    r"|:(?P<emoji>[a-z0-9_+'-]+(?:::skin-tone-[2-6])?):",
    re.DOTALL,
)
STYLES = {"bold": "*", "italic": "_", "strike": "~", "code": "`"}
BROADCASTS = ("here", "channel", "everyone")


@dataclass(slots=True)
class Directory:
    """What the client's autocompletion knows; names are lower case."""

    users: dict[str, str] = field(default_factory=dict)
    channels: dict[str, str] = field(default_factory=dict)
    usergroups: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Typed:
    """A typed message as the event carries it."""

    text: str
    blocks: list[Json]


def escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def is_emoji_name(name: str) -> bool:
    """Whether `name` is a standard emoji's short name, skin tone apart."""
    name = name.partition("::skin-tone-")[0]
    return emoji.emojize(f":{name}:", language="alias") != f":{name}:"


def type_message(text: str, directory: Directory, link_phones: bool = False) -> Typed:
    """The event's `text` and `blocks` for a message somebody typed.

    `link_phones` makes telephone numbers links, which only some clients do.
    """
    spelled = emoji.demojize(text, language="alias")
    pieces = list(_pieces(spelled, directory, link_phones))
    block: Json = {"type": "rich_text", "block_id": "typed", "elements": _sections(pieces)}
    return Typed("".join(markup for markup, _ in pieces), [block] if pieces else [])


def type_command(
    text: str, directory: Directory, should_escape: bool, link_phones: bool = False
) -> str:
    """The `text` of a slash command; raw unless the command was declared with `should_escape`."""
    if not should_escape:
        return text
    pieces: list[str] = []
    end = 0
    for found in PIECE.finditer(text):
        linked = _command_link(found, directory, link_phones)
        if linked is not None:
            pieces += [escape(text[end : found.start()]), linked]
            end = found.end()
    return "".join([*pieces, escape(text[end:])])


def _command_link(found: re.Match[str], directory: Directory, link_phones: bool) -> str | None:
    value = found.group()
    match found.lastgroup:
        case "name":
            user_id = directory.users.get(value[1:].lower())
            return f"<@{user_id}|{value[1:].lower()}>" if user_id else None
        case "channel":
            channel_id = directory.channels.get(value[1:])
            return f"<#{channel_id}|{value[1:]}>" if channel_id else None
        case "url":
            return f"<{escape(value)}>"
        case "email":
            return f"<mailto:{value}|{value}>"
        case "phone" if link_phones:
            return f"<{_tel(value)}|{value}>"
        case _:
            return None


def _tel(phone: str) -> str:
    return "tel:+" + "".join(digit for digit in phone if digit.isdigit())


def _pieces(text: str, directory: Directory, link_phones: bool) -> Iterator[tuple[str, Json]]:
    end = 0
    for found in PIECE.finditer(text):
        piece = _piece(found, directory, link_phones)
        if piece is None:
            continue
        if found.start() > end:
            yield _plain(text[end : found.start()])
        yield piece
        end = found.end()
    if end < len(text):
        yield _plain(text[end:])


def _plain(text: str) -> tuple[str, Json]:
    return escape(text), {"type": "text", "text": text}


def _piece(
    found: re.Match[str], directory: Directory, link_phones: bool
) -> tuple[str, Json] | None:
    kind = found.lastgroup or ""
    value = found.group(kind)
    if kind in STYLES:
        mark = STYLES[kind]
        element: Json = {"type": "text", "text": value, "style": {kind: True}}
        return mark + escape(value) + mark, element
    match kind:
        case "preformatted":
            return f"```{escape(value)}```", {"type": "preformatted", "text": value}
        case "url":
            return f"<{escape(value)}>", {"type": "link", "url": value}
        case "email":
            link: Json = {"type": "link", "url": f"mailto:{value}", "text": value}
            return f"<mailto:{value}|{value}>", link
        case "phone" if link_phones:
            return f"<{_tel(value)}|{value}>", {"type": "link", "url": _tel(value), "text": value}
        case "name":
            return _mention(value, directory)
        case "channel" if channel_id := directory.channels.get(value):
            return f"<#{channel_id}|{value}>", {"type": "channel", "channel_id": channel_id}
        case "emoji" if is_emoji_name(value):
            return f":{value}:", _emoji(value)
        case _:
            return None


def _mention(name: str, directory: Directory) -> tuple[str, Json] | None:
    if name in BROADCASTS:
        return f"<!{name}>", {"type": "broadcast", "range": name}
    if user_id := directory.users.get(name.lower()):
        return f"<@{user_id}>", {"type": "user", "user_id": user_id}
    if usergroup_id := directory.usergroups.get(name.lower()):
        element: Json = {"type": "usergroup", "usergroup_id": usergroup_id}
        return f"<!subteam^{usergroup_id}|@{name}>", element
    return None


def _emoji(name: str) -> Json:
    spelled = emoji.emojize(f":{name.partition('::')[0]}:", language="alias")
    code_points = "-".join(f"{ord(letter):x}" for letter in spelled)
    return {"type": "emoji", "name": name, "unicode": code_points}


def _sections(pieces: list[tuple[str, Json]]) -> list[Json]:
    sections: list[Json] = []
    for _, element in pieces:
        if element["type"] == "preformatted":
            text: Json = {"type": "text", "text": element["text"].strip("\n")}
            sections.append({"type": "rich_text_preformatted", "border": 0, "elements": [text]})
        elif sections and sections[-1]["type"] == "rich_text_section":
            sections[-1]["elements"].append(element)
        else:
            sections.append({"type": "rich_text_section", "elements": [element]})
    return sections
