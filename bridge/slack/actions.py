"""Clicks on the bridge's buttons: decided on today's state, answered privately."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import structlog
from sqlmodel import Session

from bridge.clock import Clock
from bridge.relay import answers, decisions
from bridge.slack import parse, render
from bridge.slack.client import SlackProblem
from bridge.slack.parse import Body, Click, NotUnderstood
from bridge.slack.people import REFUSALS, People
from storage import threads
from storage.database import Database
from storage.tables import Answer, Message

log = structlog.get_logger(__name__)

Decide = Callable[[Session, int, str, datetime], str]

DECISIONS: dict[str, tuple[Decide, str]] = {
    render.RETRY: (decisions.retry_message, "It is being sent again."),
    render.SEND_NOW: (decisions.retry_message, "It is being sent."),
    render.SEND_AGAIN: (decisions.send_again, "It is being sent again."),
    render.IT_WAS_SENT: (decisions.it_was_sent, "Noted: it was sent."),
    render.DROP: (decisions.drop_message, "Dropped: it will not be sent."),
}
TODAY = {
    "queued": "it is being sent already",
    "accepted": "it has been sent meanwhile",
    "failed": "it was not sent",
    "unsure": "nobody can tell yet whether it was sent",
    "cancelled": "it has been cancelled meanwhile",
}


class Actions:
    """The buttons under notices, for members."""

    def __init__(self, database: Database, clock: Clock, people: People) -> None:
        self._database, self._clock, self._people = database, clock, people

    async def receive_click(self, body: Body, action: Body) -> None:
        """Decide, and owe the private answer, in one transaction."""
        click = parse.parse_click(body, action)
        refusal = await self._refusal_of(click)
        now = self._clock.now()
        became = await self._database.write(_decide, click, _message_id_of(click), refusal, now)
        log.info("slack.click_received", action_id=click.action_id, became=became)

    async def _refusal_of(self, click: Click) -> str | None:
        try:
            person = await self._people.get(click.user_id)
        except SlackProblem:
            return "Nothing was changed: Slack did not say who you are. Click again."
        if person.standing != "member":
            return f"Nothing was changed: {REFUSALS[person.standing]}."
        return None


def _message_id_of(click: Click) -> int:
    if not (click.value.isascii() and click.value.isdigit() and len(click.value) < 19):
        raise NotUnderstood("a button's value is no id")
    return int(click.value)


def _decide(
    session: Session, click: Click, message_id: int, refusal: str | None, now: datetime
) -> str:
    if refusal is not None:
        _owe_answer(session, click, refusal, now)
        return "refused"
    message = session.get(Message, message_id)
    if message is None or threads.get(session, message.thread_id).team_id != click.team_id:
        _owe_answer(session, click, "Nothing was changed: this text is no longer on file.", now)
        return "unknown"
    decide, done = DECISIONS[click.action_id]
    became = decide(session, message_id, click.user_id, now)
    today = f"Nothing was changed: {TODAY.get(became, became)}."
    _owe_answer(session, click, done if became == "done" else today, now)
    return became


def _owe_answer(session: Session, click: Click, sentence: str, now: datetime) -> None:
    answer = Answer(
        kind="clicked",
        team_id=click.team_id,
        channel_id=click.channel_id,
        user_id=click.user_id,
        response_url=click.response_url,
        payload={"sentence": sentence},
        asked_at=now,
    )
    answers.owe_answer(session, answer, now)
