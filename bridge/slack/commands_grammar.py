"""What a person can write after `/sms`, and what it means. Pure.

/sms                           help
/sms help
/sms <number> <text>           a text
/sms numbers                   which numbers can send
/sms connect <number>          pair a number of ours with this channel
/sms disconnect [<number>]     undo it
/sms status                    what waits
/sms doctor                    what needs mending
"""

from __future__ import annotations

import difflib
from collections.abc import Collection
from dataclasses import dataclass

from bridge.relay.number_refusals import Reason, Refusal
from bridge.relay.numbers import example_number, format_number
from bridge.relay.recipients import parse_recipient, split_command
from bridge.relay.segments import LONGEST_TEXT_UNITS, utf16_units
from bridge.slack.markup import phone_text


@dataclass(frozen=True, slots=True)
class Send:
    """A text to a number in E.164. `body` is Slack markup, still to be made phone text."""

    number: str
    body: str


@dataclass(frozen=True, slots=True)
class Help:
    """The help; `meant` is the command a misspelt word was close to, `typed` what was written."""

    meant: str | None = None
    typed: str = ""


@dataclass(frozen=True, slots=True)
class Numbers:
    """The numbers this installation can send from."""


@dataclass(frozen=True, slots=True)
class Connect:
    """Pair one of our numbers, in E.164, with the channel."""

    number: str


@dataclass(frozen=True, slots=True)
class Disconnect:
    """Undo the pairing of the channel, or of one number in E.164."""

    number: str | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """What waits to be sent."""


@dataclass(frozen=True, slots=True)
class Doctor:
    """What needs mending."""


@dataclass(frozen=True, slots=True)
class Refused:
    """What cannot be done: one sentence with the remedy, and what was typed, to give it back.

    `sentence` is plain text and holds words of the person: it is escaped where it is shown.
    `typed` is Slack markup as it came.
    """

    sentence: str
    typed: str


Command = Send | Help | Numbers | Connect | Disconnect | Status | Doctor | Refused

COMMANDS = ("help", "numbers", "connect", "disconnect", "status", "doctor")
_CLOSE_ENOUGH = 0.7  # "nubmers" and "conect" are, "hello" and "helen" are not


def parse_command(
    text: str,
    region: str = "US",
    own_numbers: Collection[str] = (),
    command: str = "/sms",
) -> Command:
    """Read what was written after the command.

    `region` is whose national format numbers may be in, `own_numbers` are ours in E.164, and
    `command` is the installed name, as sentences quote it.
    """
    word, rest = _first_word(text)
    match word:
        case "" | "help" | "?":
            return Help()
        case "connect":
            number = _own_number(rest, region)
            return Connect(number) if number else _refuse_own(word, rest, text, region, command)
        case "disconnect" if rest:
            number = _own_number(rest, region)
            return Disconnect(number) if number else _refuse_own(word, rest, text, region, command)
        case "disconnect":
            return Disconnect()
        case "numbers" | "status" | "doctor" if rest:
            return Refused(f"Nothing comes after it: write {command} {word} alone.", text)
        case "numbers":
            return Numbers()
        case "status":
            return Status()
        case "doctor":
            return Doctor()
        case _:
            return _parse_send(text, region, own_numbers, command)


def _first_word(text: str) -> tuple[str, str]:
    word, *rest = text.split(maxsplit=1) or [""]
    return word.lower().rstrip(".:,!") or word, "".join(rest).strip()


def _parse_send(text: str, region: str, own_numbers: Collection[str], command: str) -> Command:
    read = split_command(text, region, own_numbers)
    if isinstance(read, Refusal):
        return _parse_unknown(read, text)
    words = phone_text(read.body, {})
    if utf16_units(words) > LONGEST_TEXT_UNITS:
        return Refused(
            f"That is {utf16_units(words):,} characters, and one text takes "
            f"{LONGEST_TEXT_UNITS:,}: send it as several shorter ones.",
            text,
        )
    if not words:
        shown = format_number(read.number.e164, region)
        return Refused(
            f"Write the text after the number, like {command} {shown} Your table is ready.", text
        )
    return Send(read.number.e164, read.body)


def _parse_unknown(refusal: Refusal, typed: str) -> Help | Refused:
    """A misspelt command gets the help, and so does a word alone; a name gets the reason."""
    word, rest = _first_word(typed)
    if refusal.reason is Reason.NOT_A_NUMBER:
        meant = difflib.get_close_matches(word, COMMANDS, n=1, cutoff=_CLOSE_ENOUGH)
        if meant or not rest:
            return Help(meant=meant[0] if meant else None, typed=typed)
    return Refused(refusal.sentence, typed)


def _own_number(written: str, region: str) -> str | None:
    number = parse_recipient(written, region)
    return None if isinstance(number, Refusal) else number.e164


def _refuse_own(word: str, written: str, typed: str, region: str, command: str) -> Refused:
    shown = phone_text(written, {})[:40]
    what = f"“{shown}” is not a phone number" if shown else "The number is missing"
    return Refused(
        f"{what}: write one of yours, like {command} {word} {example_number(region)}; "
        f"{command} numbers lists them.",
        typed,
    )
