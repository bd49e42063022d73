"""The bridge as a process that ends itself by SIGKILL when it logs a given line.

`VICTIM_DIES_AT` is a log slug, optionally with fields it must carry: `delivery.started
side=slack`. Each such line is logged between two steps, so the death is exactly there. With
`VICTIM_ARMED_BY` it dies only once that file is there: what was left to do is done before.
Without the first this is the bridge as it is.
"""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Callable, MutableMapping
from pathlib import Path
from typing import Any

import structlog
import uvloop

from bridge import logs
from bridge.serve import serve
from bridge.settings import load

Event = MutableMapping[str, Any]


def _dying_at(wanted: str, is_armed: Callable[[], bool]) -> structlog.types.Processor:
    slug, *fields = wanted.split()
    pairs = [field.split("=", 1) for field in fields]

    def die(_logger: Any, _method: str, event: Event) -> Event:
        is_there = event["event"] == slug and all(str(event.get(k)) == v for k, v in pairs)
        if is_there and is_armed():
            os.kill(os.getpid(), signal.SIGKILL)
        return event

    return die


def main() -> None:
    """Run the bridge until it dies or is told to stop."""
    settings = load()
    logs.configure(settings.log_format)
    if wanted := os.environ.get("VICTIM_DIES_AT"):
        armed_by = os.environ.get("VICTIM_ARMED_BY")
        is_armed = Path(armed_by or "/").exists
        structlog.configure(
            processors=[_dying_at(wanted, is_armed), *structlog.get_config()["processors"]],
            wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
        )
    uvloop.run(serve(settings, frozenset({"web", "worker"})))


if __name__ == "__main__":
    main()
