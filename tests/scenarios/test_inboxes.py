"""Pairing our numbers with channels: who may, what it says, and what stays."""

import pytest

from bridge.sandbox.ringcentral import (
    ELI_NUMBER,
    FAX_NUMBER,
    MAIN_NUMBER,
    NUMBER,
    PENDING_NUMBER,
    QUEUE_NUMBER,
    SITE_NUMBER,
    TOLL_FREE_NUMBER,
    RingCentralSimulator,
)
from storage.tables import Inbox
from tests.scenarios.world import Texter, World, connected_world, running_world


async def test_the_numbers_are_listed_with_owner_and_inbox(world: World) -> None:
    """`/sms numbers`: whose each is, where it is connected, and why one cannot send."""
    await world.command("Bea", "numbers")
    answer = await world.expect_private("Bea", "(650) 555-0101")
    lines = {line.split("*")[1]: line for line in answer.splitlines() if "*" in line}
    assert "Dana" in lines["(650) 555-0101"]
    assert "inbox <#C0FRONTDESK>" in lines["(650) 555-0101"]
    assert "Front desk" in lines["(650) 555-0120"]
    assert "Oakland" in lines["(650) 555-0130"]
    assert "not connected" in lines["(888) 555-0150"]
    assert "Company" in lines["(650) 555-0100"]
    assert "may not text from it" in lines["(650) 555-0100"]
    assert "not finished setting this number up" in lines["(650) 555-0105"]
    assert "(650) 555-0140" not in answer


@pytest.mark.parametrize(
    ("number", "owner"),
    [(QUEUE_NUMBER, "201"), (SITE_NUMBER, "101"), (TOLL_FREE_NUMBER, "101")],
)
async def test_a_queues_a_sites_and_a_toll_free_number_can_be_an_inbox(
    sqlite_url: str, number: str, owner: str
) -> None:
    """Texts to it are found in whichever store has them, and replies leave from it."""
    async with running_world(sqlite_url) as world:
        await world.connect(number)
        alice = world.texter("+14155550100")
        await alice.texts("Hello", to=number)
        thread = await world.expect_thread("Hello")
        reply = await thread.reply("Hello Alice")
        assert (await alice.expect_sms("Hello Alice")).from_number == number
        await thread.expect_mark(reply)
        assert world.ringcentral.messages(owner, "Outbound")
        await world.expect_silence()


@pytest.mark.parametrize("who", ["Bea", "Gus"])
async def test_only_administrators_connect(world: World, who: str) -> None:
    """A member or a guest is told so, and nothing is connected."""
    await world.slack.join("Gus", "partners")
    await world.command(who, f"connect {TOLL_FREE_NUMBER}", channel="partners")
    await world.expect_private(who, "Nothing was")
    await world.command(who, "disconnect")
    await world.expect_private(who, "Nothing was")
    assert [each.phone_number for each in await _connected(world)] == [NUMBER]


async def test_an_administrator_named_in_the_settings_connects(sqlite_url: str) -> None:
    """Somebody who is no administrator of the workspace can be one of the bridge."""
    bea = "U0000000BEA"
    async with running_world(sqlite_url, BRIDGE_ADMINISTRATORS=bea) as world:
        await world.command("Bea", f"connect {NUMBER}")
        await world.expect_post("connected")
        await world.expect_private("Bea", "is connected here")
        await world.expect_silence()


@pytest.mark.parametrize(
    ("number", "why"),
    [
        (MAIN_NUMBER, "This login may not text from it"),
        (PENDING_NUMBER, "not finished setting this number up"),
        (ELI_NUMBER, "the RingCentral login has no number"),
        (FAX_NUMBER, "the RingCentral login has no number"),
        ("+1 415 555 0100", "the RingCentral login has no number"),
        ("Dana", "is not a phone number"),
        ("", "The number is missing"),
    ],
)
async def test_a_number_that_cannot_be_an_inbox_says_what_is_missing(
    sqlite_url: str, number: str, why: str
) -> None:
    """The administrator reads which login or setting is missing, and nothing is connected."""
    async with running_world(sqlite_url) as world:
        await world.command("Ada", f"connect {number}")
        await world.expect_private("Ada", why)
        assert await _connected(world) == []
        await world.expect_silence()


async def test_a_queue_whose_texts_the_login_cannot_read_is_refused(sqlite_url: str) -> None:
    """It may send for the queue but not read its store: the remedy is named."""
    ringcentral = RingCentralSimulator()
    dana = ringcentral.account.extension("101")
    dana.is_admin = False
    ringcentral.account.extension("201").manager_ids.clear()
    async with running_world(sqlite_url, ringcentral=ringcentral) as world:
        await world.command("Ada", f"connect {QUEUE_NUMBER}")
        answer = await world.slack.wait_for(lambda: world.slack.private_answers("Ada"))
        assert "make its user a super admin, or a manager of the call queue" in answer[0].text


