"""Names of lanes, places in them, and gates. Pure.

A lane keeps order: what it holds goes one at a time, by place.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST = "0"  # a thread's card goes before everything shown in it


def shown_lane(conversation_id: int) -> str:
    """What a conversation shows in Slack: its card, its texts, the bridge's words on them."""
    return f"slack:{conversation_id}"


def texted_lane(conversation_id: int) -> str:
    """The texts a conversation owes to phones."""
    return f"ringcentral:{conversation_id}"


def card_lane(thread_id: int) -> str:
    """Updates of a card: they pass waiting texts."""
    return f"card:{thread_id}"


def mark_lane(message_id: int) -> str:
    """The reaction on a message."""
    return f"mark:{message_id}"


def answer_lane(thread_id: int | None, answer_id: int) -> str:
    """Private answers; those that link to a thread are brought forward when it is posted."""
    return f"answer:thread:{thread_id}" if thread_id else f"answer:{answer_id}"


def place(sent_at: datetime, external_id: str) -> str:
    """A text's place: by the provider's time, then by its id. Sorts as text."""
    microseconds = (sent_at - _EPOCH) // timedelta(microseconds=1)
    # padded with zeros, as some collations of PostgreSQL pass over blanks
    return f"1:{microseconds:018d}:{external_id:0>20}"


def post_gate(team_id: str, channel_id: str) -> str:
    """Slack counts posts by channel."""
    return f"slack:{team_id}:post:{channel_id}"


def method_gate(team_id: str, method: str) -> str:
    """Slack counts everything else by method."""
    return f"slack:{team_id}:{method}"


def answer_gate(team_id: str) -> str:
    """A response_url has no rate of its own."""
    return f"slack:{team_id}:answers"


def source_of_inbox(inbox_id: int) -> str:
    """Inboxes of one login share its gate, in turn."""
    return f"inbox:{inbox_id}"


def send_gate(login_id: int) -> str:
    """RingCentral counts sends in its Medium group, by user and app."""
    return f"ringcentral:{login_id}:medium"
