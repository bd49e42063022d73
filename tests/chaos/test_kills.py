"""Promise 1 and 2: whatever is killed when, every text is on the other side exactly once.

The bridge is a child process that is really killed. The simulators and this test outlive it.
"""

import asyncio
import random
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from bridge.sandbox.ringcentral import NUMBER, RingCentralSimulator
from bridge.sandbox.slack import SlackSimulator
from bridge.sandbox.supervisor import BridgeProcess, SandboxFailed, bridge_environment, free_port

ALICE = "+14155550100"
CHANNEL = "front-desk"
SETTLE_SECONDS = 60.0
RANDOM_KILLS = 18
SEED = 20261123

IN_AND_OUT_STEPS = [
    "delivery.attempted kind=open",  # the card is posted, the text that opened it is not
    "ringcentral.notification_received",  # recorded, not acknowledged
    "slack.event_received",
    *(
        f"delivery.{step} side={side}"
        for side in ("slack", "ringcentral")
        for step in ("claimed", "prepared", "started", "sent", "attempted")
    ),
    "delivery.sent kind=mark",
    "delivery.started kind=update",
]
COMMAND_STEPS = [
    "slack.command_received",  # recorded, not acknowledged: the person is told that it failed
    *(
        f"delivery.{step} kind={kind}"
        for kind in ("open", "text")  # the card, then the text
        for step in ("prepared", "started", "sent", "attempted")
    ),
    "delivery.sent kind=post",  # what the thread shows of it
    "delivery.sent kind=reply",  # the link to the thread
]
POSTGRESQL_STEPS = [
    "ringcentral.notification_received",
    "slack.event_received",
    "delivery.claimed side=slack",
    "delivery.sent kind=open",
    "delivery.started side=ringcentral",
    "delivery.sent side=ringcentral",
]


@dataclass
class Rig:
    """Simulators that live, and a bridge that dies."""

    slack: SlackSimulator
    ringcentral: RingCentralSimulator
    bridge: BridgeProcess

    @property
    def armed_by(self) -> Path:
        """The file without which an armed bridge does not die."""
        return self.bridge.log_path.with_name("armed")

    async def restart(self, dies_at: str = "", *, once_armed: bool = False) -> None:
        """Start the bridge again after its death; what was left to do may kill it at once."""
        self.armed_by.unlink(missing_ok=True)
        self.bridge.environment = {
            **self.bridge.environment,
            "VICTIM_DIES_AT": dies_at,
            "VICTIM_ARMED_BY": str(self.armed_by) if once_armed else "",
        }
        try:
            await self.bridge.start()
        except SandboxFailed:
            if not dies_at or self.bridge.is_running:
                raise

    def shown(self) -> Counter[str]:
        """What the bridge posted in threads, by text; a late one's second line tells its time."""
        return Counter(
            each.shown.splitlines()[0]
            for each in self.slack.channel(CHANNEL).messages
            if each.bot_id == self.slack.bot_id and each.thread_ts is not None
        )

    def texted(self) -> Counter[str]:
        """What reached phones."""
        phones = self.ringcentral.world.carrier.phones.values()
        return Counter(text for phone in phones for text in phone.texts_received)

    async def until_all(self, sent_in: list[str], sent_out: list[str]) -> None:
        """Wait until each text is on the other side."""

        def missing() -> set[str]:
            return (set(sent_in) - set(self.shown())) | (set(sent_out) - set(self.texted()))

        try:
            await self.until(lambda: not missing(), "every text on the other side")
        except pytest.fail.Exception as failure:
            raise AssertionError(f"missing: {sorted(missing())}\n{failure}") from None

    async def until(self, condition: Callable[[], object], what: str) -> None:
        """Wait, within a bound."""
        try:
            async with asyncio.timeout(SETTLE_SECONDS):
                while not condition():  # noqa: ASYNC110  # a condition in another process
                    await asyncio.sleep(0.05)
        except TimeoutError:
            log = self.bridge.log_path.read_text()[-4000:]
            pytest.fail(f"never: {what}\n{log}")


@asynccontextmanager
async def rig(database_url: str, folder: Path) -> AsyncIterator[Rig]:
    """A connected inbox, ready to be killed."""
    port = free_port()
    # Slack retries for minutes and then for a day; here a day of deaths passes within a minute.
    slack = SlackSimulator(rate_limits=False, retry_delays_seconds=(1.0,) * 60)
    ringcentral = RingCentralSimulator(rate_limits=False)
    async with slack, ringcentral:
        environment = bridge_environment(
            slack,
            ringcentral,
            database_url=database_url,
            port=port,
            BRIDGE_HOLD_SECONDS="0",
            BRIDGE_RATE_LIMITS="0",
            BRIDGE_LOOK_SECONDS="0.3,0.6,1",
            BRIDGE_SEND_SECONDS="1.5",
            BRIDGE_SYNC_SECONDS="1",
        )
        bridge = BridgeProcess(
            port, environment, folder / "bridge.log", program=("-m", "tests.chaos.victim")
        )
        slack.install(request_url=f"{bridge.url}/slack/events", mode="http")
        made = Rig(slack, ringcentral, bridge)
        try:
            await bridge.start()
            await slack.command("Ada", CHANNEL, "/sms", f"connect {NUMBER}")
            await made.until(lambda: ringcentral.subscriptions, "the subscription")
            yield made
        finally:
            await bridge.stop()


