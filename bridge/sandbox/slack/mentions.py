"""What a message would really do to people: whom it notifies and where its links lead.

Only `mrkdwn` strings and explicit rich-text elements notify; `plain_text` and the text elements
of `rich_text` are shown letter by letter.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from bridge.sandbox.slack.errors import Json

CONTROL = re.compile(r"<([^<>]*)>")
BROADCASTS = {"here", "channel", "everyone", "group"}
BARE_BROADCAST = re.compile(r"(?<!\w)@(here|channel|everyone)\b")
BARE_NAME = re.compile(r"(?<!\w)@([a-z0-9][a-z0-9._-]*)")


@dataclass(frozen=True, slots=True)
class Pings:
    """Who would be notified: user ids, user-group ids, and `here`, `channel` or `everyone`."""

    users: tuple[str, ...] = ()
    usergroups: tuple[str, ...] = ()
    broadcasts: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.users or self.usergroups or self.broadcasts)


@dataclass(slots=True)
class Marks:
    """What was found in the parts of a message, in the order it was found."""

    users: dict[str, None] = field(default_factory=dict)
    usergroups: dict[str, None] = field(default_factory=dict)
    broadcasts: dict[str, None] = field(default_factory=dict)
    channels: dict[str, None] = field(default_factory=dict)
    links: list[tuple[str, str]] = field(default_factory=list)

    @property
    def pings(self) -> Pings:
        return Pings(tuple(self.users), tuple(self.usergroups), tuple(self.broadcasts))

    def read_mrkdwn(self, text: str, names: dict[str, str] | None = None) -> None:
        """Note what `text` triggers; `names` (handle to user id) where names are linked too."""
        for inner in CONTROL.findall(text):
            self._read_control(inner)
        if names is not None:
            self.broadcasts.update(dict.fromkeys(BARE_BROADCAST.findall(text)))
            found = (names.get(name) for name in BARE_NAME.findall(text))
            self.users.update(dict.fromkeys(user_id for user_id in found if user_id))

    def _read_control(self, inner: str) -> None:
        target, _, label = inner.partition("|")
        if target.startswith("@"):
            self.users[target[1:]] = None
        elif target.startswith("!subteam^"):
            self.usergroups[target.removeprefix("!subteam^")] = None
        elif target.startswith("!") and target[1:] in BROADCASTS:
            self.broadcasts[target[1:]] = None
        elif target.startswith("#"):
            self.channels[target[1:]] = None
        elif ":" in target and not target.startswith("!"):
            self.links.append((target, label or target))

    def read_block(self, block: Json) -> None:
        for part in walk(block):
            match part.get("type"):
                case "mrkdwn" | "markdown":
                    self.read_mrkdwn(str(part.get("text", "")))
                case "user" if "user_id" in part:
                    self.users[str(part["user_id"])] = None
                case "usergroup" if "usergroup_id" in part:
                    self.usergroups[str(part["usergroup_id"])] = None
                case "broadcast" if "range" in part:
                    self.broadcasts[str(part["range"])] = None
                case "channel" if "channel_id" in part:
                    self.channels[str(part["channel_id"])] = None
                case "link" if "url" in part:
                    self.links.append((str(part["url"]), str(part.get("text") or part["url"])))

    def read_attachment(self, attachment: Json) -> None:
        for key in ("pretext", "text"):
            self.read_mrkdwn(str(attachment.get(key) or ""))
        for item in attachment.get("fields") or []:
            self.read_mrkdwn(str(item.get("value") or ""))
        for block in attachment.get("blocks") or []:
            self.read_block(block)


def walk(part: Any) -> Iterator[Json]:
    """Every object inside a block, outermost first."""
    if isinstance(part, dict):
        yield part
        for value in part.values():
            yield from walk(value)
    elif isinstance(part, list):
        for value in part:
            yield from walk(value)


def marks_of(
    text: str,
    blocks: Iterable[Json] = (),
    attachments: Iterable[Json] = (),
    names: dict[str, str] | None = None,
) -> Marks:
    """Everything a whole message triggers: its text, its blocks and its attachments."""
    marks = Marks()
    marks.read_mrkdwn(text, names)
    for block in blocks:
        marks.read_block(block)
    for attachment in attachments:
        marks.read_attachment(attachment)
    return marks
