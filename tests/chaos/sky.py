"""What the weathers act on, and how a fault is sprinkled."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bridge.sandbox.faults import Faults
from bridge.sandbox.ringcentral import RingCentralSimulator
from bridge.sandbox.slack import SlackSimulator
from tests.chaos.fleet import Engine, Fleet

MOST_COPIES = 11

Rule = tuple[Faults, str, dict[str, Any]]


@dataclass
class Sky:
    """What the weathers act on.

    While `is_slack_closed` nobody writes in Slack: the app is not there to hear it.
    """

    slack: SlackSimulator
    ringcentral: RingCentralSimulator
    fleet: Fleet
    engine: Engine
    database_url: str
    full_disk: Path
    owns_server: bool  # PostgreSQL's: it may be crashed
    dice: random.Random
    is_slack_closed: bool = field(default=False)

    @property
    def faults(self) -> tuple[Faults, Faults]:
        """Both simulators'."""
        return self.slack.faults, self.ringcentral.faults

    async def wait(self, longest_seconds: float) -> None:
        """A moment of any length up to this."""
        await asyncio.sleep(self.dice.uniform(0.02, longest_seconds))

    async def sprinkle(self, rules: Sequence[Rule], gap_seconds: float = 0.3) -> None:
        """One fault after the other, each for one request or notification, until cancelled."""
        try:
            while True:
                faults, kind, options = self.dice.choice(rules)
                if "seconds" in options:
                    options = {**options, "seconds": self.dice.uniform(*options["seconds"])}
                if "copies" in options:
                    options = {**options, "copies": self.dice.randint(2, MOST_COPIES)}
                faults.add(kind, name="weather", **options)  # type: ignore[arg-type]  # a Kind
                await self.wait(gap_seconds)
        finally:
            for each in self.faults:
                each.clear("weather")


Blow = Callable[[Sky], Awaitable[None]]


def sprinkled(rules_of: Callable[[Sky], list[Rule]], gap_seconds: float = 0.3) -> Blow:
    """A weather of faults that each hit one request or notification."""

    async def blow(sky: Sky) -> None:
        await sky.sprinkle(rules_of(sky), gap_seconds)

    return blow
