"""When a delivery is tried again, looked up again, or given to a person."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.outbox.outcome import Absent, Accepted, CannotLook, Several, TryLater, Unfitting
from bridge.outbox.retry import (
    Again,
    AskAPerson,
    CountAsAbsent,
    GiveUp,
    LookAgain,
    after_look,
    first_look_at,
    is_stale,
    next_try,
)

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def decide(
    later: TryLater, *, attempts: int = 1, waited_seconds: float = 0, goes_stale: bool = True
) -> Again | GiveUp:
    return next_try(
        later,
        attempts=attempts,
        due_since=after(-waited_seconds),
        now=NOW,
        goes_stale=goes_stale,
    )


# The next try


@pytest.mark.parametrize(
    ("attempts", "seconds"),
    [(0, 2), (1, 2), (2, 4), (3, 8), (4, 16), (5, 32), (6, 64), (7, 64), (16, 64), (10_000, 64)],
)
def test_waits_grow_to_a_minute(attempts: int, seconds: float) -> None:
    """What failed is asked again after 2, 4, 8 ... 64 s."""
    assert decide(TryLater("busy"), attempts=attempts) == Again(after(seconds))


@pytest.mark.parametrize(("attempts", "seconds"), [(1, 2), (7, 128), (8, 256), (9, 300), (99, 300)])
def test_patient_waits_grow_to_five_minutes(attempts: int, seconds: float) -> None:
    """What only an administrator can mend is asked for every five minutes in the end."""
    later = TryLater("login_refused", patient=True)
    assert decide(later, attempts=attempts) == Again(after(seconds))


@pytest.mark.parametrize("seconds", [0.0, 0.5, 30.0, 1800.0])
def test_the_providers_own_wait_wins(seconds: float) -> None:
    """Where the provider says when, that is when."""
    later = TryLater("ratelimited", after_seconds=seconds)
    assert decide(later, attempts=12) == Again(after(seconds))


@pytest.mark.parametrize(
    ("waited_seconds", "decision"),
    [
        (3590, Again(after(2))),
        (3598, Again(after(2))),
        (3599, GiveUp("stale")),
        (86_400, GiveUp("stale")),
    ],
)
def test_a_text_goes_stale_after_an_hour(waited_seconds: float, decision: Again | GiveUp) -> None:
    """A person's text that could not leave within an hour is given back to its author."""
    assert decide(TryLater("busy"), waited_seconds=waited_seconds) == decision


def test_a_long_wait_told_by_the_provider_makes_stale() -> None:
    """A wait beyond the hour is not begun."""
    assert decide(TryLater("limit", after_seconds=3601)) == GiveUp("stale")


def test_what_is_only_shown_never_goes_stale() -> None:
    """A customer's text is shown however late it is."""
    assert decide(TryLater("busy"), waited_seconds=9e5, goes_stale=False) == Again(after(2))


@given(
    attempts=st.integers(0, 10_000),
    waited_seconds=st.floats(0, 1e8),
    after_seconds=st.none() | st.floats(0, 1e5),
)
def test_what_an_administrator_can_mend_is_never_given_up(
    attempts: int, waited_seconds: float, after_seconds: float | None
) -> None:
    """A patient wait never ends by itself, however long it lasted."""
    later = TryLater("login_refused", after_seconds=after_seconds, patient=True)
    decision = decide(later, attempts=attempts, waited_seconds=waited_seconds)
    assert isinstance(decision, Again)
    assert decision.due_at >= NOW


@pytest.mark.parametrize(
    ("late_seconds", "goes_stale", "stale"),
    [(0, True, False), (3600, True, False), (3601, True, True), (1e6, False, False)],
)
def test_nothing_leaves_more_than_an_hour_late(
    late_seconds: float, goes_stale: bool, stale: bool
) -> None:
    """What was due over an hour ago, as after a long stop, is no longer sent without asking."""
    assert is_stale(after(-late_seconds), NOW, goes_stale=goes_stale) is stale


# Looking


def look(
    *,
    looks: int,
    at_seconds: float,
    looks_unanswered: int = 2,
    deadline_seconds: float = 20.0,
    fate_is_known: bool = True,
    has_a_person: bool = True,
    finding: Absent | CannotLook | Several | Unfitting | None = None,
) -> LookAgain | CountAsAbsent | AskAPerson:
    """A look at an attempt reported unsure at NOW."""
    return after_look(
        finding or Absent(),
        looks=looks,
        looks_unanswered=looks_unanswered,
        deadline_at=after(deadline_seconds),
        machine_now=after(at_seconds),
        fate_is_known=fate_is_known,
        has_a_person=has_a_person,
    )


def test_looks_are_at_2_and_10_s_and_one_past_the_deadline() -> None:
    """Two early looks find most; the one a minute past the deadline alone counts as absent."""
    assert first_look_at(NOW) == after(2)
    assert look(looks=0, at_seconds=2) == LookAgain(after(10))
    assert look(looks=1, at_seconds=10) == LookAgain(after(80))
    assert look(looks=2, at_seconds=80) == CountAsAbsent()


@pytest.mark.parametrize("looks", [0, 1, 2, 9])
@pytest.mark.parametrize("at_seconds", [2, 10, 19.9, 79.9])
def test_nothing_counts_as_absent_before_a_minute_past_the_deadline(
    looks: int, at_seconds: float
) -> None:
    """However often nothing was found, it may still be on its way until then."""
    decision = look(looks=looks, at_seconds=at_seconds)
    assert isinstance(decision, LookAgain)
    assert after(at_seconds) < decision.look_at <= after(80)


