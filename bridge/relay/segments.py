"""How long a text is on the air, how a long one is cut, and when two texts are the same."""

from __future__ import annotations

import re
import unicodedata

# RingCentral refuses a longer text (POST /sms: "text" has at most 1000 UTF-16 code units).
LONGEST_TEXT_UNITS = 1000

# 3GPP TS 23.038, 6.2.1 and 6.2.1.1. An extended character costs an escape as well.
_GSM_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_EXTENDED = frozenset("\f^{}\\[~]|€")

_PLAIN_TYPOGRAPHY = str.maketrans(
    {
        **dict.fromkeys("‘’‚‛‹›′", "'"),
        **dict.fromkeys("“”„‟«»″", '"'),
        **dict.fromkeys("‐‑‒–—―−", "-"),
        **dict.fromkeys("\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006", " "),
        **dict.fromkeys("\u2007\u2008\u2009\u200a\u202f\u205f\u3000\t", " "),
        **dict.fromkeys("\u2028\u2029\v\f\x85", "\n"),
        **dict.fromkeys("\u00ad\u200b\u2060\ufeff"),
        "…": "...",
    }
)
_LINE_ENDING = re.compile(r"\r\n?")
_WHITESPACE = re.compile(r"\s+")
# Carriers and stores add, drop or keep these at will; none of them is read by a person.
_UNREAD = re.compile("[\u200c-\u200f\u202a-\u202e\u2066-\u2069\ufe0e\ufe0f]")

_ZERO_WIDTH_JOINER = "\u200d"
_MARKS = frozenset({"Mn", "Me", "Mc"})


def utf16_units(text: str) -> int:
    """The length of a text as RingCentral counts it, in UTF-16 code units."""
    return len(text) + sum(1 for character in text if character > "\uffff")


def segments(text: str) -> int:
    """How many SMS segments a text costs; 0 for an empty text.

    GSM-7: 160 septets alone, 153 each when joined. Anything outside its alphabet makes the whole
    text UCS-2: 70 units alone, 67 each when joined. Neither an escaped character nor a surrogate
    pair is divided between two segments (3GPP TS 23.040, 9.2.3.24.1).
    """
    if all(character in _GSM_BASIC or character in _GSM_EXTENDED for character in text):
        return _packed([2 if character in _GSM_EXTENDED else 1 for character in text], 160, 153)
    return _packed([2 if character > "\uffff" else 1 for character in text], 70, 67)


def _packed(costs: list[int], alone: int, joined: int) -> int:
    if sum(costs) <= alone:
        return 1 if costs else 0
    count, room = 1, joined
    for cost in costs:
        if cost > room:
            count, room = count + 1, joined
        room -= cost
    return count


def split_text(text: str, limit: int = LONGEST_TEXT_UNITS) -> list[str]:
    """Cut a text into pieces of at most `limit` UTF-16 units (at least 2), in order.

    Cuts fall between words and lose only the whitespace there; a word longer than a piece is cut
    between graphemes, a grapheme longer than a piece between characters, a surrogate pair never.
    A blank text gives no pieces, one that fits stays as it is.
    """
    if utf16_units(text) <= limit:
        return [] if text.isspace() or not text else [text]
    pieces = []
    rest = text.strip()
    while rest:
        end = _cut(rest, limit)
        pieces.append(rest[:end].rstrip())
        rest = rest[end:].lstrip()
    return pieces


def cut_text(text: str, limit: int) -> list[str]:
    """Cut as `split_text` does, but lose nothing: the pieces joined are the text."""
    pieces = []
    rest = text
    while rest:
        end = _cut(rest, limit)
        pieces.append(rest[:end])
        rest = rest[end:]
    return pieces


def _cut(text: str, limit: int) -> int:
    """The index at which the first piece ends."""
    if limit < 2:
        raise ValueError("a piece must hold at least one character, two UTF-16 units")
    longest = _characters_within(text, limit)
    if longest == len(text) or text[longest].isspace():
        return longest
    for end in range(longest - 1, 0, -1):
        if text[end].isspace():
            return end
    return _grapheme_cut(text, longest)


def _characters_within(text: str, limit: int) -> int:
    units = 0
    for index, character in enumerate(text):
        units += 2 if character > "\uffff" else 1
        if units > limit:
            return index
    return len(text)


def _grapheme_cut(text: str, longest: int) -> int:
    for end in range(longest, 0, -1):
        if not _is_joined(text, end):
            return end
    return longest


def _is_joined(text: str, index: int) -> bool:
    """Whether the character at `index` continues the one before it.

    The rules that matter in texts (marks, joiners, skin tones, flags), not all of UAX #29, which
    would take a table of our own or one more library.
    """
    before, after = text[index - 1], text[index]
    if _ZERO_WIDTH_JOINER in (before, after) or unicodedata.category(after) in _MARKS:
        return True
    if "\U0001f3fb" <= after <= "\U0001f3ff" or "\U000e0020" <= after <= "\U000e007f":
        return True
    return _is_flag_half(after) and _flag_halves_before(text, index) % 2 == 1


def _is_flag_half(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _flag_halves_before(text: str, index: int) -> int:
    start = index
    while start and _is_flag_half(text[start - 1]):
        start -= 1
    return index - start


def plain_typography(text: str) -> str:
    """Replace typographic quotes, dashes, ellipses, spaces and line endings by plain ones.

    They are what makes an English text UCS-2, at 70 characters a segment rather than 160.
    """
    return _LINE_ENDING.sub("\n", text).translate(_PLAIN_TYPOGRAPHY)


def normalised(text: str) -> str:
    """The form in which a text we sent equals the one a message store shows for it.

    Whitespace, line endings, typography, composition and invisible characters do not count.
    """
    read = plain_typography(_UNREAD.sub("", unicodedata.normalize("NFC", text)))
    return _WHITESPACE.sub(" ", unicodedata.normalize("NFC", read)).strip()
