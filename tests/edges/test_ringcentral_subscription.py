"""The webhook subscription: made, watched, mended."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from starlette.routing import Route

from bridge.clock import Clock, machine_now
from bridge.outbox.gates import Gates, no_budget
from bridge.outbox.outcome import Refused
from bridge.ringcentral.problems import Refusal
from bridge.ringcentral.side import RingCentralSide, build_ringcentral
from bridge.ringcentral.subscription import LIFE_SECONDS, WEBHOOK_PATH, SubscriptionWatch
from bridge.ringcentral.turns import Turns
from bridge.sandbox.ringcentral import NUMBER, QUEUE_NUMBER, RingCentralSimulator
from storage import cursors, inboxes, subscriptions
from storage.database import Database
from tests.edges.ringcentral_setting import (
    find_messages,
    find_notices,
    listen,
    put_inbox,
    serving,
    settings_for,
)


async def phone_text_of(markup: str, _team_id: str, _author_id: str | None) -> str | Refused:
    """Nothing is sent here."""
    return markup


def store_of(simulator: RingCentralSimulator, extension: str = "101") -> str:
    """An extension's message store."""
    found = simulator.account.extension(extension)
    return f"{simulator.account.account_id}/{found.extension_id}"


class Hearing:
    """A side whose webhook answers at `url`."""

    def __init__(
        self, simulator: RingCentralSimulator, database: Database, side: RingCentralSide, url: str
    ) -> None:
        self.simulator = simulator
        self.database = database
        self.side = side
        self.url = url

    def watch(self, url: str | None = None) -> SubscriptionWatch:
        """A watch over the subscription, as each process has one."""
        client = self.side.client_of(1)
        return SubscriptionWatch(
            client, self.database, Clock(), url or self.url, Turns(self.database)
        )


@pytest.fixture
async def hearing(database: Database) -> AsyncIterator[Hearing]:
    """One inbox, the webhook served, nothing subscribed yet."""
    listener, url = listen()
    async with RingCentralSimulator(rate_limits=False) as simulator:
        await database.write(put_inbox, NUMBER, store_of(simulator))
        await database.write(cursors.match_inboxes, machine_now())
        side = build_ringcentral(
            settings_for(simulator.url, public_url=url),
            database,
            Gates(database, no_budget),
            Clock(),
            phone_text_of,
        )
        await side.open()
        async with serving([Route(WEBHOOK_PATH, side.asgi)], listener):
            yield Hearing(simulator, database, side, url)
        await side.stop()


async def test_it_is_made_once_and_brings_texts(hearing: Hearing) -> None:
    """A long-lived subscription to the inbox's store; a text comes through it."""
    for _ in range(3):
        await hearing.watch().ensure()
    [subscription] = hearing.simulator.subscriptions
    assert subscription.address == f"{hearing.url}/ringcentral/webhook"
    assert subscription.ttl_seconds == LIFE_SECONDS
    assert {each.kind for each in subscription.filters} == {"instant", "store"}
    await hearing.simulator.phone("+14155550100").texts("Hello", to=NUMBER)
    await hearing.simulator.settled()
    assert {each.status for each in hearing.simulator.notifications} == {200}
    assert [each.body for each in await hearing.database.read(find_messages)] == ["Hello"]


async def test_two_processes_make_one(hearing: Hearing) -> None:
    """The lease lets one process at a time look after it."""
    watches = [hearing.watch() for _ in ("one", "two", "three")]
    await asyncio.gather(*(watch.ensure() for watch in watches))
    assert len(hearing.simulator.subscriptions) == 1


async def test_a_lost_one_is_made_again(hearing: Hearing) -> None:
    """Deleted at RingCentral: a new one is made, and the gap is read from the store."""
    await hearing.watch().ensure()
    hearing.simulator.world.subscriptions.remove(hearing.simulator.subscriptions[0])
    cursor = await hearing.database.read(cursors.get, store_of(hearing.simulator))
    assert cursor is not None
    await hearing.watch().ensure()
    assert len(hearing.simulator.subscriptions) == 1
    cursor = await hearing.database.read(cursors.get, store_of(hearing.simulator))
    assert cursor is not None
    assert cursor.gap_open


async def test_a_blacklisted_one_is_replaced(hearing: Hearing) -> None:
    """RingCentral suspends for good: delete and make a new one, under the same secret or not."""
    await hearing.watch().ensure()
    [dead] = hearing.simulator.subscriptions
    dead.status = "Blacklisted"
    await hearing.watch().ensure()
    [living] = hearing.simulator.subscriptions
    assert living.subscription_id != dead.subscription_id
    assert living.status == "Active"