def test_a_first_look_that_comes_late_suffices() -> None:
    """After a long stop one look past the deadline tells as much as three."""
    assert look(looks=0, at_seconds=3600) == CountAsAbsent()


@pytest.mark.parametrize(("looks", "at_seconds"), [(0, 80), (2, 80), (2, 5000)])
def test_whose_sender_may_still_send_is_never_sent_again(looks: int, at_seconds: float) -> None:
    """A worker that is only stopped may send yet: a person decides."""
    decision = look(looks=looks, at_seconds=at_seconds, fate_is_known=False)
    assert isinstance(decision, AskAPerson)


@pytest.mark.parametrize("fate_is_known", [True, False])
def test_what_does_not_fit_is_for_a_person_once_ours_had_its_time(fate_is_known: bool) -> None:
    """Another text went the same way: ours may show yet, nobody is asked before the last look."""
    other = Unfitting("none of 1 fits")
    decisions = [
        look(looks=looks, at_seconds=at_seconds, finding=other, fate_is_known=fate_is_known)
        for looks, at_seconds in ((0, 2), (1, 10), (2, 80))
    ]
    assert decisions[:2] == [LookAgain(after(10)), LookAgain(after(80))]
    assert isinstance(decisions[2], AskAPerson)


@pytest.mark.parametrize("at_seconds", [2, 80, 5000])
def test_several_that_fit_are_for_a_person(at_seconds: float) -> None:
    """More than one record that could be it, or one that does not fit, is no answer."""
    decision = look(looks=0, at_seconds=at_seconds, finding=Several("2 of 2"))
    assert isinstance(decision, AskAPerson)


@pytest.mark.parametrize(
    ("at_seconds", "after_seconds", "look_seconds"),
    [(2, None, 12), (2, 60.0, 62), (79, None, 89), (85, None, 90), (2, 600.0, 90)],
)
def test_a_look_that_could_not_be_made_is_no_look(
    at_seconds: float, after_seconds: float | None, look_seconds: float
) -> None:
    """Where the provider does not answer, nothing is concluded from it but that time passes."""
    unanswered = CannotLook("unreachable", after_seconds)
    decision = look(looks=1, at_seconds=at_seconds, finding=unanswered)
    assert decision == LookAgain(after(look_seconds))


def test_a_text_holds_up_its_lane_for_ninety_seconds_at_most() -> None:
    """A provider that does not answer leaves it to a person, and later texts go."""
    decision = look(looks=0, at_seconds=90, finding=CannotLook("unreachable"))
    assert isinstance(decision, AskAPerson)


@pytest.mark.parametrize("has_a_person", [True, False])
def test_after_a_long_stop_one_silent_look_concludes_nothing(has_a_person: bool) -> None:
    """The time is over before anybody could look: the provider is asked three times first."""
    day_seconds = 86_400.0
    decisions = [
        look(
            looks=0,
            looks_unanswered=unanswered,
            at_seconds=day_seconds,
            finding=CannotLook("unreachable"),
            has_a_person=has_a_person,
        )
        for unanswered in range(3)
    ]
    assert decisions[:2] == [LookAgain(after(day_seconds + 10))] * 2
    assert isinstance(decisions[2], AskAPerson)


@pytest.mark.parametrize(("at_seconds", "gives_up"), [(90, False), (3000, False), (3680, True)])
def test_without_a_person_an_outage_is_waited_out(at_seconds: float, gives_up: bool) -> None:
    """A post of our own is looked for up to an hour: a double is all the haste would bring."""
    unanswered = CannotLook("unreachable")
    decision = look(looks=0, at_seconds=at_seconds, finding=unanswered, has_a_person=False)
    assert isinstance(decision, AskAPerson) is gives_up


@pytest.mark.parametrize(
    "looks_after", [(0.5,), (0.2, 0.5), (2.0, 10.0, 60.0), (1.0, 2.0, 4.0, 8.0)]
)
@pytest.mark.parametrize("deadline_seconds", [0.0, 0.3, 20.0])
def test_every_schedule_ends(looks_after: tuple[float, ...], deadline_seconds: float) -> None:
    """Looks come in order, not more than there are spans, the last not before its time."""
    look_at, looks = first_look_at(NOW, looks_after), 0
    deadline_at = after(deadline_seconds)
    while True:
        decision = after_look(
            Absent(),
            looks=looks,
            deadline_at=deadline_at,
            machine_now=look_at,
            fate_is_known=True,
            looks_after=looks_after,
        )
        if isinstance(decision, CountAsAbsent):
            break
        assert isinstance(decision, LookAgain)
        assert decision.look_at > look_at
        look_at, looks = decision.look_at, looks + 1
    assert looks <= len(looks_after)
    assert look_at >= deadline_at + timedelta(seconds=looks_after[-1])


def test_what_was_found_is_not_decided_here() -> None:
    """A record that was found settles the delivery; the rule is not asked about it."""
    decision = after_look(
        Accepted("1"), looks=0, deadline_at=NOW, machine_now=NOW, fate_is_known=True
    )
    assert isinstance(decision, AskAPerson)
