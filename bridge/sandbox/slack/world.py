"""Everything a Web API method or a person's act can reach."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from bridge.sandbox.slack.clock import SlackClock
from bridge.sandbox.slack.installation import Installation
from bridge.sandbox.slack.triggers import Triggers
from bridge.sandbox.slack.views import ViewBoard
from bridge.sandbox.slack.workspace import Workspace


class SocketTickets(Protocol):
    def issue_ticket(self) -> str:
        """The address of a WebSocket that may be opened once."""


@dataclass(slots=True)
class World:
    """`base_url` is where this server listens, without a trailing slash."""

    clock: SlackClock
    workspace: Workspace
    triggers: Triggers
    views: ViewBoard
    sockets: SocketTickets
    base_url: str = ""

    @property
    def installation(self) -> Installation:
        return self.workspace.installation
