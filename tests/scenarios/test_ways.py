"""The same conversation over HTTP or Socket Mode, told or asking, on each engine."""

import pytest

from tests.scenarios.world import UNPACED, World, connected_world

ALICE, DAN = "+14155550100", "+14155550155"


async def _converse(world: World) -> None:
    """A text in, a reply, its mark, an edit, a command, and a click."""
    alice, dan = world.texter(ALICE), world.texter(DAN)
    thread = await world.thread_with(alice, "Is my order ready?")
    reply = await thread.reply("Yes, until 6 am")
    await alice.expect_sms("Yes, until 6 am")
    await thread.expect_mark(reply)
    await thread.edit(reply, "Yes, until 6 pm")
    await thread.expect_told("Bea", "Edited after it was sent", "Yes, until 6 am")
    await alice.texts("I can come at five")
    await thread.expect_post("I can come at five")
    await world.command("Bea", f"{DAN} Your table is ready")
    await dan.expect_sms("Your table is ready")
    other = await world.expect_thread("Your table is ready")
    await world.expect_private("Bea", other.card.permalink)
    world.ringcentral.account.blocked_numbers.add(DAN)
    await other.reply("It is getting cold")
    told = await other.expect_told("Bea", "was not sent", "MSG-243")
    world.ringcentral.account.blocked_numbers.clear()
    await other.click(told, "retry_message")
    await world.expect_private("Bea", "being sent again")
    await dan.expect_sms("It is getting cold")


async def test_over_socket_mode(sqlite_url: str) -> None:
    """Slack needs no public address: the same listeners hear over a connection of ours."""
    async with connected_world(sqlite_url, socket_mode=True, **UNPACED) as world:
        await _converse(world)


async def test_over_a_replaced_socket(sqlite_url: str) -> None:
    """Slack replaces connections now and then: what is said meanwhile is heard."""
    async with connected_world(sqlite_url, socket_mode=True) as world:
        alice = world.texter(ALICE)
        thread = await world.thread_with(alice)
        await world.slack.refresh_connections()
        await thread.reply("Until 6 pm")
        await alice.expect_sms("Until 6 pm")


async def test_without_a_public_address(sqlite_url: str) -> None:
    """RingCentral cannot call us: its stores are asked again and again."""
    async with connected_world(sqlite_url, socket_mode=True, webhook=False, **UNPACED) as world:
        await _converse(world)
        assert not world.ringcentral.subscriptions
        assert not world.ringcentral.notifications


async def test_on_each_engine(database_url: str) -> None:
    """SQLite and PostgreSQL carry the same conversation."""
    async with connected_world(database_url, **UNPACED) as world:
        await _converse(world)


@pytest.mark.parametrize("region", ["GB"])
async def test_in_another_country(sqlite_url: str, region: str) -> None:
    """National formats are those of the installation's region."""
    async with connected_world(sqlite_url, BRIDGE_REGION=region) as world:
        world.ringcentral.account.international_sms = True
        world.ringcentral.account.number("+16505550101").features.add("InternationalSmsSender")
        dan = world.texter("+442079460958")
        await world.command("Bea", "020 7946 0958 Your table is ready")
        await dan.expect_sms("Your table is ready")
        thread = await world.expect_thread("Your table is ready")
        assert "020 7946 0958" in thread.card.shown


async def test_under_another_name(sqlite_url: str) -> None:
    """The command can be called otherwise; what is said of it says its name."""
    async with connected_world(sqlite_url) as world:
        await world.stop_bridge()
        world.settings["BRIDGE_COMMAND"] = "/text"
        url = world.settings["BRIDGE_PUBLIC_URL"] + "/slack/events"
        world.slack.install(request_url=url, mode="http", commands=("/text",))
        await world.start_bridge()
        await world.slack.command("Bea", "front-desk", "/text", "help")
        answer = await world.expect_private("Bea", "/text +1 415 555 0100")
        assert "/sms" not in answer
