"""Sending a text, and looking for one whose answer was lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import Session

from bridge.clock import Clock, machine_now
from bridge.outbox.gates import Gates, no_budget
from bridge.outbox.outcome import (
    Absent,
    Accepted,
    CannotLook,
    Claimed,
    Outcome,
    Ready,
    Refused,
    Several,
    TryLater,
    Unfitting,
    Unsure,
)
from bridge.relay import conversations
from bridge.relay.texts import CarrierRecord
from bridge.ringcentral.side import RingCentralSide, build_ringcentral
from bridge.sandbox.ringcentral import NUMBER, QUEUE_NUMBER, RingCentralSimulator
from bridge.sandbox.ringcentral.clock import SimulatorClock
from storage import copies, inboxes, kept_records, messages
from storage.database import Database
from storage.tables import Delivery, Message
from tests.edges.ringcentral_setting import put_inbox, settings_for

ALICE = "+14155550100"
BOB = "+14155550111"


async def phone_text_of(markup: str, team_id: str, author_id: str | None) -> str | Refused:
    """The Slack side's part, as these tests want it."""
    assert team_id == "T0001"
    if author_id == "U0GUS":
        return Refused("guest")
    return markup.replace("<@U0BEA>", "Bea")


def store_of(simulator: RingCentralSimulator) -> str:
    """Dana's store."""
    dana = simulator.account.extension("101")
    return f"{simulator.account.account_id}/{dana.extension_id}"


class Texting:
    """A side at work, and texts for it."""

    def __init__(
        self, simulator: RingCentralSimulator, database: Database, side: RingCentralSide
    ) -> None:
        self.simulator = simulator
        self.database = database
        self.side = side
        self.sender = side.sender
        self.store = store_of(simulator)

    async def owed(
        self,
        markup: str,
        *to: str,
        author_id: str = "U0BEA",
        from_number: str = NUMBER,
        started: bool = False,
    ) -> Claimed:
        """A text owed to these phones, claimed."""
        return await self.database.write(
            self._put, markup, to or (ALICE,), author_id, from_number, started
        )

    def _put(
        self,
        session: Session,
        markup: str,
        to: tuple[str, ...],
        author_id: str,
        from_number: str,
        started: bool,
    ) -> Claimed:
        now = machine_now()
        inbox = inboxes.get_by_number(session, from_number)
        assert inbox is not None
        place = conversations.find_or_open(session, inbox, to, now)
        message = messages.add(
            session,
            Message(
                conversation_id=place.conversation_id,
                thread_id=place.thread_id,
                direction="out",
                origin="slack",
                status="queued",
                body=markup,
                markup=markup,
                author_id=author_id,
                sent_at=now,
            ),
        )
        assert message.id is not None
        delivery = Delivery(
            subject_type="message",
            subject_id=message.id,
            side="ringcentral",
            kind="text",
            marker="m",
            lane="l",
            lane_order="1",
            gate="g",
            due_at=now,
            created_at=now,
        )
        session.add(delivery)
        session.flush()
        assert delivery.id is not None
        return Claimed(
            id=delivery.id,
            subject_type="message",
            subject_id=message.id,
            side="ringcentral",
            kind="text",
            part=0,
            marker="m",
            lane="l",
            gate="g",
            priority=1,
            attempts=1,
            version=1,
            claim="c",
            external_id=None,
            started_at=now if started else None,
            provider_started_at=self.simulator.clock.now() if started else None,
            deadline_at=now + timedelta(seconds=20) if started else None,
        )

    async def load(self, delivery: Claimed) -> Any:
        """What the worker's claim reads."""
        return await self.database.read(self.sender.load, delivery)

    async def send(self, delivery: Claimed) -> Outcome:
        """All of the worker's way: load, prepare, start, send."""
        prepared = await self.sender.prepare(delivery, await self.load(delivery))
        if not isinstance(prepared, Ready):
            return prepared
        assert prepared.record is not None
        await self.database.write(prepared.record)
        return await self.sender.send(delivery, prepared.content)

    async def look(self, delivery: Claimed) -> Any:
        """What a look finds."""
        return await self.sender.look(delivery, await self.load(delivery))

    async def app_sends(self, text: str, to: str = ALICE) -> str:
        """Somebody, or a lost attempt, sends this; the record's id."""
        message = await self.simulator.app_sends("101", NUMBER, to, text)
        return str(message.message_id)

    async def keep(
        self, delivery: Claimed, record_id: str, text: str, *, seconds: float = 0.0
    ) -> None:
        """An event told of this record while an attempt might have made it."""
        record = CarrierRecord(
            store=self.store,
            record_id=record_id,
            ringcentral_conversation_id=None,
            direction="out",
            own_number=NUMBER,
            outside_numbers=(ALICE,),
            author_number=NUMBER,
            body=text,
            sent_at=self.simulator.clock.now() + timedelta(seconds=seconds),
            status="Sent",
        )
        message = await self.database.read(messages.get, delivery.subject_id)
        await self.database.write(
            kept_records.keep,
            self.store,
            record_id,
            message.conversation_id,
            record.to_json(),
            machine_now(),
        )

    async def take(self, record_id: str, message_id: int) -> None:
        """This record is a copy of that text."""
        await self.database.write(copies.record, "ringcentral", self.store, record_id, message_id)


