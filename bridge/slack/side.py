"""The Slack side put together: what the composition root starts, mounts and hands on."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp

from bridge.clock import Clock
from bridge.outbox.gates import Gates
from bridge.settings import Settings
from bridge.slack.actions import Actions
from bridge.slack.catchup import CatchUp
from bridge.slack.client import SlackClient
from bridge.slack.commands import Commands
from bridge.slack.connecting import CommandSettings, Connecting, OwnNumbers
from bridge.slack.doctoring import Doctoring, Examine
from bridge.slack.examine import SlackExamination
from bridge.slack.guard import SlackGuard
from bridge.slack.inbound import Inbound
from bridge.slack.installation import Installation
from bridge.slack.listeners import Listeners
from bridge.slack.people import People
from bridge.slack.sender import SlackSender
from bridge.slack.signs import SlackSigns
from bridge.slack.socket import SocketMode
from storage import workspaces
from storage.database import Database


class SlackSide:
    """`asgi` answers /slack/*, None without a signing secret; `sender` is the outbox's.

    `phone_text_of(markup, team_id, author_id)` gives what a phone shows, Refused, or TryLater.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        gates: Gates,
        clock: Clock,
    ) -> None:
        self._settings, self._database = settings, database
        self.client = SlackClient(
            settings.slack_bot_token.get_secret_value(), settings.slack_api_url, gates
        )
        self.installation = Installation(database, self.client, clock)
        self.people = People(database, self.client, clock, settings.administrator_ids)
        told = CommandSettings(settings.command, settings.region, settings.hold_seconds)
        self._connecting = Connecting(database, clock, self.client, self.installation, told)
        self._inbound = Inbound(
            database,
            clock,
            self.installation,
            self.people,
            offer_after_seconds=settings.offer_after_seconds,
        )
        self.catch_up = CatchUp(database, self.client, self.installation, self._inbound)
        self._inbound.on_regained = self.catch_up.wake
        self.examination = SlackExamination(settings, database, self.client, clock)
        self._doctoring = Doctoring(settings.command)
        self.listeners = self._listeners(database, clock, told)
        self._signs = SlackSigns(database)
        self.sender = SlackSender(
            self.client,
            self.people,
            {
                "numbers": self._connecting.list_numbers,
                "connect": self._connecting.connect,
                "doctor": self._doctoring.tell_findings,
            },
            self._signs,
            command=settings.command,
            region=settings.region,
        )
        self.phone_text_of = self.people.phone_text_of
        self.asgi = self._guarded()
        self._socket = self._socket_mode(database, clock)
        self._tasks: list[asyncio.Task[None]] = []

    def _listeners(self, database: Database, clock: Clock, told: CommandSettings) -> Listeners:
        commands = Commands(database, clock, self.client, self.installation, self.people, told)
        actions = Actions(database, clock, self.people)
        return Listeners(
            self.client, self.installation, self._inbound, commands, actions, command=told.command
        )

    def _guarded(self) -> ASGIApp | None:
        secret = self._settings.slack_signing_secret
        if secret is None:
            return None
        return SlackGuard(self.listeners.answer, secret.get_secret_value())

    def _socket_mode(self, database: Database, clock: Clock) -> SocketMode | None:
        token = self._settings.slack_app_token
        if token is None:
            return None
        return SocketMode(
            self.listeners,
            self.client,
            token.get_secret_value(),
            database,
            clock,
            self._signs,
            silent_after_seconds=self._settings.silent_seconds,
            on_connected=self.catch_up.wake,
        )

    async def open(self) -> None:
        """Make ready to ask, as of the workspace on file, without asking or running anything."""
        await self.client.open()
        known = await self._database.read(workspaces.find_installed)
        if len(known) == 1:
            self.client.team_id = known[0].team_id

    async def start(self, *, receives: bool = True) -> None:
        """Learn whose token it is, then listen. Raises StartRefused for a token Slack refuses.

        A process that only works off the outbox does not receive.
        """
        await self.client.open()
        token = self._settings.slack_bot_token.get_secret_value()
        await self.installation.learn(token, self._settings.administrator_ids)
        if receives and self._socket is not None:
            await self._socket.start()
        if receives:
            self._tasks.append(asyncio.create_task(self.catch_up.run(), name="slack catch-up"))
        elif self._socket is not None:
            self._tasks.append(asyncio.create_task(self._signs.keep_shared(), name="slack signs"))

    async def stop(self) -> None:
        """Stop listening, then close the session."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        if self._socket is not None:
            await self._socket.stop()
        self.installation.close()
        await self.client.close()

    def use_numbers(self, own_numbers: OwnNumbers) -> None:
        """Ask the other side for our numbers from now on; it is built after this one."""
        self._connecting.own_numbers = own_numbers

    def use_doctor(self, examine: Examine) -> None:
        """Ask this for what `doctor` answers from now on; it needs both sides."""
        self._doctoring.examine = examine


def build_slack(settings: Settings, database: Database, gates: Gates, clock: Clock) -> SlackSide:
    """The Slack side of one process, not started yet."""
    return SlackSide(settings, database, gates, clock)
