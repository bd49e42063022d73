"""Slack markup as a phone shows it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.relay.segments import segments
from bridge.slack.emoji_names import with_emoji
from bridge.slack.markup import Mentions, mentioned_user_ids, mentions, phone_text

NAMES = {"U1": "Bea", "W2": "Carl", "C1": "front-desk", "S1": "desk-team"}


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<@U1>, your table is ready", "Bea, your table is ready"),
        ("<@U1|bea.s> and <@W2>", "Bea and Carl"),
        ("<@U9|dora> and <@U8>", "dora and someone"),
        ("see <#C1|old-name>", "see #front-desk"),
        ("see <#C9|lobby>, <#C8|> or <#C7>", "see #lobby, #channel or #channel"),
        ("<!subteam^S1|@desk>", "@desk-team"),
        ("<!subteam^S9|@night> <!subteam^S8>", "@night @group"),
        ("<!here> <!channel> <!everyone>", "@here @channel @everyone"),
        ("<!here|here> <!channel|@channel>", "@here @channel"),
        ("<!date^1763888400^{date_short} at {time}|Nov 23 at 9:00>", "Nov 23 at 9:00"),
        ("<!date^1^{date}^https://example.com/|Nov 23 &amp; on>", "Nov 23 & on"),
        ("<!unknown|label> <!unknown>!", "label !"),
    ],
)
def test_mentions_become_names(markup: str, text: str) -> None:
    """A customer reads names, never Slack's ids."""
    assert phone_text(markup, NAMES) == text


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<https://example.com>", "https://example.com"),
        ("<https://example.com|our menu>", "our menu (https://example.com)"),
        ("<https://example.com|example.com>", "https://example.com"),
        ("<https://www.example.com/|Example.com>", "https://www.example.com/"),
        ("<https://example.com|https://example.com>", "https://example.com"),
        ("<https://evil.example|bank.example>", "bank.example (https://evil.example)"),
        ("<https://example.com/?a=1&amp;b=2>", "https://example.com/?a=1&b=2"),
        (
            "<https://example.com/_a_/*b*|a “menu” :wave:>",
            'a "menu" 👋 (https://example.com/_a_/*b*)',
        ),
        ("https://example.com/_a_ *b*", "https://example.com/_a_ b"),
        ("<mailto:a@example.com|a@example.com>", "a@example.com"),
        ("<mailto:a@example.com?subject=x|write us>", "write us (a@example.com)"),
        ("<tel:+14155550100|(415) 555-0100>", "(415) 555-0100"),
        ("<tel:+14155550100>", "+14155550100"),
        ("<tel:+14155550100|call us>", "call us (+14155550100)"),
        ("<tel:+14155550100|(415) 555-0142>", "(415) 555-0142 (+14155550100)"),
    ],
)
def test_links_show_where_they_lead(markup: str, text: str) -> None:
    """A phone has no labels, so the address is written, once."""
    assert phone_text(markup, NAMES) == text


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("fish &amp; chips", "fish & chips"),
        ("1 &lt; 2 &gt; 0", "1 < 2 > 0"),
        ("&amp;lt;b&amp;gt;", "&lt;b&gt;"),
        ("&quot; &nbsp; &#39;", "&quot; &nbsp; &#39;"),
        ("&lt;@U1&gt; typed", "<@U1> typed"),
        ("&gt; quoted", "> quoted"),
        ("a < b and <b>", "a < b and <b>"),
        ("<> < >", "<> < >"),
    ],
)
def test_entities_are_decoded_once(markup: str, text: str) -> None:
    """Slack encodes three characters and no more; what a person typed comes out as typed."""
    assert phone_text(markup, NAMES) == text


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("*bold* _italic_ ~struck~ `code`", "bold italic struck code"),
        ("*Ready*, (_today_): ~no~!", "Ready, (today): no!"),
        ("_*both*_ *_both_* ~_*three*_~", "both both three"),
        ("*two words* and *more*", "two words and more"),
        ("*<https://example.com|menu>*", "menu (https://example.com)"),
        ("*Hi <@U1>*", "Hi Bea"),
        ("2*3*4 = 24", "2*3*4 = 24"),
        ("5 * 3 * 2", "5 * 3 * 2"),
        ("snake_case_name __init__", "snake_case_name __init__"),
        ("~5 to ~6 minutes", "~5 to ~6 minutes"),
        ("* one\n* two", "* one\n* two"),
        ("*not\nbold*", "*not\nbold*"),
        ("**", "**"),
        ("price* and terms*", "price* and terms*"),
        ("`*kept* _kept_ :wave:`", "*kept* _kept_ :wave:"),
        ("```\nline *one*\n  line two\n```", "line *one*\n  line two"),
        ("`a &lt; b`", "a < b"),
        ("`<https://example.com>`", "https://example.com"),
        ("it`s and that`s", "it`s and that`s"),
        ("• one\n  ◦ two\n• three", "- one\n  - two\n- three"),
    ],
)
def test_formatting_marks_go_and_other_signs_stay(markup: str, text: str) -> None:
    """A mark goes only where Slack shows formatting; code keeps every sign in it."""
    assert phone_text(markup, NAMES) == text


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("“It’s ready” – at 5…", '"It\'s ready" - at 5...'),
        ("10\u00a0am\u202f– ok", "10 am - ok"),
        ("one\r\ntwo\rthree\u2028four", "one\ntwo\nthree\nfour"),
        ("  spaced \t\n\n line  \n", "spaced\n\n line"),
        ("a\x00b\x07c\x1b[0m\x7fd\x9be", "abc[0mde"),
        ("half \ud83d of one", "half \ufffd of one"),
        ("a\u200bb\ufeff", "ab"),
        ("שלום\u200f ok", "שלום\u200f ok"),
    ],
)
def test_characters_are_made_fit_for_a_phone(markup: str, text: str) -> None:
    """Typography becomes plain, controls go, half a character is marked."""
    assert phone_text(markup, NAMES) == text


