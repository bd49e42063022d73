"""Numbers as people write them: what is read, what is refused, and in which words."""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from bridge.relay.number_refusals import Reason, Refusal
from bridge.relay.numbers import PhoneNumber, format_number
from bridge.relay.recipients import Addressed, parse_recipient, split_command

ALICE = "+14155550100"
OURS = "+14155550199"


def read(text: str, region: str = "US") -> tuple[str, str]:
    """The number and the body of a command that is expected to be understood."""
    addressed = split_command(text, region, {OURS})
    assert isinstance(addressed, Addressed), addressed
    return addressed.number.e164, addressed.body


def refuse(text: str, region: str = "US") -> Refusal:
    """The refusal of a command that is expected to be refused."""
    refusal = split_command(text, region, {OURS})
    assert isinstance(refusal, Refusal), refusal
    return refusal


@pytest.mark.parametrize(
    "written",
    [
        "+1 415 555 0100",
        "+14155550100",
        "+ 1 415 555 0100",
        "1-415-555-0100",
        "1 (415) 555-0100",
        "14155550100",
        "4155550100",
        "415 555 0100",
        "415.555.0100",
        "415·555·0100",
        "415/555/0100",
        "(415) 555-0100",
        "(415)555-0100",
        "(+1) 415 555 0100",
        "+1 (415) 555 01 00",
        "001 415 555 0100",
        "00 1 415 555 0100",
        "011 1 415 555 0100",
        "tel:+14155550100",
        "TEL:415-555-0100",
        "<tel:+14155550100|(415) 555-0100>",
        "<tel:+14155550100|+1 415 555 0100>",
        "<tel:4155550100|415-555-0100>",
        "<tel:+14155550100>",
        "+1 <tel:4155550100|415 555 0100>",
        '"415 555 0100"',
        "“415 555 0100”",
        "'415 555 0100'",
        "‘415 555 0100’",
        "«415 555 0100»",
        "`+1 415 555 0100`",
        "*+1 415 555 0100*",
        "(+1 415 555 0100)",
        "[415 555 0100]",
        "&lt;+1 415 555 0100&gt;",
        "+1\u00a0415\u00a0555\u00a00100",
        "+1\u202f415\u202f555\u202f0100",
        "415\u2012555\u20120100",
        "415–555–0100",
        "415‑555‑0100",
        "415—555−0100",
        "４１５５５５０１００",
        "＋１（４１５）５５５－０１００",
        "٤١٥٥٥٥٠١٠٠",
        "\u202a+1 415 555 0100\u202c",
        "\u2066+1 415 555 0100\u2069",
        "415\u200b555\u200b0100",
        "\ufeff+14155550100",
        "  +1 415 555 0100",
        "+1\t415\t555\t0100",
    ],
)
def test_a_number_is_read_in_every_way_people_write_it(written: str) -> None:
    """The same number comes out of all of them, alone, before a text, and before a new line."""
    assert parse_recipient(written) == PhoneNumber(ALICE)
    assert read(f"{written} Your table is ready") == (ALICE, "Your table is ready")
    assert read(f"{written}: Your table is ready") == (ALICE, "Your table is ready")
    assert read(f"{written}\nYour table is ready ") == (ALICE, "Your table is ready")
    assert read(f"{written}\u00a02 tables are ready") == (ALICE, "2 tables are ready")


@pytest.mark.parametrize(
    ("written", "region", "e164"),
    [
        ("+44 20 7946 0958", "US", "+442079460958"),
        ("+44 (0)20 7946 0958", "US", "+442079460958"),
        ("0044 20 7946 0958", "US", "+442079460958"),
        ("011 44 20 7946 0958", "US", "+442079460958"),
        ("020 7946 0958", "GB", "+442079460958"),
        ("+1 415 555 0100", "GB", ALICE),
        ("(415) 555-0100", "CA", ALICE),
        ("0151 23456789", "DE", "+4915123456789"),
        ("0412 345 678", "AU", "+61412345678"),
        ("02 1234 5678", "IT", "+390212345678"),
        ("800 555 0100", "US", "+18005550100"),
        # An area code libphonenumber does not know yet.
        ("+1 288 555 0100", "US", "+12885550100"),
    ],
)
def test_national_format_is_that_of_the_region(written: str, region: str, e164: str) -> None:
    """What is written without a plus is read in the inbox's own plan, the rest in its own."""
    assert parse_recipient(written, region) == PhoneNumber(e164)