@pytest.fixture(params=[0.0])
async def texting(request: pytest.FixtureRequest, database: Database) -> AsyncIterator[Texting]:
    """A side with one inbox; the parameter is how far RingCentral's clock is ahead of ours."""
    clock = SimulatorClock(skew_seconds=request.param)
    async with RingCentralSimulator(rate_limits=False, clock=clock) as simulator:
        await database.write(put_inbox, NUMBER, store_of(simulator))
        side = build_ringcentral(
            settings_for(simulator.url),
            database,
            Gates(database, no_budget),
            Clock(),
            phone_text_of,
        )
        await side.open()
        yield Texting(simulator, database, side)
        await side.stop()


# Sending


async def test_a_reply_is_one_text(texting: Texting) -> None:
    """Names are resolved, the phone gets the text, and the outcome says what RingCentral said."""
    delivery = await texting.owed("<@U0BEA> has it ready")
    outcome = await texting.send(delivery)
    assert isinstance(outcome, Accepted)
    [sent] = texting.simulator.sent
    assert outcome.external_id == str(sent.message_id)
    assert outcome.scope == texting.store
    assert outcome.facts["conversation_id"] == str(sent.conversation_id)
    assert outcome.facts["status"] == "Queued"
    received = await texting.simulator.phone(ALICE).wait_for_text()
    assert (received.text, received.from_number) == ("Bea has it ready", NUMBER)
    message = await texting.database.read(messages.get, delivery.subject_id)
    assert (message.body, message.markup) == ("Bea has it ready", "<@U0BEA> has it ready")


async def test_a_reply_to_a_group_is_one_group_text(texting: Texting) -> None:
    """Several outside numbers are one record, not one each."""
    outcome = await texting.send(await texting.owed("Both of you", ALICE, BOB))
    assert isinstance(outcome, Accepted)
    assert len(texting.simulator.sent) == 1
    for phone in (ALICE, BOB):
        assert (await texting.simulator.phone(phone).wait_for_text()).text == "Both of you"


@pytest.mark.parametrize(
    ("markup", "author_id", "reason"),
    [("Hello", "U0GUS", "guest"), (" \n", "U0BEA", "empty"), ("x" * 1001, "U0BEA", "too_long")],
)
async def test_what_may_not_leave_is_refused_before_it_starts(
    texting: Texting, markup: str, author_id: str, reason: str
) -> None:
    """A guest's, an empty, and a too long text never reach RingCentral."""
    outcome = await texting.send(await texting.owed(markup, author_id=author_id))
    assert isinstance(outcome, Refused)
    assert outcome.reason == reason
    assert not [each for each in texting.simulator.requests if each.path.endswith("/sms")]


async def test_a_disconnected_inbox_sends_no_more(texting: Texting) -> None:
    """What was queued when the number was disconnected is refused, in words."""
    delivery = await texting.owed("Too late")
    await texting.database.write(inboxes.disconnect, 1, machine_now())
    assert await texting.load(delivery) == Refused("disconnected")