async def test_a_public_channel_is_warned_of(sqlite_url: str) -> None:
    """Whoever connects a number to a public or shared channel is told who can read its texts."""
    async with running_world(sqlite_url) as world:
        await world.command("Ada", f"connect {NUMBER}", channel="partners")
        await world.expect_post("connected", channel="partners")
        answer = await world.expect_private("Ada", "public")
        assert "shared with another organisation" in answer
        await world.expect_silence()


async def test_a_channel_without_the_app_is_not_connected(world: World) -> None:
    """The app must be invited first, and says how."""
    await world.command("Ada", f"connect {TOLL_FREE_NUMBER}", channel="general")
    await world.expect_private("Ada", "/invite")


async def test_a_number_and_a_channel_are_connected_once(world: World) -> None:
    """A number shows in one channel, a channel shows one number."""
    await world.command("Ada", f"connect {NUMBER}", channel="partners")
    await world.expect_private("Ada", "is connected to <#C0FRONTDESK>")
    await world.command("Ada", f"connect {TOLL_FREE_NUMBER}")
    await world.expect_private("Ada", "shows another number already")
    await world.command("Ada", f"connect {NUMBER}")
    await world.expect_private("Ada", "connected to this channel already")


async def test_a_disconnected_inbox_is_silent(world: World, alice: Texter) -> None:
    """No text comes, a reply is told that it cannot go, and its conversations stay on file."""
    thread = await world.thread_with(alice)
    await world.command("Ada", "disconnect")
    await world.expect_private("Ada", "no longer connected")
    await alice.texts("Anybody there?")
    await world.ringcentral.settled()
    await world.expect_silence()
    await thread.reply("Yes")
    await thread.expect_told("Bea", "was not sent", "no longer connected")
    assert not world.ringcentral.sent


async def test_an_inbox_connected_again_goes_on_in_its_threads(world: World, alice: Texter) -> None:
    """The same pair is the same inbox: its conversations, without what came in between."""
    thread = await world.thread_with(alice)
    await world.command("Ada", "disconnect")
    await world.expect_private("Ada", "no longer connected")
    await alice.texts("In between")
    await world.ringcentral.settled()
    world.ringcentral.clock.forward(10)
    await world.connect()
    await alice.texts("Afterwards")
    await thread.expect_post("Afterwards")
    assert "In between" not in thread.shown
    reply = await thread.reply("Here we are")
    await alice.expect_sms("Here we are")
    await thread.expect_mark(reply)


async def test_an_inbox_that_moves_to_another_channel_opens_threads_there(
    world: World, alice: Texter
) -> None:
    """Disconnected here and connected there: the next text shows in the new channel."""
    await world.thread_with(alice)
    await world.command("Ada", f"disconnect {NUMBER}", channel="general")
    await world.expect_private("Ada", "no longer connected")
    await world.connect(channel="partners")
    await alice.texts("Where are you?")
    thread = await world.expect_thread("Where are you?", "partners")
    await thread.reply("Here", by="Ada")
    await alice.expect_sms("Here")


async def test_what_waits_is_told(world: World) -> None:
    """`/sms status` says what waits, and that nothing does."""
    await world.command("Bea", "status")
    await world.expect_private("Bea", "Nothing waits")


async def test_before_any_inbox_the_command_says_what_to_do(sqlite_url: str) -> None:
    """A first start without an inbox: whoever tries to text reads the next step."""
    async with running_world(sqlite_url) as world:
        await world.command("Bea", "+1 415 555 0100 Hello")
        answer = await world.expect_private("Bea", "No number is connected")
        assert "connect" in answer
        assert "/sms +1 415 555 0100 Hello" in answer
        await world.command("Bea", "numbers")
        await world.expect_private("Bea", "`/sms connect &lt;number&gt;` in its channel")
        await world.expect_silence()


async def test_ringcentral_is_away_while_numbers_are_asked_for(sqlite_url: str) -> None:
    """The person is told that RingCentral does not answer, rather than nothing."""
    async with connected_world(sqlite_url) as world:
        world.ringcentral.faults.add("status", path="phone-number", status=502, times=None)
        await world.command("Bea", "numbers")
        await world.expect_private("Bea", "RingCentral")
        await world.command("Ada", f"connect {TOLL_FREE_NUMBER}", channel="partners")
        await world.expect_private("Ada", "Nothing was connected")


async def test_a_slow_ringcentral_still_connects(sqlite_url: str) -> None:
    """Slack waits three seconds for a command's answer: it is given when RingCentral has told."""
    async with running_world(sqlite_url, BRIDGE_SEND_SECONDS="10") as world:
        world.ringcentral.faults.add("slow", path="/phone-number", seconds=3.2)
        await world.connect()
        assert [each.phone_number for each in await _connected(world)] == [NUMBER]
        await world.expect_silence()


async def _connected(world: World) -> list[Inbox]:
    return [each for each in await world.rows(Inbox) if each.disconnected_at is None]
