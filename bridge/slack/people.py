"""People of Slack: their names, and who may text a customer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from bridge.clock import Clock
from bridge.outbox.outcome import Refused, TryLater
from bridge.relay.texts import storable
from bridge.slack import markup as marks
from bridge.slack.client import SlackClient, SlackProblem, SlackRefused, within
from storage import people as rows
from storage.database import Database
from storage.tables import SlackPerson

KEPT = timedelta(minutes=10)
NAME_KEPT = timedelta(days=1)  # a name may be old, a permission may not
COMMAND_SECONDS = 2.0  # a command must be answered within 3 s
PREPARE_SECONDS = 5.0
UNKNOWN_NAME = "someone"

REFUSALS = {
    "guest": "guests cannot text customers; ask a member of this workspace to send it",
    "stranger": "people of other organisations cannot text customers from here",
    "robot": "apps and bots cannot text customers",
    "deactivated": "this account is deactivated",
}


class People:
    """Names and standings, asked of Slack and kept for ten minutes."""

    def __init__(
        self,
        database: Database,
        client: SlackClient,
        clock: Clock,
        administrator_ids: frozenset[str],
    ) -> None:
        self._database, self._client, self._clock = database, client, clock
        self._administrator_ids = administrator_ids

    async def get(self, user_id: str, *, seconds: float = COMMAND_SECONDS) -> SlackPerson:
        """The person as Slack says now; raises SlackProblem where it does not answer in time."""
        team_id = self._client.team_id
        known = await self._database.read(rows.get, team_id, user_id)
        if known is not None and self._is_fresh(known, KEPT):
            return known
        return await within(seconds, self._ask(team_id, user_id))

    async def names_of(
        self, user_ids: Iterable[str], *, seconds: float = PREPARE_SECONDS
    ) -> dict[str, str]:
        """The names of several people; who cannot be found is "someone"."""
        wanted = sorted(set(user_ids))
        if not wanted:
            return {}
        known = await self._database.read(rows.find, self._client.team_id, wanted)
        names = {each.user_id: each.name for each in known if self._is_fresh(each, NAME_KEPT)}
        unknown = [each for each in wanted if each not in names]
        found = await asyncio.gather(*(self.get(each, seconds=seconds) for each in unknown))
        return names | {each.user_id: each.name for each in found}

    def is_administrator(self, person: SlackPerson) -> bool:
        """True for the workspace's own administrators and those named in the settings."""
        return person.is_administrator or person.user_id in self._administrator_ids

    async def remember(self, team_id: str, user: Any, now: datetime) -> None:
        """Take over what a user_change event says of somebody we have met."""
        if await self._database.read(rows.get, team_id, user["id"]) is not None:
            await self._database.write(rows.put, person_of(team_id, user, now))

    async def phone_text_of(
        self, markup: str, _team_id: str, author_id: str | None
    ) -> str | Refused | TryLater:
        """What a phone shows for a text written in Slack, or why its author may not send it.

        Refused's reason is guest, stranger, robot or deactivated; TryLater where Slack did not
        answer who that is.
        """
        try:
            if author_id is not None:
                author = await self.get(author_id, seconds=PREPARE_SECONDS)
                if author.standing != "member":
                    return Refused(author.standing)
            names = await self.names_of(marks.mentioned_user_ids(markup))
        except SlackProblem as problem:
            return TryLater(f"slack_{problem.code}")
        return marks.phone_text(markup, names)

    def _is_fresh(self, person: SlackPerson, kept: timedelta) -> bool:
        return self._clock.now() - person.read_at < kept

    async def _ask(self, team_id: str, user_id: str) -> SlackPerson:
        try:
            told = await self._client.ask("users.info", user=user_id)
        except SlackRefused as refused:
            if refused.code not in ("user_not_found", "user_not_visible"):
                raise
            # Slack hides people of other organisations whom the bot shares no channel with.
            return SlackPerson(
                team_id=team_id,
                user_id=user_id,
                name=UNKNOWN_NAME,
                standing="stranger",
                read_at=self._clock.now(),
            )
        person = person_of(team_id, told["user"], self._clock.now())
        await self._database.write(rows.put, person)
        return person


def person_of(team_id: str, user: Any, now: datetime) -> SlackPerson:
    """Slack's user object in our words."""
    profile = user.get("profile")
    profile = profile if isinstance(profile, dict) else {}
    name = (
        profile.get("display_name")
        or profile.get("real_name")
        or user.get("real_name")
        or user.get("name")
    )
    return SlackPerson(
        team_id=team_id,
        user_id=user["id"],
        name=marks.safe_name(storable(str(name or ""))) or UNKNOWN_NAME,
        standing=_standing_of(team_id, user),
        is_administrator=bool(user.get("is_admin") or user.get("is_owner")),
        read_at=now,
    )


def _standing_of(team_id: str, user: Any) -> str:
    if user.get("deleted"):
        return "deactivated"
    if user.get("is_stranger") or not _is_of_team(team_id, user):
        return "stranger"
    if user.get("is_bot") or user["id"] == "USLACKBOT":
        return "robot"
    if user.get("is_restricted") or user.get("is_ultra_restricted"):
        return "guest"
    return "member"


def _is_of_team(team_id: str, user: Any) -> bool:
    enterprise = user.get("enterprise_user") or {}
    return user.get("team_id") in (team_id, None) or team_id in (enterprise.get("teams") or [])
