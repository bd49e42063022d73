"""Promises 1 to 3 with two that listen and two that work, on PostgreSQL, each thing done to them.

Deaths, a stop past the lease, and a restarted database come in a fixed order while people write.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.chaos.outages import LEASE_SECONDS, restart_database
from tests.chaos.run import Plan, Run, concluded, in_background, staged
from tests.chaos.showers import SEND
from tests.chaos.table import render_result

WAIT_SECONDS = 30.0
SENDING_SECONDS = 1.0  # so that a process is stopped in the middle of it
AFTER_LEASE_SECONDS = 0.5
FEW_SECONDS = 0.4
RESTARTS = 3


@pytest.mark.timeout(200)
async def test_texts_outlive_everything_that_happens_to_their_processes(tmp_path: Path) -> None:
    """No text twice, none lost, order kept; no process needs more than to be started again."""
    plan = Plan(seed=5, engine="postgresql", texts_per_second=10.0)
    progress: list[str] = []
    async with staged(plan, tmp_path, progress.append) as run:
        began_at = time.monotonic()
        async with in_background(run.traffic()):
            await _each_is_killed(run)
            await _a_worker_is_stopped_past_its_lease(run)
            await _the_database_is_restarted(run)
            await _all_are_restarted_while_the_database_is(run)
        await run.people.finished()
        written_at = time.monotonic()
        await run.settle()
        result = await concluded(run, began_at, written_at)
    assert result.is_clean, "\n".join((*progress[-3:], render_result(result)))


async def _each_is_killed(run: Run) -> None:
    children = run.sky.fleet.children
    assert sorted(each.roles for each in children) == ["web", "web", "worker", "worker"]
    for each in children:
        await asyncio.sleep(FEW_SECONDS)
        await each.kill()
    await run.sky.fleet.until_ready()
    assert [each.kills for each in children] == [1, 1, 1, 1]


async def _a_worker_is_stopped_past_its_lease(run: Run) -> None:
    """In the middle of sending; the other one finds out what it sent, and it goes on later."""
    slow = run.sky.ringcentral.faults.add(
        "slow_after", path=SEND, seconds=SENDING_SECONDS, times=None, name="slow"
    )
    await _until(lambda: len(run.files.find_senders()) == 2, "both workers sending")
    before = await asyncio.to_thread(run.files.count_taken_over)
    worker = run.sky.fleet.workers[0]
    worker.freeze()
    try:
        assert slow.hits
        run.sky.ringcentral.faults.clear("slow")
        await asyncio.sleep(LEASE_SECONDS + AFTER_LEASE_SECONDS)
        await _until(lambda: run.files.count_taken_over() > before, "a text taken over")
    finally:
        worker.thaw()
    await asyncio.sleep(FEW_SECONDS)
    assert worker.is_running, "it goes on"


async def _the_database_is_restarted(run: Run) -> None:
    await restart_database(run.sky)
    await run.sky.fleet.until_ready()


async def _all_are_restarted_while_the_database_is(run: Run) -> None:
    """As after a loss of power: whoever comes up first waits for the other."""
    run.sky.fleet.restart_all()
    for _ in range(RESTARTS):
        await asyncio.sleep(FEW_SECONDS)
        await restart_database(run.sky)
    await run.sky.fleet.until_ready()


async def _until(condition: Callable[[], bool], what: str) -> None:
    until = time.monotonic() + WAIT_SECONDS
    while not await asyncio.to_thread(condition):
        assert time.monotonic() < until, f"never: {what}"
        await asyncio.sleep(0.02)
