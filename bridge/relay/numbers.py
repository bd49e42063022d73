"""Phone numbers as people write them, read into E.164 or refused in words."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat, PhoneNumberType, ValidationResult
from phonenumbers.shortnumberinfo import is_emergency_number, is_valid_short_number_for_region

from bridge.relay.segments import plain_typography


class Reason(StrEnum):
    """Why what was written is not a number a text can go to."""

    NOT_A_NUMBER = "not_a_number"
    EMERGENCY = "emergency"
    SHORT = "short"
    EXTENSION = "extension"
    WITH_EXTENSION = "with_extension"
    NO_AREA_CODE = "no_area_code"
    NO_PLUS = "no_plus"
    IMPOSSIBLE = "impossible"
    PREMIUM = "premium"
    OWN = "own"
    UNCLEAR_END = "unclear_end"
    SEVERAL = "several"
    DECEPTIVE_LINK = "deceptive_link"


@dataclass(frozen=True, slots=True)
class PhoneNumber:
    """A number a text can go to, in E.164 with its plus."""

    e164: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a number was not taken. `sentence` is plain text; whoever shows it escapes it."""

    reason: Reason
    sentence: str


@dataclass(frozen=True, slots=True)
class Addressed:
    """A number and what was written after it, still as written; the body may be empty."""

    number: PhoneNumber
    body: str


# The North American plan: area code and exchange start with 2 to 9, and N11 is no area code.
_NORTH_AMERICAN = re.compile(r"(?![2-9]11)[2-9]\d{2}[2-9]\d{6}")
_NORTH_AMERICA = 1

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
_SETTLED_END = re.compile(r" *(?:\n|$|[:;](?!\S))|:(?!\S*:)")
# A colon, comma or dash between number and text belongs to neither, but `:wave:` and `:)` do.
_SEPARATOR = re.compile(
    r"(?! *:(?:[+-]1|[0-9]*[a-z_][\w+'-]*):)(?:[:;,](?![)(])| *[:;,.|\-](?=\s|$))?\s*",
    re.IGNORECASE,
)
_LIST_MARK = re.compile(r"\s*(?:[,;/]|&(?:amp;)?|and\b)", re.IGNORECASE)


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
        return _not_a_number(text.strip(), region)
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
    if link and _read(link["target"], region):
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


def format_number(e164: str, region: str = "US") -> str:
    """Write a number for people: national within the region's plan, international otherwise.

    What is not a number (a short code, "Anonymous") comes back as it is.
    """
    try:
        number = phonenumbers.parse(e164, None)
    except NumberParseException:
        return e164
    at_home = number.country_code == phonenumbers.country_code_for_region(region)
    return phonenumbers.format_number(
        number, PhoneNumberFormat.NATIONAL if at_home else PhoneNumberFormat.INTERNATIONAL
    )


def example_number(region: str) -> str:
    """A number of the region to show how one is written."""
    mobile = phonenumbers.example_number_for_type(region, PhoneNumberType.MOBILE)
    if mobile is None:
        return "+1 201-555-0123"
    return phonenumbers.format_number(mobile, PhoneNumberFormat.INTERNATIONAL)


def canonical_number(text: str, region: str = "US") -> str:
    """The E.164 form of a number the carrier reports, or its own text where it has none.

    Records may lack the plus or be written "(866) 123-4567", and a short code may text in: a
    number the carrier knows is never refused, so anything of a possible length is taken.
    """
    if any(character.isalpha() for character in text):
        return text.strip()  # masked ("+1855201XXXX") or a name; letters would be dialled
    try:
        number = phonenumbers.parse(text, region)
    except NumberParseException:
        return text.strip()
    possible = phonenumbers.is_possible_number_with_reason(number)
    if possible != ValidationResult.IS_POSSIBLE or _is_short(text):
        return text.strip()
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def _is_short(text: str) -> bool:
    return "+" not in text and len(re.sub(r"[^0-9]", "", text)) <= 6


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


def _read(text: str, region: str) -> PhoneNumber | None:
    """The number a text of digits and signs is, if the numbering plan has it."""
    digits = re.sub(r"[^0-9]", "", text)
    plus = "+" if text.lstrip(" (").startswith("+") else ""
    if not plus and digits.startswith("00"):
        plus, digits = "+", digits[2:]
    try:
        number = phonenumbers.parse(plus + digits, region)
    except NumberParseException:
        return None
    if not _exists(number):
        return None
    return PhoneNumber(phonenumbers.format_number(number, PhoneNumberFormat.E164))


