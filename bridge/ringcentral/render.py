"""Our texts, turned into what RingCentral takes. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bridge.outbox.outcome import Refused
from bridge.relay.segments import LONGEST_TEXT_UNITS, utf16_units


@dataclass(frozen=True)
class OutgoingText:
    """One text as it leaves: `to_numbers` with more than one number is one group MMS."""

    message_id: int
    store: str
    from_number: str
    to_numbers: tuple[str, ...]
    body: str


def find_fault(body: str) -> Refused | None:
    """Why a text cannot leave, known before RingCentral is asked."""
    if not body.strip():
        return Refused("empty")
    if utf16_units(body) > LONGEST_TEXT_UNITS:
        return Refused("too_long", f"{utf16_units(body)} UTF-16 units")
    return None


def render_text(text: OutgoingText) -> dict[str, Any]:
    """The body of POST /sms."""
    return {
        "from": {"phoneNumber": text.from_number},
        "to": [{"phoneNumber": number} for number in text.to_numbers],
        "text": text.body,
    }


def render_time(time: datetime) -> str:
    """A time as RingCentral reads it in a query, to the millisecond, in UTC."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def render_subscription(
    filters: Sequence[str], address: str, verification_token: str, seconds: int
) -> dict[str, Any]:
    """The body of POST /subscription.

    `expiresIn` stands at the top: inside `deliveryMode` it is ignored, and seven days hold.
    """
    return {
        "eventFilters": list(filters),
        "expiresIn": seconds,
        "deliveryMode": {
            "transportType": "WebHook",
            "address": address,
            "verificationToken": verification_token,
        },
    }
