"""What was typed, and what became of it: each text has one fate.

A text carries its token in its words (`r00012v0`: the twelfth text, a reply, as first written), so
that it is known again wherever it turns up. Twins carry the same: nobody can tell them apart, and
they are accounted for as a pair.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["phone", "app", "reply", "command"]
Fate = Literal[
    "delivered",
    "refused",
    "cancelled",
    "lost",
    "doubled",
    "astray",
    "untold",
    "misinformed",
    "open",
]
LETTERS: Mapping[Kind, str] = {"phone": "i", "app": "a", "reply": "r", "command": "c"}
TOKEN = re.compile(r"\b([iarc]\d{5})v(\d)\b")
# What people write is mostly about something else than what others write meanwhile.
SENTENCES = (
    "Yes, until 6 pm",
    "Your table is ready",
    "Can I bring a dog?",
    "We are closed on Monday",
    "Running ten minutes late",
    "Thanks, see you soon",
    "Please call me back",
)
SHOWN_ONLY = ("phone", "app")  # they go to Slack; the others to phones, and commands to both
BAD_FATES: Sequence[Fate] = ("lost", "doubled", "astray", "untold", "misinformed")


@dataclass
class Text:
    """One text as it was typed, or two of the same words. Times are seconds since 1970 by the
    provider it was typed at.

    `acknowledged_at` is when the bridge first said that it has it on file; `places` sort the texts
    of one conversation and direction as their provider does, one for each copy. `retries` counts
    the clicks that asked for another try after it was told to have failed.
    """

    token: str
    kind: Kind
    numbers: tuple[str, ...]
    weather: str
    inbox: str = ""
    typed_at: float = 0.0
    copies: int = 1
    places: list[str] = field(default_factory=list)
    acknowledged_at: float | None = None
    version: int = 0
    retries: int = 0
    is_deleted: bool = False
    was_refused: bool = False  # a command of which the bridge itself said that nothing was sent
    was_unanswered: bool = False  # a command of which Slack said that the app did not answer

    @property
    def words(self) -> str:
        """What is typed, in its newest version."""
        sentence = SENTENCES[int(self.token[1:]) % len(SENTENCES)]
        return f"{self.token}v{self.version} {sentence}"

    @property
    def conversation(self) -> str:
        """Which of ours it belongs to."""
        return conversation_of(self.inbox, self.numbers)

    @property
    def phones(self) -> list[str]:
        """Where it has to arrive, where it goes to phones."""
        return [conversation_of(self.inbox, [each]) for each in self.numbers]


@dataclass(frozen=True)
class Arrival:
    """A text where it turned up: on a phone, or in a conversation's thread.

    `where` is as of `conversation_of`, for a phone with its number alone.
    """

    where: str
    version: int
    at: float


@dataclass
class Seen:
    """What reached the other side, by token, and how often people were told what of it."""

    shown: defaultdict[str, list[Arrival]] = field(default_factory=lambda: defaultdict(list))
    texted: defaultdict[str, list[Arrival]] = field(default_factory=lambda: defaultdict(list))
    told: defaultdict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    late: set[str] = field(default_factory=set)


class Ledger:
    """Every text of a run."""

    def __init__(self) -> None:
        self.texts: dict[str, Text] = {}
        self._numbers = itertools.count(1)

    @property
    def count(self) -> int:
        """How many were typed; twins are two."""
        return sum(each.copies for each in self.texts.values())

    def write(
        self, kind: Kind, numbers: Iterable[str], weather: str, inbox: str = "", copies: int = 1
    ) -> Text:
        """A new text, about to be typed."""
        token = f"{LETTERS[kind]}{next(self._numbers):05d}"
        text = Text(token, kind, tuple(numbers), weather, inbox, copies=copies)
        self.texts[token] = text
        return text


def fate_of(text: Text, seen: Seen) -> Fate:
    """What became of a text. `open`: nothing has reached anybody yet, or not all of it."""
    shown, texted = seen.shown[text.token], seen.texted[text.token]
    if text.kind in SHOWN_ONLY:
        return _fate_of_shown(text, shown)
    if text.kind == "command" and texted and len(shown) > 1:
        return "doubled"
    by_phone = Counter(dict.fromkeys(text.phones, 0))
    by_phone.update(each.where for each in texted)
    if set(by_phone) - set(text.phones):
        return "astray"
    if max(by_phone.values()) > text.copies:
        return "doubled"
    if texted:
        return _fate_of_texted(text, by_phone, seen)
    if text.is_deleted:
        return "cancelled"
    told = failures_of(text, seen) >= text.copies or text.was_refused or text.was_unanswered
    return "refused" if told else "open"


def failures_of(text: Text, seen: Seen) -> int:
    """How many of its copies have failed by the last word on them: a retry takes one back."""
    return max(0, seen.told[text.token]["failed"] - text.retries)


def _fate_of_shown(text: Text, shown: Sequence[Arrival]) -> Fate:
    if len(shown) > text.copies:
        return "doubled"
    if any(each.where != text.conversation for each in shown):
        return "astray"
    return "delivered" if len(shown) == text.copies else "open"


def _fate_of_texted(text: Text, by_phone: Mapping[str, int], seen: Seen) -> Fate:
    told, failures = seen.told[text.token], failures_of(text, seen)
    if text.was_refused or max(by_phone.values()) + failures > text.copies:
        return "misinformed"
    if text.kind == "command" and not seen.shown[text.token]:
        return "open"
    if min(by_phone.values()) + failures < text.copies:
        return "open"
    if text.is_deleted and not told["deleted"]:
        return "untold"
    versions = {each.version for each in seen.texted[text.token]}
    if not text.is_deleted and min(versions) < text.version and not told["edited"]:
        return "untold"
    return "delivered"


def conversation_of(inbox: str, numbers: Iterable[str]) -> str:
    """A conversation's name: its inbox and its outside numbers."""
    return f"{inbox}>{','.join(sorted(numbers))}"
