"""One running sandbox: the simulators, the bridge as a child, the clock, and what is kept of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
from cryptography.fernet import Fernet

from bridge.sandbox.bridge_process import (
    LOOPBACK,
    BridgeProcess,
    SandboxFailed,
    bridge_environment,
    free_port,
    is_free,
)
from bridge.sandbox.changes import Changes
from bridge.sandbox.ringcentral import RingCentralSimulator
from bridge.sandbox.ringcentral import keeping as ringcentral_keeping
from bridge.sandbox.shelf import Shelf
from bridge.sandbox.slack import SlackSimulator
from bridge.sandbox.slack import keeping as slack_keeping
from bridge.sandbox.slack.installation import Command
from bridge.sandbox.switches import Switchboard

# Slack repeats after a second, a minute and five minutes; a visitor who has killed the bridge and
# started it again is not left waiting for that minute.
RETRY_DELAYS_SECONDS = (1.0, 5.0, 15.0, 60.0, 300.0)
DELIVERED_AFTER_SECONDS = 1.5
# What became of a lost answer is settled while a visitor still watches.
SEND_SECONDS, LOOK_SECONDS = "6", "1,2,4"
SAVE_EVERY_SECONDS = 0.5
SMS = Command(
    "/sms",
    description="Text a phone number",
    usage_hint="+1 415 555 0155 Your table is ready",
)

Json = dict[str, Any]


@dataclass
class ProductClock:
    """Machine time plus an offset, or standing still at `paused_at`."""

    offset: timedelta = timedelta()
    paused_at: datetime | None = None

    def now(self) -> datetime:
        """Product time, aware UTC."""
        return self.paused_at or datetime.now(UTC) + self.offset

    def pause(self) -> None:
        """Stand still."""
        self.paused_at = self.now()

    def run(self) -> None:
        """Go on at real pace from where it stands; it never goes back."""
        if self.paused_at is not None:
            self.offset = self.paused_at - datetime.now(UTC)
            self.paused_at = None

    def forward(self, seconds: float) -> None:
        """Move on, paused or not."""
        self.offset += timedelta(seconds=seconds)
        if self.paused_at is not None:
            self.paused_at += timedelta(seconds=seconds)

    def as_json(self) -> Json:
        """What the simulators and the bridge are told."""
        return {
            "offset_seconds": self.offset.total_seconds(),
            "paused_at": self.paused_at.isoformat() if self.paused_at else None,
        }

    @classmethod
    def from_json(cls, told: Json) -> ProductClock:
        """What `as_json` wrote."""
        paused_at = told.get("paused_at")
        return cls(
            timedelta(seconds=float(told.get("offset_seconds", 0.0))),
            datetime.fromisoformat(paused_at) if paused_at else None,
        )


class Sandbox:
    """Everything of one sandbox in `folder`, which only one process may use at a time."""

    def __init__(
        self,
        folder: Path,
        *,
        is_fresh: bool = False,
        hold_seconds: float = 5.0,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.slack = SlackSimulator(retry_delays_seconds=RETRY_DELAYS_SECONDS)
        self.ringcentral = RingCentralSimulator(delivered_after_seconds=DELIVERED_AFTER_SECONDS)
        self.switchboard = Switchboard(self.slack, self.ringcentral)
        self.clock = ProductClock()
        self.changes = Changes()
        self.folder = folder
        self.page_port = 0
        self.problem = ""
        self.is_new = True
        self._is_fresh = is_fresh
        self._hold_seconds, self._settings = hold_seconds, dict(settings or {})
        self._shelf = Shelf(folder)
        self._token = secrets.token_urlsafe(24)
        self._sandbox_id = secrets.token_hex(4)
        self._secret_key = Fernet.generate_key().decode()
        self._http: aiohttp.ClientSession | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._changing = asyncio.Lock()
        self._state = "stopped"
        self._bridge: BridgeProcess | None = None

    @property
    def bridge(self) -> BridgeProcess:
        """The child; there from the start of the sandbox on."""
        assert self._bridge is not None, "entered before"
        return self._bridge

    # Life

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Bring the simulators up as they were left; the bridge is started apart."""
        with self._shelf.held():
            if self._is_fresh:
                await asyncio.to_thread(self._shelf.clear)
            kept = await asyncio.to_thread(self._shelf.read)
            self.is_new = not kept
            await self._start_simulators(kept)
            self._http = aiohttp.ClientSession()
            try:
                self._tasks = [asyncio.create_task(self._keep(), name="keeping the state")]
                yield
            finally:
                await self._stop()

    async def _start_simulators(self, kept: Json) -> None:
        ports = kept.get("ports", {})
        self.page_port = _usable(ports.get("page", 0))
        self._secret_key = kept.get("secret_key", self._secret_key)
        self._sandbox_id = kept.get("id", self._sandbox_id)
        self.clock = ProductClock.from_json(kept.get("clock", {}))
        told = self.clock.as_json()
        for clock in (self.slack.clock, self.ringcentral.clock):
            clock.pace.set_over_http(told)
        port = _usable(ports.get("bridge", 0)) or free_port()
        self.slack.install(mode="http", request_url=f"http://{LOOPBACK}:{port}/slack/events")
        self.slack.workspace.installation.commands = {
            SMS.name: Command(
                SMS.name,
                f"http://{LOOPBACK}:{port}/slack/events",
                SMS.should_escape,
                SMS.description,
                SMS.usage_hint,
            )
        }
        await self.slack.start(port=_usable(ports.get("slack", 0)))
        await self.ringcentral.start(port=_usable(ports.get("ringcentral", 0)))
        if "slack" in kept:
            slack_keeping.restore(self.slack, kept["slack"], self._shelf)
        if "ringcentral" in kept:
            ringcentral_keeping.restore(self.ringcentral, kept["ringcentral"], self._shelf)
        self._bridge = self._make_bridge(port)

    def _make_bridge(self, port: int) -> BridgeProcess:
        database_url = f"sqlite:///{self.folder / 'bridge.db'}"
        environment = bridge_environment(
            self.slack, self.ringcentral, database_url=database_url, port=port
        ) | {
            "BRIDGE_SECRET_KEYS": self._secret_key,
            "BRIDGE_HOLD_SECONDS": str(self._hold_seconds),
            "BRIDGE_SEND_SECONDS": SEND_SECONDS,
            "BRIDGE_LOOK_SECONDS": LOOK_SECONDS,
            "BRIDGE_SANDBOX_TOKEN": self._token,
            **self._settings,
        }
        return BridgeProcess(port, environment, self.folder / "bridge.log")

    async def _stop(self) -> None:
        self.changes.end()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.bridge.stop()
        if self._http is not None:
            await self._http.close()
        await self.slack.stop()
        await self.ringcentral.stop()
        await asyncio.to_thread(self._shelf.write, self._kept())

    # Keeping

    async def _keep(self) -> None:
        written = -1
        while True:
            revision = self.slack.changes.revision + self.ringcentral.changes.revision
            revision += self.changes.revision
            if revision != written:
                await asyncio.to_thread(self._shelf.write, self._kept())
                written = revision
            await asyncio.sleep(SAVE_EVERY_SECONDS)

    def _kept(self) -> Json:
        return {
            "id": self._sandbox_id,
            "secret_key": self._secret_key,
            "clock": self.clock.as_json(),
            "ports": {
                "page": self.page_port,
                "bridge": self.bridge.port,
                "slack": int(self.slack.url.rpartition(":")[2]),
                "ringcentral": self.ringcentral.port,
            },
            "slack": slack_keeping.snapshot(self.slack, self._shelf),
            "ringcentral": ringcentral_keeping.snapshot(self.ringcentral, self._shelf),
        }

    # The bridge

    async def start_bridge(self) -> None:
        """Start it in today's product time; raises SandboxFailed where it does not come up."""
        async with self._changing:
            if self.bridge.is_running:
                return
            self._show("starting")
            self.bridge.environment = {
                **self.bridge.environment,
                "BRIDGE_SANDBOX_CLOCK": json.dumps(self.clock.as_json()),
            }
            try:
                await self.bridge.start()
            except SandboxFailed as failure:
                self._show("stopped", str(failure))
                raise
            self._show("running")
            self._tasks.append(asyncio.create_task(self._watch_bridge(self.bridge.pid)))

    async def kill_bridge(self) -> None:
        """End it as a crash would."""
        async with self._changing:
            await self.bridge.kill()
            self._show("stopped")

    async def _watch_bridge(self, pid: int) -> None:
        code = await self.bridge.wait()
        if self.bridge.pid == pid and self._state == "running":
            self._show("stopped", f"It ended by itself with {code}; see {self.bridge.log_path}.")

    def _show(self, state: str, problem: str = "") -> None:
        self._state, self.problem = state, problem
        self.changes.note()

    def state(self) -> Json:
        """What the control bar shows."""
        return {
            "id": self._sandbox_id,
            "bridge": self._state,
            "problem": self.problem,
            "pid": self.bridge.pid if self.bridge.is_running else None,
            "hold_seconds": self._hold_seconds,
            "folder": str(self.folder),
            "clock": self.clock.as_json() | {"now": self.clock.now().isoformat()},
        }

    # Time

    async def move_clock(self, act: str, seconds: float = 0.0) -> None:
        """`pause`, `run` or `forward`; everybody is told before this returns."""
        match act:
            case "pause":
                self.clock.pause()
            case "run":
                self.clock.run()
            case "forward" if seconds > 0:
                self.clock.forward(seconds)
            case _:
                raise ValueError("pause, run, or forward by some seconds")
        told = self.clock.as_json()
        # the bridge last: what falls due with it finds the others in the new time already
        await self._post(f"{self.slack.url}/_sandbox/clock", told)
        await self._post(f"{self.ringcentral.url}/_sandbox/clock", told)
        if self.bridge.is_running:
            with contextlib.suppress(aiohttp.ClientError):
                await self._post(f"{self.bridge.url}/_sandbox/clock", told)
        self.changes.note()

    async def _post(self, url: str, body: Json) -> None:
        async with self.http.post(url, json=body, headers=self._headers) as answer:
            answer.raise_for_status()

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}"}

    @property
    def http(self) -> aiohttp.ClientSession:
        """The session this sandbox asks its parts with."""
        assert self._http is not None, "entered before"
        return self._http

    # X-ray

    async def xray(self) -> Json | None:
        """What the bridge tells of its outbox; None while it does not answer."""
        if not self.bridge.is_running:
            return None
        try:
            async with self.http.get(
                f"{self.bridge.url}/_sandbox/xray",
                headers=self._headers,
                timeout=aiohttp.ClientTimeout(total=3),
            ) as answer:
                if answer.status != 200:
                    return None
                seen: Json = await answer.json()
                return seen
        except (aiohttp.ClientError, TimeoutError):
            return None


def _usable(port: int) -> int:
    """The port if it is free, else 0 for any."""
    return port if port and is_free(port) else 0
