"""The account of a run is worth what it notices: each harm is told from every harmless thing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest

from tests.chaos.account import CALM, Gust, Left, find_disordered, take_account, weather_met
from tests.chaos.ledger import Arrival, Fate, Kind, Ledger, Seen, Text, conversation_of, fate_of
from tests.chaos.run import Plan, Result
from tests.chaos.table import render_result

ALICE, BEN = "+14155550100", "+14155550101"
INBOX, OTHER_INBOX = "+16505550101", "+16505550120"


def text(token: str = "r00001", kind: Kind = "reply", **facts: object) -> Text:
    made = Text(token, kind, (ALICE,), CALM, INBOX, typed_at=100.0)
    for name, value in facts.items():
        setattr(made, name, value)
    return made


def seen(
    shown: int = 0,
    texted: int = 0,
    *,
    where: str = ALICE,
    inbox: str = INBOX,
    version: int = 0,
    told: str = "",
) -> Seen:
    """`told` names what people were told, a word for each time."""
    found = Seen()
    place = conversation_of(inbox, [where])
    for token in ("r00001", "i00001", "c00001"):
        found.shown[token] = [Arrival(place, version, 101.0)] * shown
        found.texted[token] = [Arrival(place, version, 101.0)] * texted
        found.told[token] = Counter(told.split())
    return found


@pytest.mark.parametrize(
    ("typed", "found", "fate"),
    [
        (text(), seen(texted=1), "delivered"),
        (text(), seen(), "open"),
        (text(), seen(texted=2), "doubled"),
        (text(), seen(texted=1, where=BEN), "astray"),
        (text(), seen(texted=1, inbox=OTHER_INBOX), "astray"),
        (text(), seen(told="failed"), "refused"),
        (text(), seen(told="delayed"), "open"),
        (text(), seen(texted=1, told="delayed unsure"), "delivered"),
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
        (text("i00001", "phone"), seen(shown=1, inbox=OTHER_INBOX), "astray"),
        (text("c00001", "command"), seen(texted=1), "open"),
        (text("c00001", "command"), seen(shown=1, texted=1), "delivered"),
        (text("c00001", "command"), seen(shown=2, texted=1), "doubled"),
        (text("c00001", "command", was_refused=True), seen(), "refused"),
        (text("c00001", "command", was_unanswered=True), seen(), "refused"),
        (text("c00001", "command", was_unanswered=True), seen(shown=1, texted=1), "delivered"),
    ],
)
def test_each_fate_is_told_from_the_others(typed: Text, found: Seen, fate: Fate) -> None:
    """Lost, doubled, astray and untold are seen; what was refused or deleted is none of these."""
    assert fate_of(typed, found) == fate


@pytest.mark.parametrize(
    ("typed", "found", "fate"),
    [
        (text(), seen(texted=1, told="failed"), "misinformed"),
        (text(numbers=(ALICE, BEN)), seen(texted=1, told="failed"), "misinformed"),
        (text("c00001", "command", was_refused=True), seen(shown=1, texted=1), "misinformed"),
        (text("c00001", "command"), seen(shown=1, texted=1, told="failed"), "misinformed"),
        (text(retries=1), seen(texted=1, told="failed"), "delivered"),
        (text(retries=1), seen(texted=1, told="failed failed"), "misinformed"),
        (text(retries=1), seen(texted=2, told="failed"), "doubled"),
        (text(retries=1), seen(told="failed"), "open"),
        (text(retries=1), seen(told="failed failed"), "refused"),
    ],
)
def test_what_is_told_to_have_failed_has_failed(typed: Text, found: Seen, fate: Fate) -> None:
    """Whoever is told that a text was not sent, tries again or not: the customer has it once."""
    assert fate_of(typed, found) == fate


@pytest.mark.parametrize(
    ("kind", "shown", "texted", "told", "fate"),
    [
        ("reply", 0, 2, "", "delivered"),
        ("reply", 0, 1, "", "open"),
        ("reply", 0, 3, "", "doubled"),
        ("reply", 0, 1, "failed", "delivered"),
        ("reply", 0, 2, "failed", "misinformed"),
        ("reply", 0, 0, "failed", "open"),
        ("reply", 0, 0, "failed failed", "refused"),
        ("phone", 2, 0, "", "delivered"),
        ("phone", 1, 0, "", "open"),
        ("phone", 3, 0, "", "doubled"),
    ],
)
def test_twins_are_two(kind: Kind, shown: int, texted: int, told: str, fate: Fate) -> None:
    """Of two texts with the same words neither is taken for a repeat, and none comes thrice."""
    typed = text("r00001" if kind == "reply" else "i00001", kind, copies=2)
    assert fate_of(typed, seen(shown, texted, told=told)) == fate


def test_twins_count_as_two() -> None:
    """A run of so many texts is one of so many."""
    ledger = Ledger()
    ledger.write("reply", [ALICE], CALM)
    ledger.write("phone", [ALICE], CALM, copies=2)
    assert ledger.count == 3
    account = take_account(ledger.texts, seen(), [], 0.0)
    assert account.fates == {("in", "lost"): 2, ("out", "lost"): 1}


# The order


TWO = {each: text(each, places=[each]) for each in ("r00001", "r00002")}


def left(on_file_at: float) -> list[Left]:
    """The second leaves at 105, the first at 110."""
    return [
        Left("r00001", "ringcentral", on_file_at, 110.0),
        Left("r00002", "ringcentral", 101.0, 105.0),
    ]


def test_disorder_is_what_both_could_have_kept() -> None:
    """The earlier was on file before the later left, and left after it."""
    assert find_disordered(TWO, left(102.0), ()) == [("r00002", "r00001")]
    assert not find_disordered(TWO, left(106.0), ()), "a late arrival is no disorder"
    assert not find_disordered(TWO, left(102.0), ("r00001",)), "nor what a person decided"


def test_conversations_have_orders_of_their_own() -> None:
    """The same phone texts with two of our numbers: neither waits for the other."""
    texts = {**TWO, "r00001": text("r00001", places=["r00001"], inbox=OTHER_INBOX)}
    assert not find_disordered(texts, left(102.0), ())


def test_twins_are_ordered_as_a_pair() -> None:
    """Nobody can tell which of them was first, but one between them was passed or was not."""
    texts = {"r00001": text("r00001", places=["1", "3"], copies=2)}
    texts["r00002"] = text("r00002", places=["2"])

    def at(first: float, between: float, last: float) -> Sequence[object]:
        return find_disordered(
            texts,
            [
                Left("r00001", "ringcentral", 101.0, last),
                Left("r00001", "ringcentral", 101.0, first),
                Left("r00002", "ringcentral", 101.0, between),
            ],
            (),
        )

    assert not at(102.0, 103.0, 104.0)
    assert at(102.0, 105.0, 104.0)
    assert at(102.0, 101.5, 104.0)


# The time that is added


GUSTS = [Gust("killed", 200.0, 210.0), Gust("5xx", 220.0, 230.0)]


@pytest.mark.parametrize(
    ("typed_at", "arrived_at", "weather"),
    [
        (100.0, 101.0, CALM),
        (205.0, 206.0, "killed"),
        (195.0, 206.0, "killed"),
        (205.0, 225.0, "killed"),
        (215.0, 225.0, "5xx"),
        (211.0, 212.0, CALM),
    ],
)
def test_a_text_counts_for_the_first_fault_it_met(
    typed_at: float, arrived_at: float, weather: str
) -> None:
    """Not for what blew when it was typed alone, nor for all that blew before it was there."""
    assert weather_met(typed_at, arrived_at, GUSTS) == weather


# The verdict


def result(**facts: object) -> Result:
    account = take_account({"r00001": text()}, seen(texted=1), [], 0.0)
    made: dict[str, object] = {
        "plan": Plan(texts=1),
        "account": account,
        "seconds": 2.0,
        "settle_seconds": 1.0,
        "kills": 0,
        "own_deaths": (),
        "was_cut": False,
        "owed": (),
        "longest_stall_seconds": 0.2,
        "penalties": 0,
        "pressed_on": 0,
        **facts,
    }
    return Result(**made)  # type: ignore[arg-type]  # each of its own type


def test_a_clean_run_says_so() -> None:
    """And what it has counted."""
    assert result().is_clean
    words = render_result(result())
    assert "Clean: lost = doubled = disordered = misinformed = 0" in words
    assert "put to a person meanwhile" in words


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"own_deaths": (1, -11)}, "2 processes ended by themselves (exit 1, -11)"),
        ({"owed": ("2 mark owed",)}, "not settled at the end: 2 mark owed"),
        ({"was_cut": True}, "the time was over before all texts were written"),
        ({"account": take_account({"r00001": text()}, seen(), [], 0.0)}, "1 lost"),
        (
            {"account": take_account({"r00001": text()}, seen(texted=1, told="failed"), [], 0.0)},
            "1 misinformed",
        ),
        ({"account": take_account(TWO, seen(texted=1), left(102.0), 0.0)}, "1 pairs disordered"),
    ],
)
def test_a_run_that_is_not_clean_says_why(facts: dict[str, object], why: str) -> None:
    """Texts are not all: what died, what is still owed, and what was never written."""
    found = result(**facts)
    assert not found.is_clean
    assert why in found.troubles()
    assert f"NOT CLEAN: {'; '.join(found.troubles())}." in render_result(found)


def test_a_machine_that_stood_still_is_named_where_something_is_wrong() -> None:
    """A provider that does a thing after the last look for it is no fault of the bridge."""
    assert result(longest_stall_seconds=4.0).is_clean
    assert "run it alone" in render_result(result(longest_stall_seconds=4.0, was_cut=True))
    assert "run it alone" not in render_result(result(was_cut=True))
