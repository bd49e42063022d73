"""The account of a run is worth what it notices: each harm is told from every harmless thing."""

from __future__ import annotations

import pytest

from tests.chaos.ledger import Arrival, Fate, Kind, Left, Seen, Text, fate_of, find_disordered
from tests.chaos.ledger import take_account as taken

ALICE, BEN = "+14155550100", "+14155550101"


def text(token: str = "r00001", kind: Kind = "reply", **facts: object) -> Text:
    made = Text(token, kind, (ALICE,), "calm", 100.0)
    for name, value in facts.items():
        setattr(made, name, value)
    return made


def seen(
    shown: int = 0, texted: int = 0, *, where: str = ALICE, version: int = 0, told: str = ""
) -> Seen:
    found = Seen()
    for token in ("r00001", "i00001", "c00001"):
        found.shown[token] = [Arrival(where, version, 101.0)] * shown
        found.texted[token] = [Arrival(where, version, 101.0)] * texted
        found.told[token] = {told} if told else set()
    return found


@pytest.mark.parametrize(
    ("typed", "found", "fate"),
    [
        (text(), seen(texted=1), "delivered"),
        (text(), seen(), "open"),
        (text(), seen(texted=2), "doubled"),
        (text(), seen(texted=1, where=BEN), "astray"),
        (text(), seen(told="failed"), "refused"),
        (text(is_deleted=True), seen(), "cancelled"),
        (text(is_deleted=True), seen(texted=1), "untold"),
        (text(is_deleted=True), seen(texted=1, told="deleted"), "delivered"),
        (text(version=1), seen(texted=1), "untold"),
        (text(version=1), seen(texted=1, told="edited"), "delivered"),
        (text(version=1), seen(texted=1, version=1), "delivered"),
        (text(numbers=(ALICE, BEN)), seen(texted=1), "open"),
        (text("i00001", "phone"), seen(shown=1), "delivered"),
        (text("i00001", "phone"), seen(), "open"),
        (text("i00001", "phone"), seen(shown=2), "doubled"),
        (text("i00001", "phone"), seen(shown=1, where=BEN), "astray"),
        (text("c00001", "command"), seen(texted=1), "open"),
        (text("c00001", "command"), seen(shown=1, texted=1), "delivered"),
        (text("c00001", "command"), seen(shown=2, texted=1), "doubled"),
        (text("c00001", "command", was_refused=True), seen(), "refused"),
    ],
)
def test_each_fate_is_told_from_the_others(typed: Text, found: Seen, fate: Fate) -> None:
    """Lost, doubled, astray and untold are seen; what was refused or deleted is none of these."""
    assert fate_of(typed, found) == fate


def test_what_never_arrived_is_lost() -> None:
    """At the end of a run nobody waits any longer, and the run has failed."""
    account = taken({"r00001": text()}, seen(), [], 0.0)
    assert list(account.bad) == ["lost"]
    assert not account.is_clean


def test_disorder_is_what_both_could_have_kept() -> None:
    """The earlier was on file before the later left, and left after it."""
    texts = {each: text(each, place=each) for each in ("r00001", "r00002")}

    def left(on_file_at: float) -> list[Left]:
        return [
            Left("r00001", "ringcentral", on_file_at, 110.0),
            Left("r00002", "ringcentral", 101.0, 105.0),
        ]

    assert find_disordered(texts, left(102.0), ()) == [("r00002", "r00001")]
    assert not find_disordered(texts, left(106.0), ()), "a late arrival is no disorder"
    assert not find_disordered(texts, left(102.0), ("r00001",)), "nor what a person decided"
