"""Everything that differs between one installation and another, read from the environment."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

SLACK_API_URL = "https://slack.com/api/"
RINGCENTRAL_URL = "https://platform.ringcentral.com"


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
    sync_seconds: float = Field(30.0, alias="BRIDGE_SYNC_SECONDS", ge=0.2, le=3600)
    log_format: str = Field("text", alias="BRIDGE_LOG", pattern="^(text|json)$")

    slack_bot_token: SecretStr = Field(alias="SLACK_BOT_TOKEN")
    slack_signing_secret: SecretStr | None = Field(None, alias="SLACK_SIGNING_SECRET")
    slack_app_token: SecretStr | None = Field(None, alias="SLACK_APP_TOKEN")
    slack_api_url: str = Field(SLACK_API_URL, alias="SLACK_API_URL")

    ringcentral_client_id: str = Field(alias="RINGCENTRAL_CLIENT_ID")
    ringcentral_client_secret: SecretStr = Field(alias="RINGCENTRAL_CLIENT_SECRET")
    ringcentral_jwt: SecretStr = Field(alias="RINGCENTRAL_JWT")
    ringcentral_url: str = Field(RINGCENTRAL_URL, alias="RINGCENTRAL_SERVER_URL")

    @property
    def administrator_ids(self) -> frozenset[str]:
        """Slack user ids named as administrators, beside the workspace's own admins."""
        return frozenset(self.administrators.replace(",", " ").split())

    @property
    def secret_key_list(self) -> list[str]:
        """The encryption keys, newest first."""
        return self.secret_keys.get_secret_value().replace(",", " ").split()


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
