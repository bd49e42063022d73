"""Watches: what is looked at every few seconds, by any number of processes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog

from bridge.clock import sleep

log = structlog.get_logger(__name__)


async def keep_looking(name: str, look: Callable[[], Awaitable[None]], seconds: float) -> None:
    """Look, as long as this runs."""
    while True:
        try:
            await look()
        except Exception:  # whatever the database says, the next look may do
            log.exception("watch.look_failed", watch=name)
        await sleep(seconds)