def test_typography_can_be_kept() -> None:
    """Where the price of UCS-2 does not matter, quotes stay as written."""
    assert phone_text("“It’s *ready*”", NAMES, plain=False) == "“It’s ready”"


def test_plain_typography_is_cheaper() -> None:
    """What a Mac types on its own does not double the price of a text."""
    typed = "“Your table’s ready” – come in…  " * 4
    assert segments(phone_text(typed, NAMES)) == 1
    assert segments(phone_text(typed, NAMES, plain=False)) == 2


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        (":wave: hi", "👋 hi"),
        (":+1::tada:", "👍🎉"),
        (":thumbsup::skin-tone-6:", "👍🏿"),
        (":wave::skin-tone-2: hi", "👋🏻 hi"),
        (":coffee::skin-tone-3:", "☕"),
        (":man-shrugging::skin-tone-4:", "🤷🏽\u200d♂️"),
        (":female-technologist:", "👩\u200d💻"),
        (":heart:", "❤️"),
        (":slightly_smiling_face: :simple_smile:", "🙂 🙂"),
        (":flag-de: :us:", "🇩🇪 🇺🇸"),
        (":flag-wales:", "🏴\U000e0067\U000e0062\U000e0077\U000e006c\U000e0073\U000e007f"),
        (":man-woman-girl-boy:", "👨\u200d👩\u200d👧\u200d👦"),
        (":large_green_circle:", "🟢"),
        (":party_parrot: :our_own_logo:", ":party_parrot: :our_own_logo:"),
        (":flag-xx: :skin-tone-3:", ":flag-xx: :skin-tone-3:"),
        ("at 12:30:45", "at 12:30:45"),
        ("10:100:3", "10:100:3"),
        ("std::x::y and a:b:c", "std::x::y and a:b:c"),
        (":x: :o: :x::x:", "❌ ⭕ ❌❌"),
        ("note:smile:", "note😄"),
        ("a:b:smile:", "a:b😄"),
        (":::", ":::"),
        ("*:wave:*", "👋"),
    ],
)
def test_emoji_names_become_emoji(markup: str, text: str) -> None:
    """Slack's names are read with their skin tones; times, code and unknown names stay."""
    assert phone_text(markup, NAMES) == text


def test_mentions_are_listed() -> None:
    """What would make a reply a slip is found, each once and in order."""
    markup = "<@U2|x> <@U1> <@U2> <#C1|n> <!subteam^S1|@x> <!here> <!date^1^x|y> &lt;@U9&gt;"
    assert mentions(markup) == Mentions(("U2", "U1"), ("S1",), ("C1",), ("here",))
    assert mentioned_user_ids(markup) == ("U2", "U1")
    assert not mentions("plain @here <https://example.com|@U1> <!date^1^x|y>")
    assert mentions("<!channel>")


names = st.sampled_from(["U1", "W2", "U9", "C1", "C9", "S1"])
word = st.text(alphabet="abcé ñ😀.,", min_size=1, max_size=8)
piece = st.one_of(
    word,
    st.builds("<@{}>".format, names),
    st.builds("<@{}|{}>".format, names, word),
    st.builds("<#{}|{}>".format, names, word),
    st.builds("<!subteam^{}|@{}>".format, names, word),
    st.sampled_from(["<!here>", "<!channel>", "<!date^1^{date}|today>", "&amp;", ":wave:"]),
    st.builds("<https://example.com/{}|{}>".format, st.integers(0, 9), word),
    st.builds("*{}*".format, st.text(alphabet="abc", min_size=1, max_size=5)),
)


@given(st.lists(piece, max_size=12).map(" ".join))
@settings(max_examples=200)
def test_no_markup_reaches_a_phone(markup: str) -> None:
    """Of what Slack writes for its own use nothing is left."""
    text = phone_text(markup, NAMES)
    for left in ("<", ">", "|", "*", "^", "subteam", "&amp;", ":wave:", "\x00", "U9", "C9"):
        assert left not in text


@given(
    st.one_of(st.text(max_size=120), st.text(alphabet="<>|@#!&;*_~`:\n •ax\x00\ud800", max_size=80))
)
@settings(max_examples=200)
def test_any_markup_is_converted(markup: str) -> None:
    """Nothing raises, and what comes out has no controls, halves or surrounding space."""
    text = phone_text(markup, NAMES)
    assert text == text.strip()
    assert not any(c < " " and c != "\n" for c in text)
    text.encode("utf-8")
    mentions(markup)


@given(st.text(alphabet="abc é😀.,!?()'\"-\n0123456789", max_size=120))
@settings(max_examples=200)
def test_plain_words_stay_as_they_are(text: str) -> None:
    """A text without marks is not changed but for white space at the ends of lines."""
    lines = "\n".join(line.rstrip() for line in text.split("\n")).strip()
    assert phone_text(text, NAMES) == lines


@given(st.text(max_size=120))
@settings(max_examples=200)
def test_emoji_are_replaced_once(text: str) -> None:
    """Text without names of emoji is left alone."""
    without = text.replace(":", "")
    assert with_emoji(without) == without


@pytest.mark.parametrize(
    "unit", ["<", "*a", "`", "```", ":a", " ", "\n", "&", "<@", "https://", "_ ~ "]
)
def test_a_long_message_is_converted_quickly(unit: str) -> None:
    """Slack's 40,000 characters cost no more than their length (pytest-timeout would tell)."""
    phone_text("x" + unit * (40_000 // len(unit)) + "x", NAMES)
