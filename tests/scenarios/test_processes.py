"""Several processes on one database: nothing is done twice, and each wakes the others."""

from collections.abc import AsyncIterator, Callable

import pytest

from tests.scenarios.world import UNPACED, World, another_process, connected_world

ALICE = "+14155550100"
HOLD_SECONDS = 5.0


@pytest.fixture
async def world(
    postgres_template: str, new_postgres_database: Callable[[str], str]
) -> AsyncIterator[World]:
    """A bridge on PostgreSQL, whose replies wait for five seconds."""
    url = new_postgres_database(postgres_template)
    async with connected_world(url, hold_seconds=HOLD_SECONDS, **UNPACED) as made:
        yield made


async def test_two_workers_send_each_text_once_and_in_order(world: World) -> None:
    """Both claim from the same lanes; neither passes or repeats the other."""
    alice = world.texter(ALICE)
    thread = await world.thread_with(alice, "Hello")
    async with another_process(world, "web", "worker"):
        for number in range(8):
            await alice.texts(f"Question {number}")
            await world.ringcentral.settled()
            await thread.reply(f"Answer {number}")
        await world.slack.settled()
        world.clock.forward(seconds=HOLD_SECONDS)
        for number in range(8):
            await alice.expect_sms(f"Answer {number}")
            await thread.expect_post(f"Question {number}")
        await world.expect_silence()
    assert alice.received == [f"Answer {number}" for number in range(8)]
    assert thread.shown == ["Hello", *(f"Question {number}" for number in range(8))]


async def test_what_one_process_hears_another_delivers_at_once(world: World) -> None:
    """A process that only listens wakes the one that only works."""
    alice = world.texter(ALICE)
    thread = await world.thread_with(alice, "Hello")
    await world.stop_bridge()
    world.roles = frozenset({"web"})
    await world.start_bridge()
    async with another_process(world, "worker"):
        await thread.reply("Until 6 pm")
        await world.slack.settled()
        world.clock.forward(seconds=HOLD_SECONDS)
        await alice.expect_sms("Until 6 pm")
        await alice.texts("Thanks")
        await thread.expect_post("Thanks")


async def test_one_login_serves_all_processes(world: World) -> None:
    """The token is shared: a second process does not use up RingCentral's few logins."""
    alice = world.texter(ALICE)
    thread = await world.thread_with(alice, "Hello")
    async with another_process(world, "worker"), another_process(world, "web", "worker"):
        await thread.reply("Until 6 pm")
        await world.slack.settled()
        world.clock.forward(seconds=HOLD_SECONDS)
        await alice.expect_sms("Until 6 pm")
    logins = [each for each in world.ringcentral.requests if each.path.endswith("/oauth/token")]
    assert len(logins) == 1
    assert len(world.ringcentral.subscriptions) == 1
