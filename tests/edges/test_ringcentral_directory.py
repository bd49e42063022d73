"""Our own numbers: which can send, whose they are, and what to do about the others."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from bridge.clock import Clock
from bridge.errors import ProviderProblem
from bridge.outbox.gates import REPLY, Budget, BudgetOf, Gates, no_budget, provider_budget, take
from bridge.outbox.outcome import Refused
from bridge.relay.texts import OwnNumber
from bridge.ringcentral.directory import Directory
from bridge.ringcentral.side import RingCentralSide, build_ringcentral
from bridge.sandbox.ringcentral import (
    FAX_NUMBER,
    MAIN_NUMBER,
    NUMBER,
    QUEUE_NUMBER,
    SITE_NUMBER,
    TOLL_FREE_NUMBER,
    RingCentralSimulator,
)
from bridge.sandbox.ringcentral.account import PENDING_NUMBER, Extension, PhoneNumber
from storage.database import Database
from tests.edges.ringcentral_setting import settings_for


async def phone_text_of(markup: str, _team_id: str, _author_id: str | None) -> str | Refused:
    """Nothing is sent here."""
    return markup


@pytest.fixture
async def simulator() -> AsyncIterator[RingCentralSimulator]:
    """RingCentral, without its limits."""
    async with RingCentralSimulator(rate_limits=False) as running:
        yield running


@pytest.fixture
async def side(
    database: Database, simulator: RingCentralSimulator
) -> AsyncIterator[RingCentralSide]:
    """A side that is open."""
    settings = settings_for(simulator.url)
    made = build_ringcentral(settings, database, Gates(database, no_budget), Clock(), phone_text_of)
    await made.open()
    yield made
    await made.stop()


async def numbers_of(side: RingCentralSide) -> dict[str, OwnNumber]:
    """What the side tells, by number."""
    return {each.phone_number: each for each in await side.numbers()}


def store_of(simulator: RingCentralSimulator, extension: str) -> str:
    """An extension's message store."""
    found = simulator.account.extension(extension)
    return f"{simulator.account.account_id}/{found.extension_id}"


async def test_a_users_own_number(side: RingCentralSide, simulator: RingCentralSimulator) -> None:
    """It sends, receives, takes files, and its texts live in the user's store."""
    assert (await numbers_of(side))[NUMBER] == OwnNumber(
        phone_number=NUMBER,
        login_id=1,
        store=store_of(simulator, "101"),
        owner_name="Dana",
        owner_kind="user",
        can_send=True,
        can_receive=True,
        takes_files=True,
    )


async def test_a_queues_number_lives_in_the_queues_store(
    side: RingCentralSide, simulator: RingCentralSimulator
) -> None:
    """A call queue's number is sent from by its user, and read from the queue's own store."""
    number = (await numbers_of(side))[QUEUE_NUMBER]
    assert (number.owner_kind, number.owner_name) == ("queue", "Front desk")
    assert number.store == store_of(simulator, "201")
    assert number.can_send
    assert number.can_receive
    assert not number.takes_files


async def test_a_queue_that_may_not_be_read_says_who_mends_it(
    side: RingCentralSide, simulator: RingCentralSimulator
) -> None:
    """To send and never see an answer is worse than not to send: the missing right is named."""
    simulator.account.extension("101").is_admin = False
    simulator.account.extension("201").manager_ids.clear()
    number = (await numbers_of(side))[QUEUE_NUMBER]
    assert number.can_send
    assert not number.can_receive
    assert number.why_not is not None
    assert "manager" in number.why_not


async def test_a_sites_number_lives_with_its_user(
    side: RingCentralSide, simulator: RingCentralSimulator
) -> None:
    """A site's number is one user's to text from; its texts are in that user's store."""
    number = (await numbers_of(side))[SITE_NUMBER]
    assert (number.owner_kind, number.owner_name) == ("site", "Oakland")
    assert number.store == store_of(simulator, "101")
    assert number.can_send


async def test_numbers_that_cannot_send_say_why(
    side: RingCentralSide, simulator: RingCentralSimulator
) -> None:
    """No feature, not ready, high volume: each with its remedy; fax numbers are left out."""
    simulator.account.number(TOLL_FREE_NUMBER).features = {"CallerId", "A2PSmsSender"}
    numbers = await numbers_of(side)
    remedies = {
        MAIN_NUMBER: "Admin Portal",
        PENDING_NUMBER: "Pending",
        TOLL_FREE_NUMBER: "high-volume",
    }
    for phone_number, remedy in remedies.items():
        number = numbers[phone_number]
        assert not number.can_send
        assert number.why_not is not None
        assert remedy in number.why_not
    assert FAX_NUMBER not in numbers


async def test_an_unconfirmed_registration_is_receive_only(
    side: RingCentralSide, simulator: RingCentralSimulator
) -> None:
    """Texts from it would fail at the carriers, texts to it arrive: both are said."""
    simulator.account.number(NUMBER).campaign_status = "Submitted"
    number = (await numbers_of(side))[NUMBER]
    assert (number.can_send, number.can_receive) == (False, True)
    assert number.why_not is not None
    assert "Submitted" in number.why_not


async def test_those_that_can_send_come_first(side: RingCentralSide) -> None:
    """A list is read from its top."""
    order = [each.can_send for each in await side.numbers()]
    assert order == sorted(order, reverse=True)