async def test_another_address_replaces_it(hearing: Hearing) -> None:
    """A bridge that moved is called at its new address."""
    await hearing.watch().ensure()
    listener, url = listen()
    async with serving([Route(WEBHOOK_PATH, hearing.side.asgi)], listener):
        await hearing.watch(url).ensure()
    on_file = await hearing.database.read(subscriptions.get, 1)
    assert on_file is not None
    assert on_file.address == f"{url}/ringcentral/webhook"
    assert [each.address for each in hearing.simulator.subscriptions] == [on_file.address]


async def test_one_left_behind_by_a_dead_process_is_cleared_away(hearing: Hearing) -> None:
    """Made, and never written down: the next process deletes it and makes its own."""
    await hearing.watch().ensure()
    await hearing.database.write(subscriptions.announce, 1, hearing.url, "unused", machine_now())
    await hearing.watch().ensure()
    assert len(hearing.simulator.subscriptions) == 1


async def test_it_follows_the_inboxes(hearing: Hearing) -> None:
    """A second number's store is added, and with the last number it goes."""
    await hearing.watch().ensure()
    queue = store_of(hearing.simulator, "201")
    await hearing.database.write(put_inbox, QUEUE_NUMBER, queue, channel_id="C0002")
    await hearing.watch().ensure()
    [subscription] = hearing.simulator.subscriptions
    assert len(subscription.filters) == 4
    for inbox_id in (1, 2):
        await hearing.database.write(inboxes.disconnect, inbox_id, machine_now())
    await hearing.watch().ensure()
    assert hearing.simulator.subscriptions == []
    assert await hearing.database.read(subscriptions.get, 1) is None


async def test_it_is_renewed_long_before_its_end(hearing: Hearing) -> None:
    """Half of its life has gone: renewed, not replaced."""
    await hearing.watch().ensure()
    [subscription] = hearing.simulator.subscriptions
    subscription.expires_at = machine_now() + timedelta(days=40)
    await hearing.watch().ensure()
    assert hearing.simulator.subscriptions == [subscription]
    assert subscription.expires_at > machine_now() + timedelta(days=80)


async def test_what_it_may_not_hear_is_told(hearing: Hearing) -> None:
    """RingCentral answers 200 and disables a filter: an administrator hears of it, once a day."""
    hearing.simulator.account.extension("101").is_admin = False
    hearing.simulator.account.extension("201").manager_ids.clear()
    queue = store_of(hearing.simulator, "201")
    await hearing.database.write(put_inbox, QUEUE_NUMBER, queue, channel_id="C0002")
    for _ in range(2):
        await hearing.watch().ensure()
    [notice] = await hearing.database.read(find_notices)
    assert "texts come late" in notice.payload["sentence"]


async def test_an_address_that_does_not_answer_is_told(hearing: Hearing) -> None:
    """Nobody stands at the address: the remedy names the setting."""
    listener, url = listen()
    listener.close()
    with pytest.raises(Refusal):
        await hearing.watch(url).ensure()
    [notice] = await hearing.database.read(find_notices)
    assert "BRIDGE_PUBLIC_URL" in notice.payload["sentence"]


async def test_a_started_side_subscribes_by_itself(database: Database) -> None:
    """With a public address `start` is all it takes, although the web server comes later."""
    listener, url = listen()
    async with (
        RingCentralSimulator(rate_limits=False) as simulator,
        started(simulator, database, url) as side,
    ):
        await asyncio.sleep(0.3)
        async with serving([Route(WEBHOOK_PATH, side.asgi)], listener):
            await simulator.wait_for(lambda: simulator.subscriptions, 8)
            await simulator.phone("+14155550100").texts("Hello", to=NUMBER)
            await simulator.settled()
            assert [each.body for each in await database.read(find_messages)] == ["Hello"]


@contextlib.asynccontextmanager
async def started(
    simulator: RingCentralSimulator, database: Database, url: str
) -> AsyncIterator[RingCentralSide]:
    """A side with one inbox that runs what it runs."""
    await database.write(put_inbox, NUMBER, store_of(simulator))
    settings = settings_for(simulator.url, public_url=url)
    side = build_ringcentral(settings, database, Gates(database, no_budget), Clock(), phone_text_of)
    await side.start()
    try:
        yield side
    finally:
        await asyncio.wait_for(side.stop(), 5)
