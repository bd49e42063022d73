"""The bridge as a child process of a sandbox or a test, known by its command line alone."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import aiohttp
from cryptography.fernet import Fernet

from bridge.sandbox import ringcentral as carrier
from bridge.sandbox import slack as workspace

START_SECONDS = 30.0
STOP_SECONDS = 30.0
LOOPBACK = "127.0.0.1"


class SlackAddress(Protocol):
    """Where a simulated Slack listens, be it in this process or another."""

    @property
    def api_url(self) -> str: ...


class RingCentralAddress(Protocol):
    """Where a simulated RingCentral listens."""

    @property
    def url(self) -> str: ...


class SandboxFailed(Exception):
    """The sandbox could not be brought up; its text says where to look."""


@dataclass
class BridgeProcess:
    """The bridge as a child process, on one port, with one environment and one log."""

    port: int
    environment: Mapping[str, str]
    log_path: Path
    program: tuple[str, ...] = ("-m", "bridge", "up")
    _process: asyncio.subprocess.Process | None = field(default=None, init=False)

    @property
    def url(self) -> str:
        """Where the bridge listens."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def is_running(self) -> bool:
        """False before the start, after the end, and after a death."""
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int:
        """Its process id, for whoever measures or kills it."""
        assert self._process is not None, "started before"
        return self._process.pid

    async def run_command(self, *arguments: str) -> int:
        """Run one of the bridge's other commands to its end; its exit code."""
        with self.log_path.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "bridge",
                *arguments,
                env=dict(self.environment),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return await process.wait()

    async def start(self) -> None:
        """Start it and wait until it is ready; raises SandboxFailed where it is not."""
        with self.log_path.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                *self.program,
                env=dict(self.environment),
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is ours to pass on
            )
        await self._until_ready()

    async def stop(self) -> int:
        """Ask it to end and wait; killed where it does not. Its exit code."""
        if self._process is None:
            return 0
        if self._process.returncode is None:
            self._process.terminate()
            try:
                async with asyncio.timeout(STOP_SECONDS):
                    await self._process.wait()
            except TimeoutError:
                await self.kill()
        assert self._process.returncode is not None, "waited for"
        return self._process.returncode

    async def kill(self) -> None:
        """End it at once, as a crash would."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def wait(self) -> int:
        """Wait until it ends; its exit code."""
        assert self._process is not None, "started before"
        return await self._process.wait()

    async def _until_ready(self) -> None:
        async with aiohttp.ClientSession() as session:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(START_SECONDS):
                    while self.is_running:
                        with contextlib.suppress(aiohttp.ClientError):
                            async with session.get(f"{self.url}/health/ready") as answer:
                                if answer.status == 200:
                                    return
                        await asyncio.sleep(0.05)
        raise SandboxFailed(f"The bridge did not start; its log is {self.log_path}.")


def bridge_environment(
    slack: SlackAddress,
    ringcentral: RingCentralAddress,
    *,
    database_url: str,
    port: int,
    socket_mode: bool = False,
    **overrides: str,
) -> dict[str, str]:
    """The environment of a bridge that works against these simulators."""
    slack_way = (
        {"SLACK_APP_TOKEN": workspace.APP_TOKEN}
        if socket_mode
        else {"SLACK_SIGNING_SECRET": workspace.SIGNING_SECRET}
    )
    return {
        "PATH": os.environ.get("PATH", ""),
        "PYTHONPATH": os.pathsep.join(sys.path),
        "DATABASE_URL": database_url,
        "BRIDGE_SECRET_KEYS": Fernet.generate_key().decode(),
        "BRIDGE_PUBLIC_URL": f"http://{LOOPBACK}:{port}",
        "BRIDGE_HOST": LOOPBACK,
        "PORT": str(port),
        "SLACK_BOT_TOKEN": workspace.BOT_TOKEN,
        "SLACK_API_URL": slack.api_url,
        **slack_way,
        "RINGCENTRAL_CLIENT_ID": carrier.CLIENT_ID,
        "RINGCENTRAL_CLIENT_SECRET": carrier.CLIENT_SECRET,
        "RINGCENTRAL_JWT": carrier.JWT,
        "RINGCENTRAL_SERVER_URL": ringcentral.url,
        **overrides,
    }


def free_port() -> int:
    """A port on loopback that nothing uses now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def is_free(port: int) -> bool:
    """Whether nothing listens on this port of loopback now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True
