"""A text that was answered from Slack does not stay new in RingCentral's own apps."""

from __future__ import annotations

import asyncio

import pytest

from storage.tables import ReadOwed
from tests.scenarios.world import WAIT_SECONDS, World, connected_world


async def test_a_shown_text_is_marked_and_no_reply_waits_for_it(world: World) -> None:
    """Texts are marked behind a RingCentral that hangs; a reply leaves meanwhile."""
    alice = world.texter("+14155550100")
    thread = await world.thread_with(alice, "Is my order ready?")
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            if await world.rows(ReadOwed):
                break
            await asyncio.sleep(0.02)
    world.ringcentral.faults.add("slow", method="PUT", path="/message-store/", seconds=2.0)
    marking = asyncio.create_task(world.bridge.ringcentral.read_marks.mark_due())
    await thread.reply("Yes, until 6 pm")
    await alice.expect_sms("Yes, until 6 pm")
    assert not marking.done()
    await marking
    [record] = world.ringcentral.messages("101", "Inbound")
    assert record["readStatus"] == "Read"
    assert await world.rows(ReadOwed) == []


@pytest.mark.parametrize("switch", ["0", "false"])
async def test_it_can_be_switched_off(sqlite_url: str, switch: str) -> None:
    """BRIDGE_MARK_READ=0: nothing is owed, nothing asked."""
    async with connected_world(sqlite_url, BRIDGE_MARK_READ=switch) as world:
        await world.thread_with(world.texter("+14155550100"))
        await world.expect_silence()
        assert await world.rows(ReadOwed) == []
