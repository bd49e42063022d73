"""Requests as the providers send them, and as the bridge sends them, written whole.

Every notification and event is fresh: an id or a ts that no earlier one had. The name of each text
is its last word, by which its arrival on the other side is told.
"""

from __future__ import annotations

import itertools
import json
import re
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bridge.sandbox.ringcentral.clock import to_iso
from bridge.sandbox.ringcentral.messages import conversation_id_of
from bridge.sandbox.slack import BOT_TOKEN, BOT_USER_ID, SIGNING_SECRET, TEAM_ID, signature_headers
from tests.bench.load import render_request

FIRST_RECORD_ID = 8_000_000_000_004  # far from the simulator's own and from those on file
WEBHOOK_PATH = "/ringcentral/webhook"
EVENTS_PATH = "/slack/events"
SMS_PATH = "/restapi/v1.0/account/~/extension/~/sms"
SYNC_PATH = "/restapi/v1.0/account/~/extension/~/message-sync"

_names = (f"k{number:07d}" for number in itertools.count(1))
_record_ids = itertools.count(FIRST_RECORD_ID, 1000)
_NAME = re.compile(r"k\d{7}\b")


def new_names(count: int) -> list[str]:
    """Names that no text of this run has had."""
    return list(itertools.islice(_names, count))


def name_in(text: str) -> str | None:
    """The name of a text as it arrived, whatever was put around it."""
    found = _NAME.search(text)
    return found.group() if found else None


@dataclass(frozen=True)
class Place:
    """A conversation that is texted in: its outside number and its thread."""

    phone_number: str
    thread_ts: str


@dataclass(frozen=True)
class Line:
    """Where the bridge is, and what it shares with the providers."""

    bridge_url: str
    own_number: str
    store: str  # account "/" extension
    channel_id: str
    verification_token: str

    @property
    def account_id(self) -> str:
        return self.store.partition("/")[0]

    @property
    def extension_id(self) -> str:
        return self.store.partition("/")[2]


def notifications(
    url: str, line: Line, places: Sequence[Place], names: Sequence[str]
) -> list[bytes]:
    """RingCentral's instant events of texts, spread over the conversations."""
    headers = {
        "Verification-Token": line.verification_token,
        "User-Agent": "RingCentral-WebHook/8.0",
        "Accept": "*/*",
    }
    subscription_id = str(uuid.uuid4())
    return [
        render_request(url, _notification(line, place, name, subscription_id), headers)
        for place, name in zip(itertools.cycle(places), names, strict=False)
    ]


def _notification(line: Line, place: Place, name: str, subscription_id: str) -> bytes:
    now = to_iso(datetime.now(UTC))
    record_id = next(_record_ids)
    people = {line.own_number, place.phone_number}
    conversation_id = str(conversation_id_of(int(line.extension_id), people))
    store = f"/restapi/v1.0/account/{line.account_id}/extension/{line.extension_id}"
    attachment = {
        "id": record_id,
        "uri": f"https://media.invalid{store}/message-store/{record_id}/content/{record_id}",
        "type": "Text",
        "contentType": "text/plain",
    }
    body = {
        "id": str(record_id),
        "to": [{"phoneNumber": line.own_number, "name": "Dana", "target": True}],
        "from": {"phoneNumber": place.phone_number},
        "type": "SMS",
        "creationTime": now,
        "lastModifiedTime": now,
        "readStatus": "Unread",
        "priority": "Normal",
        "attachments": [attachment],
        "direction": "Inbound",
        "availability": "Alive",
        "subject": f"Hello, is the table for two still free this evening? {name}",
        "messageStatus": "Received",
        "conversation": {"id": conversation_id},
        "conversationId": conversation_id,
        "eventType": "Create",
        "owner": {"extensionId": line.extension_id, "extensionType": "User", "name": "Dana"},
        "ownerId": line.extension_id,
    }
    envelope = {
        "uuid": str(uuid.uuid4()),
        "event": f"{store}/message-store/instant?type=SMS",
        "timestamp": now,
        "subscriptionId": subscription_id,
        "ownerId": line.extension_id,
        "body": body,
    }
    return json.dumps(envelope).encode()


def events(url: str, replies: Sequence[dict[str, Any]], names: Sequence[str]) -> list[bytes]:
    """Slack's events of these replies, each with its name as the last word; signed now."""
    return [_signed(url, _renamed(reply, name)) for reply, name in zip(replies, names, strict=True)]


def _renamed(event: dict[str, Any], name: str) -> dict[str, Any]:
    """The event with another text, in its blocks too, as one text is in both."""
    return {**event, "text": f"Yes, for two at seven {name}", "blocks": _blocks(name)}


def _blocks(name: str) -> list[dict[str, Any]]:
    words = {"type": "text", "text": f"Yes, for two at seven {name}"}
    section = {"type": "rich_text_section", "elements": [words]}
    return [{"type": "rich_text", "block_id": secrets.token_hex(2), "elements": [section]}]


def _signed(url: str, event: dict[str, Any]) -> bytes:
    body = {
        "token": "sandbox-verification-token",
        "team_id": TEAM_ID,
        "context_team_id": TEAM_ID,
        "context_enterprise_id": None,
        "api_app_id": "A0SMSBRIDGE",
        "event": event,
        "type": "event_callback",
        "event_id": f"Ev{secrets.token_hex(5).upper()}",
        "event_time": int(float(event["ts"])),
        "authorizations": [
            {
                "enterprise_id": None,
                "team_id": TEAM_ID,
                "user_id": BOT_USER_ID,
                "is_bot": True,
                "is_enterprise_install": False,
            }
        ],
        "is_ext_shared_channel": False,
        "event_context": f"4-{secrets.token_urlsafe(24)}",
    }
    data = json.dumps(body).encode()
    headers = signature_headers(SIGNING_SECRET, data)
    headers |= {"User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)", "Accept": "*/*"}
    return render_request(url, data, headers)


def straight_posts(
    api_url: str, channel_id: str, thread_ts: str, names: Sequence[str]
) -> list[bytes]:
    """chat.postMessage as the bridge calls it, without the bridge."""
    headers = {"Authorization": f"Bearer {BOT_TOKEN}"}
    made = []
    for name in names:
        body = {
            "channel": channel_id,
            "thread_ts": thread_ts,
            "text": f"Hello, is the table for two still free this evening? {name}",
            "blocks": _blocks(name),
            "username": "(415) 555-0100",
            "unfurl_links": False,
            "unfurl_media": False,
            "metadata": {"event_type": "sms_bridge", "event_payload": {"delivery": name}},
        }
        data = json.dumps(body).encode()
        made.append(render_request(f"{api_url}chat.postMessage", data, headers))
    return made


def straight_texts(
    url: str, token: str, from_number: str, to: str, names: Sequence[str]
) -> list[bytes]:
    """POST sms as the bridge calls it, without the bridge."""
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
    made = []
    for name in names:
        body = {
            "from": {"phoneNumber": from_number},
            "to": [{"phoneNumber": to}],
            "text": f"Yes, for two at seven {name}",
        }
        made.append(render_request(url + SMS_PATH, json.dumps(body).encode(), headers))
    return made