async def test_a_refused_login_waits_for_an_administrator(texting: Texting) -> None:
    """With a revoked JWT a text waits as long as it takes; it never starts."""
    texting.simulator.account.jwts.clear()
    outcome = await texting.send(await texting.owed("Hello"))
    assert isinstance(outcome, TryLater)
    assert outcome.patient


async def test_ringcentrals_own_refusal_has_its_code(texting: Texting) -> None:
    """The number's SMS feature is gone: RingCentral's code is the reason."""
    texting.simulator.account.number(NUMBER).features.discard("SmsSender")
    outcome = await texting.send(await texting.owed("Hello"))
    assert isinstance(outcome, Refused)
    assert outcome.reason == "MSG-367"


# Looking


async def test_a_lost_answer_is_found(texting: Texting) -> None:
    """The text was taken, its answer lost: the look finds the record, and nothing is sent again."""
    delivery = await texting.owed("“Ready” at 6 – come by…", started=True)
    texting.simulator.faults.add("drop_after", method="POST", path="/sms")
    assert isinstance(await texting.send(delivery), Unsure)
    [sent] = texting.simulator.sent
    found = await texting.look(delivery)
    assert isinstance(found, Accepted)
    assert (found.external_id, found.scope) == (str(sent.message_id), texting.store)
    assert found.facts["conversation_id"] == str(sent.conversation_id)


async def test_a_text_from_a_queues_number_is_found_in_the_queues_store(texting: Texting) -> None:
    """Sent by its user, kept by the queue: the look reads the queue's store."""
    queue = texting.simulator.account.extension("201").extension_id
    store = f"{texting.simulator.account.account_id}/{queue}"
    await texting.database.write(put_inbox, QUEUE_NUMBER, store, channel_id="C0002")
    delivery = await texting.owed("Ready", from_number=QUEUE_NUMBER, started=True)
    texting.simulator.faults.add("drop_after", method="POST", path="/sms")
    assert isinstance(await texting.send(delivery), Unsure)
    found = await texting.look(delivery)
    assert isinstance(found, Accepted)
    assert found.scope == store


@pytest.mark.parametrize("texting", [-75.0, 90.0], indirect=True)
async def test_a_skewed_clock_hides_nothing(texting: Texting) -> None:
    """RingCentral's clock is a minute off: the look asks in RingCentral's time."""
    delivery = await texting.owed("Ready", started=True)
    texting.simulator.faults.add("drop_after", method="POST", path="/sms")
    assert isinstance(await texting.send(delivery), Unsure)
    assert isinstance(await texting.look(delivery), Accepted)


@pytest.mark.parametrize("texting", [-75.0, 90.0], indirect=True)
async def test_a_start_without_ringcentrals_time_is_looked_for_by_ours(texting: Texting) -> None:
    """Where its sender knew no time but its own, the offset of whoever looks stands in for it."""
    delivery = replace(await texting.owed("Ready", started=True), provider_started_at=None)
    await texting.app_sends("Ready")
    assert isinstance(await texting.look(delivery), Accepted)


@pytest.mark.parametrize("texting", [-75.0, 90.0], indirect=True)
@pytest.mark.parametrize("wrong_by_seconds", [-60, 60])
async def test_a_wrong_clock_of_the_sending_machine_hides_nothing(
    texting: Texting, wrong_by_seconds: int
) -> None:
    """Another machine sent it, a minute off ours: the look goes by RingCentral's time alone."""
    wrong_by = timedelta(seconds=wrong_by_seconds)
    delivery = await texting.owed("Ready", started=True)
    await texting.app_sends("Ready")
    assert delivery.started_at is not None
    assert delivery.deadline_at is not None
    sent_elsewhere = replace(
        delivery,
        started_at=delivery.started_at + wrong_by,
        provider_started_at=texting.simulator.clock.now(),
        deadline_at=delivery.deadline_at + wrong_by,
    )
    assert isinstance(await texting.look(sent_elsewhere), Accepted)


