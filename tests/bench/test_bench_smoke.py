"""The bench itself, at its smallest: it runs to its end, whatever the figures are."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.fill import Amount
from tests.bench.measures import Scale
from tests.bench.run import PARTS, run_bench
from tests.bench.table import render_table

TINY = Scale(
    connections=8,
    requests=60,
    rounds=1,
    seconds=1.0,
    rate=20.0,
    warm_up=10,
    idle_seconds=1.0,
    past=Amount(messages=2_000, conversations=400),
)


@pytest.mark.timeout(240)
async def test_every_measure_has_its_row_and_its_verdict(tmp_path: Path) -> None:
    """One run prints, for every part of the bench, what was reached next to what was wanted."""
    rows = await run_bench(tmp_path, TINY, tell=lambda _: None)
    assert {row.part for row in rows} == set(PARTS)
    wanted = [row for row in rows if row.wanted]
    assert [sum(row.part == part for row in wanted) for part in PARTS] == [0, 4, 4, 2, 12]
    table = render_table(rows)
    assert all(row.name in table and row.reached in table for row in rows)
    assert all(row.verdict in ("MET", "SHORT") for row in wanted)
