"""Everything that differs between one installation and another, read from the environment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from cryptography.fernet import Fernet
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy.exc import ArgumentError

from storage.database import parse_url
from storage.sqlite import database_file

SLACK_API_URL = "https://slack.com/api/"
RINGCENTRAL_URL = "https://platform.ringcentral.com"
LOOKS = r"^\d+(\.\d+)?(,\d+(\.\d+)?){2}$"


class Settings(BaseSettings):
    """The settings; each field's alias is the name of its environment variable."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", populate_by_name=True)

    database_url: str = Field("sqlite:///var/bridge.db", alias="DATABASE_URL")
    secret_keys: SecretStr = Field(alias="BRIDGE_SECRET_KEYS")
    command: str = Field("/sms", alias="BRIDGE_COMMAND", pattern=r"^/[a-z0-9_-]{1,31}$")
    region: str = Field("US", alias="BRIDGE_REGION", pattern=r"^[A-Z]{2}$")
    hold_seconds: float = Field(5.0, alias="BRIDGE_HOLD_SECONDS", ge=0, le=30)
    administrators: str = Field("", alias="BRIDGE_ADMINISTRATORS")
    host: str = Field("127.0.0.1", alias="BRIDGE_HOST")
    port: int = Field(8080, alias="PORT", ge=0, le=65535)
    public_url: str | None = Field(None, alias="BRIDGE_PUBLIC_URL")
    rate_limits: bool = Field(True, alias="BRIDGE_RATE_LIMITS")
    offer_after_seconds: float = Field(600.0, alias="BRIDGE_OFFER_AFTER_SECONDS", ge=1, le=86_400)
    silent_seconds: float = Field(60.0, alias="BRIDGE_SILENT_SECONDS", ge=1, le=3600)
    sync_seconds: float = Field(30.0, alias="BRIDGE_SYNC_SECONDS", ge=0.2, le=3600)
    look_seconds: str = Field("2,10,60", alias="BRIDGE_LOOK_SECONDS", pattern=LOOKS)
    send_seconds: float = Field(20.0, alias="BRIDGE_SEND_SECONDS", ge=1, le=30)
    metrics_token: SecretStr | None = Field(None, alias="BRIDGE_METRICS_TOKEN")
    monitor_port: int = Field(0, alias="BRIDGE_MONITOR_PORT", ge=0, le=65535)
    log_format: str = Field("text", alias="BRIDGE_LOG", pattern="^(text|json)$")

    sandbox_token: SecretStr | None = Field(None, alias="BRIDGE_SANDBOX_TOKEN")
    sandbox_clock: str = Field("", alias="BRIDGE_SANDBOX_CLOCK")

    slack_bot_token: SecretStr = Field(alias="SLACK_BOT_TOKEN")
    slack_signing_secret: SecretStr | None = Field(None, alias="SLACK_SIGNING_SECRET")
    slack_app_token: SecretStr | None = Field(None, alias="SLACK_APP_TOKEN")
    slack_api_url: str = Field(SLACK_API_URL, alias="SLACK_API_URL")

    ringcentral_client_id: str = Field(alias="RINGCENTRAL_CLIENT_ID")
    ringcentral_client_secret: SecretStr = Field(alias="RINGCENTRAL_CLIENT_SECRET")
    ringcentral_jwt: SecretStr = Field(alias="RINGCENTRAL_JWT")
    ringcentral_url: str = Field(RINGCENTRAL_URL, alias="RINGCENTRAL_SERVER_URL")

    @model_validator(mode="before")
    @classmethod
    def _blank_is_missing(cls, values: dict[str, Any]) -> dict[str, Any]:
        return {
            name: value
            for name, value in values.items()
            if not (isinstance(value, str) and not value.strip())
        }

    @field_validator("database_url")
    @classmethod
    def _is_a_database(cls, url: str) -> str:
        try:
            parsed = parse_url(url)
        except ArgumentError as error:
            raise ValueError("no URL") from error
        if parsed.get_backend_name() == "sqlite":
            database_file(parsed)
        return url

    @field_validator("secret_keys")
    @classmethod
    def _are_keys(cls, keys: SecretStr) -> SecretStr:
        names = keys.get_secret_value().replace(",", " ").split()
        if not names:
            raise ValueError("no key")
        for each in names:
            Fernet(each)
        return keys

    @field_validator("public_url")
    @classmethod
    def _is_called_safely(cls, url: str | None) -> str | None:
        if url and not _is_public(url):
            raise ValueError("not https")
        return url.rstrip("/") if url else None

    @property
    def administrator_ids(self) -> frozenset[str]:
        """Slack user ids named as administrators, beside the workspace's own admins."""
        return frozenset(self.administrators.replace(",", " ").split())

    @property
    def is_public(self) -> bool:
        """Whether somebody outside is meant to reach this bridge: without an address of its own
        only Slack's requests over HTTP say so."""
        if self.public_url:
            return not _is_loopback(self.public_url)
        return self.slack_signing_secret is not None

    @property
    def look_after_seconds(self) -> tuple[float, ...]:
        """How long after an unsure attempt the provider is asked for what it made of it."""
        return tuple(float(each) for each in self.look_seconds.split(","))

    @property
    def secret_key_list(self) -> list[str]:
        """The encryption keys, newest first."""
        return self.secret_keys.get_secret_value().replace(",", " ").split()