@pytest.mark.parametrize("last", range(100, 200))
def test_numbers_reserved_for_fiction_are_taken(last: int) -> None:
    """555-0100 to 555-0199 can be texted in every area code, or no example could be tried."""
    assert parse_recipient(f"(212) 555-0{last}") == PhoneNumber(f"+12125550{last}")


@pytest.mark.parametrize(
    ("text", "body"),
    [
        ("+1 415 555 0100", ""),
        ("+1 415 555 0100 ", ""),
        ("+1 415 555 0100:", ""),
        ("+1 415 555 0100 2 tables are ready", "2 tables are ready"),
        ("+1 415 555 0100 12:30 is fine", "12:30 is fine"),
        ("+1 415 555 0100 -5 degrees", "-5 degrees"),
        ("+1 415 555 0100 +2 guests", "+2 guests"),
        ("+1 415 555 0100 (2 tables)", "(2 tables)"),
        ("+1 415 555 0100 #12 is ready", "#12 is ready"),
        ("+1 415 555 0100 100", "100"),
        ("+1 415 555 0100 extension cords are in", "extension cords are in"),
        ("+1 415 555 0100\nx12 is the door code", "x12 is the door code"),
        ("+1 415 555 0100: x12 is the door code", "x12 is the door code"),
        ("+1 415 555 0100, hello", "hello"),
        ("+1 415 555 0100,hello", "hello"),
        ("+1 415 555 0100; hello", "hello"),
        ("+1 415 555 0100. Hello", "Hello"),
        ("+1 415 555 0100 - hello", "hello"),
        ("+1 415 555 0100 — hello", "hello"),
        ("+1 415 555 0100 | hello", "hello"),
        ("+1 415 555 0100:hello", "hello"),
        ("+1 415 555 0100 : hello", "hello"),
        ("+1 415 555 0100\n- milk\n- bread", "- milk\n- bread"),
        ("+1 415 555 0100\n\nhello", "hello"),
        ("+1 415 555 0100 :wave: hello", ":wave: hello"),
        ("+1 415 555 0100:wave: hello", ":wave: hello"),
        ("+1 415 555 0100 :+1:", ":+1:"),
        ("+1 415 555 0100 :) hello", ":) hello"),
        ("+1 415 555 0100... so", "... so"),
        ("+1 415 555 0100您好", "您好"),
        ("+1 415 555 0100 *bold* &amp; <@U1>", "*bold* &amp; <@U1>"),
        ("+1 415 555 0100 “quoted”", "“quoted”"),
        ("+1 415 555 0100 and hello", "and hello"),
        ("+1 415 555 0100, 2 tables", "2 tables"),
        (
            "+1 415 555 0100 <tel:+14155550142|415 555 0142> is the new number",
            "<tel:+14155550142|415 555 0142> is the new number",
        ),
        ("+1 415 555 0100: 415 555 0142 is the new number", "415 555 0142 is the new number"),
        ("<tel:+14155550100|+1 415 555 0100> 2 tables", "2 tables"),
        ("“415 555 0100” 2 tables", "2 tables"),
    ],
)
def test_the_body_begins_where_the_number_ends(text: str, body: str) -> None:
    """A text may begin with digits, signs or emoji; what only separates it is left out."""
    assert read(text) == (ALICE, body)


