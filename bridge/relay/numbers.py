"""Phone numbers: which there are, in E.164, and how they are written for people."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat, PhoneNumberType

# The North American plan: area code and exchange start with 2 to 9, and N11 is no area code.
_NORTH_AMERICAN = re.compile(r"(?![2-9]11)[2-9]\d{2}[2-9]\d{6}")
NORTH_AMERICA = 1  # the country code
UNKNOWN_NUMBER = "unknown"
_WITHHELD = frozenset({"anonymous", "blocked", "private", "restricted", "unavailable", "unknown"})


@dataclass(frozen=True, slots=True)
class PhoneNumber:
    """A number a text can go to, in E.164 with its plus."""

    e164: str


def read_digits(text: str, region: str) -> PhoneNumber | None:
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
    return number.country_code == NORTH_AMERICA and bool(_NORTH_AMERICAN.fullmatch(national))


def is_withheld(written: str) -> bool:
    """True for what stands where a number was not told."""
    return not written.strip() or written.strip().casefold() in _WITHHELD


def told_apart(numbers: Iterable[str], conversation_id: str | None) -> tuple[str, ...]:
    """These numbers, an unknown one with RingCentral's id of the conversation.

    Otherwise all who withhold their numbers would share one conversation.
    """
    if conversation_id is None:
        return tuple(numbers)
    unknown = f"{UNKNOWN_NUMBER} {conversation_id.replace(',', ' ')}"
    return tuple(unknown if each == UNKNOWN_NUMBER else each for each in numbers)


def is_unknown(number: str) -> bool:
    """True for a number as `told_apart` gives it where nobody told it."""
    return number.partition(" ")[0] == UNKNOWN_NUMBER


def format_number(e164: str, region: str = "US") -> str:
    """Write a number for people: national within the region's plan, international otherwise.

    What is not a number (a short code, a sender's name) comes back as it is.
    """
    if is_unknown(e164):
        return "Unknown number"
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