def _exists(number: phonenumbers.PhoneNumber) -> bool:
    """Valid by libphonenumber, or well formed in North America.

    Possible (a right length) would let mistyped numbers through; valid alone refuses area codes
    opened after the library was pinned, and leaves nobody a way round it. The North American
    shape is stable and tells most slips, so it suffices there; 555-01XX, kept for fiction, has it.
    """
    if phonenumbers.is_valid_number(number):
        return True
    national = phonenumbers.national_significant_number(number)
    return number.country_code == _NORTH_AMERICA and bool(_NORTH_AMERICAN.fullmatch(national))


def _find_number(folded: str, lead: int, region: str) -> tuple[PhoneNumber, int] | Refusal | None:
    """The number that begins at `lead` and the index where it ends."""
    run_end = _matched_end(_RUN, folded, lead)
    ends = [match.end() for match in _GROUP_END.finditer(folded, lead, run_end)]
    readings = [
        (number, end)
        for end in ends
        if not _GOES_ON.match(folded, end) or _EXTENSION.match(folded, end)
        if (number := _read(folded[lead:end], region))
    ]
    if not readings:
        return None
    if len(readings) > 1 and not _is_settled(folded, lead, readings[-1][1], ends[-1]):
        return _unclear_end(readings[0][0], readings[-1][0])
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
    target = _read(link["target"], region)
    label = link["label"]
    if target is None or (label and _read(label, region) not in (target, None)):
        return Refusal(
            Reason.DECEPTIVE_LINK,
            f"That link shows {label} but dials another number: write the number itself"
            f", like {example_number(region)}.",
        )
    return _addressed(folded, target, link.end(), region, own_numbers)


def _addressed(
    folded: _Folded, number: PhoneNumber, end: int, region: str, own_numbers: Collection[str]
) -> Addressed | Refusal:
    """The number with what comes after it, unless no text may go there."""
    if refusal := _refuse_number(number, region, own_numbers):
        return refusal
    if _EXTENSION.match(folded.text, end):
        return _with_extension(number, region)
    end = _closed_at(folded.text, _matched_end(_LEAD, folded.text, 0), end)
    if _names_several(folded.text, end, region):
        return _several(number, region)
    return Addressed(number, folded.after(_matched_end(_SEPARATOR, folded.text, end)))


def _names_several(folded: str, end: int, region: str) -> bool:
    mark = _LIST_MARK.match(folded, end)
    if mark is None:
        return False
    lead = _matched_end(_LEAD, folded, mark.end())
    link = _LINK.match(folded, lead)
    return bool(link and _read(link["target"], region)) or bool(_find_number(folded, lead, region))


def _refuse_number(
    number: PhoneNumber, region: str, own_numbers: Collection[str]
) -> Refusal | None:
    shown = format_number(number.e164, region)
    if number.e164 in own_numbers:
        return Refusal(
            Reason.OWN,
            f"{shown} is one of our own numbers: write the number of the person to text.",
        )
    parsed = phonenumbers.parse(number.e164, None)
    if phonenumbers.number_type(parsed) == PhoneNumberType.PREMIUM_RATE:
        return Refusal(
            Reason.PREMIUM,
            f"{shown} is a premium-rate number, which cannot be texted: write the person's "
            f"own number, like {example_number(region)}.",
        )
    return None


def _refuse(folded: str, lead: int, region: str) -> Refusal:
    """Why no number begins at `lead`."""
    run_end = _matched_end(_RUN, folded, lead)
    run = folded[lead:run_end].strip(" .-/()")
    digits = re.sub(r"[^0-9]", "", run)
    if alone := _EXTENSION_ALONE.match(folded, lead):
        return _extension(alone[0], region)
    if not digits:
        return _not_a_number(_first_word(folded), region)
    if not folded[run_end - 1].isspace() and _GOES_ON.match(folded, run_end):
        return _misspelt(run + folded[run_end:].split(maxsplit=1)[0], region)
    first = re.sub(r"[^0-9]", "", run.split()[0])
    if is_emergency_number(first, region):
        return _emergency(first)
    if len(digits) <= 6:
        return _short(first if len(first) > 2 else digits, region)
    return _impossible(run, digits, region)


