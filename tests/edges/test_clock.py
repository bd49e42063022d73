"""Waiting: at most so long, and never past a cancellation."""

from __future__ import annotations

import asyncio

import pytest

from bridge.clock import wait_at_most


@pytest.mark.parametrize("turns", range(4))
async def test_a_cancellation_that_comes_with_the_event_is_heeded(turns: int) -> None:
    """A task that is stopped at the moment it is woken stops: else whoever waits for it hangs."""
    event = asyncio.Event()
    waiting = asyncio.create_task(wait_at_most(event, 60))
    await asyncio.sleep(0.01)
    event.set()
    for _ in range(turns):
        await asyncio.sleep(0)
    if waiting.cancel():  # False once it has ended by itself
        with pytest.raises(asyncio.CancelledError):
            await waiting


async def test_it_tells_whether_the_event_came() -> None:
    """Woken by the event, or by the time that is over."""
    event = asyncio.Event()
    assert not await wait_at_most(event, 0.01)
    event.set()
    assert await wait_at_most(event, 60)
    assert await wait_at_most(event, None)