@pytest.fixture
def postgres_database_url(
    postgres_template: str, new_postgres_database: Callable[[str], str]
) -> str:
    """A PostgreSQL database of this test's own."""
    return new_postgres_database(postgres_template)


@pytest.mark.timeout(280)
async def test_a_kill_at_each_step_loses_and_doubles_nothing(
    sqlite_url: str, tmp_path: Path
) -> None:
    """A process that dies between two steps leaves a state from which both paths are completed."""
    async with rig(sqlite_url, tmp_path) as made:
        await _die_at_each(made, IN_AND_OUT_STEPS)


@pytest.mark.timeout(280)
async def test_a_kill_at_a_step_on_postgresql_loses_and_doubles_nothing(
    postgres_database_url: str, tmp_path: Path
) -> None:
    """The same on the other engine, whose commits and locks are another's."""
    async with rig(postgres_database_url, tmp_path) as made:
        await _die_at_each(made, POSTGRESQL_STEPS)


@pytest.mark.timeout(280)
async def test_a_kill_at_each_step_of_a_command_loses_and_doubles_nothing(
    sqlite_url: str, tmp_path: Path
) -> None:
    """What `/sms` recorded gets its card, its text and its showing once, whatever dies between."""
    async with rig(sqlite_url, tmp_path) as made:
        await made.bridge.stop()
        texts: list[str] = []
        for number, step in enumerate(COMMAND_STEPS):
            await made.restart(dies_at=step, once_armed=True)
            await made.until_all(texts, texts)
            await made.until(lambda: not _owed(tmp_path), "nothing owed of what was before")
            made.armed_by.touch()
            texts.append(f"typed at {step}")
            typed = f"+1415555{140 + number:04d} {texts[-1]}"
            await made.slack.command("Bea", CHANNEL, "/sms", typed)
            assert await _dies_within(made, SETTLE_SECONDS), f"nobody died at {step}"
        await made.restart()
        await made.until_all(texts, texts)
        await _settled(made)
        assert made.shown() == Counter(texts)
        assert made.texted() == Counter(texts)
        links = [each for each in made.slack.private_answers("Bea") if "/archives/" in each.text]
        assert len(links) >= len(texts), "each is answered with its thread's address"


@pytest.mark.timeout(280)
async def test_kills_at_random_moments_lose_and_double_nothing(
    sqlite_url: str, tmp_path: Path
) -> None:
    """Under steady traffic and many kills, each text is on the other side exactly once."""
    dice = random.Random(SEED)  # repeatable, not secret
    async with rig(sqlite_url, tmp_path) as made:
        alice = made.ringcentral.phone(ALICE)
        await alice.texts("in first", to=NUMBER)
        await made.until(lambda: made.shown()["in first"], "the thread")
        sent_in, sent_out = ["in first"], []
        for kill in range(RANDOM_KILLS):
            until = asyncio.get_running_loop().time() + dice.uniform(0.05, 0.6)
            number = 0
            while asyncio.get_running_loop().time() < until:
                number += 1
                sent_in.append(f"in {kill}.{number}")
                await alice.texts(sent_in[-1], to=NUMBER)
                sent_out.append(f"out {kill}.{number}")
                await _reply(made, sent_out[-1])
                await asyncio.sleep(dice.uniform(0, 0.12))
            await made.bridge.kill()
            await made.restart()
        await made.until_all(sent_in, sent_out)
        await _settled(made)
        assert made.shown() == Counter(sent_in)
        assert made.texted() == Counter(sent_out)


async def _die_at_each(made: Rig, steps: Sequence[str]) -> None:
    alice = made.ringcentral.phone(ALICE)
    await alice.texts("in first", to=NUMBER)
    await made.until(lambda: made.shown()["in first"], "the thread")
    sent_in, sent_out = ["in first"], []
    await made.bridge.stop()
    for number, step in enumerate(steps):
        await made.restart(dies_at=step)
        sent_in += [f"in at {step}", f"new at {step}"]
        await made.ringcentral.phone(f"+14155550{110 + number}").texts(sent_in[-1], to=NUMBER)
        await alice.texts(sent_in[-2], to=NUMBER)
        sent_out.append(f"out at {step}")
        await _reply(made, sent_out[-1])
        assert await _dies_within(made, SETTLE_SECONDS), f"nobody died at {step}"
    await made.restart()
    await made.until_all(sent_in, sent_out)
    await _settled(made)
    assert made.shown() == Counter(sent_in)
    assert made.texted() == Counter(sent_out)


def _owed(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "bridge.db")) as database:
        (count,) = database.execute(
            "SELECT count(*) FROM delivery WHERE settled_at IS NULL"
        ).fetchone()
    return int(count)


async def _reply(made: Rig, text: str) -> None:
    card = await made.slack.wait_for(
        lambda: made.slack.channel(CHANNEL).threads, timeout_seconds=SETTLE_SECONDS
    )
    await made.slack.say("Bea", CHANNEL, text, thread_ts=card[0].ts)


async def _dies_within(made: Rig, seconds: float) -> bool:
    try:
        await asyncio.wait_for(made.bridge.wait(), seconds)
    except TimeoutError:
        return False
    return True


async def _settled(made: Rig) -> None:
    await made.slack.settled(timeout_seconds=SETTLE_SECONDS)
    await made.ringcentral.settled(timeout_seconds=SETTLE_SECONDS)
    await asyncio.sleep(4)  # longer than every look: what would be doubled has been by now
