"""Only members of the workspace text customers: others are refused in words."""

from collections.abc import AsyncIterator

import pytest

from bridge.sandbox.slack.people import Person
from tests.scenarios.world import Texter, Thread, World, running_world

ALICE = "+14155550100"


@pytest.fixture
async def shared(sqlite_url: str) -> AsyncIterator[World]:
    """The inbox is #partners, which another organisation's people share."""
    async with running_world(sqlite_url) as made:
        await made.connect(channel="partners")
        yield made
        await made.expect_silence()


async def _thread(world: World, alice: Texter, channel: str) -> Thread:
    await alice.texts("Hello")
    return await world.expect_thread("Hello", channel)


@pytest.mark.parametrize("guest", ["Gus", "Sam"])
async def test_a_guest_is_refused_in_the_thread_and_by_command(world: World, guest: str) -> None:
    """A guest, of one channel or several, reaches no phone, by reply or by command."""
    alice = world.texter(ALICE)
    thread = await _thread(world, alice, "front-desk")
    await world.slack.join(guest, "front-desk")
    await thread.reply("I am only a guest", by=guest)
    told = await thread.expect_told(guest, "was not sent", "Guests cannot text customers")
    assert not told.buttons()
    await world.command(guest, f"{ALICE} I am only a guest")
    await world.expect_private(guest, "uest")
    assert not world.ringcentral.sent


async def test_a_stranger_of_another_organisation_is_refused(shared: World) -> None:
    """Slack Connect brings other organisations into the channel, never to our customers."""
    alice = shared.texter(ALICE)
    thread = await _thread(shared, alice, "partners")
    await thread.reply("Hello from outside", by="Otto")
    await thread.expect_told("Otto", "was not sent", "other organisations")
    await shared.slack.command("Otto", "partners", "/sms", f"{ALICE} Hello from outside")
    await thread.reply("Hello from inside", by="Bea")
    await alice.expect_sms("Hello from inside")
    assert len(shared.ringcentral.sent) == 1


async def test_a_colleague_who_was_deactivated_before_it_left_is_refused(world: World) -> None:
    """An account that is deactivated while its reply waits sends nothing any more."""
    eve = world.slack.add_person("Eve")
    await world.slack.join(eve, "front-desk")
    alice = world.texter(ALICE)
    thread = await _thread(world, alice, "front-desk")
    world.slack.faults.add("delay", path="message.channels", seconds=0.1)
    await world.slack.say(eve, "front-desk", "My last words", thread_ts=thread.card.ts)
    await world.slack.deactivate(eve)
    told = await thread.expect_post("was not sent")
    assert "deactivated" in told.shown
    assert not world.ringcentral.sent


async def test_a_colleague_who_becomes_a_guest_is_one_at_once(world: World) -> None:
    """Slack tells of the change, and the next reply is refused."""
    eve: Person = world.slack.add_person("Eve")
    await world.slack.join(eve, "front-desk")
    alice = world.texter(ALICE)
    thread = await _thread(world, alice, "front-desk")
    await thread.reply("As a colleague", by="Eve")
    await alice.expect_sms("As a colleague")
    eve.is_restricted = True
    world.slack.workspace.change_person(eve)
    await world.slack.settled()
    await thread.reply("As a guest", by="Eve")
    await thread.expect_told("Eve", "was not sent", "Guests cannot text customers")
    assert len(world.ringcentral.sent) == 1


async def test_another_apps_bot_texts_nobody(world: World) -> None:
    """What a robot writes in a customer's thread stays there."""
    alice = world.texter(ALICE)
    thread = await _thread(world, alice, "front-desk")
    await world.slack.join("Relay", "front-desk")
    await thread.reply("Build 12 failed", by="Relay")
    await world.slack.settled()
    assert not world.ringcentral.sent
