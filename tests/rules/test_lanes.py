"""Places in lanes sort as text the way texts follow each other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.outbox.gates import Budget, provider_budget
from bridge.relay import lanes

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@given(
    first_us=st.integers(0, 10**15),
    second_us=st.integers(0, 10**15),
    first_id=st.integers(1, 10**19),
    second_id=st.integers(1, 10**19),
)
def test_by_time_then_by_number(
    first_us: int, second_us: int, first_id: int, second_id: int
) -> None:
    """Texts go by the provider's time; of one moment, the lower id goes first."""
    start = datetime(2020, 1, 1, tzinfo=UTC)
    first = lanes.place(start + timedelta(microseconds=first_us), str(first_id))
    second = lanes.place(start + timedelta(microseconds=second_us), str(second_id))
    assert (first < second) is ((first_us, first_id) < (second_us, second_id))


@pytest.mark.parametrize(
    ("first", "second"), [("9", "10"), ("1700000000.000100", "1700000000.000200"), ("c9", "c10")]
)
def test_ids_of_one_moment(first: str, second: str) -> None:
    """Records, Slack messages and commands of one moment follow their numbers."""
    assert lanes.place(NOW, first) < lanes.place(NOW, second)


@pytest.mark.parametrize("external_id", ["1", "1700000000.000100", "c12"])
def test_places_sort_alike_in_every_collation(external_id: str) -> None:
    """A place has nothing in it that a database's language may pass over, as it does blanks."""
    assert " " not in lanes.place(NOW, external_id)


def test_a_card_goes_first() -> None:
    """Nothing shown in a thread goes before its card, not even what is from before the epoch."""
    assert lanes.place(datetime(1970, 1, 1, tzinfo=UTC), "0") > lanes.FIRST


def test_sides_and_displays_have_lanes_of_their_own() -> None:
    """Waiting for one side, or for a mark, never holds up the other."""
    names = {
        lanes.shown_lane(7),
        lanes.texted_lane(7),
        lanes.card_lane(7),
        lanes.mark_lane(7),
        lanes.answer_lane(7, 1),
        lanes.answer_lane(None, 7),
    }
    assert len(names) == 6


@pytest.mark.parametrize(
    ("key", "budget"),
    [
        (lanes.send_gate(3), Budget(40, 60, kept_for_pages=5, kept_for_replies=15)),
        ("ringcentral:3:light", Budget(50, 60, kept_for_pages=5, kept_for_replies=15)),
        ("ringcentral:3:heavy", Budget(10, 60)),
        ("ringcentral:3:auth", Budget(5, 60)),
        (lanes.post_gate("T1", "C1"), Budget(5, 5)),
        (lanes.method_gate("T1", "reactions.add"), Budget(50, 60)),
        (lanes.method_gate("T1", "reactions.remove"), Budget(20, 60)),
    ],
)
def test_every_gate_has_its_providers_budget(key: str, budget: Budget) -> None:
    """A gate allows what its provider allows."""
    assert provider_budget(key) == budget


@pytest.mark.parametrize(
    ("key", "limits"),
    [
        (lanes.send_gate(1), [40, 35, 20, 20]),
        ("ringcentral:1:light", [50, 45, 30, 30]),
        (lanes.method_gate("T1", "conversations.replies"), [50, 45, 30, 30]),
        (lanes.method_gate("T1", "users.info"), [100, 90, 90, 90]),
    ],
)
def test_the_last_permits_are_kept_for_pages(key: str, limits: list[int]) -> None:
    """The last permits are for pages alone; where looks are made, some before them for people's."""
    budget = provider_budget(key)
    assert budget is not None
    assert [budget.limit_for(priority) for priority in (0, 1, 2, 3)] == limits
