"""The sum of a run: fates, order, and the time that each fault has added."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from tests.chaos.ledger import BAD_FATES, SHOWN_ONLY, Fate, Seen, Text, fate_of

CALM = "calm"


@dataclass(frozen=True)
class Left:
    """When a text left the bridge for one side, by its database; `at` is seconds since 1970."""

    token: str
    side: str
    on_file_at: float  # when it was surely on file
    at: float
    place: str = ""


@dataclass(frozen=True)
class Gust:
    """When a weather blew; seconds since 1970."""

    weather: str
    from_at: float
    until_at: float


@dataclass(frozen=True)
class Spread:
    """Texts that met one weather first, and how long they took, in seconds."""

    weather: str
    texts: int
    p50: float
    p95: float
    longest: float
    asked: int


@dataclass(frozen=True)
class Account:
    """The sum of a run."""

    fates: Mapping[tuple[str, Fate], int]  # by direction
    bad: Mapping[Fate, Sequence[str]]
    disordered: Sequence[tuple[str, str]]
    late: int
    asked: Sequence[str]
    retried: int
    spreads: Sequence[Spread]

    @property
    def is_clean(self) -> bool:
        """Every text has a fate it may have, and none passed another."""
        return not self.disordered and not any(self.bad.values())


def take_account(
    texts: Mapping[str, Text],
    seen: Seen,
    left: Sequence[Left],
    hold_seconds: float,
    gusts: Sequence[Gust] = (),
) -> Account:
    """Everybody's fate; what is still open at the end of a run is lost."""
    fates: Counter[tuple[str, Fate]] = Counter()
    bad: defaultdict[Fate, list[str]] = defaultdict(list)
    for text in texts.values():
        fate = fate_of(text, seen)
        fate = "lost" if fate == "open" else fate
        fates["in" if text.kind in SHOWN_ONLY else "out", fate] += text.copies
        if fate in BAD_FATES:
            bad[fate].append(described(text, seen))
    asked = sorted(token for token, told in seen.told.items() if told["unsure"] and token in texts)
    retried = {each.token for each in texts.values() if each.retries}
    return Account(
        fates,
        bad,
        find_disordered(texts, left, {*asked, *retried}),
        len(seen.late),
        [described(texts[token], seen) for token in asked],
        len(retried),
        _spreads(texts, seen, {*asked, *retried}, hold_seconds, gusts),
    )


def find_disordered(
    texts: Mapping[str, Text], left: Sequence[Left], decided: Iterable[str]
) -> list[tuple[str, str]]:
    """Pairs that left in the wrong order though both were on file before either left.

    Texts of one conversation to one side; commands have no time but the bridge's own. What a
    person had to decide about has lost its place.
    """
    decided = set(decided)
    lanes: defaultdict[tuple[str, str], list[Left]] = defaultdict(list)
    for each in _placed(texts, left):
        text = texts[each.token]
        if text.kind != "command" and each.token not in decided:
            lanes[text.conversation, each.side].append(each)
    return [
        (later.token, earlier.token)
        for lane in lanes.values()
        for later, earlier in itertools.permutations(lane, 2)
        if earlier.place < later.place and later.at < earlier.at and earlier.on_file_at < later.at
    ]


def _placed(texts: Mapping[str, Text], left: Sequence[Left]) -> Iterable[Left]:
    """Each with its place; of twins the first that left counts as the first: nobody can tell."""
    by_token: defaultdict[tuple[str, str], list[Left]] = defaultdict(list)
    for each in left:
        if each.token in texts:
            by_token[each.token, each.side].append(each)
    for (token, _), those in by_token.items():
        in_time = sorted(those, key=lambda each: each.at)
        for each, place in zip(in_time, sorted(texts[token].places), strict=False):
            yield replace(each, place=place)


def described(text: Text, seen: Seen) -> str:
    """A text and where it turned up when, for whoever looks for the reason."""
    arrivals = sorted((*seen.shown[text.token], *seen.texted[text.token]), key=lambda each: each.at)
    places = [f"v{each.version} {each.where} at {_clock(each.at)}" for each in arrivals]
    told = [f"told {what}" for what in sorted(seen.told[text.token].elements())]
    retried = [f"{text.retries} retries"] if text.retries else []
    twins = ", twins" if text.copies > 1 else ""
    head = f"{text.token} ({text.weather}{twins}, typed at {_clock(text.typed_at)})"
    return "; ".join((head, *places, *told, *retried))


def _clock(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%H:%M:%S.%f}"[:-3]


# The time that faults add


def weather_met(typed_at: float, arrived_at: float, gusts: Sequence[Gust]) -> str:
    """What blew when it was typed, else what first blew while it was under way, else calm."""
    met = [each for each in gusts if each.from_at <= arrived_at and each.until_at >= typed_at]
    return min(met, key=lambda each: each.from_at).weather if met else CALM


def _spreads(
    texts: Mapping[str, Text],
    seen: Seen,
    decided: set[str],
    hold_seconds: float,
    gusts: Sequence[Gust],
) -> list[Spread]:
    took: defaultdict[str, list[float]] = defaultdict(list)
    people: Counter[str] = Counter()
    for text in texts.values():
        inbound = text.kind in SHOWN_ONLY
        arrivals = (seen.shown if inbound else seen.texted)[text.token]
        arrived_at = arrivals[0].at if arrivals else text.typed_at
        met = weather_met(text.typed_at, arrived_at, gusts)
        took[met]  # told of also where none can be timed
        people[met] += bool(seen.told[text.token]["unsure"])
        if arrivals and not text.version and text.token not in decided:
            waited = arrived_at - text.typed_at - (0.0 if inbound else hold_seconds)
            took[met].append(max(0.0, waited))
    return [
        Spread(
            weather,
            len(seconds),
            percentile(seconds, 0.5),
            percentile(seconds, 0.95),
            max(seconds, default=0.0),
            people[weather],
        )
        for weather, seconds in sorted(took.items())
    ]


def percentile(values: Sequence[float], share: float) -> float:
    """The value that this share of them does not exceed; 0 for none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0
