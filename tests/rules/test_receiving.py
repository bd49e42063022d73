"""Why a store cannot be read, and for how long that is nobody's news."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bridge.relay.reasons import RECEIVING, explain_receiving
from bridge.relay.receiving import TOLD_AFTER, patience_with
from bridge.ringcentral.outcomes import failure_of
from bridge.ringcentral.problems import AnswerLost, LoginRefused, NotSent, Problem, Refusal
from bridge.ringcentral.reading import STUCK_CODE


@pytest.mark.parametrize("code", RECEIVING)
def test_every_reason_has_a_remedy(code: str) -> None:
    """What happened, and who can do what."""
    reason = explain_receiving(code)
    assert reason.sentence[0].isupper()
    assert reason.sentence.endswith(".")
    assert reason.remedy.endswith(".")


def test_a_store_without_a_failure_is_being_read() -> None:
    """Nothing went wrong: there is merely much to read."""
    assert explain_receiving(None) is RECEIVING["behind"]


@pytest.mark.parametrize(
    ("problem", "code"),
    [
        (LoginRefused("refused", "OAU-140"), "login_refused"),
        (Refusal(401, ["OAU-151"]), "login_refused"),
        (NotSent("used up", "rate_limited"), "rate_limited"),
        (Refusal(429, ["CMN-301"]), "rate_limited"),
        (NotSent("no credentials", "unknown_login"), "no_login"),
        (NotSent("no route", "ConnectError"), "not_reached"),
        (Refusal(403, ["CMN-408"]), "unreadable"),
        (Refusal(404, ["CMN-102"]), "unreadable"),
        (Refusal(400, ["CMN-101"]), "refused"),
        (Refusal(503, []), "away"),
        (AnswerLost("lost", "ReadTimeout"), "away"),
        (Problem("too many", STUCK_CODE), "stuck"),
        (Problem("no token", "unreadable"), "away"),
    ],
)
def test_each_failure_has_its_reason(problem: Problem, code: str) -> None:
    """A code of RECEIVING for whatever RingCentral did."""
    assert failure_of(problem) == code
    assert code in RECEIVING


@pytest.mark.parametrize(
    ("sync_seconds", "patience"),
    [(0.2, TOLD_AFTER), (30, TOLD_AFTER), (3600, timedelta(minutes=61))],
)
def test_patience_grows_with_the_timer(sync_seconds: float, patience: timedelta) -> None:
    """A store that is to be read once an hour is not deaf after four minutes."""
    assert patience_with(sync_seconds) == patience
