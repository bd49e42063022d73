"""What a look at the bridge's health found, in the words of whoever can mend it. Pure."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal

Level = Literal["bad", "warn", "ok"]

ORDER: Sequence[Level] = ("bad", "warn", "ok")


@dataclass(frozen=True)
class Finding:
    """What is so, in plain text: `bad` where texts are lost or stand still, `warn` where they may.

    `remedy` says who does what about it; empty where nothing is to be done.
    """

    check: str
    level: Level
    sentence: str
    remedy: str = ""


@dataclass(frozen=True)
class Check:
    """Something to look at; what `look` raises becomes a finding too."""

    name: str
    look: Callable[[], Awaitable[Sequence[Finding]]]


def worst_first(findings: Sequence[Finding]) -> list[Finding]:
    """In the order in which they are to be mended; alike ones stay in theirs."""
    return sorted(findings, key=lambda each: ORDER.index(each.level))


def count(findings: Sequence[Finding], level: Level) -> int:
    """How many there are of a level."""
    return sum(each.level == level for each in findings)


def summary(findings: Sequence[Finding]) -> str:
    """How many of each, in one line."""
    bad, warn, fine = (count(findings, level) for level in ORDER)
    parts = [f"{bad} to mend"] if bad else []
    parts += [f"{warn} to look at"] if warn else []
    return ", ".join([*parts, f"{fine} fine"]) + "."


def of_sentence(check: str, level: Level, words: str, mark: str) -> Finding:
    """A sentence that holds its own remedy, after `mark`."""
    sentence, _, remedy = words.partition(mark)
    return Finding(check, level, f"{sentence.rstrip('.')}.", remedy[:1].upper() + remedy[1:])


def clock_finding(check: str, whose: str, seconds: float) -> Finding:
    """How far another's clock is ahead of ours; several seconds may be the network's."""
    if abs(seconds) <= 5:
        return Finding(check, "ok", f"This machine's clock agrees with {whose}.")
    way = "behind" if seconds > 0 else "ahead of"
    return Finding(
        check,
        "bad" if abs(seconds) > 60 else "warn",
        f"This machine's clock is {abs(seconds):.0f} s {way} {whose}.",
        "Switch on time synchronisation (NTP) on this machine, such as `timedatectl set-ntp true`.",
    )
