"""What was typed, and what became of it: each text has one fate, and the sum of them is told.

A text carries its token in its words (`r00012v0`: the twelfth text, a reply, as first written), so
that it is known again wherever it turns up.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

Kind = Literal["phone", "app", "reply", "command"]
Fate = Literal["delivered", "refused", "cancelled", "lost", "doubled", "astray", "untold", "open"]
LETTERS: Mapping[Kind, str] = {"phone": "i", "app": "a", "reply": "r", "command": "c"}
TOKEN = re.compile(r"\b([iarc]\d{5})v(\d)\b")
SHOWN_ONLY = ("phone", "app")  # they go to Slack; the others to phones, and commands to both
BAD_FATES: Sequence[Fate] = ("lost", "doubled", "astray", "untold")


@dataclass
class Text:
    """One text as it was typed. Times are seconds since 1970 by the provider it was typed at.

    `acknowledged_at` is when the bridge first said that it has it on file; `place` sorts the texts
    of one conversation and direction as their provider does.
    """

    token: str
    kind: Kind
    numbers: tuple[str, ...]
    weather: str
    typed_at: float
    place: str = ""
    acknowledged_at: float | None = None
    version: int = 0
    is_deleted: bool = False
    was_refused: bool = False  # a command that the person was told has failed

    @property
    def words(self) -> str:
        """What is typed, in its newest version."""
        return f"{self.token}v{self.version} Yes, until 6 pm"


@dataclass(frozen=True)
class Arrival:
    """A text where it turned up: a phone's number, or the numbers of the thread's conversation."""

    where: str
    version: int
    at: float


@dataclass
class Seen:
    """What reached the other side, by token, and what people were told of it."""

    shown: defaultdict[str, list[Arrival]] = field(default_factory=lambda: defaultdict(list))
    texted: defaultdict[str, list[Arrival]] = field(default_factory=lambda: defaultdict(list))
    told: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    late: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Left:
    """When a text left the bridge for one side, by its database; `at` is seconds since 1970."""

    token: str
    side: str
    on_file_at: float  # when it was surely on file
    at: float


class Ledger:
    """Every text of a run."""

    def __init__(self) -> None:
        self.texts: dict[str, Text] = {}
        self._numbers = itertools.count(1)

    def write(
        self, kind: Kind, numbers: Iterable[str], weather: str, typed_at: float = 0.0
    ) -> Text:
        """A new text, about to be typed."""
        token = f"{LETTERS[kind]}{next(self._numbers):05d}"
        text = self.texts[token] = Text(token, kind, tuple(numbers), weather, typed_at)
        return text


def fate_of(text: Text, seen: Seen) -> Fate:
    """What became of a text. `open`: nothing has reached anybody yet."""
    shown, texted = seen.shown[text.token], seen.texted[text.token]
    if text.kind in SHOWN_ONLY:
        return _fate_of_shown(text, shown)
    if text.kind == "command" and texted and len(shown) > 1:
        return "doubled"
    by_phone = Counter(each.where for each in texted)
    if set(by_phone) - set(text.numbers):
        return "astray"
    if any(count > 1 for count in by_phone.values()):
        return "doubled"
    if by_phone:
        return _fate_of_texted(text, texted, seen)
    if text.is_deleted:
        return "cancelled"
    if "failed" in seen.told[text.token] or text.was_refused:
        return "refused"
    return "open"


def _fate_of_shown(text: Text, shown: Sequence[Arrival]) -> Fate:
    if not shown:
        return "open"
    if len(shown) > 1:
        return "doubled"
    return "delivered" if shown[0].where == key_of(text.numbers) else "astray"


def _fate_of_texted(text: Text, texted: Sequence[Arrival], seen: Seen) -> Fate:
    told = seen.told[text.token]
    if text.kind == "command" and not seen.shown[text.token]:
        return "open"
    if len(texted) < len(text.numbers):
        return "open"
    if text.is_deleted and "deleted" not in told:
        return "untold"
    if not text.is_deleted and texted[0].version < text.version and "edited" not in told:
        return "untold"
    return "delivered"


def key_of(numbers: Iterable[str]) -> str:
    """A conversation's name: its outside numbers."""
    return ",".join(sorted(numbers))