@pytest.mark.parametrize(
    ("text", "e164", "body"),
    [
        ("+49 30 12345: 67 Gäste", "+493012345", "67 Gäste"),
        ("+49 30 12345 67: Gäste", "+49301234567", "Gäste"),
        ("+49 30 12345 67; Gäste", "+49301234567", "Gäste"),
        ("+49 30 12345 67\nGäste", "+49301234567", "Gäste"),
        ("“+49 30 12345 67” Gäste", "+49301234567", "Gäste"),
        ("<tel:+493012345|+49 30 12345> 67 Gäste", "+493012345", "67 Gäste"),
        ("+49 30 12345 67", "+49301234567", ""),
        ("+49 30 1234567 Gäste", "+49301234567", "Gäste"),
        ("+49 1512 3456789 2 Tische", "+4915123456789", "2 Tische"),
    ],
)
def test_a_mark_decides_where_several_ends_fit(text: str, e164: str, body: str) -> None:
    """In plans of varying length a colon, quote, link or new line tells number from text."""
    assert read(text) == (e164, body)


@pytest.mark.parametrize(
    "text", ["+49 30 12345 67 Gäste", "+49 30 1234567 2 Tische", "+49 30 12345 12:30 passt"]
)
def test_an_unclear_end_is_never_guessed(text: str) -> None:
    """Both readings are somebody's number, so the person is asked for a colon."""
    assert refuse(text).reason is Reason.UNCLEAR_END


def test_hardly_any_written_number_has_an_unclear_end() -> None:
    """Every country's mobile numbers are read without a colon, in both usual formats."""
    for region in phonenumbers.SUPPORTED_REGIONS:
        number = phonenumbers.example_number_for_type(region, PhoneNumberType.MOBILE)
        if number is None:
            continue  # a territory without mobile numbers of its own
        e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164)
        for style in (PhoneNumberFormat.INTERNATIONAL, PhoneNumberFormat.NATIONAL):
            written = phonenumbers.format_number(number, style)
            assert read(f"{written} Hello", region) == (e164, "Hello"), (region, written)


@pytest.mark.parametrize(
    ("text", "reason", "sentence"),
    [
        (
            "911 come quick",
            Reason.EMERGENCY,
            "911 is an emergency number, which cannot be texted from here: call it from a phone.",
        ),
        (
            "12345 hello",
            Reason.SHORT,
            "12345 is a short number, which cannot be texted from here: write a whole number, "
            "like +1 201-555-0123.",
        ),
        (
            "101 hello",
            Reason.EXTENSION,
            "101 looks like an extension, which cannot be texted: write the person's whole "
            "number, like +1 201-555-0123.",
        ),
        (
            "ext 101 hello",
            Reason.EXTENSION,
            "ext 101 looks like an extension, which cannot be texted: write the person's whole "
            "number, like +1 201-555-0123.",
        ),
        (
            "+1 999 hello",
            Reason.IMPOSSIBLE,
            "+1 999 is not a phone number, it has too few digits: check it and write it like "
            "+1 201-555-0123.",
        ),
        (
            "(415) 555-0100 x12 hello",
            Reason.WITH_EXTENSION,
            "A text cannot reach an extension: write (415) 555-0100 without it, or a colon "
            "after the number if your text begins there.",
        ),
        (
            "555-0100 hello",
            Reason.NO_AREA_CODE,
            "555-0100 lacks its area code: write all ten digits, like +1 201-555-0123.",
        ),
        (
            "44 20 7946 0958 hello",
            Reason.NO_PLUS,
            "44 20 7946 0958 seems to lack its plus: write +44 20 7946 0958.",
        ),
        (
            "415 555 01000 hello",
            Reason.IMPOSSIBLE,
            "415 555 01000 is not a phone number, it has too many digits: check it and write it "
            "like +1 201-555-0123.",
        ),
        (
            "415 155 0100 hello",
            Reason.IMPOSSIBLE,
            "415 155 0100 is not a phone number: check it and write it like +1 201-555-0123.",
        ),
        (
            "415555O100 hello",
            Reason.IMPOSSIBLE,
            "“415555O100” is not a phone number: write digits only and a space before your "
            "text, like +1 201-555-0123 Hello.",
        ),
        (
            "(900) 555-0100 hello",
            Reason.PREMIUM,
            "(900) 555-0100 is a premium-rate number, which cannot be texted: write the "
            "person's own number, like +1 201-555-0123.",
        ),
        (
            "+1 415 555 0199 hello",
            Reason.OWN,
            "(415) 555-0199 is one of our own numbers: write the number of the person to text.",
        ),
        (
            "john hello",
            Reason.NOT_A_NUMBER,
            "“john” is not a phone number: only a number sends directly, so write one, like "
            "+1 201-555-0123.",
        ),
        (
            "",
            Reason.NOT_A_NUMBER,
            "There is no phone number: only a number sends directly, so write one, like "
            "+1 201-555-0123.",
        ),
        (
            "+49 30 12345 67 Gäste",
            Reason.UNCLEAR_END,
            "The number could be +49 30 12345 or +49 30 1234567: put a colon where it ends, "
            "like +49 30 1234567: your text.",
        ),
        (
            "415 555 0100, 415 555 0142 hello",
            Reason.SEVERAL,
            "A text goes to one number at a time: write (415) 555-0100 without the others, or a "
            "colon after it if your text begins there.",
        ),
        (
            "<tel:+14155550100|415 555 0142> hello",
            Reason.DECEPTIVE_LINK,
            "That link shows 415 555 0142 but dials another number: write the number itself, "
            "like +1 201-555-0123.",
        ),
    ],
)
def test_a_refusal_says_what_to_write_instead(text: str, reason: Reason, sentence: str) -> None:
    """Each wrong number gets one sentence, in words, with the remedy."""
    assert refuse(text) == Refusal(reason, sentence)


