"""A phone's text in Slack: shown as it is, unable to do anything."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.relay.segments import utf16_units
from bridge.slack.markup import safe_blocks, safe_fallback, safe_name, slack_escape

# The corpus of hostile texts of the Slack fact sheet, and what it does not name.
HOSTILE = [
    "<!here>",
    "<!channel>",
    "<!everyone>",
    "<!subteam^S1>",
    "<@U1>",
    "<#C1>",
    "<https://evil|bank.com>",
    "&lt;!here&gt;",
    "@here",
    "@channel everyone",
    "#general",
    "<!date^1^x|y>",
    "a" * 3001,
    "\ud83d",
    "nul\x00nul",
    "*bold* _it_ ~s~ `code` ```block```",
    "> quote\n• list",
    ":smile: :wave:",
    "\u202egnp.exe",
    "<mailto:a@example.com|x>",
    "[label](https://evil.example)",
    "https://example.com/a?b=1&c=2",
    "",
    " \n\t ",
    "&" * 4000,
    "😀" * 4000,
    '"\\' * 50,
]


def elements(blocks: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The elements of the sections of the blocks; fails on anything else in them."""
    for block in blocks:
        assert block["type"] == "rich_text"
        for section in block["elements"]:
            assert section["type"] == "rich_text_section"
            yield from section["elements"]


def shown(text: str) -> str:
    """What the blocks of a text show."""
    return "".join(element["text"] for element in elements(safe_blocks(text)))


@pytest.mark.parametrize("text", HOSTILE)
def test_blocks_hold_nothing_that_acts(text: str) -> None:
    """Only unstyled text elements of a legal length; a style marks words of ours alone."""
    for element in elements(safe_blocks(text)):
        assert element["type"] == "text"
        assert 0 < utf16_units(element["text"]) <= 3_000
        if "style" in element:
            assert "no text" in element["text"] or "not shown" in element["text"]


@pytest.mark.parametrize(
    "text",
    [text for text in HOSTILE if text.strip() and text.isprintable() and len(text) < 4000],
)
def test_blocks_show_the_text_exactly(text: str) -> None:
    """Nothing is escaped, trimmed or beautified: a rich-text element is not parsed."""
    assert shown(text) == text


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("one\r\ntwo\rthree\u2028four", "one\ntwo\nthree\nfour"),
        ("tab\tstays\n\n  as do spaces ", "tab\tstays\n\n  as do spaces "),
        ("a\x00b\x1bc\x7fd\x85e", "a\ufffdb\ufffdc\ufffdd\ne"),
        ("half \ud83d", "half \ufffd"),
        ("\u202egnp.exe\u202c", "gnp.exe"),
        ("\u2068Alice\u2069", "Alice"),
        ("", "no text"),
        (" \n ", "no text"),
        ("\u202e", "no text"),
    ],
)
def test_what_could_deceive_is_made_harmless(text: str, seen: str) -> None:
    """Controls are seen, directions go, and a text of nothing says so."""
    assert shown(text) == seen


def test_a_text_no_message_can_hold_is_cut_and_says_so() -> None:
    """Slack would refuse the whole message for ever; the reader learns that there was more."""
    seen = shown("word " * 4_000)
    assert seen.endswith("\n12,001 more characters are not shown")
    assert len(seen) < 8_100


@pytest.mark.parametrize("text", HOSTILE)
def test_the_fallback_holds_nothing_that_acts(text: str) -> None:
    """No control sequence, no bare mention, at most 4,000 characters, never empty."""
    fallback = safe_fallback(text)
    assert 0 < utf16_units(fallback) <= 4_000
    assert "<" not in fallback
    assert ">" not in fallback
    for bare in ("@here", "@channel", "@everyone", "#general"):
        assert bare not in fallback


@pytest.mark.parametrize(
    ("text", "fallback"),
    [
        ("Is my order ready?", "Is my order ready?"),
        ("a < b & c > d", "a &lt; b &amp; c &gt; d"),
        ("&lt;!here&gt;", "&amp;lt;!here&amp;gt;"),
        ("<!here> @here", "&lt;!here&gt; @\u2060here"),
        ("a@example.com #1", "a@example.com #\u20601"),
        ("", "(no text)"),
        ("\r\n", "(no text)"),
    ],
)
def test_the_fallback_is_escaped(text: str, fallback: str) -> None:
    """The notification reads as the text does."""
    assert safe_fallback(text) == fallback


def test_a_long_fallback_ends_between_characters() -> None:
    """Neither an entity nor an emoji is cut in half."""
    assert safe_fallback("&" * 4_000) == "&amp;" * 799 + "…"
    assert safe_fallback("😀" * 4_000) == "😀" * 1_999 + "…"
    assert safe_fallback("a" * 4_000) == "a" * 4_000
    assert safe_fallback("a" * 4_001) == "a" * 3_999 + "…"


@pytest.mark.parametrize(
    ("text", "escaped"),
    [("&<>", "&amp;&lt;&gt;"), ("&lt;", "&amp;lt;"), ("a\"'*", "a\"'*"), ("", "")],
)
def test_three_characters_are_escaped(text: str, escaped: str) -> None:
    """In this order, so that nothing is escaped twice."""
    assert slack_escape(text) == escaped


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Jane D. (…4567)", "Jane D. (…4567)"),
        ("  Jane\n\tD.  ", "Jane D."),
        ("Ja\x00ne", "Ja ne"),
        ("\u202eenaJ\u202c \u2066D\u2069", "enaJ D"),
        ("B\u200be\u200da\ufeff", "Bea"),
        ("\u3164\u115f\u2800", ""),
        ("half\ud83d", "half"),
        ("", ""),
        ("José Ñandú 李", "José Ñandú 李"),
        ("x" * 81, "x" * 80),
        ("word " * 17, " ".join(["word"] * 16)),
        ("😀" * 41, "😀" * 40),
    ],
)
def test_a_name_is_one_visible_line(text: str, name: str) -> None:
    """What nobody sees cannot make two names differ, or one name look like another."""
    assert safe_name(text) == name


@given(st.text(max_size=200))
@settings(max_examples=200)
def test_any_text_is_shown_safely(text: str) -> None:
    """Whatever a phone sends fits Slack's rules, and a name fits a username."""
    for element in elements(safe_blocks(text)):
        assert element["text"]
        element["text"].encode("utf-8")
    assert 0 < utf16_units(safe_fallback(text)) <= 4_000
    assert safe_name(safe_name(text)) == safe_name(text)
    assert utf16_units(safe_name(text)) <= 80


@given(st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), max_size=200))
@settings(max_examples=200)
def test_visible_text_is_shown_exactly(text: str) -> None:
    """Every character a person can see arrives."""
    assert shown(text) == (text if text.strip() else "no text")
