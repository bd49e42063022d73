"""Every error that Slack documents for a method we call has its row in the table of outcomes."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest

from bridge.relay.texts import Reply
from bridge.slack import outcomes, parse
from bridge.slack.parse import NotUnderstood
from tests.contracts.slack_contracts import documented_errors, reference_folder
from tests.contracts.test_manifests import methods_called

BOT = "U0SMSBRIDGE"


def test_every_documented_error_has_an_outcome() -> None:
    """Nothing that Slack documents falls through to the default."""
    methods = methods_called()
    assert {"chat.postMessage", "chat.update", "reactions.add", "users.info"} <= methods
    missing = {
        (method, error)
        for method in methods
        for error in documented_errors(method)
        if error not in outcomes.MEANINGS
    }
    assert missing == set()


def _recorded() -> list[Path]:
    folder = reference_folder() / "payloads" / "events"
    return sorted(folder.glob("*.json"))


def test_every_recorded_event_is_understood_or_unwanted() -> None:
    """No recorded shape of an event makes the parser fail in any other way than in words."""
    recorded = _recorded()
    assert recorded, "there is something to read"
    for path in recorded:
        body = json.loads(path.read_text())
        parse.check_shape(body)
        # The recorded values are blanked: an empty id is missing, and said so.
        with contextlib.suppress(NotUnderstood):
            parse.parse_event(body, BOT)


@pytest.mark.parametrize("name", ["MessagePayload", "MessageThreadBroadcastPayload"])
def test_a_recorded_reply_is_read(name: str) -> None:
    """A recorded message, its blanks filled in, is a reply."""
    body = json.loads((reference_folder() / "payloads" / "events" / f"{name}.json").read_text())
    body["team_id"] = body["authorizations"][0]["team_id"] = "T1"
    event = body["event"]
    event |= {"channel": "C1", "user": "U1", "ts": "2.2", "thread_ts": "1.1", "text": "Hi"}
    event.pop("bot_id", None)
    event["subtype"] = None if name == "MessagePayload" else "thread_broadcast"
    parsed = parse.parse_event(body, BOT)
    assert isinstance(parsed, Reply)
    assert (parsed.thread_ts, parsed.ts, parsed.markup) == ("1.1", "2.2", "Hi")