@pytest.mark.parametrize(
    ("text", "region", "reason"),
    [
        ("112", "US", Reason.EMERGENCY),
        ("999 hello", "GB", Reason.EMERGENCY),
        ("110", "DE", Reason.EMERGENCY),
        ("000 hello", "AU", Reason.EMERGENCY),
        ("911 2 cars", "US", Reason.EMERGENCY),
        ("211", "US", Reason.SHORT),
        ("262966 STOP", "US", Reason.SHORT),
        ("“911”", "US", Reason.EMERGENCY),
        ("<tel:911|911> hello", "US", Reason.EMERGENCY),
        ("1001 hello", "US", Reason.EXTENSION),
        ("x101 hello", "US", Reason.EXTENSION),
        ("extension 101", "US", Reason.EXTENSION),
        ("+1 999 Hello", "US", Reason.IMPOSSIBLE),
        ("+1 415 555 Hello", "US", Reason.IMPOSSIBLE),
        ("+49 30 Hello", "US", Reason.IMPOSSIBLE),
        ("#101 hello", "US", Reason.EXTENSION),
        ("(415) 555-0100 ext. 12", "US", Reason.WITH_EXTENSION),
        ("(415) 555-0100 extension 12", "US", Reason.WITH_EXTENSION),
        ("4155550100x12", "US", Reason.WITH_EXTENSION),
        ("4155550100#12", "US", Reason.WITH_EXTENSION),
        ("tel:+14155550100;ext=12", "US", Reason.WITH_EXTENSION),
        ("415-555-0100-2 hello", "US", Reason.IMPOSSIBLE),
        ("+1 911 555 0100", "US", Reason.IMPOSSIBLE),
        ("1234567890 hello", "US", Reason.IMPOSSIBLE),
        ("+999 415 555 0100", "US", Reason.IMPOSSIBLE),
        ("4155550100@example.com", "US", Reason.IMPOSSIBLE),
        ("4155550100hello", "US", Reason.IMPOSSIBLE),
        ("Hello there", "US", Reason.NOT_A_NUMBER),
        ("<@U0123|carl jones> hello", "US", Reason.NOT_A_NUMBER),
        ("<mailto:alice@example.com|alice@example.com> hello", "US", Reason.NOT_A_NUMBER),
        ("&lt;number&gt; hello", "US", Reason.NOT_A_NUMBER),
        ("+", "US", Reason.NOT_A_NUMBER),
        ("<tel:+14155550199|415 555 0199> hello", "US", Reason.OWN),
        ("415 555 0100 &amp; 415 555 0142 hello", "US", Reason.SEVERAL),
        ("415 555 0100 and 415 555 0142 hello", "US", Reason.SEVERAL),
        (
            "<tel:+14155550100|x>, <tel:+14155550142|415 555 0142> hello",
            "US",
            Reason.SEVERAL,
        ),
    ],
)
def test_what_is_no_recipient_is_refused(text: str, region: str, reason: Reason) -> None:
    """Short numbers, extensions, impossible numbers and words never reach the carrier."""
    assert refuse(text, region).reason is reason