def _first_word(text: str) -> str:
    """The first word as its writer saw it: a link or a mention by its label."""
    found = _WORD.match(text)
    word = (found["word"] or found["label"]) if found else ""
    return word.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _not_a_number(written: str, region: str) -> Refusal:
    what = f"“{written[:40]}” is not a phone number" if written else "There is no phone number"
    return Refusal(
        Reason.NOT_A_NUMBER,
        f"{what}: only a number sends directly, so write one, like {example_number(region)}.",
    )


def _misspelt(written: str, region: str) -> Refusal:
    return Refusal(
        Reason.IMPOSSIBLE,
        f"“{written[:40]}” is not a phone number: write digits only and a space before your "
        f"text, like {example_number(region)} Hello.",
    )


def _emergency(digits: str) -> Refusal:
    return Refusal(
        Reason.EMERGENCY,
        f"{digits} is an emergency number, which cannot be texted from here: call it from a phone.",
    )


def _short(digits: str, region: str) -> Refusal:
    if not _is_short_number(digits, region):
        return _extension(digits, region)
    return Refusal(
        Reason.SHORT,
        f"{digits} is a short number, which cannot be texted from here: write a whole number"
        f", like {example_number(region)}.",
    )


def _is_short_number(digits: str, region: str) -> bool:
    """Extensions have rarely more than four digits, and short codes never fewer than three."""
    if len(digits) > 4:
        return True
    try:
        number = phonenumbers.parse(digits, region)
    except NumberParseException:
        return False
    return is_valid_short_number_for_region(number, region)


def _extension(written: str, region: str) -> Refusal:
    return Refusal(
        Reason.EXTENSION,
        f"{written} looks like an extension, which cannot be texted: write the person's whole "
        f"number, like {example_number(region)}.",
    )


def _with_extension(number: PhoneNumber, region: str) -> Refusal:
    shown = format_number(number.e164, region)
    return Refusal(
        Reason.WITH_EXTENSION,
        f"A text cannot reach an extension: write {shown} without it, or a colon after the "
        "number if your text begins there.",
    )


def _impossible(run: str, digits: str, region: str) -> Refusal:
    if "+" not in run and (abroad := _abroad(digits, region)):
        return Refusal(
            Reason.NO_PLUS,
            f"{run} seems to lack its plus: write {format_number(abroad.e164, region)}.",
        )
    if len(digits) == 7 and phonenumbers.country_code_for_region(region) == _NORTH_AMERICA:
        return Refusal(
            Reason.NO_AREA_CODE,
            f"{run} lacks its area code: write all ten digits, like {example_number(region)}.",
        )
    return Refusal(
        Reason.IMPOSSIBLE,
        f"{run[:40]} is not a phone number{_fault(run, region)}: check it and write it "
        f"like {example_number(region)}.",
    )


def _abroad(digits: str, region: str) -> PhoneNumber | None:
    """The number these digits are with a plus, unless they begin with one of the own region.

    A digit too many in 415 555 01000 must not suggest Switzerland.
    """
    if any(_read(digits[:length], region) for length in range(7, len(digits))):
        return None
    return _read("+" + digits, region)


def _fault(run: str, region: str) -> str:
    try:
        possible = phonenumbers.is_possible_number_with_reason(phonenumbers.parse(run, region))
    except NumberParseException:
        return ""
    if possible == ValidationResult.TOO_SHORT:
        return ", it has too few digits"
    return ", it has too many digits" if possible == ValidationResult.TOO_LONG else ""


def _unclear_end(shortest: PhoneNumber, longest: PhoneNumber) -> Refusal:
    short, long = (format_number(number.e164, "ZZ") for number in (shortest, longest))
    return Refusal(
        Reason.UNCLEAR_END,
        f"The number could be {short} or {long}: put a colon where it ends, like "
        f"{long}: your text.",
    )


def _several(number: PhoneNumber, region: str) -> Refusal:
    shown = format_number(number.e164, region)
    return Refusal(
        Reason.SEVERAL,
        f"A text goes to one number at a time: write {shown} without the others, or a colon "
        "after it if your text begins there.",
    )
