"""Permits for requests that are not deliveries: taken in turn, none while a gate is closed."""

from __future__ import annotations

import asyncio
import time

from bridge.outbox.gates import BULK, PAGE, REPLY, Budget, Gates, no_budget
from storage.database import Database
from tests.outbox.scripted import Outbox

KEY = "slack:T0001:users.info"


def two_a_second(_key: str) -> Budget:
    return Budget(2, 1)


async def test_a_permit_waits_for_its_turn(database: Database) -> None:
    """A third request of two a second waits until the first has left the window."""
    gates = Gates(database, two_a_second)
    began = time.monotonic()
    for _ in range(3):
        await asyncio.wait_for(gates.permit(KEY), 5)
    assert time.monotonic() - began >= 1.0


async def test_a_closed_gate_makes_all_wait(database: Database, database_url: str) -> None:
    """A limit heard by one process holds up every request of every process."""
    other = await Database.open(database_url)
    try:
        began = time.monotonic()
        await Gates(database, no_budget).close(KEY, 0.5)
        await asyncio.gather(
            *(
                asyncio.wait_for(Gates(each, budget_of).permit(KEY), 5)
                for each in (database, other)
                for budget_of in (no_budget, two_a_second)
            )
        )
        assert time.monotonic() - began >= 0.5
    finally:
        await other.close()


async def test_another_gate_stays_open(database: Database) -> None:
    """A closed gate is nobody else's business."""
    gates = Gates(database, no_budget)
    await gates.close(KEY, 60)
    await asyncio.wait_for(gates.permit("slack:T0001:chat.update"), 5)


async def test_a_page_takes_what_is_kept_for_it(database: Database) -> None:
    """When replies have used up their share, a page still goes at once."""
    gates = Gates(database, lambda _: Budget(3, 60, kept_for_pages=1))
    for _ in range(2):
        await asyncio.wait_for(gates.permit(KEY, REPLY), 5)
    waiting = asyncio.create_task(gates.permit(KEY, REPLY))
    await asyncio.wait_for(gates.permit(KEY, PAGE), 5)
    assert not waiting.done()
    waiting.cancel()


async def test_requests_and_deliveries_share_a_budget(outbox: Outbox) -> None:
    """What a client asked is not left for the worker: the provider counts both."""
    gates = Gates(outbox.database, lambda _: Budget(2, 60))
    await gates.permit(KEY)
    first, second = await outbox.owe(gate=KEY), await outbox.owe(gate=KEY)
    await outbox.start(budget_of=lambda _: Budget(2, 60))
    await outbox.expect_state(first, "accepted")
    await asyncio.sleep(0.1)
    assert (await outbox.get(second)).state == "waiting"


async def test_a_catch_up_leaves_a_lost_answer_its_look(database: Database) -> None:
    """A catch-up of hundreds of pages asks first, and a text's look still goes at once."""
    key = "ringcentral:1:light"
    gates = Gates(database)
    pages = [asyncio.create_task(gates.permit(key, BULK)) for _ in range(60)]
    await asyncio.wait(pages, timeout=1.0)
    assert sum(each.done() for each in pages) <= 30
    for priority in (REPLY, PAGE):
        await asyncio.wait_for(gates.permit(key, priority), 5)
    for each in pages:
        each.cancel()


async def test_the_most_urgent_of_those_who_wait_goes_first(database: Database) -> None:
    """A catch-up that came first and waits lets a reply that comes later go before it."""
    gates = Gates(database, lambda _: Budget(1, 1))
    await asyncio.wait_for(gates.permit(KEY, BULK), 5)
    order: list[str] = []

    async def ask(name: str, priority: int) -> None:
        await gates.permit(KEY, priority)
        order.append(name)

    asked = [asyncio.create_task(ask(f"bulk {number}", BULK)) for number in range(3)]
    await asyncio.sleep(0.05)
    asked.append(asyncio.create_task(ask("reply", REPLY)))
    await asyncio.wait_for(asyncio.gather(*asked), 15)
    assert order == ["reply", "bulk 0", "bulk 1", "bulk 2"]


async def test_whoever_gives_up_waiting_holds_up_nobody(database: Database) -> None:
    """The first of a line is cancelled; the next has its permit."""
    gates = Gates(database, lambda _: Budget(1, 1))
    await asyncio.wait_for(gates.permit(KEY), 5)
    first = asyncio.create_task(gates.permit(KEY, PAGE))
    await asyncio.sleep(0.05)
    second = asyncio.create_task(gates.permit(KEY))
    first.cancel()
    await asyncio.wait_for(second, 5)
