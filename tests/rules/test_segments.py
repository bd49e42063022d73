"""What a text costs on the air, how it is cut, and when two texts are the same."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.relay.segments import (
    cut_text,
    normalised,
    plain_typography,
    segments,
    split_text,
    utf16_units,
)

FAMILY = "👩\u200d👩\u200d👧"
any_text = st.text(max_size=300)
wordy_text = st.text(alphabet="ab \n😀é\u0301🇩🇪🏽\u200d", max_size=300)


@pytest.mark.parametrize(
    ("text", "units"),
    [("", 0), ("abc", 3), ("é", 1), ("€", 1), ("😀", 2), ("a😀b", 4), (FAMILY, 8), ("🇩🇪", 4)],
)
def test_length_is_counted_in_utf16_units(text: str, units: int) -> None:
    """RingCentral's limit counts a character beyond the basic plane twice."""
    assert utf16_units(text) == units


@given(any_text)
@settings(max_examples=200)
def test_length_agrees_with_the_codec(text: str) -> None:
    """The count is the one the UTF-16 codec gives."""
    assert utf16_units(text) == len(text.encode("utf-16-le", "surrogatepass")) // 2


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("a", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("a" * 1000, 7),
        ("€" * 80, 1),
        ("€" * 81, 2),
        # 153 is odd: each part holds 76 escaped characters and leaves one septet empty.
        ("€" * 152, 2),
        ("€" * 153, 3),
        ("à" * 160, 1),
        ("ç" * 70, 1),
        ("ç" * 71, 2),
        ("“" + "a" * 69, 1),
        ("“" + "a" * 70, 2),
        ("я" * 134, 2),
        ("я" * 135, 3),
        ("😀" * 35, 1),
        ("😀" * 36, 2),
        # 67 is odd: each part holds 33 pairs.
        ("😀" * 66, 2),
        ("😀" * 67, 3),
        ("line\nbreaks\r\nare GSM-7", 1),
        ("tab\t" + "a" * 67, 2),
        ("`" + "a" * 70, 2),
    ],
)
def test_segments_are_counted_as_carriers_bill_them(text: str, count: int) -> None:
    """160 and 153 septets, 70 and 67 units, and nothing divided between two segments."""
    assert segments(text) == count


@given(any_text, st.characters(exclude_categories=["Cs"]))
@settings(max_examples=200)
def test_a_longer_text_never_costs_less(text: str, more: str) -> None:
    """Adding a character never takes a segment away."""
    assert segments(text + more) >= segments(text)


@pytest.mark.parametrize(
    ("text", "limit", "pieces"),
    [
        ("", 10, []),
        (" \n ", 10, []),
        ("short", 10, ["short"]),
        (" kept ", 10, [" kept "]),
        ("one two three", 8, ["one two", "three"]),
        ("one two three", 7, ["one two", "three"]),
        ("one two three", 6, ["one", "two", "three"]),
        ("one\n\n  two three", 9, ["one", "two three"]),
        ("abcdefghij", 4, ["abcd", "efgh", "ij"]),
        ("ab cdefghij", 4, ["ab", "cdef", "ghij"]),
        (" " * 30 + "word" + " " * 30, 10, ["word"]),
        (" " * 30, 10, []),
        ("😀😀😀", 5, ["😀😀", "😀"]),
        ("a😀", 2, ["a", "😀"]),
        ("abc" + FAMILY, 10, ["abc", FAMILY]),
        ("abce\u0301", 4, ["abc", "e\u0301"]),
        ("a🇩🇪🇫🇷", 7, ["a🇩🇪", "🇫🇷"]),
        ("ab👍🏽", 5, ["ab", "👍🏽"]),
        # A grapheme longer than a piece is cut between its characters.
        (FAMILY, 4, ["👩\u200d", "👩\u200d", "👧"]),
    ],
)
def test_a_long_text_is_cut_between_words(text: str, limit: int, pieces: list[str]) -> None:
    """Pieces end at words where they can, at graphemes where a word is too long."""
    assert split_text(text, limit) == pieces


