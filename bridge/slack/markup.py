"""Slack's markup to what a phone can show, and a phone's text to what Slack shows as it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bridge.relay.segments import cut_text, plain_typography, split_text
from bridge.slack.emoji_names import with_emoji

# Slack's limits (chat.update refuses a longer text; chat:write.customize a longer username).
LONGEST_FALLBACK_UNITS = 4_000
LONGEST_NAME_UNITS = 80
LONGEST_ELEMENT_UNITS = 3_000
# All blocks together: undocumented, refused at about 13,200 of its JSON (bolt-js issue 2509).
LONGEST_BLOCKS_UNITS = 8_000

_BROADCASTS = frozenset({"here", "channel", "everyone", "group"})
_LINE_ENDING = re.compile(r"\r\n?|[\u2028\u2029\x85]")
_CONTROL_CHARACTER = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")
# Characters a name can hide in, or be told apart by without anybody seeing it.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u2800\u3164\ufe00-\ufe0e\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e0fff]"
)
_REPLACEMENT = "\ufffd"
_WORD_JOINER = "\u2060"

_ENTITY = re.compile(r"&(amp|lt|gt);")
_ENTITIES = {"amp": "&", "lt": "<", "gt": ">"}
_CONTROL = re.compile(r"<([^<>]+)>")
_KEPT = re.compile(
    r"```\n?(?P<block>.+?)\n?```"
    r"|(?<![\w`])`(?P<code>[^`\n]+)`(?![\w`])"
    r"|<(?P<control>[^<>]+)>"
    r"|(?P<url>https?://[^\s<>|]+)",
    re.DOTALL,
)
_PLACE = "\x00"  # stands for what is kept; no text has one left by then
# Slack's rule: a mark opens after no letter and before no space, and closes the other way round.
_FORMATTING = [
    re.compile(rf"(?<![^\W_])(?<!{m})(?:{m})(?![\s{m}])([^{m}\n]+)(?<!\s){m}(?![^\W_])(?!{m})")
    for m in (r"\*", "_", "~")
]
_BULLET = re.compile(r"^([ \t]*)[•◦▪] ?", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Mentions:
    """Whom and what a message mentions, by Slack's ids, each once and in order."""

    users: tuple[str, ...] = ()
    usergroups: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    broadcasts: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.users or self.usergroups or self.channels or self.broadcasts)


# Slack to phone


def mentions(markup: str) -> Mentions:
    """What a message in Slack's markup mentions; broadcasts are here, channel, everyone, group."""
    targets = [inner.partition("|")[0] for inner in _CONTROL.findall(markup)]
    return Mentions(
        users=_ids(targets, "@"),
        usergroups=_ids(targets, "!subteam^"),
        channels=_ids(targets, "#"),
        broadcasts=tuple(word for word in _ids(targets, "!") if word in _BROADCASTS),
    )


def mentioned_user_ids(markup: str) -> tuple[str, ...]:
    """The ids of the people a message mentions, each once and in order."""
    return mentions(markup).users


def _ids(targets: list[str], sign: str) -> tuple[str, ...]:
    found = (target.removeprefix(sign) for target in targets if target.startswith(sign))
    return tuple(dict.fromkeys(filter(None, found)))


def phone_text(markup: str, names: Mapping[str, str], *, plain: bool = True) -> str:
    """What a phone shows for a message in Slack's markup.

    `names` maps ids of users, channels and groups to names; what it lacks is named by Slack's own
    label, or generally ("someone"), never by an id. `plain` replaces typographic signs that would
    make the text dearer. Surrounding white space goes.
    """
    kept: list[str] = []

    def keep(found: re.Match[str]) -> str:
        kept.append(_kept(found, names, plain))
        return _PLACE

    text = _KEPT.sub(keep, without_controls(markup))
    text = _without_formatting(with_emoji(text))
    text = typed_text(decode_entities(text), plain=plain)
    filling = iter(kept)
    return tidy(re.sub(_PLACE, lambda _: next(filling), text))


def _kept(found: re.Match[str], names: Mapping[str, str], plain: bool) -> str:
    """What stands for a part in which formatting marks and emoji names mean nothing."""
    if found["control"]:
        return _control_text(found["control"], names, plain)
    if found["url"]:
        return decode_entities(found["url"])
    code = _CONTROL.sub(
        lambda link: _control_text(link[1], names, plain), found["block"] or found["code"]
    )
    return typed_text(decode_entities(code), plain=plain)


def _control_text(inner: str, names: Mapping[str, str], plain: bool) -> str:
    """What stands for `<inner>`: a mention, a date or a link."""
    target, _, label = inner.partition("|")
    label = typed_text(decode_entities(with_emoji(label)), plain=plain).strip()
    if target.startswith("@"):
        return names.get(target[1:]) or label.removeprefix("@") or "someone"
    if target.startswith("#"):
        return "#" + (names.get(target[1:]) or label.removeprefix("#") or "channel")
    if target.startswith("!"):
        return _command_text(target[1:], label, names)
    if ":" not in target:
        return f"<{decode_entities(inner)}>"  # not Slack's: an angle bracket that came unescaped
    return link_text(decode_entities(target), label)


