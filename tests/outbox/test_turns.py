"""Those who share a gate take turns: nobody's queue delays another's text by more than its own."""

from __future__ import annotations

from datetime import timedelta

from sqlmodel import Session

from bridge.outbox.gates import BULK, REPLY, Budget
from storage.database import Database
from tests import makers
from tests.outbox.scripted import Outbox, eventually

MEDIUM = "ringcentral:1:medium"


def fill(session: Session, /, outbox: Outbox, count: int, **changes: object) -> None:
    """So many texts that have been due for a minute."""
    due_at = outbox.clock.now() - timedelta(seconds=60)
    for _ in range(count):
        makers.add_delivery(
            session, outbox.clock.now(), **{"side": "ringcentral", "due_at": due_at} | changes
        )


async def test_a_noisy_inbox_lets_another_go_next(outbox: Outbox) -> None:
    """300 texts of one inbox are due first; another's single text is the next but one."""
    await outbox.database.write(fill, outbox, 300, gate=MEDIUM, source="inbox:1")
    await outbox.start(budget_of=lambda _: Budget(2, 1))
    await eventually(lambda: len(outbox.ringcentral.sent) >= 4)
    sent_before = len(outbox.ringcentral.sent)
    other = await outbox.owe(side="ringcentral", gate=MEDIUM, source="inbox:2")
    await outbox.expect_state(other, "accepted", seconds=15)
    assert outbox.ringcentral.sent_ids.index(other.subject_id) <= sent_before + 2


async def test_two_noisy_inboxes_share_alike(outbox: Outbox) -> None:
    """Where permits come singly, each of two long queues has every second one."""
    await outbox.database.write(fill, outbox, 60, gate=MEDIUM, source="inbox:1")
    await outbox.database.write(
        fill, outbox, 60, gate=MEDIUM, source="inbox:2", due_at=outbox.clock.now()
    )
    await outbox.start(budget_of=lambda _: Budget(1, 1))
    await eventually(lambda: len(outbox.ringcentral.sent) >= 4, seconds=30)
    sources = [
        (await outbox.database.read(makers.get_delivery, each, "ringcentral")).source
        for each in outbox.ringcentral.sent_ids[:4]
    ]
    assert sorted(sources) == ["inbox:1", "inbox:1", "inbox:2", "inbox:2"]
    assert sources[0] != sources[1]


async def test_a_broadcast_waits_for_replies(outbox: Outbox) -> None:
    """A reply behind 300 texts of a broadcast goes with the next permit."""
    await outbox.database.write(fill, outbox, 300, gate=MEDIUM, source="inbox:1", priority=BULK)
    await outbox.start(budget_of=lambda _: Budget(2, 1))
    await eventually(lambda: len(outbox.ringcentral.sent) >= 2)
    sent_before = len(outbox.ringcentral.sent)
    reply = await outbox.owe(side="ringcentral", gate=MEDIUM, source="inbox:1", priority=REPLY)
    await outbox.expect_state(reply, "accepted", seconds=15)
    assert outbox.ringcentral.sent_ids.index(reply.subject_id) <= sent_before + 2


async def test_channels_that_hang_delay_no_text(outbox: Outbox) -> None:
    """Slack answers nothing in ten channels; texts to phones leave, and a page to Slack starts."""
    outbox.slack.gate.clear()
    for number in range(10):
        for _ in range(4):
            await outbox.owe(gate=f"slack:T1:post:C{number}")
    await outbox.start(in_flight=24)
    await eventually(lambda: len(outbox.slack.sent) >= 16)
    text = await outbox.owe(side="ringcentral")
    await outbox.expect_state(text, "accepted", seconds=5.0)
    page = await outbox.owe(gate="slack:T1:post:C1", priority=0)
    await eventually(lambda: page.subject_id in outbox.slack.sent_ids)


async def test_a_workspace_posts_no_more_than_it_may(outbox: Outbox, database: Database) -> None:
    """However many channels there are, together they stay below the workspace's limit, in turn."""

    def budget_of(key: str) -> Budget:
        return Budget(12, 600) if key == "slack:T1:posts" else Budget(10, 10)

    for number in range(6):
        for _ in range(5):
            await outbox.owe(gate=f"slack:T1:post:C{number}")
    await outbox.start(budget_of=budget_of)
    await eventually(lambda: len(outbox.slack.sent) == 12)
    before = database.counts.units
    channels = {each.gate for each in outbox.slack.sent}
    assert len(channels) == 6, "each channel had its turn"
    await outbox.owe(gate="slack:T1:post:C1")
    await outbox.owe(gate="slack:T2:post:C1")
    await eventually(lambda: len(outbox.slack.sent) == 13)
    assert outbox.slack.sent[-1].gate == "slack:T2:post:C1", "another workspace has its own"
    assert database.counts.units - before < 20, "nobody asks over and over"