@pytest.mark.parametrize("texting", [90.0], indirect=True)
async def test_the_carriers_clock_is_known_before_the_first_text(texting: Texting) -> None:
    """A process that has its token from another's purchase asks for the time once."""
    delivery = await texting.owed("Ready")
    prepared = await texting.sender.prepare(delivery, await texting.load(delivery))
    assert isinstance(prepared, Ready)
    assert prepared.clock_offset is not None
    assert abs(prepared.clock_offset.total_seconds() - 90) < 5


async def test_what_was_not_taken_is_absent(texting: Texting) -> None:
    """The connection died before RingCentral did anything."""
    delivery = await texting.owed("Ready", started=True)
    texting.simulator.faults.add("drop_before", method="POST", path="/sms")
    assert isinstance(await texting.send(delivery), Unsure)
    assert isinstance(await texting.look(delivery), Absent)


async def test_a_record_that_shows_late_is_found_later(texting: Texting) -> None:
    """Absent at first, found when the store shows it: why one look is not enough."""
    delivery = await texting.owed("Ready", started=True)
    record_id = await texting.app_sends("Ready")
    record = texting.simulator.world.mailboxes.get(int(record_id), hidden=True)
    assert record is not None
    record.visible_at = texting.simulator.clock.now() + timedelta(seconds=8)
    assert isinstance(await texting.look(delivery), Absent)
    texting.simulator.clock.forward(9)
    assert isinstance(await texting.look(delivery), Accepted)


async def test_a_watermark_in_front_is_ours(texting: Texting) -> None:
    """A developer account puts a sentence in front of each text."""
    delivery = await texting.owed("Ready", started=True)
    await texting.app_sends("Test SMS using a RingCentral Developer account - Ready")
    assert isinstance(await texting.look(delivery), Accepted)


@pytest.mark.parametrize("text", ["Not ready", "Already", "Ready?", "RingCentral: Ready"])
async def test_a_text_that_does_not_fit_is_not_ours(texting: Texting, text: str) -> None:
    """Somebody texted Alice meanwhile: of ours nobody can be sure before its time to show."""
    delivery = await texting.owed("Ready", started=True)
    await texting.app_sends(text)
    assert isinstance(await texting.look(delivery), Unfitting)
    record_id = await texting.app_sends("Ready")
    found = await texting.look(delivery)
    assert isinstance(found, Accepted)
    assert found.external_id == record_id


async def test_several_fitting_are_for_a_person(texting: Texting) -> None:
    """Two records could be ours: guessing would lose a text or send it twice."""
    delivery = await texting.owed("Ready", started=True)
    for _ in range(2):
        await texting.app_sends("Ready")
    assert isinstance(await texting.look(delivery), Several)


async def test_identical_twins_are_told_apart(texting: Texting) -> None:
    """Two equal texts a second apart: the record of the first is not taken for the second's."""
    first = await texting.owed("Ready", started=True)
    second = await texting.owed("Ready", started=True)
    record_id = await texting.app_sends("Ready")
    await texting.take(record_id, first.subject_id)
    assert isinstance(await texting.look(second), Absent)
    twin_id = await texting.app_sends("Ready")
    found = await texting.look(second)
    assert isinstance(found, Accepted)
    assert found.external_id == twin_id
    again = await texting.look(first)
    assert isinstance(again, Accepted)
    assert again.external_id == record_id


@pytest.mark.parametrize("who", ["earlier", "another phone", "inbound", "larger group"])
async def test_other_records_are_not_candidates(texting: Texting, who: str) -> None:
    """Older texts, texts to others, to more people, and texts in are not what is looked for."""
    if who == "earlier":
        await texting.app_sends("Ready")
        texting.simulator.clock.forward(20)
    delivery = await texting.owed("Ready", started=True)
    if who == "another phone":
        await texting.app_sends("Ready", to=BOB)
    elif who == "inbound":
        await texting.simulator.phone(ALICE).texts("Ready", to=NUMBER)
    elif who == "larger group":
        await texting.simulator.app_sends("101", NUMBER, [ALICE, BOB], "Ready")
    assert isinstance(await texting.look(delivery), Absent)


async def test_a_group_is_found_by_its_whole_set(texting: Texting) -> None:
    """A text to several is found whatever the order of its recipients."""
    delivery = await texting.owed("Both", BOB, ALICE, started=True)
    await texting.simulator.app_sends("101", NUMBER, [BOB, ALICE], "Both")
    assert isinstance(await texting.look(delivery), Accepted)


