"""What the doctor asks Slack: the tokens, their scopes, the way in, and each inbox's channel."""

from __future__ import annotations

import asyncio
import hmac
import json
import secrets
from collections.abc import Mapping, Sequence
from datetime import timedelta
from email.utils import parsedate_to_datetime
from hashlib import sha256
from typing import Any

import aiohttp

from bridge.clock import Clock, machine_now
from bridge.findings import Check, Finding, clock_finding
from bridge.relay.numbers import format_number
from bridge.settings import Settings
from bridge.slack.client import SlackClient, SlackRefused, is_loopback
from storage import inboxes, workspaces
from storage.database import Database
from storage.tables import Inbox

EVENTS_PATH = "/slack/events"
REACH_SECONDS = 8.0

# What the manifests ask for; a test holds them to each other.
NEEDED_SCOPES = frozenset(
    {
        "commands",
        "chat:write",
        "chat:write.customize",
        "channels:history",
        "groups:history",
        "channels:read",
        "groups:read",
        "im:write",
        "reactions:write",
        "users:read",
    }
)

APP_PAGE = "your app's page at api.slack.com/apps"
TOKEN_REMEDY = (
    f"Install the app again (OAuth & Permissions on {APP_PAGE}) and set SLACK_BOT_TOKEN to the Bot "
    "User OAuth Token it shows."
)
APP_TOKEN_REMEDY = (
    f"Make an app-level token with the scope connections:write (Basic Information on {APP_PAGE}), "
    "set SLACK_APP_TOKEN to it, and switch on Socket Mode."
)


