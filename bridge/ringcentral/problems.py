"""How a request to RingCentral can fail.

ProviderProblem
  Problem
    NotSent         no byte of the request left
      LoginRefused  there is no token: RingCentral refuses the login
    AnswerLost      the request may have been taken
    Refusal         RingCentral answered with an error
"""

from __future__ import annotations

from collections.abc import Sequence

from bridge.errors import ProviderProblem


class Problem(ProviderProblem):
    """RingCentral could not be asked, or refused; `code` is its own where it gave one."""


class NotSent(Problem):
    """Nothing left: asking again is safe, after `after_seconds` where that is known."""

    def __init__(self, sentence: str, code: str = "", after_seconds: float | None = None) -> None:
        super().__init__(sentence, code)
        self.after_seconds = after_seconds


class LoginRefused(NotSent):
    """RingCentral refuses the login; a person must mend it."""


class AnswerLost(Problem):
    """Bytes had left, and no readable answer came."""


class Refusal(Problem):
    """An answer of 400 or more; `codes` are those of errors[], then the legacy word.

    `permission` is what the app or its user lacks, where RingCentral named it.
    """

    def __init__(
        self,
        status: int,
        codes: Sequence[str],
        retry_after_seconds: float | None = None,
        permission: str = "",
    ) -> None:
        code = codes[0] if codes else f"HTTP-{status}"
        super().__init__(f"RingCentral refused ({code}).", code)
        self.status = status
        self.codes = tuple(codes)
        self.permission = permission
        self.retry_after_seconds = retry_after_seconds
