"""Reading the numbers in requests, which are E.164, with its plus or (as in samples) without."""

from __future__ import annotations

import functools
import re

import phonenumbers

from bridge.sandbox.ringcentral.errors import Refusal

HOME_REGION = "US"
DOMESTIC_COUNTRY_CODE = 1
SHORT_NUMBER_DIGITS = 6
E164 = re.compile(r"\+[1-9][0-9]{6,14}|[1-9][0-9]{10,14}")  # fewer digits could be national
STATES = {
    "212": "New York City, NY",
    "303": "Denver, CO",
    "415": "San Francisco, CA",
    "503": "Portland, OR",
    "510": "Oakland, CA",
    "650": "San Mateo, CA",
}


@functools.lru_cache(maxsize=200_000)
def _parse(text: str) -> phonenumbers.PhoneNumber | None:
    with_plus = f"+{text}" if text.isdigit() and len(text) > 10 else text
    try:
        return phonenumbers.parse(with_plus, HOME_REGION)
    except phonenumbers.NumberParseException:
        return None


@functools.lru_cache(maxsize=200_000)
def to_e164(text: str) -> str | None:
    """The number in E.164, or None for what no phone can have."""
    parsed = _parse(text)
    if parsed is None or not phonenumbers.is_valid_number(parsed):
        return None
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


@functools.cache
def _area_codes() -> list[str]:
    codes = [str(code) for code in range(201, 990)]
    return [code for code in codes if to_e164(f"+1{code}5550100") is not None]


def fictional_number(index: int) -> str:
    """One of some 45,000 numbers kept for fiction, +1 AAA 555 01XX; above that they repeat."""
    areas = _area_codes()
    return f"+1{areas[index // 100 % len(areas)]}55501{index % 100:02d}"


@functools.lru_cache(maxsize=200_000)
def region_of(e164: str) -> str | None:
    parsed = _parse(e164)
    return phonenumbers.region_code_for_number(parsed) if parsed is not None else None


def is_domestic(e164: str) -> bool:
    """Whether a text to it needs no international feature: +1, as for the US and Canada."""
    parsed = _parse(e164)
    return parsed is not None and parsed.country_code == DOMESTIC_COUNTRY_CODE


def location_of(e164: str) -> str | None:
    """The city a carrier would name; toll-free numbers have none."""
    return STATES.get(e164[2:5]) if e164.startswith("+1") else None


def read_number(text: object, parameter: str, extension_numbers: set[str]) -> str:
    """A request's phone number as E.164; raises the refusal RingCentral gives for other things."""
    if not isinstance(text, str) or not any(character.isdigit() for character in text):
        raise Refusal("CMN-101", parameter=parameter)
    digits = "".join(character for character in text if character.isdigit())
    if text.strip() in extension_numbers:
        raise Refusal("MSG-246", parameter=parameter)
    if len(digits) <= SHORT_NUMBER_DIGITS and not text.strip().startswith("+"):
        raise Refusal("MSG-247", parameter=parameter)
    number = to_e164(text.strip()) if E164.fullmatch(text.strip()) else None
    if number is None:
        raise Refusal("CMN-414", parameter=parameter)
    return number