def _command_text(command: str, label: str, names: Mapping[str, str]) -> str:
    if command.startswith("subteam^"):
        name = names.get(command.removeprefix("subteam^")) or label or "group"
        return "@" + name.removeprefix("@")
    return f"@{command}" if command in _BROADCASTS else label


def link_text(target: str, label: str) -> str:
    """What stands for a link: its address, after its label where that says something else."""
    scheme, _, rest = target.partition(":")
    if scheme.lower() == "mailto":
        return _labelled(rest.partition("?")[0], label)
    if scheme.lower() == "tel":
        is_same = label and _digits(label)[-7:] == _digits(rest)[-7:]
        return label if is_same else _labelled(rest, label)
    return _labelled(target, label)


def _labelled(address: str, label: str) -> str:
    same = not label or _bare(label) == _bare(address)
    return address if same else f"{label} ({address})"


def _bare(address: str) -> str:
    return re.sub(r"^(?:[a-z]+://)?(?:www\.)?|/$", "", address.strip().casefold())


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)


def _without_formatting(text: str) -> str:
    for marks in _FORMATTING:
        text = marks.sub(r"\1", text)
    return text


def decode_entities(text: str) -> str:
    """Decode the three entities Slack encodes, once."""
    return _ENTITY.sub(lambda found: _ENTITIES[found[1]], text)


def typed_text(text: str, *, plain: bool) -> str:
    """A person's own characters as a phone shows them."""
    return plain_typography(text) if plain else text


def without_controls(text: str) -> str:
    """A text with plain line endings, no control characters and no halves of characters."""
    text = _CONTROL_CHARACTER.sub("", _LINE_ENDING.sub("\n", text))
    return _SURROGATE.sub(_REPLACEMENT, text)


def tidy(text: str) -> str:
    """A text with dashes for bullets and no white space at the ends of lines."""
    lines = _BULLET.sub(r"\1- ", text).split("\n")
    return "\n".join(line.rstrip() for line in lines).strip()


# Phone to Slack


def slack_escape(text: str) -> str:
    """Escape what Slack's mrkdwn reads as mentions and links; nothing else has an escape."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def safe_blocks(text: str) -> list[dict[str, Any]]:
    """Blocks that show a text from a phone exactly, whatever is in it.

    Text elements of rich text are not parsed: nothing in them mentions, links or restyles.
    Invisible controls of direction go and control characters show as U+FFFD, since either can
    make a text read as another. What no message of Slack can hold is cut, and said to be.
    """
    shown = _shown(text)
    if not shown.strip():
        return [_rich_text([_remark("no text")])]
    page, *rest = cut_text(shown, LONGEST_BLOCKS_UNITS)
    elements = [_text_element(piece) for piece in cut_text(page, LONGEST_ELEMENT_UNITS)]
    if rest:
        elements.append(_remark(f"\n{sum(map(len, rest)):,} more characters are not shown"))
    return [_rich_text(elements)]


def safe_fallback(text: str) -> str:
    """The notification's text for a text from a phone: mrkdwn that can notify nobody.

    At most 4,000 UTF-16 units. A word joiner follows each @ and # that begins a word, so that a
    client that links bare names finds none.
    """
    shown = re.sub(r"(?<!\w)([@#])(?=\w)", rf"\1{_WORD_JOINER}", _shown(text)).strip()
    if not shown:
        return "(no text)"
    escaped = slack_escape(shown)
    return _shortened(shown) if _units(escaped) > LONGEST_FALLBACK_UNITS else escaped


def safe_name(text: str) -> str:
    """A name for a username or a heading: one line, visible, at most 80 UTF-16 units.

    Empty where nothing visible is left. It is not escaped: a username is no mrkdwn.
    """
    visible = _INVISIBLE.sub("", _CONTROL_CHARACTER.sub(" ", _SURROGATE.sub("", text)))
    pieces = split_text(" ".join(visible.split()), LONGEST_NAME_UNITS)
    return pieces[0] if pieces else ""


def _shown(text: str) -> str:
    plain = _SURROGATE.sub(_REPLACEMENT, _LINE_ENDING.sub("\n", text))
    return _BIDI.sub("", _CONTROL_CHARACTER.sub(_REPLACEMENT, plain))


def _rich_text(elements: list[dict[str, Any]]) -> dict[str, Any]:
    section = {"type": "rich_text_section", "elements": elements}
    return {"type": "rich_text", "elements": [section]}


def _text_element(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _remark(text: str) -> dict[str, Any]:
    """Words of ours among those of the phone, told apart by a style no phone can give."""
    return {"type": "text", "text": text, "style": {"italic": True}}


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def _shortened(text: str) -> str:
    """As much of a text as fits once escaped, never half an entity."""
    room = LONGEST_FALLBACK_UNITS - 1
    for index, character in enumerate(text):
        room -= _units(slack_escape(character))
        if room < 0:
            return slack_escape(text[:index]) + "…"
    return slack_escape(text)