async def test_all_pages_are_read(side: RingCentralSide, simulator: RingCentralSimulator) -> None:
    """A company with hundreds of numbers is seen whole."""
    dana = simulator.account.extension("101").extension_id
    for index in range(250):
        phone_number = f"+1650777{index:04d}"
        simulator.account.numbers.append(
            PhoneNumber(9000000 + index, phone_number, "DirectNumber", dana, {dana})
        )
    numbers = await numbers_of(side)
    assert len([each for each in numbers if each.startswith("+1650777")]) == 250


async def test_a_question_that_fails_ends_in_a_sentence(
    side: RingCentralSide, simulator: RingCentralSimulator
) -> None:
    """RingCentral's answer is an error: whoever asked reads a sentence."""
    simulator.faults.add("status", path="/phone-number", status=503)
    with pytest.raises(ProviderProblem, match="RingCentral"):
        await side.numbers()


async def test_one_number_costs_few_questions(
    side: RingCentralSide, simulator: RingCentralSimulator
) -> None:
    """Whoever connects a number waits for what is asked about that one, not about all."""
    await side.numbers()
    before = len(simulator.requests)
    number = await side.number(QUEUE_NUMBER)
    assert number is not None
    assert (number.owner_name, number.can_send, number.can_receive) == ("Front desk", True, True)
    assert len(simulator.requests) - before == 3
    assert await side.number("+14155550199") is None


async def test_the_list_is_kept_for_a_while(
    side: RingCentralSide, simulator: RingCentralSimulator
) -> None:
    """A list that is asked for again at once costs RingCentral's budget nothing."""
    first = await side.numbers()
    before = len(simulator.requests)
    assert await side.numbers() == first
    assert len(simulator.requests) == before


async def test_questions_are_asked_side_by_side(
    side: RingCentralSide, simulator: RingCentralSimulator
) -> None:
    """Twenty numbers at a slow RingCentral do not take twenty times as long."""
    dana = simulator.account.extension("101").extension_id
    for index in range(20):
        phone_number = f"+1650777{index:04d}"
        simulator.account.numbers.append(
            PhoneNumber(9000000 + index, phone_number, "DirectNumber", dana, {dana})
        )
    simulator.faults.add("slow", path="/sms-configuration", seconds=0.5, times=20)
    async with asyncio.timeout(6):
        await side.numbers()


OWNERS = 60
LIGHT_GATE = "ringcentral:1:light"


def add_nameless_owners(simulator: RingCentralSimulator) -> None:
    """A company whose list of numbers does not say what their owners are called."""
    dana = simulator.account.extension("101").extension_id
    for index in range(OWNERS):
        owner = Extension(7000000 + index, str(7000 + index), "")
        simulator.account.extensions.append(owner)
        phone_number = f"+1650777{index:04d}"
        simulator.account.numbers.append(
            PhoneNumber(9000000 + index, phone_number, "DirectNumber", owner.extension_id, {dana})
        )


@contextlib.asynccontextmanager
async def directory_of(
    database: Database, simulator: RingCentralSimulator, budget_of: BudgetOf, seconds: float
) -> AsyncIterator[Directory]:
    """A directory that gives what it knows after so many seconds."""
    gates = Gates(database, budget_of)
    side = build_ringcentral(settings_for(simulator.url), database, gates, Clock(), phone_text_of)
    await side.open()
    assert side._client is not None, "opened"
    yield Directory(side._client, "US", seconds)
    await side.stop()


async def test_a_long_list_leaves_permits_to_everybody_else(
    database: Database, simulator: RingCentralSimulator
) -> None:
    """What may be asked in a minute does not do: a part is told, and replies find permits."""
    add_nameless_owners(simulator)
    async with directory_of(database, simulator, provider_budget, 2.0) as directory:
        numbers = await directory.numbers()
        assert len(numbers) > OWNERS
        assert not all(each.is_checked for each in numbers)
        async with asyncio.timeout(10):
            assert len(await directory.numbers()) == len(numbers)
        granted = await database.write(take, LIGHT_GATE, 15, REPLY, provider_budget)
        assert granted.count == 15


async def test_a_long_list_is_asked_on(database: Database, simulator: RingCentralSimulator) -> None:
    """Whoever asks again reads more, until all is known; nothing is asked twice."""
    add_nameless_owners(simulator)
    wide = Budget(30, 1)
    async with directory_of(database, simulator, lambda _: wide, 10.0) as directory:
        checked: list[float] = []
        while not checked or checked[-1] < 1.0:
            numbers = await directory.numbers()
            checked.append(sum(each.is_checked for each in numbers) / len(numbers))
            assert len(checked) < 10
        assert checked == sorted(checked)
        assert len(checked) > 1
        asked = [each.path for each in simulator.requests if "/oauth/" not in each.path]
        assert len(asked) == len(set(asked))
        assert (await directory.numbers()) == numbers


async def test_where_nothing_may_be_asked_a_sentence_says_so(
    database: Database, simulator: RingCentralSimulator
) -> None:
    """A login whose permits are used up is told to ask again, instead of waiting for ever."""
    async with directory_of(database, simulator, provider_budget, 0.3) as directory:
        await database.write(take, LIGHT_GATE, 45, REPLY, provider_budget)
        with pytest.raises(ProviderProblem, match="in a minute"):
            await directory.numbers()
