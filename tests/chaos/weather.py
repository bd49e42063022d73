"""What goes wrong, by name: each blows for its time and leaves nothing behind."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass

from tests.chaos import outages, showers
from tests.chaos.fleet import Engine
from tests.chaos.sky import Blow, Sky, sprinkled


@dataclass(frozen=True)
class Weather:
    """`blow` goes on until it is cancelled, and cleans up then."""

    name: str
    blow: Blow
    engines: tuple[Engine, ...] = ("sqlite", "postgresql")


async def _storm(sky: Sky) -> None:
    """All of it at once."""
    kinds = (
        showers.limits,
        showers.errors,
        showers.drops,
        showers.timeouts,
        showers.duplicates,
        showers.reorders,
        showers.delays,
    )
    async with asyncio.TaskGroup() as group:
        group.create_task(sky.sprinkle([rule for rules_of in kinds for rule in rules_of(sky)]))
        group.create_task(outages.killed(sky))


WEATHERS = (
    Weather("rate limits", sprinkled(showers.limits, 0.8)),
    Weather("limits untimed", sprinkled(showers.limits_without_time, 20.0)),
    Weather("5xx", sprinkled(showers.errors)),
    Weather("dropped", sprinkled(showers.drops)),
    Weather("time-outs", sprinkled(showers.timeouts, 0.6)),
    Weather("refusals", sprinkled(showers.refusals, 1.0)),
    Weather("duplicates", sprinkled(showers.duplicates, 0.1)),
    Weather("reordered", sprinkled(showers.reorders, 0.1)),
    Weather("late events", sprinkled(showers.delays, 0.1)),
    Weather("lost events", sprinkled(showers.losses, 0.2)),
    Weather("blacklisted", outages.blacklisted),
    Weather("tokens revoked", outages.tokens_revoked),
    Weather("login refused", outages.login_refused),
    Weather("app removed", outages.uninstalled),
    Weather("database locked", outages.locked, ("sqlite",)),
    Weather("disk full", outages.full, ("sqlite",)),
    Weather("database restarted", outages.restarted, ("postgresql",)),
    Weather("killed", outages.killed),
    Weather("frozen past lease", outages.frozen),
    Weather("storm", _storm),
)


async def blow(weather: Weather, sky: Sky, seconds: float) -> None:
    """Let it blow for a while; what it raises by itself is raised."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await weather.blow(sky)
