"""Phone numbers: which there are, in E.164, and how they are written for people."""

from __future__ import annotations

import re
from dataclasses import dataclass

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat, PhoneNumberType, ValidationResult

# The North American plan: area code and exchange start with 2 to 9, and N11 is no area code.
_NORTH_AMERICAN = re.compile(r"(?![2-9]11)[2-9]\d{2}[2-9]\d{6}")
NORTH_AMERICA = 1  # the country code


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
        return text.strip()  # masked ("+1855555XXXX") or a name; letters would be dialled
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