def test_a_refused_word_is_shown_as_it_was_seen() -> None:
    """A mention or a placeholder is named without Slack's markup."""
    assert "“carl jones”" in refuse("<@U0123|carl jones> hello").sentence
    assert "“<number>”" in refuse("&lt;number&gt; hello").sentence
    assert "U0123" not in refuse("<@U0123> hello").sentence


def test_one_number_means_nothing_after_it() -> None:
    """A field that asks for a number refuses a number and words."""
    refusal = parse_recipient("415 555 0100 hello")
    assert isinstance(refusal, Refusal)
    assert "“415 555 0100 hello”" in refusal.sentence


number_like = st.text(alphabet='+0123456789 ().-:,;#x\n"“<tel:|>&gt;extU1@', max_size=60)


@given(st.one_of(st.text(max_size=80), number_like), st.sampled_from(["US", "GB", "DE", "IT"]))
@example("1" * 300, "US")
@example("<tel:|>", "US")
@example("\ud800", "US")
@settings(max_examples=200)
def test_any_text_is_read_or_refused_in_words(text: str, region: str) -> None:
    """Nothing typed raises, and what is read is E.164 with a body taken from the text."""
    outcome = split_command(text, region)
    if isinstance(outcome, Refusal):
        assert outcome.sentence.endswith(".")
        assert "\n" not in outcome.sentence.strip()
    else:
        assert phonenumbers.is_possible_number(phonenumbers.parse(outcome.number.e164))
        assert text.strip().endswith(outcome.body)


north_american = st.builds(
    "{}{}{}555{:04}".format,
    st.integers(2, 9),
    st.integers(0, 8),
    st.integers(2, 9),
    st.integers(100, 199),
).filter(lambda digits: digits[1:3] != "11" and not digits.startswith("900"))
separator = st.sampled_from(["", " ", "-", ".", "\u00a0", "\u202f", "–", "‒"])
body = st.builds("{}{}".format, st.sampled_from("BGTbgt?!€é😀2您"), st.text(max_size=30))


@given(north_american, st.sampled_from(["", "1", "+1", "001"]), separator, separator, body)
@settings(max_examples=200)
def test_every_north_american_number_is_split_from_its_text(
    digits: str, prefix: str, first: str, second: str, text: str
) -> None:
    """Whatever separates the groups and whatever the text is, both come back unchanged."""
    parts = [prefix, digits[:3], digits[3:6], digits[6:]]
    written = first.join(parts[:2]) + second.join(["", *parts[2:]])
    outcome = split_command(f"{written.strip()} {text}")
    assert outcome == Addressed(PhoneNumber(f"+1{digits}"), text.strip()), outcome


def test_a_long_command_is_read_quickly() -> None:
    """What somebody pastes by mistake is refused without work that grows with its square."""
    for text in ("1 " * 20_000, "1<tel:1|1>" * 5_000, "(" * 40_000, "x" * 40_000, ":" * 40_000):
        assert isinstance(split_command(text), Refusal)


@pytest.mark.parametrize(
    ("e164", "region", "shown"),
    [
        ("+14155550100", "US", "(415) 555-0100"),
        ("+14155550100", "CA", "(415) 555-0100"),
        ("+14155550100", "GB", "+1 415-555-0100"),
        ("+442079460958", "US", "+44 20 7946 0958"),
        ("+442079460958", "GB", "020 7946 0958"),
        ("12345", "US", "12345"),
        ("PIZZERIA", "US", "PIZZERIA"),
        ("unknown 81", "US", "Unknown number"),
        ("", "US", ""),
    ],
)
def test_numbers_are_shown_as_people_read_them(e164: str, region: str, shown: str) -> None:
    """National at home, international abroad, and what is no number as it is."""
    assert format_number(e164, region) == shown
