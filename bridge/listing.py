"""`sms-bridge numbers`: what this RingCentral login may send from, as a table."""

from __future__ import annotations

from collections.abc import Sequence

from bridge.app import Bridge, open_bridge
from bridge.relay.texts import OwnNumber
from bridge.settings import Settings
from storage import inboxes

MOST_ROUNDS = 10


async def list_numbers(settings: Settings) -> str:
    """One line a number: who owns it, whether it can send, and its inbox."""
    bridge = await open_bridge(settings, roles=frozenset())
    try:
        await bridge.ringcentral.open()
        numbers = await _numbers_of(bridge)
        connected = await bridge.database.read(inboxes.find_connected)
    finally:
        await bridge.stop()
    channels = {each.phone_number: each.channel_id for each in connected}
    rows = [("NUMBER", "OWNER", "TEXTS", "INBOX")]
    for number in numbers:
        texts = "can send" if number.can_send else number.why_not or "cannot send"
        owner = f"{number.owner_name} ({number.owner_kind})"
        channel_id = channels.get(number.phone_number, "-")
        rows.append((number.phone_number, owner, texts, channel_id))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


async def _numbers_of(bridge: Bridge) -> Sequence[OwnNumber]:
    """RingCentral lets so few questions through in a minute that a long list takes several."""
    for _ in range(MOST_ROUNDS):
        numbers = await bridge.ringcentral.numbers()
        if all(each.is_checked for each in numbers):
            break
    return numbers
