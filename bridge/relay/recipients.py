"""Numbers as people write them at the head of a command, read or refused in words."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass

from phonenumbers.shortnumberinfo import is_emergency_number

from bridge.relay import number_refusals as refusals
from bridge.relay.number_refusals import Refusal
from bridge.relay.numbers import PhoneNumber, read_digits
from bridge.relay.segments import plain_typography

_LEAD = re.compile(r"(?:[\s\"'`*_~(\[]|&lt;|tel:)*", re.IGNORECASE)
_RUN = re.compile(r"\+?[0-9().\-/ ]{0,80}")
_CLOSERS = re.compile(r"(?:[\"'`*_~)\]]|&gt;)*")
_LINK = re.compile(r"<tel:(?P<target>[^|<>]*)(?:\|(?P<label>[^<>]*))?>", re.IGNORECASE)
_WORD = re.compile(r"\s*(?:<[^|<>]*\|?(?P<label>[^<>]*)>|(?P<word>\S+))")
_GROUP_END = re.compile(r"[0-9](?![0-9])")
# A number that goes on like this has not ended: 030/123456-12, 415555O100, 4155550100@example.com.
_GOES_ON = re.compile(r"[().\-/]*[0-9]|[a-zà-ɏ@=\\]|_\w", re.IGNORECASE)
_EXTENSION = re.compile(
    r"[ ,;]*(?:ext(?:n|ension)?[.:= ]{0,3}|x[. ]?)(?=[0-9])|#(?=[0-9])", re.IGNORECASE
)
_EXTENSION_ALONE = re.compile(
    r"(?:ext(?:n|ension)?[.:= ]{0,3}|x[. ]?|#)(?P<digits>[0-9]{1,8})(?![0-9])", re.IGNORECASE
)
# A glued colon settles nothing before a digit: "12:30" is a time of the text.
_SETTLED_END = re.compile(r" *(?:\n|$|[:;](?!\S))|:(?![0-9]|\S*:)")
# A colon, comma or dash between number and text belongs to neither, but `:wave:` and `:)` do.
_SEPARATOR = re.compile(
    r"(?! *:(?:[+-]1|[0-9]*[a-z_][\w+'-]*):)(?:[:;,](?![)(])| *[:;,.|\-](?=\s|$))?\s*",
    re.IGNORECASE,
)
_LIST_MARK = re.compile(r"\s*(?:[,;/]|&(?:amp;)?|and\b)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Addressed:
    """A number and what was written after it, still as written; the body may be empty."""

    number: PhoneNumber
    body: str


def parse_recipient(
    text: str, region: str = "US", own_numbers: Collection[str] = ()
) -> PhoneNumber | Refusal:
    """Read one number as a person writes it; `region` is whose national format it may be in.

    Own numbers are E.164. Shapes taken are those of `split_command`, with nothing after them.
    """
    read = split_command(text, region, own_numbers)
    if isinstance(read, Refusal):
        return read
    if read.body:
        return refusals.not_a_number(text.strip(), region)
    return read.number


def split_command(
    text: str, region: str = "US", own_numbers: Collection[str] = ()
) -> Addressed | Refusal:
    """Read the number at the beginning of a command and return it with what follows.

    The number ends where a group of digits ends and a number of the plan is complete, so that
    "+1 415 555 0100 2 tables are ready" has the body "2 tables are ready". In the few plans whose
    lengths vary several ends can fit. Then a colon, a semicolon, a closing quote, a new line or
    the end of a link decides, and without one of them it is refused: the longest and the
    shortest reading are both somebody's number, and a text to a stranger cannot be taken back.
    """
    folded = _Folded.of(text)
    lead = _matched_end(_LEAD, folded.text, 0)
    link = _LINK.match(folded.text, lead)
    if link and read_digits(link["target"], region):
        return _addressed_by_link(folded, link, region, own_numbers)
    found = _find_number(folded.text, lead, region)
    if found is None and (inner := _link_within_run(folded.text, lead)):
        folded = _unlinked(folded, inner)
        found = _find_number(folded.text, lead, region)
    if found is None:
        return _refuse(folded.text, lead, region)
    if isinstance(found, Refusal):
        return found
    number, end = found
    return _addressed(folded, number, end, region, own_numbers)


def _find_number(folded: str, lead: int, region: str) -> tuple[PhoneNumber, int] | Refusal | None:
    """The number that begins at `lead` and the index where it ends."""
    run_end = _matched_end(_RUN, folded, lead)
    ends = [match.end() for match in _GROUP_END.finditer(folded, lead, run_end)]
    readings = [
        (number, end)
        for end in ends
        if not _GOES_ON.match(folded, end) or _EXTENSION.match(folded, end)
        if (number := read_digits(folded[lead:end], region))
    ]
    if not readings:
        return None
    if len(readings) > 1 and not _is_settled(folded, lead, readings[-1][1], ends[-1]):
        return refusals.unclear_end(readings[0][0], readings[-1][0])
    return readings[-1]


def _is_settled(folded: str, lead: int, end: int, run_end: int) -> bool:
    """Whether something other than a space says that the number ends at the last digit."""
    closed = _closed_at(folded, lead, end)
    return end == run_end and (closed > end or bool(_SETTLED_END.match(folded, end)))


def _closed_at(folded: str, lead: int, end: int) -> int:
    """Where the quotes or brackets that the number is written in end."""
    return _matched_end(_CLOSERS, folded, end) if folded[:lead].strip() else end


def _link_within_run(folded: str, lead: int) -> re.Match[str] | None:
    """A link that Slack made of a part of the number only, as in "+1 <tel:...|415 555 0100>"."""
    return _LINK.match(folded, _matched_end(_RUN, folded, lead))


def _unlinked(folded: _Folded, link: re.Match[str]) -> _Folded:
    start, end = folded.origin[link.start()], folded.origin[link.end()]
    label = link["label"] or link["target"]
    return _Folded.of(folded.source[:start] + label + folded.source[end:])


def _addressed_by_link(
    folded: _Folded, link: re.Match[str], region: str, own_numbers: Collection[str]
) -> Addressed | Refusal:
    target = read_digits(link["target"], region)
    label = link["label"]
    if target is None or (label and read_digits(label, region) not in (target, None)):
        return refusals.deceptive_link(label, region)
    return _addressed(folded, target, link.end(), region, own_numbers)


def _addressed(
    folded: _Folded, number: PhoneNumber, end: int, region: str, own_numbers: Collection[str]
) -> Addressed | Refusal:
    """The number with what comes after it, unless no text may go there."""
    if refusal := refusals.refuse_number(number, region, own_numbers):
        return refusal
    if _EXTENSION.match(folded.text, end):
        return refusals.with_extension(number, region)
    end = _closed_at(folded.text, _matched_end(_LEAD, folded.text, 0), end)
    if _names_several(folded.text, end, region):
        return refusals.several(number, region)
    return Addressed(number, folded.after(_matched_end(_SEPARATOR, folded.text, end)))


def _names_several(folded: str, end: int, region: str) -> bool:
    mark = _LIST_MARK.match(folded, end)
    if mark is None:
        return False
    lead = _matched_end(_LEAD, folded, mark.end())
    link = _LINK.match(folded, lead)
    return bool(link and read_digits(link["target"], region)) or bool(
        _find_number(folded, lead, region)
    )


def _refuse(folded: str, lead: int, region: str) -> Refusal:
    """Why no number begins at `lead`."""
    run_end = _matched_end(_RUN, folded, lead)
    run = folded[lead:run_end].strip(" .-/()")
    digits = re.sub(r"[^0-9]", "", run)
    if alone := _EXTENSION_ALONE.match(folded, lead):
        return refusals.extension(alone[0], region)
    if not digits:
        return refusals.not_a_number(_first_word(folded), region)
    if not folded[run_end - 1].isspace() and _GOES_ON.match(folded, run_end):
        return refusals.misspelt(run + folded[run_end:].split(maxsplit=1)[0], region)
    first = re.sub(r"[^0-9]", "", run.split()[0])
    if is_emergency_number(first, region):
        return refusals.emergency(first)
    if len(digits) <= 6 and not run.startswith("+"):  # a plus begins no short number
        return refusals.short(first if len(first) > 2 else digits, region)
    return refusals.impossible(run, digits, region)


def _first_word(text: str) -> str:
    """The first word as its writer saw it: a link or a mention by its label."""
    found = _WORD.match(text)
    word = (found["word"] or found["label"]) if found else ""
    return word.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


@dataclass(frozen=True, slots=True)
class _Folded:
    """A text with every digit, dash, space and quote made plain, and where each one came from."""

    source: str
    text: str
    origin: list[int]

    @classmethod
    def of(cls, source: str) -> _Folded:
        kept = [(index, plain) for index, c in enumerate(source) if (plain := _plain(c))]
        origin = [index for index, _ in kept] + [len(source)]
        return cls(source, "".join(plain for _, plain in kept), origin)

    def after(self, end: int) -> str:
        return self.source[self.origin[end] :].strip()


def _plain(character: str) -> str:
    """One character or none; invisible ones vanish, as those phones put around copied numbers."""
    if character.isdecimal():
        return str(unicodedata.decimal(character))
    if character in "·•‧∙":
        return "."
    if unicodedata.category(character) == "Cf":
        return ""
    compatible = unicodedata.normalize("NFKC", character)
    plain = plain_typography(compatible if len(compatible) == 1 else character)
    return plain if len(plain) == 1 else character


def _matched_end(pattern: re.Pattern[str], text: str, start: int) -> int:
    found = pattern.match(text, start)
    return found.end() if found else start
