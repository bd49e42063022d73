"""Promises 1 to 3 and 6 under fire, shortly; `make chaos` is the long run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.chaos.fleet import Engine
from tests.chaos.run import Plan, run_chaos
from tests.chaos.table import render_result

ONE_PROCESS = (
    "storm",
    "dropped",
    "killed",
    "5xx",
    "duplicates",
    "reordered",
    "database locked",
    "disk full",
    "lost events",
    "time-outs",
)
SEVERAL = ("killed", "database restarted", "frozen past lease", "dropped")


@pytest.mark.timeout(280)
@pytest.mark.parametrize(
    ("engine", "faults", "texts"), [("sqlite", ONE_PROCESS, 240), ("postgresql", SEVERAL, 100)]
)
async def test_each_text_has_one_fate_under_fire(
    engine: Engine, faults: Sequence[str], texts: int, tmp_path: Path
) -> None:
    """Nothing is lost, doubled, disordered, or changed too late without a word."""
    plan = Plan(texts, seed=3, engine=engine, faults=faults, texts_per_second=12.0)
    progress: list[str] = []
    result = await run_chaos(plan, tmp_path, progress.append)
    assert result.account.is_clean, "\n".join((*progress[-3:], render_result(result)))
    assert not result.was_cut
