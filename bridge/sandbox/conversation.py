"""The short conversation the sandbox plays, told on the terminal as it happens."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import TextIO

from bridge.sandbox.ringcentral import NUMBER, RingCentralSimulator
from bridge.sandbox.slack import SlackSimulator

ALICE = "+14155550100"
DAN = "+14155550155"
CHANNEL = "front-desk"
EVE = "+14155550177"
PHONES = {ALICE: "Alice", DAN: "Dan", EVE: "Eve"}
COLOURS = {"phone": "36", "slack": "35", "private": "33", "dim": "2", "bold": "1"}
WAIT_SECONDS = 30.0


class Narrator:
    """Writes who said what, where; in colour on a terminal unless NO_COLOR is set."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._coloured = out.isatty() and "NO_COLOR" not in os.environ

    def heading(self, text: str) -> None:
        """The first line."""
        self.line(self._paint("bold", text) + "\n")

    def fact(self, name: str, value: str) -> None:
        """One address or path."""
        self.line(f"  {name:<24} {self._paint('dim', value)}")

    def said(self, kind: str, where: str, who: str, text: str) -> None:
        """One thing that somebody said or was shown; `kind` is phone, slack or private."""
        time = self._paint("dim", f"{datetime.now():%H:%M:%S}")  # noqa: DTZ005  # for this terminal
        first, *rest = text.splitlines() or [""]
        self.line(f"{time}  {self._paint(kind, f'{where:<16}')} {who:<10} {first}")
        for each in rest:
            self.line(f"{'':<38}{each}")

    def line(self, text: str) -> None:
        """Any line."""
        print(text, file=self._out, flush=True)

    def opening(self, url: str, folder: Path) -> None:
        """Where to look."""
        self.heading("The sandbox: a Slack workspace, phones, and the bridge between them")
        self.line(f"  Open {self._paint('bold', url)} in a browser\n")
        self.fact("kept in", str(folder))

    def closing(self, url: str, *, is_new: bool) -> None:
        """What can be done now."""
        if not is_new:
            self.line("\nEverything is as it was left; --fresh would begin anew.")
        self.line(f"\nGo on at {self._paint('bold', url)}; press Ctrl-C here to stop.")

    def _paint(self, colour: str, text: str) -> str:
        return f"\x1b[{COLOURS[colour]}m{text}\x1b[0m" if self._coloured else text


async def play(
    narrator: Narrator, slack: SlackSimulator, ringcentral: RingCentralSimulator
) -> None:
    """An administrator connects a number, a customer texts, a colleague answers."""
    narrator.line("")
    for number, name in PHONES.items():
        ringcentral.phone(number).name = name
    await _connect(narrator, slack)
    await _customer_texts(narrator, slack, ringcentral)


async def play_on(
    narrator: Narrator, slack: SlackSimulator, ringcentral: RingCentralSimulator
) -> None:
    """A colleague texts somebody new."""
    await _colleague_texts(narrator, slack, ringcentral)


async def _connect(narrator: Narrator, slack: SlackSimulator) -> None:
    await _command(narrator, slack, "Ada", f"connect {NUMBER}")
    welcome = await slack.wait_for(
        lambda: slack.channel(CHANNEL).roots[-1:], timeout_seconds=WAIT_SECONDS
    )
    narrator.said("slack", f"#{CHANNEL}", "SMS", welcome[0].shown)


async def _customer_texts(
    narrator: Narrator, slack: SlackSimulator, ringcentral: RingCentralSimulator
) -> None:
    alice = ringcentral.phone(ALICE)
    narrator.said("phone", "Alice's phone", "Alice", "Is my order ready?")
    await alice.texts("Is my order ready?", to=NUMBER)
    thread = await slack.wait_for(
        lambda: slack.channel(CHANNEL).threads[-1:], timeout_seconds=WAIT_SECONDS
    )
    card, shown = thread[0], thread[0].replies[0]
    narrator.said("slack", f"#{CHANNEL}", "card", card.shown)
    narrator.said("slack", "  in its thread", shown.author, shown.shown)
    reply = await slack.say("Bea", CHANNEL, "Yes, until 6 pm :thumbsup:", thread_ts=card.ts)
    narrator.said("slack", "  in its thread", "Bea", reply.shown)
    text = await alice.wait_for_text("until 6 pm", timeout_seconds=WAIT_SECONDS)
    narrator.said("phone", "Alice's phone", "received", text.text)
    await slack.wait_for(lambda: reply.reactions, timeout_seconds=WAIT_SECONDS)
    narrator.said("slack", "  in its thread", "mark", "the carrier accepted Bea's text")


async def _colleague_texts(
    narrator: Narrator, slack: SlackSimulator, ringcentral: RingCentralSimulator
) -> None:
    dan = ringcentral.phone(DAN)
    before = len(slack.private_answers("Bea"))
    await _command(narrator, slack, "Bea", "+1 415 555 0155 Your table is ready", answered=False)
    text = await dan.wait_for_text("Your table is ready", timeout_seconds=WAIT_SECONDS)
    narrator.said("phone", "Dan's phone", "received", text.text)
    answers = await slack.wait_for(
        lambda: slack.private_answers("Bea")[before:], timeout_seconds=WAIT_SECONDS
    )
    narrator.said("private", "only Bea sees", "SMS", answers[0].shown)


async def _command(
    narrator: Narrator, slack: SlackSimulator, user: str, text: str, *, answered: bool = True
) -> None:
    before = len(slack.private_answers(user))
    narrator.said("slack", f"#{CHANNEL}", user, f"/sms {text}")
    await slack.command(user, CHANNEL, "/sms", text)
    if not answered:
        return
    answers = await slack.wait_for(
        lambda: slack.private_answers(user)[before:], timeout_seconds=WAIT_SECONDS
    )
    narrator.said("private", f"only {user} sees", "SMS", answers[0].shown)