@pytest.mark.parametrize(
    "fault",
    [{"status": 503}, {"status": 429, "headers": {"Retry-After": "1"}}, {"kind": "drop_before"}],
)
async def test_a_look_that_fails_is_no_finding(texting: Texting, fault: dict[str, Any]) -> None:
    """RingCentral does not answer the look: that is not the same as finding nothing."""
    delivery = await texting.owed("Ready", started=True)
    await texting.side.client_of(1).server_clock()
    texting.simulator.faults.add(**{"kind": "status", **fault}, path="/message-store")
    assert isinstance(await asyncio.wait_for(texting.look(delivery), 5), CannotLook)


async def test_a_store_that_shows_nothing_readable_tells_nothing(texting: Texting) -> None:
    """An answer without records must not pass for a store without ours."""
    delivery = await texting.owed("Ready", started=True)
    await texting.side.client_of(1).server_clock()
    texting.simulator.faults.add("status", path="/message-store", status=200, body={"odd": 1})
    assert isinstance(await texting.look(delivery), Unfitting)


async def test_a_kept_record_is_looked_at(texting: Texting) -> None:
    """An event told of it before the store shows it, or while the store does not answer."""
    delivery = await texting.owed("Ready", started=True)
    await texting.side.client_of(1).server_clock()
    await texting.keep(delivery, "501", "From my mobile")
    assert isinstance(await texting.look(delivery), Unfitting)
    await texting.keep(delivery, "502", "Ready", seconds=-3600)
    assert isinstance(await texting.look(delivery), Unfitting)
    await texting.keep(delivery, "503", "Ready")
    texting.simulator.faults.add("status", path="/message-store", status=503)
    for _ in range(2):  # the first is not answered
        found = await texting.look(delivery)
        assert isinstance(found, Accepted)
        assert (found.external_id, found.scope) == ("503", texting.store)


async def test_a_kept_record_that_the_store_shows_is_one(texting: Texting) -> None:
    """The same record by an event and by the store is not two that fit."""
    delivery = await texting.owed("Ready", started=True)
    record_id = await texting.app_sends("Ready")
    await texting.keep(delivery, record_id, "Ready")
    assert isinstance(await texting.look(delivery), Accepted)


@pytest.mark.parametrize("mark", ["", "Test SMS using a RingCentral Developer account - "])
async def test_pictures_without_words_are_found_by_their_number(
    texting: Texting, mark: str
) -> None:
    """An MMS without text: as many files and no words but the watermark; a text is another's."""
    delivery = await texting.owed("Ready", started=True)
    loaded = await texting.load(delivery)
    pictures = replace(loaded, text=replace(loaded.text, body=""), file_count=1)
    await texting.app_sends("RingCentral")
    assert isinstance(await texting.sender.look(delivery, pictures), Unfitting)
    picture = [("cake.png", "image/png", b"png")]
    account = texting.simulator.account
    sent = texting.simulator.world.carrier.accept(
        account.number(NUMBER), account.extension("101"), [ALICE], mark, picture
    )
    found = await texting.sender.look(delivery, pictures)
    assert isinstance(found, Accepted)
    assert found.external_id == str(sent.message_id)


@pytest.mark.parametrize("texting", [-60.0, 0.0, 60.0], indirect=True)
@pytest.mark.parametrize("wrong_by_seconds", [-60, 0, 60])
async def test_absence_is_told_by_ringcentrals_time(
    texting: Texting, wrong_by_seconds: int
) -> None:
    """Whoever looks and whoever sent may each be a minute off: the span between is known."""
    delivery = await texting.owed("Ready", started=True)
    assert delivery.started_at is not None
    now = texting.simulator.clock.now()
    sent_elsewhere = replace(
        delivery,
        started_at=delivery.started_at + timedelta(seconds=wrong_by_seconds),
        provider_started_at=now - timedelta(seconds=30),
    )
    found = await texting.look(sent_elsewhere)
    assert isinstance(found, Absent)
    assert found.after_start is not None
    assert abs(found.after_start.total_seconds() - 30) < 3
