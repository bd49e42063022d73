"""Stopping: what is in flight ends within a bound, and nothing is lost or sent twice by it."""

import asyncio
import signal
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from bridge.sandbox.ringcentral import NUMBER, RingCentralSimulator
from bridge.sandbox.slack import SlackSimulator
from bridge.sandbox.slack.messages import Message
from bridge.sandbox.supervisor import BridgeProcess, bridge_environment, free_port
from bridge.serve import STOP_SECONDS
from tests.scenarios.world import slack_of_scenarios

ALICE = "+14155550100"
WAIT_SECONDS = 20.0
UP = ("-m", "bridge", "up")


async def until(look: Callable[[], bool]) -> None:
    """Wait until it is so, within a bound."""
    async with asyncio.timeout(WAIT_SECONDS):
        while True:
            if look():
                return
            await asyncio.sleep(0.02)


@dataclass
class Running:
    """The bridge as a process of its own, with one conversation."""

    slack: SlackSimulator
    ringcentral: RingCentralSimulator
    process: BridgeProcess
    database: Path
    root: Message

    async def reply(self, text: str) -> None:
        """Somebody writes in the thread."""
        await self.slack.say("Bea", "front-desk", text, thread_ts=self.root.ts)

    async def until_started(self) -> None:
        """A text is being sent: its attempt is on file."""
        await until(self._has_started)

    def _has_started(self) -> bool:
        with sqlite3.connect(self.database) as connection:
            query = "SELECT 1 FROM delivery WHERE side = 'ringcentral' AND state = 'started'"
            return connection.execute(query).fetchone() is not None

    async def end(self) -> tuple[int, float]:
        """SIGTERM; the exit code, and after how many seconds."""
        psutil.Process(self.process.pid).send_signal(signal.SIGTERM)
        since = time.monotonic()
        async with asyncio.timeout(STOP_SECONDS + 10):
            return await self.process.wait(), time.monotonic() - since

    def texts(self) -> list[str]:
        """What reached Alice's phone."""
        return self.ringcentral.phone(ALICE).texts_received


@pytest.fixture
async def running(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Running]:
    """A bridge with one conversation, whose sends may take six seconds."""
    async with slack_of_scenarios() as slack, RingCentralSimulator() as ringcentral:
        port = free_port()
        slack.install(request_url=f"http://127.0.0.1:{port}/slack/events", mode="http")
        environment = bridge_environment(
            slack,
            ringcentral,
            database_url=sqlite_url,
            port=port,
            BRIDGE_HOLD_SECONDS="0",
            BRIDGE_SEND_SECONDS="6",
            BRIDGE_LOOK_SECONDS="0.2,0.4,1",
        )
        process = BridgeProcess(port, environment, tmp_path / "bridge.log", UP)
        await process.start()
        try:
            await slack.command("Ada", "front-desk", "/sms", f"connect {NUMBER}")
            await slack.wait_for(lambda: slack.private_answers("Ada"), WAIT_SECONDS)
            await ringcentral.phone(ALICE).texts("Hello", to=NUMBER)
            threads = await slack.wait_for(
                lambda: slack.channel("front-desk").threads, WAIT_SECONDS
            )
            database = Path(sqlite_url.removeprefix("sqlite:///"))
            yield Running(slack, ringcentral, process, database, threads[0])
        finally:
            await process.kill()


async def test_a_slow_send_is_ended_and_sent_once(running: Running) -> None:
    """SIGTERM while RingCentral takes three seconds: the text is sent, once, and the exit is 0."""
    running.ringcentral.faults.add("slow", path="/sms$", seconds=3)
    await running.reply("Yes")
    await running.until_started()
    code, seconds = await running.end()
    assert (code, running.texts()) == (0, ["Yes"])
    assert seconds < STOP_SECONDS
    await running.process.start()
    await running.reply("And now")
    await running.ringcentral.phone(ALICE).wait_for_text("And now")
    assert running.texts() == ["Yes", "And now"]


async def test_a_provider_that_hangs_does_not_hold_the_end_up(running: Running) -> None:
    """The process ends within the bound; the next one looks, and the text has been sent once."""
    running.ringcentral.faults.add("slow_after", path="/sms$", seconds=60)
    await running.reply("Yes")
    await running.until_started()
    _, seconds = await running.end()
    assert seconds < STOP_SECONDS + 2
    await running.process.start()
    await running.reply("And now")
    await running.ringcentral.phone(ALICE).wait_for_text("And now", WAIT_SECONDS)
    assert running.texts() == ["Yes", "And now"]


async def test_a_second_signal_ends_at_once(running: Running) -> None:
    """Whoever presses Ctrl-C twice does not wait; what was started is looked up afterwards."""
    running.ringcentral.faults.add("slow_after", path="/sms$", seconds=60)
    await running.reply("Yes")
    await running.until_started()
    psutil.Process(running.process.pid).send_signal(signal.SIGINT)
    log = running.process.log_path
    await until(lambda: "bridge.stopping" in log.read_text())
    code, seconds = await running.end()
    assert code == 1
    assert seconds < 3
    await running.process.start()
    await running.reply("And now")
    await running.ringcentral.phone(ALICE).wait_for_text("And now", WAIT_SECONDS)
    assert running.texts() == ["Yes", "And now"]


async def test_a_start_is_ended_while_slack_hangs(running: Running) -> None:
    """A signal before the bridge serves anything is heeded as well."""
    await running.end()
    hanging = running.slack.faults.add("slow", path="auth.test", seconds=60, times=None)
    starting = asyncio.create_task(running.process.start())
    await until(lambda: hanging.hits > 0)
    code, seconds = await running.end()
    await asyncio.wait([starting])
    assert starting.exception() is not None
    assert code == 0
    assert seconds < 5