def find_disordered(
    texts: Mapping[str, Text], left: Sequence[Left], asked: Iterable[str]
) -> list[tuple[str, str]]:
    """Pairs that left in the wrong order though both were on file before either left.

    Texts of one conversation to one side; commands have no time but the bridge's own. What a
    person had to decide about has lost its place.
    """
    asked = set(asked)
    lanes: defaultdict[tuple[str, str], list[Left]] = defaultdict(list)
    for each in left:
        text = texts.get(each.token)
        if text is not None and text.kind != "command" and each.token not in asked:
            lanes[key_of(text.numbers), each.side].append(each)
    return [
        (later.token, earlier.token)
        for lane in lanes.values()
        for later, earlier in itertools.permutations(lane, 2)
        if texts[earlier.token].place < texts[later.token].place
        and later.at < earlier.at
        and earlier.on_file_at < later.at
    ]


@dataclass(frozen=True)
class Spread:
    """Texts typed in one weather, and how long they took, in seconds."""

    weather: str
    texts: int
    p50: float
    p99: float
    longest: float
    asked: int


@dataclass(frozen=True)
class Account:
    """The sum of a run."""

    fates: Mapping[tuple[str, Fate], int]  # by direction
    bad: Mapping[Fate, Sequence[str]]
    disordered: Sequence[tuple[str, str]]
    late: int
    asked: int
    spreads: Sequence[Spread]

    @property
    def is_clean(self) -> bool:
        """Nothing lost, doubled, disordered, at a wrong address, or kept from its author."""
        return not self.disordered and not any(self.bad.values())


def take_account(
    texts: Mapping[str, Text], seen: Seen, left: Sequence[Left], hold_seconds: float
) -> Account:
    """Everybody's fate; what is still open at the end of a run is lost."""
    fates: Counter[tuple[str, Fate]] = Counter()
    bad: defaultdict[Fate, list[str]] = defaultdict(list)
    for text in texts.values():
        fate = fate_of(text, seen)
        fate = "lost" if fate == "open" else fate
        fates["in" if text.kind in SHOWN_ONLY else "out", fate] += 1
        if fate in BAD_FATES:
            bad[fate].append(described(text, seen))
    asked = {token for token, words in seen.told.items() if "unsure" in words}
    return Account(
        fates,
        bad,
        find_disordered(texts, left, asked),
        len(seen.late),
        len(asked),
        _spreads(texts, seen, asked, hold_seconds),
    )


def described(text: Text, seen: Seen) -> str:
    """A text and where it turned up when, for whoever looks for the reason."""
    arrivals = sorted((*seen.shown[text.token], *seen.texted[text.token]), key=lambda each: each.at)
    places = [f"v{each.version} {each.where} at {_clock(each.at)}" for each in arrivals]
    words = [f"{text.token} ({text.weather}, typed at {_clock(text.typed_at)})", *places]
    return "; ".join((*words, *sorted(seen.told[text.token])))


def _clock(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%H:%M:%S.%f}"[:-3]


def _spreads(
    texts: Mapping[str, Text], seen: Seen, asked: set[str], hold_seconds: float
) -> list[Spread]:
    took: defaultdict[str, list[float]] = defaultdict(list)
    for text in texts.values():
        inbound = text.kind in SHOWN_ONLY
        arrivals = (seen.shown if inbound else seen.texted)[text.token]
        if arrivals and not text.version and text.token not in asked:
            waited = arrivals[0].at - text.typed_at - (0.0 if inbound else hold_seconds)
            took[text.weather].append(max(0.0, waited))
    counts = Counter(text.weather for text in texts.values())
    people = Counter(texts[token].weather for token in asked if token in texts)
    return [
        Spread(
            weather,
            count,
            percentile(took[weather], 0.5),
            percentile(took[weather], 0.99),
            max(took[weather], default=0.0),
            people[weather],
        )
        for weather, count in sorted(counts.items())
    ]


def percentile(values: Sequence[float], share: float) -> float:
    """The value that this share of them does not exceed; 0 for none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0
