"""Who has opted out of whose texts, per pair of numbers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import datetime
from typing import Any

from bridge.sandbox.ringcentral.clock import SimulatorClock, to_iso

OUT_WORDS = frozenset({"STOP", "UNSUBSCRIBE", "QUIT", "CANCEL", "END"})
IN_WORDS = frozenset({"START", "SUBSCRIBE", "RESUME", "CONTINUE", "UNSTOP"})
EVERY_NUMBER = "*"
CARRIER = "Carrier"  # the source of what nobody has texted


@dataclasses.dataclass(slots=True)
class Consent:
    """What one phone said to one of the company's numbers ("*": to all of them)."""

    from_number: str
    to_number: str
    status: str
    source: str
    coverage: str
    modified_at: datetime

    def rest(self) -> dict[str, Any]:
        return {
            "from": self.from_number,
            "to": self.to_number,
            "optStatus": self.status,
            "source": self.source,
            "coverage": self.coverage,
            "lastModifiedTime": to_iso(self.modified_at),
        }


class Consents:
    """The account's opt-outs and opt-ins; `on_change` hears of each change."""

    def __init__(self, clock: SimulatorClock) -> None:
        self._clock = clock
        self._by_pair: dict[tuple[str, str], Consent] = {}
        self.on_change: Callable[[Consent], None] = lambda _consent: None

    def record(
        self,
        from_number: str,
        to_number: str,
        status: str,
        source: str,
        coverage: str = "PhoneNumber",
    ) -> Consent:
        now = self._clock.now()
        consent = Consent(from_number, to_number, status, source, coverage, now)
        self._by_pair[from_number, to_number] = consent
        self.on_change(consent)
        return consent

    def all(self) -> list[Consent]:
        return list(self._by_pair.values())

    def restore(self, consent: Consent) -> None:
        """Put back what was known before, without telling anybody."""
        self._by_pair[consent.from_number, consent.to_number] = consent

    def has_opted_out(self, from_number: str, to_number: str) -> bool:
        """The pair's own record decides; without one, the record for all numbers."""
        for sender in (from_number, EVERY_NUMBER):
            consent = self._by_pair.get((sender, to_number))
            if consent is not None:
                return consent.status == "OptOut"
        return False

    def is_blocked(self, from_number: str, to_number: str) -> bool:
        """Opted out by the carrier, without having texted STOP to this number."""
        consent = self._by_pair.get((from_number, to_number))
        return consent is not None and (consent.status, consent.source) == ("OptOut", CARRIER)

    def find(
        self, from_numbers: list[str], to_numbers: list[str], statuses: list[str]
    ) -> list[Consent]:
        return [
            consent
            for consent in self._by_pair.values()
            if (not from_numbers or consent.from_number in (*from_numbers, EVERY_NUMBER))
            and (not to_numbers or consent.to_number in to_numbers)
            and consent.status in statuses
        ]


def read_keyword(text: str) -> str | None:
    """OptOut or OptIn when the whole text is one of the words, else None."""
    word = text.strip().upper()
    if word in OUT_WORDS:
        return "OptOut"
    return "OptIn" if word in IN_WORDS else None
