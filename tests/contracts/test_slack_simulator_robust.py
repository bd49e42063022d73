"""Whatever is sent, the simulated Slack refuses in words; it never breaks."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bridge.sandbox.slack.blocks import BlockCheck, view_problems
from bridge.sandbox.slack.errors import ApiError
from bridge.sandbox.slack.mentions import marks_of
from bridge.sandbox.slack.posting import as_stored, read_content
from bridge.sandbox.slack.reading import read_blocks, read_mrkdwn
from bridge.sandbox.slack.typed import Directory, type_command, type_message

DIRECTORY = Directory({"bea": "U1"}, {"general": "C1"}, {"desk": "S1"})
TEXT: dict[str, Any] = {"type": "plain_text", "text": "x"}
OPTION: dict[str, Any] = {"text": TEXT, "value": "v"}
BLOCKS: list[dict[str, Any]] = [
    {"type": "section", "text": {"type": "mrkdwn", "text": "x"}, "fields": [TEXT]},
    {"type": "header", "text": TEXT},
    {"type": "context", "elements": [TEXT, {"type": "image", "image_url": "x", "alt_text": "x"}]},
    {
        "type": "actions",
        "elements": [
            {"type": "button", "action_id": "a", "text": TEXT, "confirm": {"title": TEXT}},
            {"type": "overflow", "action_id": "b", "options": [OPTION]},
            {
                "type": "static_select",
                "action_id": "c",
                "option_groups": [{"label": TEXT, "options": [OPTION]}],
            },
        ],
    },
    {
        "type": "input",
        "label": TEXT,
        "element": {"type": "plain_text_input", "max_length": 10},
    },
    {
        "type": "rich_text",
        "elements": [
            {"type": "rich_text_section", "elements": [{"type": "text", "text": "x"}]},
            {"type": "rich_text_list", "style": "bullet", "elements": []},
        ],
    },
    {"type": "table", "rows": [[{"type": "raw_text", "text": "x"}]]},
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [at] if at else []
    inner = value.items() if isinstance(value, dict) else ()
    if isinstance(value, list):
        inner = list(enumerate(value))  # type: ignore[assignment] # pairs either way
    for key, part in inner:
        found += places(part, (*at, key))
    return found


@st.composite
def damaged_blocks(draw: st.DrawFn) -> list[Any]:
    blocks: Any = copy.deepcopy(BLOCKS)
    at = draw(st.sampled_from(places(blocks)))
    target = blocks
    for key in at[:-1]:
        target = target[key]
    target[at[-1]] = draw(JSON)
    assert isinstance(blocks, list)
    return blocks


def test_whole_blocks_pass() -> None:
    """The blocks that are damaged below are sound, but for a confirm without its buttons."""
    check = BlockCheck("message")
    check.check_blocks(BLOCKS, "/blocks")
    assert len(check.problems) == 3
    assert all("/confirm/" in problem for problem in check.problems)


@given(damaged_blocks())
def test_damaged_blocks_are_refused_in_words(blocks: list[Any]) -> None:
    """A block damaged at any place gives problems or passes, and never raises."""
    BlockCheck("message").check_blocks(blocks, "/blocks")
    view_problems({"type": "modal", "title": TEXT, "blocks": blocks})
    try:
        content = read_content({"text": "x", "blocks": blocks, "attachments": blocks})
    except ApiError:
        return
    read_blocks(content.blocks, str)
    marks_of(content.text, content.blocks, content.attachments)


@given(st.text())
def test_any_text_can_be_typed_and_read(text: str) -> None:
    """A typed text notifies only whom its author named, and is read as it was written."""
    typed = type_message(text, DIRECTORY)
    pings = marks_of(typed.text, typed.blocks).pings
    assert set(pings.users) <= {"U1"}
    assert type_command(text, DIRECTORY, should_escape=False) == text
    type_command(text, DIRECTORY, should_escape=True, link_phones=True)


@given(st.text(alphabet="<>&!@#|abc:/ "))
def test_storing_twice_changes_nothing(text: str) -> None:
    """What Slack stores, stored again, stays the same, and shows what was meant."""
    stored = as_stored(text)
    assert as_stored(stored) == stored
    read_mrkdwn(stored, str)
