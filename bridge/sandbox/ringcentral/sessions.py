"""OAuth sessions: logins, tokens, their ends, and how many may live side by side."""

from __future__ import annotations

import dataclasses
import secrets
import uuid
from datetime import datetime, timedelta

from bridge.sandbox.ringcentral.account import Account, App, Extension
from bridge.sandbox.ringcentral.clock import SimulatorClock
from bridge.sandbox.ringcentral.errors import OAuthRefusal, Refusal
from bridge.sandbox.ringcentral.settings import Settings

DEFAULT_REFRESH_SECONDS = 604_800


@dataclasses.dataclass(slots=True)
class Session:
    """One login of an app for an extension, with its living pair of tokens."""

    session_id: str
    app: App
    extension: Extension
    access_token: str
    access_expires_at: datetime
    refresh_token: str
    refresh_expires_at: datetime
    used_refresh_token: str = ""
    refreshed_at: datetime | None = None
    first_used_at: datetime | None = None


class Sessions:
    """All sessions of the account; an old access token dies when its session is refreshed."""

    def __init__(
        self, account: Account, apps: list[App], clock: SimulatorClock, settings: Settings
    ):
        self._account = account
        self.apps = apps
        self._clock = clock
        self._settings = settings
        self._living: list[Session] = []
        self._by_access: dict[str, Session] = {}
        self._by_refresh: dict[str, Session] = {}
        self._websocket_tokens: dict[str, tuple[Session, datetime]] = {}

    def app_of(self, client_id: str, client_secret: str | None) -> App:
        for app in self.apps:
            if app.client_id == client_id and app.client_secret == client_secret:
                return app
        raise OAuthRefusal("invalid_client", "OAU-146", "Invalid client credentials")

    def log_in(self, app: App, jwt: str, access_seconds: int, refresh_seconds: int) -> Session:
        """Open a session for the JWT's owner; the oldest above the limit is closed."""
        extension_id = self._account.jwts.get(jwt)
        if extension_id is None:
            raise OAuthRefusal("invalid_grant", "OAU-213", "Token not found")
        extension = self._account.extension(extension_id)
        if extension.status != "Enabled":
            text = "Login for extension in current state is not allowed."
            raise OAuthRefusal("invalid_grant", "OAU-141", text)
        now = self._clock.now()
        session = Session(uuid.uuid4().hex, app, extension, "", now, "", now)
        self._issue(session, access_seconds, refresh_seconds)
        self._living.append(session)
        self._close_the_oldest(app, extension)
        return session

    def _issue(self, session: Session, access_seconds: int, refresh_seconds: int) -> None:
        now = self._clock.now()
        self._by_access.pop(session.access_token, None)
        session.access_token = f"access-{secrets.token_urlsafe(24)}"
        session.access_expires_at = now + timedelta(seconds=access_seconds)
        self._by_access[session.access_token] = session
        if session.app.issues_refresh_tokens:
            session.refresh_token = f"refresh-{secrets.token_urlsafe(24)}"
            session.refresh_expires_at = now + timedelta(seconds=refresh_seconds)
            self._by_refresh[session.refresh_token] = session

    def _close_the_oldest(self, app: App, extension: Extension) -> None:
        mine = [each for each in self._living if each.app is app and each.extension is extension]
        for session in mine[: -self._settings.max_sessions]:
            self.close(session)

    def close(self, session: Session) -> None:
        self._living.remove(session)
        self._by_access.pop(session.access_token, None)
        self._by_refresh.pop(session.refresh_token, None)
        self._by_refresh.pop(session.used_refresh_token, None)

    def refresh(
        self, app: App, refresh_token: str, access_seconds: int, refresh_seconds: int
    ) -> Session:
        """Exchange a refresh token; within its grace a used one gives the same new pair again."""
        session = self._by_refresh.get(refresh_token)
        if session is None or session.app is not app:
            raise OAuthRefusal("invalid_grant", "OAU-213", "Token not found")
        if refresh_token == session.used_refresh_token:
            if self._in_grace(session):
                return session
            raise OAuthRefusal("invalid_grant", "OAU-213", "Token not found")
        if session.refresh_expires_at <= self._clock.now():
            raise OAuthRefusal("invalid_grant", "OAU-128", "Refresh token expired.")
        self._by_refresh.pop(session.used_refresh_token, None)
        session.used_refresh_token = refresh_token
        session.refreshed_at, session.first_used_at = self._clock.now(), None
        self._issue(session, access_seconds, refresh_seconds)
        return session

    def _in_grace(self, session: Session) -> bool:
        now = self._clock.now()
        if session.first_used_at is not None:
            return now - session.first_used_at <= self._seconds(
                self._settings.refresh_grace_seconds
            )
        unused_grace = self._seconds(self._settings.unused_refresh_grace_seconds)
        return session.refreshed_at is not None and now - session.refreshed_at <= unused_grace

    @staticmethod
    def _seconds(seconds: float) -> timedelta:
        return timedelta(seconds=seconds)

    def authenticate(self, access_token: str) -> Session:
        """The session of a Bearer token; raises the 401 that fits."""
        session = self._by_access.get(access_token)
        if session is None:
            known_shape = access_token.startswith("access-")
            raise Refusal("OAU-213" if known_shape else "OAU-149")
        if session.access_expires_at <= self._clock.now():
            raise Refusal("OAU-128")
        if session.extension.status != "Enabled":
            raise Refusal("CMN-405")
        if session.first_used_at is None:
            session.first_used_at = self._clock.now()
        return session

    def revoke(self, app: App, token: str) -> None:
        session = self._by_access.get(token) or self._by_refresh.get(token)
        if session is not None and session.app is app:
            self.close(session)

    def end_all(self) -> None:
        """All sessions end, with their access and refresh tokens."""
        for session in list(self._living):
            self.close(session)

    def expire_access_tokens(self) -> None:
        """All access tokens are over at once; refresh tokens stay good."""
        for session in self._living:
            session.access_expires_at = self._clock.now()

    def count(self, app: App, extension: Extension) -> int:
        return sum(1 for each in self._living if each.app is app and each.extension is extension)

    def issue_websocket_token(self, access_token: str) -> str:
        token = f"ws-{secrets.token_urlsafe(24)}"
        expires_at = self._clock.now() + self._seconds(self._settings.websocket_token_seconds)
        self._websocket_tokens[token] = (self.authenticate(access_token), expires_at)
        return token

    def take_websocket_token(self, token: str) -> Session | None:
        """The session of a WebSocket token, which is good once and for half a minute."""
        session, expires_at = self._websocket_tokens.pop(token, (None, None))
        if session is None or expires_at is None or expires_at <= self._clock.now():
            return None
        return session if session in self._living else None

    def owner_of_grant(self, jwt: str, refresh_token: str) -> str:
        """Whose budget a token request counts against; empty for strangers."""
        session = self._by_refresh.get(refresh_token)
        if session is not None:
            return str(session.extension.extension_id)
        return str(self._account.jwts.get(jwt, ""))