class SlackExamination:
    """Slack's part of the doctor. Nothing is posted."""

    def __init__(
        self, settings: Settings, database: Database, client: SlackClient, clock: Clock
    ) -> None:
        self._settings, self._database = settings, database
        self._client, self._clock = client, clock

    def checks(self) -> list[Check]:
        """Each with its name."""
        checks = [Check("Slack token", self._token)]
        if self._settings.slack_app_token is not None:
            checks.append(Check("Socket Mode", self._app_token))
        if self._settings.slack_signing_secret is not None:
            checks.append(Check("Slack over HTTP", self._way_in))
        return [*checks, Check("Channels", self._channels)]

    # The bot's token

    async def _token(self) -> list[Finding]:
        try:
            told, headers = await self._client.whose_token()
        except SlackRefused as refused:
            words = f"Slack refuses SLACK_BOT_TOKEN ({refused.code})."
            return [Finding("Slack token", "bad", words, TOKEN_REMEDY)]
        words = f"Slack takes it: {told.get('user') or 'the app'} in {told.get('team') or 'Slack'}."
        return [
            Finding("Slack token", "ok", words),
            _of_scopes(headers.get("x-oauth-scopes", "")),
            *await self._of_workspace(told),
            *self._of_clock(headers),
        ]

    async def _of_workspace(self, told: Mapping[str, Any]) -> list[Finding]:
        known = await self._database.read(workspaces.get, told["team_id"])
        if known is not None and known.revoked_at is None:
            return []
        if known is not None:
            words = "The workspace had taken its token back, and the bridge has not heard since."
            return [Finding("Workspace", "bad", words, "Start the bridge again.")]
        others = await self._database.read(workspaces.find_installed)
        if not others:
            return []
        words = (
            f"SLACK_BOT_TOKEN is of another workspace than {others[0].name}, whose texts these are."
        )
        remedy = f"Set it to the token of {others[0].name}, or use another database."
        return [Finding("Workspace", "bad", words, remedy)]

    def _of_clock(self, headers: Mapping[str, str]) -> list[Finding]:
        """By product time, which is machine time but in a sandbox that moves all clocks at once."""
        date = headers.get("date")
        if date is None:
            return []
        theirs = parsedate_to_datetime(date) + timedelta(seconds=0.5)  # whole seconds, cut
        seconds = (theirs - self._clock.now()).total_seconds()
        return [clock_finding("Slack clock", "Slack's", seconds)]

    # The ways in

    async def _app_token(self) -> list[Finding]:
        assert self._settings.slack_app_token is not None, "checked only then"
        try:
            await self._client.open_socket(self._settings.slack_app_token.get_secret_value())
        except SlackRefused as refused:
            words = f"Slack does not open a connection for SLACK_APP_TOKEN ({refused.code})."
            return [Finding("Socket Mode", "bad", words, APP_TOKEN_REMEDY)]
        return [Finding("Socket Mode", "ok", "Slack opens a connection for the app-level token.")]

    async def _way_in(self) -> list[Finding]:
        """A question as Slack asks it, signed, sent to where Slack sends."""
        if self._settings.public_url is None:
            words = "Whether Slack reaches this bridge was not tried: BRIDGE_PUBLIC_URL is not set."
            return [Finding("Slack over HTTP", "ok", words)]
        url = self._settings.public_url + EVENTS_PATH
        challenge = secrets.token_hex(8)
        try:
            status, answer = await self._ask_ourselves(url, challenge)
        except (aiohttp.ClientError, TimeoutError) as error:
            words = f"{url} cannot be reached from here ({type(error).__name__})."
            remedy = (
                "See that `sms-bridge up` or `web` runs, and check BRIDGE_PUBLIC_URL and the proxy."
            )
            return [Finding("Slack over HTTP", "bad", words, remedy)]
        if status == 200 and challenge in answer:
            return [Finding("Slack over HTTP", "ok", f"{url} answers what Slack has signed.")]
        if status == 401:
            words = f"{url} refuses what is signed with SLACK_SIGNING_SECRET."
            remedy = (
                "Another secret is set there, or another program answers: set it to the Signing "
                f"Secret (Basic Information on {APP_PAGE}) in every process, and start them again."
            )
            return [Finding("Slack over HTTP", "bad", words, remedy)]
        words = f"{url} answers {status}, which is not the bridge's answer."
        remedy = "Something else stands at that address: check BRIDGE_PUBLIC_URL and the proxy."
        return [Finding("Slack over HTTP", "bad", words, remedy)]

    async def _ask_ourselves(self, url: str, challenge: str) -> tuple[int, str]:
        secret = self._settings.slack_signing_secret
        assert secret is not None, "checked only then"
        body = json.dumps({"type": "url_verification", "challenge": challenge, "token": ""})
        stamp = str(int(machine_now().timestamp()))
        signed = f"v0:{stamp}:{body}".encode()
        digest = hmac.new(secret.get_secret_value().encode(), signed, sha256).hexdigest()
        headers = {
            "Content-Type": "application/json",
            "X-Slack-Request-Timestamp": stamp,
            "X-Slack-Signature": f"v0={digest}",
        }
        timeout = aiohttp.ClientTimeout(total=REACH_SECONDS)
        async with (
            aiohttp.ClientSession(timeout=timeout, trust_env=not is_loopback(url)) as session,
            session.post(url, data=body, headers=headers, allow_redirects=False) as answer,
        ):
            return answer.status, (await answer.content.read(4096)).decode("utf-8", "replace")

    # The inboxes' channels

    async def _channels(self) -> list[Finding]:
        connected = await self._database.read(inboxes.find_connected)
        ours = [each for each in connected if each.team_id == self._client.team_id]
        found = await asyncio.gather(*(self._channel(each) for each in ours))
        return [finding for findings in found for finding in findings]

    async def _channel(self, inbox: Inbox) -> list[Finding]:
        number = format_number(inbox.phone_number, self._settings.region)
        try:
            told = await self._client.ask("conversations.info", channel=inbox.channel_id)
        except SlackRefused as refused:
            if refused.code != "channel_not_found":
                words = f"Slack does not show the channel of {number} ({refused.code})."
                return [_bad_channel(words, TOKEN_REMEDY)]
            words = f"The app does not see the channel of {number} ({inbox.channel_id})."
            remedy = self._invite_or_connect()
            return [_bad_channel(words, remedy)]
        return self._of_channel(told["channel"], number)

    def _of_channel(self, channel: Mapping[str, Any], number: str) -> list[Finding]:
        name = f"#{channel.get('name') or channel['id']}"
        if channel.get("is_archived"):
            words = f"{name}, the channel of {number}, is archived: its texts are not shown."
            remedy = (
                "Unarchive it, or connect the number to another channel "
                f"(`{self._settings.command} connect`)."
            )
            return [_bad_channel(words, remedy)]
        if not channel.get("is_member"):
            words = f"The app is no member of {name}, the channel of {number}."
            return [_bad_channel(words, self._invite_or_connect())]
        found = []
        if not channel.get("is_private"):
            words = f"{name} is public: everybody in the workspace can read the texts of {number}."
            remedy = "Make it private in its settings, where only its members shall read them."
            found.append(Finding("Channels", "warn", words, remedy))
        if channel.get("is_ext_shared"):
            words = (
                f"{name} is shared with another organisation, which reads the texts of {number}."
            )
            remedy = "Connect the number to a channel of your own, unless that is meant."
            found.append(Finding("Channels", "warn", words, remedy))
        return found or [Finding("Channels", "ok", f"{name} shows the texts of {number}.")]

    def _invite_or_connect(self) -> str:
        return (
            "Type `/invite` and the app's name in the channel; where it was deleted, connect the "
            f"number to another one (`{self._settings.command} connect`)."
        )


def _bad_channel(words: str, remedy: str) -> Finding:
    return Finding("Channels", "bad", words, remedy)


def _of_scopes(listed: str) -> Finding:
    missing = sorted(NEEDED_SCOPES - {each.strip() for each in listed.split(",")})
    if not missing:
        return Finding("Slack scopes", "ok", "The app has every scope it needs.")
    remedy = f"Add {_and(missing)} under OAuth & Permissions on {APP_PAGE} and reinstall the app."
    return Finding("Slack scopes", "bad", f"The app lacks {_and(missing)}.", remedy)


def _and(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