REMEDIES = {
    "DATABASE_URL": "use sqlite:///path/to/file.db or postgresql://user:password@host/name",
    "BRIDGE_SEND_SECONDS": "use a number of seconds from 1 to 30",
    "BRIDGE_LOOK_SECONDS": "use three growing numbers of seconds, such as 2,10,60",
    "BRIDGE_SECRET_KEYS": "set it to a key printed by `sms-bridge new-key`, and keep it safe: "
    "what is encrypted at rest cannot be read without it",
    "SLACK_BOT_TOKEN": "copy the Bot User OAuth Token (xoxb-...) from your Slack app's "
    "OAuth & Permissions page",
    "RINGCENTRAL_CLIENT_ID": "copy the Client ID of your app in the RingCentral developer console",
    "RINGCENTRAL_CLIENT_SECRET": "copy the Client Secret of your app in the RingCentral developer "
    "console",
    "RINGCENTRAL_JWT": "in the RingCentral developer console, signed in as the extension that "
    "owns the number, create a JWT credential and copy it",
    "BRIDGE_PUBLIC_URL": "use the https:// address at which RingCentral and Slack reach this "
    "bridge, or leave it out to poll RingCentral instead",
    "BRIDGE_COMMAND": "use a slash and up to 31 small letters, digits, - or _, such as /sms",
    "BRIDGE_REGION": "use a country's two capital letters, such as US",
    "BRIDGE_HOLD_SECONDS": "use a number from 0 to 30",
    "BRIDGE_SYNC_SECONDS": "use a number of seconds from 0.2 to 3600",
    "BRIDGE_LOG": "use text or json",
    "PORT": "use a port number from 0 to 65535",
    "BRIDGE_MONITOR_PORT": "use a port number from 0 to 65535; 0 is none",
}


@dataclass(frozen=True)
class SettingsProblem:
    """One setting that is missing or wrong, and what to do about it."""

    name: str
    remedy: str


class SettingsWrong(Exception):
    """Some settings are missing or wrong; `problems` names all of them."""

    def __init__(self, problems: list[SettingsProblem]) -> None:
        super().__init__("; ".join(f"{each.name}: {each.remedy}" for each in problems))
        self.problems = problems


def load() -> Settings:
    """The settings of the environment and of `.env`; raises SettingsWrong naming every problem."""
    problems: list[SettingsProblem] = []
    settings: Settings | None = None
    try:
        settings = Settings()
    except ValidationError as error:
        problems += [_problem(str(each["loc"][0]), each["type"]) for each in error.errors()]
    problems += _slack_way_problems()
    if problems or settings is None:
        raise SettingsWrong(problems)
    return settings


def _problem(name: str, kind: str) -> SettingsProblem:
    state = "is missing" if kind == "missing" else "is not usable"
    return SettingsProblem(name, f"{state}: {REMEDIES.get(name, 'see the README')}")


class _SlackWay(BaseSettings):
    model_config = SettingsConfigDict(env_file=".env", extra="ignore")

    app_token: str = Field("", alias="SLACK_APP_TOKEN")
    signing_secret: str = Field("", alias="SLACK_SIGNING_SECRET")


def _slack_way_problems() -> list[SettingsProblem]:
    way = _SlackWay()
    if way.app_token.strip() or way.signing_secret.strip():
        return []
    return [
        SettingsProblem(
            "SLACK_APP_TOKEN",
            "is missing: for Socket Mode set it to an app-level token (xapp-...) with the scope "
            "connections:write; or set SLACK_SIGNING_SECRET to receive Slack's events over HTTP",
        )
    ]


def _is_public(url: str) -> bool:
    parts = urlsplit(url)
    return bool(parts.hostname) and (parts.scheme == "https" or _is_loopback(url))


def _is_loopback(url: str) -> bool:
    return urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")
