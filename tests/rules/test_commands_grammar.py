"""What people write after /sms, what it means, and what they are told when it means nothing."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.slack.commands_grammar import (
    COMMANDS,
    Command,
    Connect,
    Disconnect,
    Doctor,
    Help,
    Numbers,
    Refused,
    Send,
    Status,
    parse_command,
)

ALICE = "+14155550100"
OURS = "+14155550199"


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("", Help()),
        ("  \n", Help()),
        ("help", Help()),
        ("Help", Help()),
        ("HELP!", Help()),
        ("?", Help()),
        ("help me please", Help()),
        ("numbers", Numbers()),
        (" Numbers ", Numbers()),
        ("status", Status()),
        ("doctor", Doctor()),
        ("connect +1 415 555 0199", Connect(OURS)),
        ("connect (415) 555-0199", Connect(OURS)),
        ("connect <tel:+14155550199|(415) 555-0199>", Connect(OURS)),
        ("Connect: 415.555.0199", Connect(OURS)),
        ("disconnect", Disconnect()),
        ("disconnect +1 415 555 0199", Disconnect(OURS)),
        ("+1 415 555 0100 Your table is ready", Send(ALICE, "Your table is ready")),
        ("+1 415 555 0100 2 tables are ready", Send(ALICE, "2 tables are ready")),
        ("(415) 555-0100: *Hi* &amp; <@U1>", Send(ALICE, "*Hi* &amp; <@U1>")),
        ("<tel:+14155550100|415 555 0100>\nline one\nline two", Send(ALICE, "line one\nline two")),
        ("“415 555 0100” help", Send(ALICE, "help")),
        ("+1 415 555 0100 numbers", Send(ALICE, "numbers")),
        ("+1 415 555 0100 :wave:", Send(ALICE, ":wave:")),
    ],
)
def test_a_command_is_understood(text: str, command: Command) -> None:
    """Each form of the help's list means what it says, in any case and spacing."""
    assert parse_command(text, "US", {OURS}) == command


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("hlep", "help"),
        ("number", "numbers"),
        ("nubmers", "numbers"),
        ("conect +1 415 555 0199", "connect"),
        ("connnect", "connect"),
        ("disconect", "disconnect"),
        ("stauts", "status"),
        ("docter", "doctor"),
        ("john", None),
        ("foo", None),
        ("hello", None),
        ("<@U1|carl>", None),
    ],
)
def test_an_unknown_word_gets_help(text: str, meant: str | None) -> None:
    """The help names the command that was meant, where one is close, and gives the word back."""
    assert parse_command(text) == Help(meant=meant, typed=text)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "+1 415 555 0100",
            "Write the text after the number, like /sms (415) 555-0100 Your table is ready.",
        ),
        (
            "+1 415 555 0100: \u200b",
            "Write the text after the number, like /sms (415) 555-0100 Your table is ready.",
        ),
        (
            "john Your table is ready",
            "“john” is not a phone number: only a number sends directly, so write one, like "
            "+1 201-555-0123.",
        ),
        (
            "911 Help us",
            "911 is an emergency number, which cannot be texted from here: call it from a phone.",
        ),
        (
            "+1 415 555 0199 Hello",
            "(415) 555-0199 is one of our own numbers: write the number of the person to text.",
        ),
        ("numbers please", "Nothing comes after it: write /sms numbers alone."),
        ("doctor please", "Nothing comes after it: write /sms doctor alone."),
        ("status of my order", "Nothing comes after it: write /sms status alone."),
        (
            "connect",
            "The number is missing: write one of yours, like /sms connect +1 201-555-0123; "
            "/sms numbers lists them.",
        ),
        (
            "connect front desk",
            "“front desk” is not a phone number: write one of yours, like /sms connect "
            "+1 201-555-0123; /sms numbers lists them.",
        ),
        (
            "disconnect 12345",
            "“12345” is not a phone number: write one of yours, like /sms disconnect "
            "+1 201-555-0123; /sms numbers lists them.",
        ),
    ],
)
def test_a_wrong_use_is_refused_in_a_sentence(text: str, sentence: str) -> None:
    """It says what to write instead and gives back what was typed."""
    assert parse_command(text, "US", {OURS}) == Refused(sentence, text)


def test_sentences_name_the_installed_command() -> None:
    """Where another app owns /sms, nobody is told to write it."""
    refused = parse_command("numbers please", command="/text")
    assert isinstance(refused, Refused)
    assert "/text numbers" in refused.sentence


def test_every_command_is_known() -> None:
    """No word of the list is taken for a recipient."""
    for word in COMMANDS:
        assert not isinstance(parse_command(word), Send)


@given(st.text(max_size=80), st.sampled_from(["", *COMMANDS, "+1 415 555 0100", "<tel:1|1>"]))
@settings(max_examples=200)
def test_anything_typed_has_an_answer(text: str, start: str) -> None:
    """No text raises, nothing is sent without a body, and a refusal gives everything back."""
    typed = f"{start} {text}"
    match parse_command(typed):
        case Send(number, body):
            assert number.startswith("+")
            assert body.strip()
        case Refused(sentence, given_back):
            assert sentence.endswith(".")
            assert given_back == typed
        case _:
            pass
