"""Why a number was not taken: one sentence for each reason, with what to write instead."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberType, ValidationResult
from phonenumbers.shortnumberinfo import is_valid_short_number_for_region

from bridge.relay.numbers import (
    NORTH_AMERICA,
    PhoneNumber,
    example_number,
    format_number,
    read_digits,
)


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
class Refusal:
    """Why a number was not taken. `sentence` is plain text; whoever shows it escapes it."""

    reason: Reason
    sentence: str


def refuse_number(number: PhoneNumber, region: str, own_numbers: Collection[str]) -> Refusal | None:
    """Why a number that exists is not texted: our own, or a premium one; None where it may be."""
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


def not_a_number(written: str, region: str) -> Refusal:
    """A name or other words stand where the number belongs."""
    what = f"“{written[:40]}” is not a phone number" if written else "There is no phone number"
    return Refusal(
        Reason.NOT_A_NUMBER,
        f"{what}: only a number sends directly, so write one, like {example_number(region)}.",
    )


def misspelt(written: str, region: str) -> Refusal:
    """Nearly a number: letters or signs stand among the digits."""
    return Refusal(
        Reason.IMPOSSIBLE,
        f"“{written[:40]}” is not a phone number: write digits only and a space before your "
        f"text, like {example_number(region)} Hello.",
    )


def emergency(digits: str) -> Refusal:
    """An emergency number."""
    return Refusal(
        Reason.EMERGENCY,
        f"{digits} is an emergency number, which cannot be texted from here: call it from a phone.",
    )


def short(digits: str, region: str) -> Refusal:
    """A short number or short code."""
    if not _is_short_number(digits, region):
        return extension(digits, region)
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


def extension(written: str, region: str) -> Refusal:
    """A number within the company."""
    return Refusal(
        Reason.EXTENSION,
        f"{written} looks like an extension, which cannot be texted: write the person's whole "
        f"number, like {example_number(region)}.",
    )


def with_extension(number: PhoneNumber, region: str) -> Refusal:
    """A number with an extension behind it."""
    shown = format_number(number.e164, region)
    return Refusal(
        Reason.WITH_EXTENSION,
        f"A text cannot reach an extension: write {shown} without it, or a colon after the "
        "number if your text begins there.",
    )


def deceptive_link(label: str, region: str) -> Refusal:
    """A link that shows another number than it leads to."""
    return Refusal(
        Reason.DECEPTIVE_LINK,
        f"That link shows {label} but dials another number: write the number itself"
        f", like {example_number(region)}.",
    )


def several(number: PhoneNumber, region: str) -> Refusal:
    """More than one number."""
    shown = format_number(number.e164, region)
    return Refusal(
        Reason.SEVERAL,
        f"A text goes to one number at a time: write {shown} without the others, or a colon "
        "after it if your text begins there.",
    )


def unclear_end(shortest: PhoneNumber, longest: PhoneNumber) -> Refusal:
    """More than one valid number could begin here."""
    short, long = (format_number(number.e164, "ZZ") for number in (shortest, longest))
    return Refusal(
        Reason.UNCLEAR_END,
        f"The number could be {short} or {long}: put a colon where it ends, like "
        f"{long}: your text.",
    )


def impossible(run: str, digits: str, region: str) -> Refusal:
    """No number of any country looks like this."""
    if "+" not in run and (abroad := _abroad(digits, region)):
        return Refusal(
            Reason.NO_PLUS,
            f"{run} seems to lack its plus: write {format_number(abroad.e164, region)}.",
        )
    if (
        len(digits) == 7
        and "+" not in run
        and phonenumbers.country_code_for_region(region) == NORTH_AMERICA
    ):
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
    if any(read_digits(digits[:length], region) for length in range(7, len(digits))):
        return None
    return read_digits("+" + digits, region)


def _fault(run: str, region: str) -> str:
    try:
        possible = phonenumbers.is_possible_number_with_reason(phonenumbers.parse(run, region))
    except NumberParseException:
        return ""
    if possible == ValidationResult.TOO_SHORT:
        return ", it has too few digits"
    return ", it has too many digits" if possible == ValidationResult.TOO_LONG else ""
