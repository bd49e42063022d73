"""Promises 1 to 4 and 6 under fire, shortly; `make chaos` is the long run.

Between them these runs meet each fault of the menu, on each engine that knows it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.chaos.fleet import Engine
from tests.chaos.run import Limits, Plan, Result, SlackWay, run_chaos
from tests.chaos.table import render_result
from tests.chaos.weather import WEATHERS

ENGINES: Sequence[Engine] = ("sqlite", "postgresql")
TEXTS_EACH, TEXTS_PER_SECOND = 14, 10.0  # of one fault
MOST_UNDER_WAY = 8
UNTIMED = "limits untimed"  # waits for a whole minute: it has a run of its own
FAULTS = [each for each in WEATHERS if each.name != UNTIMED]


def halves(engine: Engine) -> list[tuple[Engine, SlackWay, Sequence[str]]]:
    """Each fault of an engine in one of two runs, every other one, so that kinds are mixed."""
    names = [each.name for each in FAULTS if engine in each.engines]
    return [(engine, "http", names[::2]), (engine, "socket", names[1::2])]


@pytest.mark.timeout(280)
@pytest.mark.parametrize(
    ("engine", "slack", "faults"), [each for engine in ENGINES for each in halves(engine)]
)
async def test_each_text_has_one_fate_under_fire(
    engine: Engine, slack: SlackWay, faults: Sequence[str], tmp_path: Path
) -> None:
    """Nothing is lost, doubled, disordered, misinformed of, or changed too late without a word."""
    texts = TEXTS_EACH * len(faults)
    await expect_clean(
        Plan(texts, 3, engine, faults, texts_per_second=TEXTS_PER_SECOND, slack=slack), tmp_path
    )


@pytest.mark.timeout(280)
async def test_a_whole_penalty_is_waited_for(tmp_path: Path) -> None:
    """A 429 without a time to wait: nothing leaves for a minute, and nothing is lost by it."""
    result = await expect_clean(Plan(40, 3, "sqlite", (UNTIMED,), texts_per_second=10.0), tmp_path)
    assert result.penalties


@pytest.mark.timeout(280)
async def test_limits_are_kept_to_under_fire(tmp_path: Path) -> None:
    """A budget smaller than the bridge knows of: two workers keep to it as its headers tell, and
    what was under way when it was used up is all that is sent too much."""
    limits = Limits(ringcentral_scale=0.2, window_seconds=6.0, penalty_seconds=6.0)
    faults = ("killed", "dropped")
    result = await expect_clean(
        Plan(18, 3, "postgresql", faults, texts_per_second=4.0, limits=limits), tmp_path
    )
    assert result.pressed_on <= MOST_UNDER_WAY


async def expect_clean(plan: Plan, folder: Path) -> Result:
    """Play it; what it found is what the test tells."""
    progress: list[str] = []
    result = await run_chaos(plan, folder, progress.append)
    assert result.is_clean, "\n".join((*progress[-3:], render_result(result)))
    return result
