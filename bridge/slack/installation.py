"""What a process keeps in memory of its workspace: the installation and the inbox channels."""

from __future__ import annotations

import asyncio
from datetime import datetime

import structlog
from slack_bolt.authorization import AuthorizeResult
from sqlmodel import Session

from bridge.clock import Clock
from bridge.errors import ProviderProblem, StartRefused
from bridge.slack.client import (
    AnswerLost,
    NotReached,
    SlackClient,
    SlackProblem,
    SlackRefused,
)
from storage import inboxes, workspaces
from storage.database import Database
from storage.tables import Inbox, Workspace

log = structlog.get_logger(__name__)


class AppRemoved(Exception):
    """Slack has taken the token back: what comes now has to come again once there is another."""


class Installation:
    """The workspace of the bot token, and which of its channels are inboxes today.

    Read again after the signals "inboxes" and "workspaces", so that an event of any other channel
    is dropped before it reaches storage or a log.
    """

    def __init__(self, database: Database, client: SlackClient, clock: Clock) -> None:
        self._database, self._client, self._clock = database, client, clock
        self._workspace: Workspace | None = None
        self._inboxes: dict[str, Inbox] = {}
        self._former: frozenset[str] = frozenset()
        self._reading = asyncio.Lock()
        self._stale = True
        self._forget = [
            database.on_signal("inboxes", self._become_stale),
            database.on_signal("workspaces", self._become_stale),
        ]

    def close(self) -> None:
        """Stop listening to signals."""
        for forget in self._forget:
            forget()

    async def learn(self, token: str, administrator_ids: frozenset[str]) -> None:
        """Ask Slack whose token this is; where Slack is away, what was learnt before serves.

        Raises StartRefused where Slack does not accept the token.
        """
        try:
            told = await self._client.deliver("auth.test")
        except (NotReached, AnswerLost) as problem:
            await self._remember(problem)
            return
        except SlackProblem as problem:
            raise StartRefused(
                f"Slack does not accept SLACK_BOT_TOKEN ({problem.code}): copy the Bot User OAuth "
                "Token from your app's OAuth & Permissions page."
            ) from problem
        workspace = Workspace(
            team_id=told["team_id"],
            name=told.get("team") or "",
            url=told.get("url") or "",
            bot_user_id=told["user_id"],
            bot_id=told.get("bot_id") or "",
            bot_token=token,
            administrator_ids=sorted(administrator_ids),
            revoked_at=None,
        )
        await self._database.write(workspaces.put, workspace)
        self._client.team_id = workspace.team_id
        await self.refresh()

    async def _remember(self, problem: ProviderProblem) -> None:
        known = await self._database.read(workspaces.find_installed)
        if len(known) != 1:
            raise StartRefused(
                "Slack could not be reached, and this database has never seen the workspace: "
                "check SLACK_API_URL and the network, then start again."
            ) from problem
        log.warning("slack.start_unreached", error=problem.code)
        self._client.team_id = known[0].team_id
        await self.refresh()

    def _become_stale(self) -> None:
        self._stale = True

    async def refresh(self) -> None:
        """Read the workspace and its inboxes again."""
        self._stale = True
        await self._fresh()

    async def _fresh(self) -> None:
        if not self._stale:
            return
        async with self._reading:
            await self._read_again()

    async def _read_again(self) -> None:
        if not self._stale:  # whoever held the lock before read it
            return
        self._stale = False  # before reading: a signal meanwhile asks for another
        try:
            known = await self._database.read(_read, self._client.team_id)
        except BaseException:
            self._stale = True
            raise
        self._workspace, connected, self._former = known
        self._inboxes = {each.channel_id: each for each in connected}

    async def workspace(self) -> Workspace:
        """The workspace; raises AppRemoved once it has taken its token back."""
        await self._fresh()
        known = self._workspace
        if known is None or known.revoked_at is not None:
            raise AppRemoved("install the app again and start the bridge with its new token")
        return known

    async def has_inbox(self, channel_id: str) -> bool:
        """True where the channel is an inbox today."""
        await self._fresh()
        return channel_id in self._inboxes

    async def had_inbox(self, channel_id: str) -> bool:
        """True where the channel was an inbox once: its threads still invite replies."""
        await self._fresh()
        return channel_id in self._former

    async def inboxes(self) -> list[Inbox]:
        """The connected inboxes of this workspace."""
        await self._fresh()
        return list(self._inboxes.values())

    async def authorize(self, team_id: str | None) -> AuthorizeResult | None:
        """Bolt's question whom it serves: answered from memory, without auth.test.

        Raises AppRemoved: what Bolt finds nobody to serve for, it acknowledges.
        """
        workspace = await self.workspace()
        if workspace.team_id != team_id:
            return None
        return AuthorizeResult(
            enterprise_id=None,
            team_id=workspace.team_id,
            bot_id=workspace.bot_id,
            bot_user_id=workspace.bot_user_id,
            bot_token=workspace.bot_token,
        )

    async def revoke(self, team_id: str, now: datetime) -> bool:
        """The workspace took its token back, unless Slack says that ours is good.

        Slack repeats what was not acknowledged, also when the app is long installed again. Raises
        SlackProblem where Slack does not say.
        """
        try:
            await self._client.deliver("auth.test")
        except SlackRefused as refused:
            await self._database.write(workspaces.revoke, team_id, now)
            log.warning("slack.token_revoked", team_id=team_id, error=refused.code)
            return True
        log.info("slack.token_still_good", team_id=team_id)
        return False


def _read(session: Session, team_id: str) -> tuple[Workspace | None, list[Inbox], frozenset[str]]:
    connected = [each for each in inboxes.find_connected(session) if each.team_id == team_id]
    former = frozenset(inboxes.find_disconnected_channels(session, team_id))
    return workspaces.get(session, team_id), connected, former
