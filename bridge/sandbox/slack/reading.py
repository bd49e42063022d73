"""What a person reads on the screen: markup resolved, entities decoded, blocks as lines."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from bridge.sandbox.slack.errors import Json
from bridge.sandbox.slack.mentions import CONTROL

NameOf = Callable[[str], str]
ENTITY = re.compile(r"&(amp|lt|gt);")
ENTITIES = {"amp": "&", "lt": "<", "gt": ">"}


def decode_entities(text: str) -> str:
    """The three entities Slack decodes, each once."""
    return ENTITY.sub(lambda found: ENTITIES[found.group(1)], text)


def read_mrkdwn(text: str, name_of: NameOf) -> str:
    """`text` as shown, mentions by name; formatting marks are left as they are."""
    pieces: list[str] = []
    end = 0
    for found in CONTROL.finditer(text):
        pieces.append(decode_entities(text[end : found.start()]))
        pieces.append(_read_control(found.group(1), name_of))
        end = found.end()
    pieces.append(decode_entities(text[end:]))
    return "".join(pieces)


def _read_control(inner: str, name_of: NameOf) -> str:
    target, _, label = inner.partition("|")
    if target.startswith("@"):
        return "@" + name_of(target[1:])
    if target.startswith("#"):
        return "#" + (label or name_of(target[1:]))
    if target.startswith("!date^"):
        return decode_entities(label)
    if target.startswith("!subteam^"):
        return "@" + (label.lstrip("@") or name_of(target.removeprefix("!subteam^")))
    if target.startswith("!"):
        return "@" + target[1:]
    return decode_entities(label or target)


def read_blocks(blocks: Iterable[Json], name_of: NameOf) -> str:
    """The lines of a message with blocks, buttons as [label]."""
    return "\n".join(line for block in blocks if (line := _read_block(block, name_of)))


def _read_text(part: Json | None, name_of: NameOf) -> str:
    if not part:
        return ""
    text = str(part.get("text", ""))
    return text if part.get("type") == "plain_text" else read_mrkdwn(text, name_of)


def _read_block(block: Json, name_of: NameOf) -> str:
    match block.get("type"):
        case "section":
            parts = [_read_text(block.get("text"), name_of)]
            parts += [_read_text(field, name_of) for field in block.get("fields") or []]
            if accessory := block.get("accessory"):
                parts.append(_read_element(accessory, name_of))
            return "\n".join(part for part in parts if part)
        case "header":
            return _read_text(block.get("text"), name_of)
        case "context" | "actions":
            elements = block.get("elements") or []
            return " ".join(_read_element(element, name_of) for element in elements)
        case "rich_text":
            return "".join(read_rich_text(part, name_of) for part in block["elements"]).rstrip("\n")
        case "markdown":
            return read_mrkdwn(str(block.get("text", "")), name_of)
        case "image":
            return f"[{block.get('alt_text', '')}]"
        case _:
            return ""


def _read_element(element: Json, name_of: NameOf) -> str:
    kind = element.get("type")
    if kind in ("plain_text", "mrkdwn"):
        return _read_text(element, name_of)
    if kind == "image":
        return f"[{element.get('alt_text', '')}]"
    label = element.get("text") or element.get("placeholder")
    return f"[{_read_text(label, name_of) or kind}]"


def read_rich_text(part: Json, name_of: NameOf) -> str:
    """One element of a rich_text block; lists and quotes as lines."""
    match part.get("type"):
        case "rich_text_section" | "rich_text_preformatted" | "rich_text_quote":
            return "".join(read_rich_text(inner, name_of) for inner in part["elements"])
        case "rich_text_list":
            return "".join(f"• {read_rich_text(item, name_of)}\n" for item in part["elements"])
        case "user":
            return "@" + name_of(str(part["user_id"]))
        case "channel":
            return "#" + name_of(str(part["channel_id"]))
        case "usergroup":
            return "@" + name_of(str(part["usergroup_id"]))
        case "broadcast":
            return f"@{part['range']}"
        case "emoji":
            return f":{part['name']}:"
        case "link":
            return str(part.get("text") or part["url"])
        case "date":
            return str(part.get("fallback", ""))
        case _:
            return str(part.get("text", ""))
