"""RingCentral's codes, and what they mean for an attempt to send or to read.

The codes of POST /sms are those of RingCentral's reference (x-error-codes) and error list. What
is in no table is Unsure, unless RingCentral itself refused the request in its own words.
"""

from __future__ import annotations

from collections.abc import Callable

from bridge.outbox.outcome import Outcome, Refused, TryLater, Unsure
from bridge.ringcentral.problems import AnswerLost, LoginRefused, NotSent, Problem, Refusal

Rule = Callable[[Refusal, str], Outcome]


def _refused(_refusal: Refusal, code: str) -> Outcome:
    return Refused(code)


def _rate_limited(refusal: Refusal, code: str) -> Outcome:
    return TryLater(code, after_seconds=refusal.retry_after_seconds, closes_gate=True)


def _later(refusal: Refusal, code: str) -> Outcome:
    return TryLater(code, after_seconds=refusal.retry_after_seconds)


def _unsure(_refusal: Refusal, code: str) -> Outcome:
    return Unsure(code)


RULES: dict[str, Rule] = {
    **dict.fromkeys(("CMN-101", "CMN-102", "CMN-406", "CMN-414"), _refused),
    **dict.fromkeys(("CMN-401", "CMN-408", "CMN-419", "BIL-103"), _refused),
    **dict.fromkeys(("MSG-240", "MSG-241", "MSG-242", "MSG-243", "MSG-245"), _refused),
    **dict.fromkeys(("MSG-246", "MSG-247", "MSG-304", "MSG-309", "MSG-310"), _refused),
    **dict.fromkeys(("MSG-314", "MSG-324", "MSG-331", "MSG-337", "MSG-338"), _refused),
    **dict.fromkeys(("MSG-347", "MSG-348", "MSG-365", "MSG-367", "MSG-376"), _refused),
    **dict.fromkeys(("MSG-379", "MSG-380", "MSG-381", "MSG-383", "MSG-384"), _refused),
    **dict.fromkeys(("MSG-388", "MSG-397", "MSG-403", "MSG-427"), _refused),
    **dict.fromkeys(("CMN-301", "CMN-302", "CMN-303", "CMN-310", "MSG-305"), _rate_limited),
    "MSG-290": _later,
    # "Duplicate concurrent request": the one it duplicates may be an earlier try of ours.
    "CMN-304": _unsure,
}


def outcome_of(problem: Problem) -> Outcome:
    """What a failed POST /sms was: refused, to be tried later, or possibly taken."""
    match problem:
        case NotSent():
            return later_of(problem)
        case Refusal():
            return _outcome_of_refusal(problem)
        case AnswerLost():
            return Unsure(problem.code or "answer_lost")
        case _:
            return Unsure(type(problem).__name__)


def later_of(problem: NotSent) -> TryLater:
    """Nothing left, so it waits; for as long as it takes where a person must mend the login."""
    if isinstance(problem, LoginRefused):
        return TryLater(problem.code or "login_refused", patient=True)
    return TryLater(problem.code or "not_connected", after_seconds=problem.after_seconds)


def failure_of(problem: Problem) -> str:
    """Why a message store could not be read; a code of bridge.relay.reasons.RECEIVING."""
    match problem:
        case LoginRefused() | Refusal(status=401):
            return "login_refused"
        case NotSent(code="rate_limited") | Refusal(status=429):
            return "rate_limited"
        case NotSent(code="unknown_login"):
            return "no_login"
        case NotSent():
            return "not_reached"
        case Refusal(status=403 | 404):
            return "unreadable"
        case Refusal(status=status):
            return "away" if status >= 500 else "refused"
        case Problem(code="stuck"):
            return "stuck"
        case _:
            return "away"


def _outcome_of_refusal(refusal: Refusal) -> Outcome:
    for code in refusal.codes:
        if code in RULES:
            return RULES[code](refusal, code)
    if refusal.status == 401:
        return TryLater(refusal.code, after_seconds=1.0)  # the client bought a new token
    if refusal.status == 429:
        return _rate_limited(refusal, refusal.code)
    if 400 <= refusal.status < 500 and refusal.status != 408 and refusal.codes:
        return Refused(refusal.codes[0])
    return Unsure(refusal.code)
