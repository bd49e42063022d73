"""The bridge's processes, which are killed and stopped for real, and what stands in front of them.

On SQLite one process does it all. On PostgreSQL two listen and two work, behind a balancer.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import aiohttp

from bridge.sandbox.supervisor import LOOPBACK, free_port

Engine = Literal["sqlite", "postgresql"]
LOOK_SECONDS = 0.1
START_SECONDS = 60.0
STOP_SECONDS = 30.0
CHUNK_BYTES = 65_536


class FleetFailed(Exception):
    """The bridge could not be brought up; its text says where to look."""


@dataclass
class Child:
    """One process of the bridge."""

    name: str
    roles: str
    port: int
    environment: Mapping[str, str]
    log_path: Path
    monitor_port: int = 0
    is_wanted: bool = False
    is_frozen: bool = False
    kills: int = 0
    own_deaths: list[int] = field(default_factory=list)
    _process: asyncio.subprocess.Process | None = field(default=None, init=False)
    _is_told_to_end: bool = field(default=False, init=False)

    @property
    def ready_port(self) -> int:
        """Where it is asked whether it is ready."""
        return self.monitor_port or self.port

    @property
    def is_running(self) -> bool:
        """Started and not ended; a frozen one runs."""
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Start it; whether it is ready is asked by `is_ready`."""
        with self.log_path.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "tests.chaos.victim",
                env={
                    **self.environment,
                    "PORT": str(self.port),
                    "BRIDGE_MONITOR_PORT": str(self.monitor_port),
                    "VICTIM_ROLES": self.roles,
                },
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is ours to pass on
            )

    async def kill(self) -> None:
        """End it at once."""
        if self._process is not None and self.is_running:
            self.kills += 1
            self._process.kill()
            await self._process.wait()

    def restart(self) -> None:
        """Ask it to end, as for a new setting; whoever keeps it alive starts it again."""
        if self._process is not None and self.is_running:
            self.thaw()
            self._is_told_to_end = True
            self._process.terminate()

    def freeze(self) -> None:
        """Stop it in the middle of whatever it does."""
        if self._process is not None and self.is_running:
            self.is_frozen = True
            self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        if self._process is not None and self.is_running:
            self._process.send_signal(signal.SIGCONT)
        self.is_frozen = False

    async def stop(self) -> None:
        """Ask it to end; killed where it does not."""
        self.is_wanted = False
        if self._process is None or not self.is_running:
            return
        self.thaw()
        self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), STOP_SECONDS)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    def note_death(self) -> None:
        """It ended: by our hand, or by itself."""
        assert self._process is not None, "it has run"
        code = self._process.returncode
        is_told = self._is_told_to_end and code == 0
        self._is_told_to_end = False
        if code not in (None, -signal.SIGKILL) and not is_told:
            self.own_deaths.append(code or 0)


class Fleet:
    """All processes; what dies is started again, as a process manager does."""

    def __init__(self, children: Sequence[Child], url: str, dice: random.Random) -> None:
        self.children, self.url, self._dice = children, url, dice

    @property
    def kills(self) -> int:
        """How many were killed by us."""
        return sum(each.kills for each in self.children)

    @property
    def own_deaths(self) -> list[int]:
        """Exit codes of those that ended by themselves."""
        return [code for each in self.children for code in each.own_deaths]

    @property
    def workers(self) -> list[Child]:
        """Those that send."""
        return [each for each in self.children if "worker" in each.roles]

    async def kill_one(self) -> None:
        """End one of them, whichever."""
        await self._dice.choice(self.children).kill()

    def restart_all(self) -> None:
        """End all of them gracefully; they are started again."""
        for each in self.children:
            each.restart()

    async def until_ready(self) -> None:
        """Wait until all of them are; raises FleetFailed."""
        async with aiohttp.ClientSession() as session:
            for child in self.children:
                await _until_ready(child, session)

    async def keep_alive(self) -> None:
        """Start again whatever is not running, until cancelled."""
        while True:
            for child in self.children:
                if child.is_wanted and not child.is_running:
                    child.note_death()
                    await asyncio.sleep(self._dice.uniform(0.0, 0.5))
                    await child.start()
            await asyncio.sleep(LOOK_SECONDS)


async def _until_ready(child: Child, session: aiohttp.ClientSession) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(START_SECONDS):
            while True:
                with contextlib.suppress(aiohttp.ClientError):
                    address = f"http://{LOOPBACK}:{child.ready_port}/health/ready"
                    async with session.get(address) as answer:
                        if answer.status == 200:
                            return
                await asyncio.sleep(LOOK_SECONDS)
    raise FleetFailed(f"The bridge is not ready; its log is {child.log_path}.")


@contextlib.asynccontextmanager
async def running_fleet(
    engine: Engine, folder: Path, environment: Mapping[str, str], port: int, dice: random.Random
) -> AsyncIterator[Fleet]:
    """The bridge's processes, reached at `port`, until the context ends."""
    if engine == "sqlite":
        names = [("up", "web,worker", port, 0)]
    else:
        names = [(f"web{each}", "web", free_port(), 0) for each in (1, 2)]
        names += [(f"worker{each}", "worker", 0, free_port()) for each in (1, 2)]
    children = [
        Child(name, roles, own_port, environment, folder / f"{name}.log", monitor_port)
        for name, roles, own_port, monitor_port in names
    ]
    fleet = Fleet(children, f"http://{LOOPBACK}:{port}", dice)
    async with contextlib.AsyncExitStack() as ending:
        if engine == "postgresql":
            backends = [each.port for each in children if each.port]
            await ending.enter_async_context(balanced(port, backends))
        ending.push_async_callback(_stop_all, children)
        for child in children:
            child.is_wanted = True
            await child.start()
        await fleet.until_ready()
        keeper = asyncio.create_task(fleet.keep_alive(), name="process manager")
        ending.push_async_callback(_end, keeper)
        yield fleet


async def _stop_all(children: Sequence[Child]) -> None:
    await asyncio.gather(*(each.stop() for each in children))


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


@contextlib.asynccontextmanager
async def balanced(port: int, backends: Sequence[int]) -> AsyncIterator[None]:
    """A round robin of connections on loopback, as simple as those in front of real processes."""
    turns = itertools.cycle(range(len(backends)))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = next(turns)
        for offset in range(len(backends)):
            backend = backends[(first + offset) % len(backends)]
            try:
                to_reader, to_writer = await asyncio.open_connection(LOOPBACK, backend)
            except OSError:
                continue
            await asyncio.gather(_pass_on(reader, to_writer), _pass_on(to_reader, writer))
            return
        writer.close()

    server = await asyncio.start_server(serve, LOOPBACK, port)
    try:
        yield
    finally:
        server.close()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(CHUNK_BYTES):
            writer.write(data)
            await writer.drain()
    writer.close()