@given(st.one_of(any_text, wordy_text), st.integers(min_value=2, max_value=40))
@settings(max_examples=200)
def test_cutting_loses_only_whitespace(text: str, limit: int) -> None:
    """Nothing but whitespace is missing, the order is kept, every piece fits and says something."""
    pieces = split_text(text, limit)
    assert "".join("".join(pieces).split()) == "".join(text.split())
    assert all(0 < utf16_units(piece) <= limit and piece.strip() for piece in pieces)


@given(st.lists(st.text(alphabet="abcdé😀", min_size=1, max_size=5), min_size=1, max_size=60))
@settings(max_examples=200)
def test_no_word_that_fits_is_cut(words: list[str]) -> None:
    """A word shorter than a piece is whole in one of the pieces."""
    pieces = split_text(" ".join(words), 10)
    assert [word for piece in pieces for word in piece.split()] == words


@given(st.one_of(any_text, wordy_text), st.integers(min_value=2, max_value=40))
@settings(max_examples=200)
def test_an_exact_cut_loses_nothing(text: str, limit: int) -> None:
    """Where whitespace counts too, the pieces joined are the text."""
    pieces = cut_text(text, limit)
    assert "".join(pieces) == text
    assert all(0 < utf16_units(piece) <= limit for piece in pieces)


@pytest.mark.parametrize("cut", [split_text, cut_text])
def test_a_piece_must_hold_a_character(cut: Callable[[str, int], list[str]]) -> None:
    """A limit no emoji fits in is a mistake of the caller."""
    with pytest.raises(ValueError, match="two UTF-16 units"):
        cut("ab", 1)


@pytest.mark.parametrize(
    ("typed", "plain"),
    [
        ("“Hi” – it’s ‘on’…", "\"Hi\" - it's 'on'..."),
        ("a—b−c‑d‒e", "a-b-c-d-e"),
        ("10\u202f000\u00a0€", "10 000 €"),
        ("a\r\nb\rc\u2028d", "a\nb\nc\nd"),
        ("soft\u00adhyphen zero\u200bwidth", "softhyphen zerowidth"),
        ("«bon» ‹ça›", "\"bon\" 'ça'"),
        ("日本語「」 😀" + FAMILY, "日本語「」 😀" + FAMILY),
    ],
)
def test_typography_is_made_plain(typed: str, plain: str) -> None:
    """What a phone's GSM-7 has a plain sign for is sent as that sign; the rest stays."""
    assert plain_typography(typed) == plain


@given(any_text)
@settings(max_examples=200)
def test_plain_typography_stays_plain(text: str) -> None:
    """Doing it twice changes nothing."""
    assert plain_typography(plain_typography(text)) == plain_typography(text)


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("Your table is ready", "Your table is ready "),
        ("one\r\ntwo", "one\ntwo"),
        ("one\n\n two", "one two"),
        ("it’s “on”", 'it\'s "on"'),
        ("wait…", "wait..."),
        ("cafe\u0301", "café"),
        ("❤\ufe0f you", "❤ you"),
        ("a\u00a0b", "a b"),
        ("\u202a+1 415 555 0100\u202c", "+1 415 555 0100"),
    ],
)
def test_the_same_text_is_recognised(sent: str, stored: str) -> None:
    """What carriers and stores change on the way does not make it another text."""
    assert normalised(sent) == normalised(stored)


@pytest.mark.parametrize(
    ("one", "other"),
    [("Yes", "No"), ("yes", "Yes"), ("table 1", "table 2"), ("now here", "nowhere"), ("a", "á")],
)
def test_another_text_is_told_apart(one: str, other: str) -> None:
    """What a person would read differently is another text."""
    assert normalised(one) != normalised(other)


@given(any_text)
@settings(max_examples=200)
def test_the_normal_form_is_final(text: str) -> None:
    """Normalising twice changes nothing."""
    assert normalised(normalised(text)) == normalised(text)
