"""Everything at once: crossings, edits, receipts, clicks, and two workers, on one database."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlmodel import Session

from bridge.outbox.gates import no_budget
from bridge.outbox.outcome import Accepted, Claimed, Outcome, Refused, TryLater
from bridge.outbox.worker import Worker
from bridge.relay import changes, decisions
from bridge.relay.crossings import CardInFlight
from bridge.relay.settled import ON_SETTLED
from bridge.relay.texts import Reply
from storage.database import Database
from storage.liveness import Liveness
from storage.tables import Conversation, Delivery, Inbox, Message, Thread
from tests import makers
from tests.makers import STORE
from tests.middle.desk import REPEATING, SCOPE, Desk
from tests.outbox.scripted import QUICK, ScriptedSender

STORM_SECONDS = 3.0
PHONES = [f"+141555501{number:02d}" for number in range(6)]


class StormySender(ScriptedSender):
    """Accepts most things, under ids of their own; some it refuses or puts off."""

    def __init__(self, scope: str, luck: random.Random) -> None:
        super().__init__(repeats=REPEATING)
        self._scope, self._luck = scope, luck
        self._numbers = itertools.count(1)
        self.accepted: Counter[int] = Counter()
        self.gone: set[int] = set()

    async def send(self, delivery: Claimed, content: object) -> Outcome:
        await super().send(delivery, content)
        await asyncio.sleep(self._luck.random() / 200)
        chance = self._luck.random()
        if chance < 0.05:
            return TryLater("busy", after_seconds=0.01)
        if chance < 0.1 and self._scope == STORE:
            return Refused("MSG-290")
        if delivery.subject_type == "message" and delivery.kind == "post" and chance < 0.12:
            return Refused("thread_gone")
        self.accepted[delivery.id] += 1
        return Accepted(f"17{next(self._numbers):08d}.{id(self) % 1000:06d}", self._scope)


class Storm:
    """People, phones and the carrier, all at it."""

    def __init__(self, desk: Desk, luck: random.Random) -> None:
        self.desk, self.luck = desk, luck
        self.records: list[str] = []
        self.replies: list[Reply] = []

    async def texts(self) -> None:
        phone = self.luck.choice(PHONES)
        record = makers.record(
            outside_numbers=(phone,), author_number=phone, sent_at=self.desk.clock.now()
        )
        self.records.append(record.record_id)
        await asyncio.gather(*(self.desk.arrives(record) for _ in range(self.luck.randint(1, 3))))

    async def replies_to_a_thread(self) -> None:
        threads = [each for each in await self.desk.find(Thread) if each.ts is not None]
        if not threads:
            return
        reply = makers.reply(thread_ts=self.luck.choice(threads).ts)
        with suppress(CardInFlight):
            await asyncio.gather(*(self.desk.replies(reply) for _ in range(2)))
            self.replies.append(reply)

    async def changes_mind(self) -> None:
        if not self.replies:
            return
        reply = self.luck.choice(self.replies[-5:])
        if self.luck.random() < 0.3:
            await self.desk.deletes(makers.deletion_of(reply))
        else:
            await self.desk.edits(makers.edit_of(reply, f"edit {self.luck.random()}"))

    async def types_a_command(self) -> None:
        command = makers.new_text(to_number=self.luck.choice(PHONES))
        await asyncio.gather(self.desk.commands(command), self.desk.commands(command))

    async def hears_of_a_text(self) -> None:
        sent = [each for each in await self.desk.texts_owed() if each.state == "accepted"]
        if not sent:
            return
        delivery = self.luck.choice(sent)
        message = await self.desk.message(id=delivery.subject_id)
        conversation = await self.desk.the(Conversation, id=message.conversation_id)
        record = makers.own_record(
            record_id=delivery.external_id,
            outside_numbers=(conversation.participants_key,),
            status=self.luck.choice(("Sent", "Delivered", "DeliveryFailed")),
        )
        await self.desk.arrives(record)

    async def clicks(self) -> None:
        failed = await self.desk.find(Message, status="failed", origin="slack")
        if failed:
            message = self.luck.choice(failed)
            await asyncio.gather(
                *(self.desk.decides(decisions.retry_message, message) for _ in range(2))
            )

    async def deletes_a_card(self) -> None:
        threads = [each for each in await self.desk.find(Thread, is_current=True) if each.ts]
        if threads and self.luck.random() < 0.2:
            thread = self.luck.choice(threads)
            assert thread.ts is not None
            now = self.desk.clock.now()
            await self.desk.do(changes.move_on, thread.team_id, thread.channel_id, thread.ts, now)


async def blow(acts: Sequence[Callable[[], Awaitable[None]]], luck: random.Random) -> None:
    until = time.monotonic() + STORM_SECONDS

    async def one() -> None:
        while time.monotonic() < until:
            await luck.choice(acts)()

    await asyncio.gather(*(one() for _ in range(6)))


def deadlocks(session: Session) -> int:
    query = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    count: int = session.execute(text(query)).scalar_one()
    return count


@pytest.mark.timeout(90)
async def test_everything_at_once(database: Database, database_url: str) -> None:
    """Whatever happens at one moment: no deadlock, nothing twice, nothing left behind."""
    luck = random.Random(7)  # a fixed one, so that a failure can be seen again
    desk = Desk(database)
    desk.clock.move(offset=timedelta())  # time runs
    await desk.open()
    slack, ringcentral = StormySender(SCOPE, luck), StormySender(STORE, luck)
    other = await Database.open(database_url)
    workers: list[tuple[Worker, Liveness]] = []
    for each in (database, other):
        liveness = await Liveness.hold(each)
        worker = Worker(
            each,
            desk.clock,
            liveness,
            {"slack": slack, "ringcentral": ringcentral},
            ON_SETTLED,
            budget_of=no_budget,
            timing=QUICK,
        )
        await worker.start()
        workers.append((worker, liveness))
    storm = Storm(desk, luck)
    try:
        acts = [
            storm.texts,
            storm.replies_to_a_thread,
            storm.replies_to_a_thread,
            storm.changes_mind,
            storm.types_a_command,
            storm.hears_of_a_text,
            storm.clicks,
            storm.deletes_a_card,
        ]
        await blow(acts, luck)
        await expect_drained(desk)
    finally:
        for worker, liveness in workers:
            await worker.stop()
            await liveness.release()
        await other.close()
    await expect_whole(desk, storm, slack, ringcentral)
    if database.dialect == "postgresql":
        assert await database.write(deadlocks) == 0


async def expect_drained(desk: Desk) -> None:
    """All that is owed is settled in the end, but for what waits for its hour."""
    for _ in range(1000):
        now = desk.clock.now()
        rows = await desk.find(Delivery)
        assert not [each for each in rows if each.state == "parked"]
        # unsure: on a slow machine an attempt takes longer than the quick bound, and is looked for
        unsettled = ("waiting", "claimed", "started", "unsure")
        waiting = [each for each in rows if each.state in unsettled]
        if not waiting:
            return
        assert all(each.due_at.year == now.year for each in waiting)
        await asyncio.sleep(0.02)
    states = Counter((each.side, each.kind, each.state, each.reason) for each in waiting)
    raise AssertionError(f"not drained: {states}")


async def expect_whole(
    desk: Desk, storm: Storm, slack: StormySender, ringcentral: StormySender
) -> None:
    messages, rows = await desk.find(Message), await desk.find(Delivery)
    inbound = [each for each in messages if each.direction == "in"]
    assert len(inbound) == len(storm.records), "every text in is one message"
    typed = [each for each in messages if each.origin == "slack"]
    assert len(typed) == len(storm.replies), "every reply is one message"
    assert not [each for each in messages if each.origin == "ringcentral_app"], "ours stay ours"
    posts = {
        each.subject_id: each
        for each in rows
        if each.kind == "post" and each.subject_type == "message"
    }
    assert {each.id for each in inbound} <= set(posts), "every text in is owed to Slack"
    assert all(each.state == "accepted" for each in posts.values()), "and shown"
    assert all(slack.accepted[makers.id_of(each)] == 1 for each in posts.values()), "once"
    texts = {each.subject_id: each for each in rows if each.side == "ringcentral"}
    by_id = {each.id: each for each in messages}
    for message_id, delivery in texts.items():
        message = by_id[message_id]
        expected = {
            "accepted": ("accepted",),
            "failed": ("refused", "accepted"),  # the latter by a receipt
            "cancelled": ("cancelled", "refused", "accepted"),
        }[message.status]
        assert delivery.state in expected
        if message.status == "accepted":
            assert ringcentral.accepted[makers.id_of(delivery)] >= 1
    current = Counter(each.conversation_id for each in await desk.find(Thread, is_current=True))
    assert set(current.values()) <= {1}
    assert len(await desk.find(Inbox)) == 1
    assert not await desk.kept()
