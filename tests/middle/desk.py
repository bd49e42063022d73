"""The middle on a real database: what crosses is written, and settled as the worker settles it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlmodel import Session, SQLModel, select

from bridge import arrivals
from bridge.clock import Clock, machine_now
from bridge.outbox.outcome import Accepted, Claimed, Outcome, Unsure
from bridge.outbox.settling import Settler, Timing
from bridge.relay import changes, crossings
from bridge.relay.read_marks import message_settled
from bridge.relay.settled import ON_SETTLED
from bridge.relay.texts import CarrierRecord, NewText, Reply, ReplyDeletion, ReplyEdit
from storage import claims, deliveries, messages, threads
from storage.database import Database
from storage.tables import Copy, Delivery, Inbox, KeptRecord, Message, Notice, Thread
from tests import makers
from tests.makers import CHANNEL, NOW, STORE, TEAM
from tests.outbox.scripted import ScriptedSender

P = ParamSpec("P")
T = TypeVar("T")
Row = TypeVar("Row", bound=SQLModel)

SCOPE = f"{TEAM}/{CHANNEL}"
REPEATING = ("update", "mark", "unmark", "reply")


@dataclass(frozen=True)
class Begun:
    """An attempt in flight."""

    delivery: Claimed
    attempt_id: int


class Desk:
    """One inbox on a database, time standing still unless it is moved."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = Clock()
        self.clock.move(offset=timedelta(), paused_at=NOW)
        self._numbers = 0
        senders = {
            "slack": ScriptedSender(repeats=REPEATING),
            "ringcentral": ScriptedSender(repeats=()),
        }
        on_settled = {**ON_SETTLED, "message": message_settled}
        self._settler = Settler(self.clock, senders, on_settled, lambda *_: None, Timing())

    async def do(
        self, unit: Callable[Concatenate[Session, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        return await self.database.write(unit, *args, **kwargs)

    async def open(self, **inbox: Any) -> Inbox:
        """A workspace with an administrator, and an inbox."""
        await self.do(makers.add_workspace)
        return await self.do(makers.add_inbox, **inbox)

    # What comes in

    async def arrives(self, record: CarrierRecord) -> str:
        return await self.do(arrivals.receive_record, record, self.clock.now())

    async def replies(self, reply: Reply) -> str:
        return await self.do(crossings.relay_slack_to_sms, reply, self.clock.now())

    async def edits(self, edit: ReplyEdit) -> str:
        return await self.do(changes.change_reply, edit, self.clock.now())

    async def deletes(self, deletion: ReplyDeletion) -> str:
        return await self.do(changes.cancel_reply, deletion, self.clock.now())

    async def commands(self, text: NewText) -> crossings.SendAccepted | crossings.SendRefused:
        return await self.do(crossings.send_text, text, self.clock.now())

    async def decides(
        self, decide: Callable[[Session, int, str, Any], str], message: Message
    ) -> str:
        return await self.do(decide, makers.id_of(message), makers.BEA, self.clock.now())

    # What is on file

    async def find(self, model: type[Row], **values: Any) -> list[Row]:
        """The rows of a table with these values, in the order of their making."""

        def unit(session: Session) -> Sequence[Row]:
            query = select(model).filter_by(**values)
            return session.exec(query.order_by(*model.__table__.primary_key)).all()  # type: ignore[attr-defined]  # a table's class

        return list(await self.database.read(unit))

    async def the(self, model: type[Row], **values: Any) -> Row:
        (found,) = await self.find(model, **values)
        return found

    async def message(self, **values: Any) -> Message:
        return await self.the(Message, **values)

    async def notices(self, kind: str | None = None) -> list[Notice]:
        return await self.find(Notice, **({"kind": kind} if kind else {}))

    async def texts_owed(self) -> list[Delivery]:
        return await self.find(Delivery, side="ringcentral", kind="text")

    async def text_of(self, message: Message) -> Delivery:
        return await self.the(
            Delivery, subject_type="message", subject_id=message.id, side="ringcentral"
        )

    async def post_of(self, message: Message) -> Delivery:
        return await self.the(Delivery, subject_type="message", subject_id=message.id, kind="post")

    async def mark_of(self, message: Message, kind: str = "mark") -> list[Delivery]:
        return await self.find(
            Delivery, subject_type="message", subject_id=message.id, side="slack", kind=kind
        )

    async def card_of(self, thread: Thread) -> Delivery:
        return await self.the(Delivery, subject_type="card", subject_id=thread.id, kind="open")

    async def kept(self) -> list[KeptRecord]:
        return await self.find(KeptRecord)

    async def copies(self, message: Message, side: str) -> list[Copy]:
        return await self.find(Copy, message_id=message.id, side=side)

    # What the worker does

    async def begin(self, delivery: Delivery) -> Begun:
        """Claim and start, as the worker does before it sends."""
        self._numbers += 1
        claim_name = f"w/{self._numbers}"
        delivery_id, now = makers.id_of(delivery), machine_now()

        def unit(session: Session) -> Begun:
            (row,) = claims.claim(session, [delivery_id], claim_name, now + timedelta(hours=1))
            attempt_id = claims.start(
                session,
                delivery_id,
                claim_name,
                worker="w",
                machine_now=now,
                deadline_at=now + timedelta(seconds=20),
                clock_offset=makers.NOW - now,  # as the records of these tests are dated
            )
            assert attempt_id is not None, "it may start"
            return Begun(_claimed(row, claim_name), attempt_id)

        return await self.do(unit)

    async def end(self, begun: Begun, outcome: Outcome) -> None:
        """Settle an attempt in flight."""
        await self.do(self._settler.write_outcome, begun.delivery, begun.attempt_id, outcome)

    async def attempt(self, delivery: Delivery, outcome: Outcome) -> None:
        await self.end(await self.begin(delivery), outcome)

    async def park(self, delivery: Delivery) -> None:
        """Lose an attempt's answer, and find several records that could be it."""
        begun = await self.begin(delivery)
        await self.end(begun, Unsure("lost"))

        def unit(session: Session) -> None:
            self._settler._end(session, begun.delivery, Unsure("several"))

        await self.do(unit)

    async def accept_text(self, message: Message, record_id: str, **facts: str) -> None:
        """The carrier takes a text."""
        await self.attempt(await self.text_of(message), taken(record_id, **facts))

    async def post_card(self, thread: Thread, ts: str) -> None:
        await self.attempt(await self.card_of(thread), Accepted(ts, SCOPE))

    async def state(self, delivery: Delivery) -> str:
        found = await self.database.read(deliveries.get, makers.id_of(delivery))
        return found.state

    async def status(self, message: Message) -> str:
        found = await self.database.read(messages.get, makers.id_of(message))
        return found.status

    async def thread(self, thread_id: int | None) -> Thread:
        assert thread_id is not None, "on file"
        return await self.database.read(threads.get, thread_id)


def taken(record_id: str, **facts: str) -> Accepted:
    """What POST /sms answers."""
    return Accepted(record_id, STORE, {"status": "Queued", **facts})


def _claimed(row: Delivery, claim_name: str) -> Claimed:
    return Claimed(
        id=makers.id_of(row),
        subject_type=row.subject_type,
        subject_id=row.subject_id,
        side=row.side,
        kind=row.kind,
        part=row.part,
        marker=row.marker,
        lane=row.lane,
        gate=row.gate,
        priority=row.priority,
        attempts=row.attempts,
        version=row.version,
        claim=claim_name,
        external_id=row.external_id,
    )
