"""Slack's rich-text blocks as a phone shows them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.slack.markup import safe_blocks
from bridge.slack.rich_text import phone_text_from_blocks, phone_text_of

NAMES = {"U1": "Bea", "C1": "front-desk", "S1": "desk-team"}

Element = dict[str, Any]


def text(words: str, **style: bool) -> Element:
    return {"type": "text", "text": words, **({"style": style} if style else {})}


def section(*elements: Element, kind: str = "section", **more: Any) -> Element:
    return {"type": f"rich_text_{kind}", "elements": list(elements), **more}


def message(*sections: Element) -> list[Element]:
    return [{"type": "rich_text", "block_id": "b", "elements": list(sections)}]


@pytest.mark.parametrize(
    ("element", "shown"),
    [
        (text("*not* bold & <here>"), "*not* bold & <here>"),
        (text("bold", bold=True), "bold"),
        (text("code :wave:", code=True), "code :wave:"),
        (text("“It’s”…"), '"It\'s"...'),
        ({"type": "link", "url": "https://example.com/?a&b"}, "https://example.com/?a&b"),
        (
            {"type": "link", "url": "https://example.com", "text": "our menu"},
            "our menu (https://example.com)",
        ),
        ({"type": "link", "url": "mailto:a@example.com", "text": "a@example.com"}, "a@example.com"),
        ({"type": "user", "user_id": "U1"}, "Bea"),
        ({"type": "user", "user_id": "U9"}, "someone"),
        ({"type": "usergroup", "usergroup_id": "S1"}, "@desk-team"),
        ({"type": "usergroup", "usergroup_id": "S9"}, "@group"),
        ({"type": "channel", "channel_id": "C1"}, "#front-desk"),
        ({"type": "channel", "channel_id": "C9"}, "#channel"),
        ({"type": "broadcast", "range": "here"}, "@here"),
        ({"type": "emoji", "name": "wave", "unicode": "1f44b"}, "👋"),
        ({"type": "emoji", "name": "wave", "unicode": "1f44b-1f3fd", "skin_tone": 4}, "👋🏽"),
        ({"type": "emoji", "name": "wave", "skin_tone": 2}, "👋🏻"),
        ({"type": "emoji", "name": "heart", "unicode": "2764"}, "❤️"),
        ({"type": "emoji", "name": "our_logo"}, ":our_logo:"),
        ({"type": "color", "value": "#F405B3"}, "#F405B3"),
        ({"type": "date", "timestamp": 1763888400, "fallback": "Nov 23"}, "Nov 23"),
        ({"type": "date", "timestamp": 1763888400, "format": "{date}"}, "2025-11-23 09:00 UTC"),
        ({"type": "date", "timestamp": "never"}, ""),
        ({"type": "something_new", "text": "readable"}, "readable"),
        ({"type": "something_new"}, ""),
    ],
)
def test_each_element_has_its_text(element: Element, shown: str) -> None:
    """Names for ids, characters for emoji, addresses for links."""
    assert phone_text_from_blocks(message(section(element)), NAMES) == shown


def test_a_list_keeps_its_shape() -> None:
    """Bullets and numbers are written out, nested lists indented, numbering resumed."""
    blocks = message(
        section(text("We have:\n")),
        section(section(text("soup")), section(text("fish")), kind="list", style="ordered"),
        section(section(text("of the day")), kind="list", style="bullet", indent=1),
        section(section(text("cake")), kind="list", style="ordered", offset=2),
        section(text("See you")),
    )
    shown = "We have:\n1. soup\n2. fish\n  - of the day\n3. cake\nSee you"
    assert phone_text_from_blocks(blocks, NAMES) == shown


def test_quotes_and_code_keep_their_lines() -> None:
    """A quote is marked on each line, preformatted text is as it was typed."""
    blocks = message(
        section(text("one\ntwo"), kind="quote"),
        section(text("a = *b*\n  c"), kind="preformatted"),
        section(text("Hi "), {"type": "user", "user_id": "U1"}, text("!")),
    )
    assert phone_text_from_blocks(blocks, NAMES) == "> one\n> two\na = *b*\n  c\nHi Bea!"


def test_blocks_are_preferred_where_a_person_wrote_them() -> None:
    """An app's sections do not stand for its text; a person's rich text does."""
    typed = message(section(text("2 *3* 4")))
    assert phone_text_of("2 *3* 4", typed, NAMES) == "2 *3* 4"
    assert phone_text_of("2 *3* 4", None, NAMES) == "2 3 4"
    assert phone_text_of("2 *3* 4", [], NAMES) == "2 3 4"
    app = [{"type": "section", "text": {"type": "mrkdwn", "text": "other"}}]
    assert phone_text_of("said", app, NAMES) == "said"


leaf = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=10))
anything = st.recursive(
    leaf,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["type", "elements", "text", "url", "name", "unicode", "user_id"])
            | st.sampled_from(["indent", "offset", "style", "timestamp", "range"]),
            inner | st.sampled_from(["rich_text", "rich_text_list", "emoji", "link", "date"]),
            max_size=4,
        ),
    ),
    max_leaves=12,
)


@given(anything)
@settings(max_examples=200)
def test_blocks_of_any_shape_are_read(blocks: object) -> None:
    """What Slack may add one day is read as far as it can be, and never raises."""
    shown = phone_text_from_blocks(blocks, NAMES)
    assert shown == shown.strip()


@given(st.text(alphabet="ab é😀*_<>&@:\n", max_size=200))
@settings(max_examples=200)
def test_there_and_back_changes_nothing(sms: str) -> None:
    """A phone's text shown in Slack and quoted back is the same text."""
    lines = "\n".join(line.rstrip() for line in sms.split("\n")).strip()
    assert phone_text_from_blocks(safe_blocks(sms), NAMES) == (lines or "no text")
