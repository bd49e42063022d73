"""Tokens: login by JWT, refresh, revocation, and tokens for WebSockets."""

from __future__ import annotations

import base64
import binascii
from urllib.parse import parse_qs

from bridge.sandbox.ringcentral.account import App
from bridge.sandbox.ringcentral.calls import Answer, Call
from bridge.sandbox.ringcentral.clock import to_iso
from bridge.sandbox.ringcentral.errors import OAuthRefusal, Refusal
from bridge.sandbox.ringcentral.sessions import DEFAULT_REFRESH_SECONDS, Session
from bridge.sandbox.ringcentral.world import RecordedRequest, World

JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ACCESS_SECONDS = (600, 3600)
MAX_REFRESH_SECONDS = 2_592_000


def _form(call: Call) -> dict[str, str]:
    return {
        name: values[0] for name, values in parse_qs(call.body.decode("utf-8", "replace")).items()
    }


def take_permit(world: World, call: Call, record: RecordedRequest) -> dict[str, str]:
    """Count a token request against the user it is for; strangers share the app's budget."""
    if record.group != "Auth":
        return {}
    form = _form(call)
    record.app_id = _credentials(call, form)[0]
    record.extension_id = world.sessions.owner_of_grant(
        form.get("assertion", ""), form.get("refresh_token", "")
    )
    who = (record.extension_id, record.app_id, "Auth")
    record.during_penalty = world.limits.is_closed(*who)
    return world.limits.take(*who)


def _credentials(call: Call, form: dict[str, str]) -> tuple[str, str | None]:
    scheme, _, encoded = call.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return form.get("client_id", ""), None
    try:
        client_id, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", None
    return client_id, secret


def _app(world: World, call: Call, form: dict[str, str]) -> App:
    client_id, secret = _credentials(call, form)
    if not client_id:
        text = "Client authentication is required"
        raise OAuthRefusal("invalid_client", "OAU-123", text)
    return world.sessions.app_of(client_id, secret)


def _seconds(form: dict[str, str], name: str, low: int, high: int, default: int) -> int:
    text = form.get(name, str(default))
    if not text.isdecimal() or not low <= int(text) <= high:
        raise OAuthRefusal("invalid_request", "CMN-101", f"Parameter [{name}] value is invalid.")
    return int(text)


async def token(world: World, call: Call) -> Answer:
    """Answer a grant with a pair of tokens."""
    if call.content_type != "application/x-www-form-urlencoded":
        return Answer(status=415)
    form = _form(call)
    app = _app(world, call, form)
    low, high = ACCESS_SECONDS
    access_seconds = _seconds(form, "access_token_ttl", low, high, high)
    refresh_seconds = _seconds(
        form, "refresh_token_ttl", 1, MAX_REFRESH_SECONDS, DEFAULT_REFRESH_SECONDS
    )
    grant = form.get("grant_type", "")
    if grant == JWT_GRANT:
        session = world.sessions.log_in(
            app, form.get("assertion", ""), access_seconds, refresh_seconds
        )
    elif grant == "refresh_token":
        session = world.sessions.refresh(
            app, form.get("refresh_token", ""), access_seconds, refresh_seconds
        )
    elif grant in {"authorization_code", "password"}:
        text = f"The client is unauthorized for the required grant type: [{grant}]"
        raise OAuthRefusal("unauthorized_client", "OAU-112", text)
    else:
        text = "Grant type is not supported"
        raise OAuthRefusal("unsupported_grant_type", "OAU-125", text)
    return Answer(_token_info(world, session))


def _token_info(world: World, session: Session) -> dict[str, object]:
    now = world.clock.now()
    info: dict[str, object] = {
        "access_token": session.access_token,
        "token_type": "bearer",
        # RingCentral counts the second that has begun: 3599 for an hour.
        "expires_in": max(0, int((session.access_expires_at - now).total_seconds())),
        "scope": " ".join(sorted(session.app.scopes)),
        "owner_id": str(session.extension.extension_id),
        "endpoint_id": session.session_id[:22],
        "session_id": session.session_id,
        "session_expiration_time": to_iso(session.refresh_expires_at),
    }
    if session.refresh_token:
        left = int((session.refresh_expires_at - now).total_seconds())
        info |= {"refresh_token": session.refresh_token, "refresh_token_expires_in": left}
    return info


async def revoke(world: World, call: Call) -> Answer:
    """Close the whole session a token belongs to; an unknown token is no error."""
    form = _form(call)
    world.sessions.revoke(_app(world, call, form), call.query.get("token") or form.get("token", ""))
    return Answer()


async def websocket_token(world: World, call: Call) -> Answer:
    """A token for one WebSocket connection."""
    access_token = call.headers.get("Authorization", "").partition(" ")[2].strip()
    if not access_token:
        raise Refusal("OAU-151")
    address = world.base_url.replace("http", "ws", 1)
    return Answer(
        {
            "ws_access_token": world.sessions.issue_websocket_token(access_token),
            "uri": f"{address}/ws",
            "expires_in": int(world.settings.websocket_token_seconds),
        }
    )
