"""The app as it is installed: its secrets, scopes, subscriptions, addresses and commands."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from bridge.sandbox.slack.errors import ApiError, Json

BOT_TOKEN = "xoxb-sandbox"
APP_TOKEN = "xapp-sandbox"
SIGNING_SECRET = "sandbox-signing-secret"
VERIFICATION_TOKEN = "sandbox-verification-token"
APP_ID = "A0SMSBRIDGE"
BOT_ID = "B0SMSBRIDGE"
BOT_USER_ID = "U0SMSBRIDGE"

Mode = Literal["http", "socket"]

EVENT_SCOPES = {
    "message.channels": "channels:history",
    "message.groups": "groups:history",
    "message.im": "im:history",
    "message.mpim": "mpim:history",
    "app_mention": "app_mentions:read",
    "app_home_opened": "",
    "app_uninstalled": "",
    "tokens_revoked": "",
    "reaction_added": "reactions:read",
    "reaction_removed": "reactions:read",
    "member_joined_channel": "channels:read",
    "member_left_channel": "channels:read",
    "channel_archive": "channels:read",
    "channel_unarchive": "channels:read",
    "channel_rename": "channels:read",
    "channel_deleted": "channels:read",
    "channel_id_changed": "channels:read",
    "group_archive": "groups:read",
    "group_unarchive": "groups:read",
    "group_rename": "groups:read",
    "group_deleted": "groups:read",
    "user_change": "users:read",
    "file_shared": "files:read",
    "subteam_members_changed": "usergroups:read",
}

ALL_SCOPES = (
    "app_mentions:read", "bookmarks:read", "bookmarks:write", "channels:history", "channels:join",
    "channels:manage", "channels:read", "chat:write", "chat:write.customize", "chat:write.public",
    "commands", "emoji:read", "files:read", "files:write", "groups:history", "groups:read",
    "groups:write", "im:history", "im:read", "im:write", "mpim:history", "mpim:read",
    "mpim:write", "pins:read", "pins:write", "reactions:read", "reactions:write", "team:read",
    "usergroups:read", "usergroups:write", "users:read", "users:read.email",
)  # fmt: skip


@dataclass(slots=True)
class Command:
    """A declared slash command; `url` is where it is posted in HTTP mode."""

    name: str
    url: str | None = None
    should_escape: bool = True
    description: str = ""
    usage_hint: str = ""


@dataclass(slots=True, eq=False)
class Installation:
    """One app in this workspace."""

    mode: Mode = "socket"
    scopes: frozenset[str] = frozenset(ALL_SCOPES)
    bot_events: frozenset[str] = frozenset(EVENT_SCOPES)
    commands: dict[str, Command] = field(default_factory=dict)
    shortcuts: frozenset[str] | None = None
    request_url: str | None = None
    interactivity_url: str | None = None
    options_url: str | None = None
    has_home_tab: bool = True
    has_messages_tab: bool = True
    has_interactivity: bool = True
    bot_name: str = "SMS"
    bot_token: str = BOT_TOKEN
    app_token: str = APP_TOKEN
    signing_secret: str = SIGNING_SECRET
    app_id: str = APP_ID
    bot_id: str = BOT_ID
    bot_user_id: str = BOT_USER_ID
    is_installed: bool = True
    token_error: str | None = None

    def __post_init__(self) -> None:
        for event in sorted(self.bot_events):
            if event not in EVENT_SCOPES:
                raise ValueError(f"no such bot event: {event}")
            if (scope := EVENT_SCOPES[event]) and scope not in self.scopes:
                raise ValueError(f"the event {event} needs the scope {scope}")
        if self.commands and "commands" not in self.scopes:
            raise ValueError("slash commands need the scope commands")

    def require_any_scope(self, wanted: Iterable[str]) -> None:
        """Raise Slack's missing_scope unless one of `wanted` was granted."""
        wanted = tuple(wanted)
        if wanted and not self.scopes.intersection(wanted):
            provided = ",".join(sorted(self.scopes))
            raise ApiError("missing_scope", needed=wanted[0], provided=provided)

    def bot_profile(self, team_id: str) -> Json:
        return {
            "id": self.bot_id,
            "app_id": self.app_id,
            "name": self.bot_name,
            "icons": {"image_36": "", "image_48": "", "image_72": ""},
            "deleted": False,
            "updated": 0,
            "team_id": team_id,
        }


def commands_named(names: Iterable[str], url: str | None = None) -> dict[str, Command]:
    return {name: Command(name, url) for name in names}


def installation_from_manifest(manifest: Json) -> Installation:
    """The installation that an app manifest describes; addresses come from it too."""
    features, settings = manifest.get("features", {}), manifest.get("settings", {})
    events, interactivity = settings.get("event_subscriptions", {}), settings.get("interactivity")
    home = features.get("app_home", {})
    commands = {
        entry["command"]: Command(
            entry["command"],
            entry.get("url"),
            bool(entry.get("should_escape", False)),
            entry.get("description", ""),
            entry.get("usage_hint", ""),
        )
        for entry in features.get("slash_commands", [])
    }
    return Installation(
        mode="socket" if settings.get("socket_mode_enabled") else "http",
        scopes=frozenset(manifest["oauth_config"]["scopes"].get("bot", [])),
        bot_events=frozenset(events.get("bot_events", [])),
        commands=commands,
        shortcuts=frozenset(entry["callback_id"] for entry in features.get("shortcuts", [])),
        request_url=events.get("request_url"),
        interactivity_url=(interactivity or {}).get("request_url"),
        options_url=(interactivity or {}).get("message_menu_options_url"),
        has_home_tab=bool(home.get("home_tab_enabled", False)),
        has_messages_tab=bool(home.get("messages_tab_enabled", False)),
        has_interactivity=bool((interactivity or {}).get("is_enabled", False)),
        bot_name=features.get("bot_user", {}).get("display_name", "SMS"),
    )
