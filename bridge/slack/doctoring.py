"""The private answer to `doctor`: it is worked out when the outbox gives it, as `numbers` is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from bridge.findings import Finding
from bridge.slack import render
from bridge.slack.render import Rendered
from storage.tables import Answer

Examine = Callable[[], Awaitable[Sequence[Finding]]]


class Doctoring:
    """Answers to `doctor`. `examine` is set once all it looks at is built."""

    examine: Examine

    def __init__(self, command: str) -> None:
        self._command = command

    async def tell_findings(self, _answer: Answer) -> Rendered:
        """What was found, worst first."""
        return render.findings(await self.examine(), self._command)
