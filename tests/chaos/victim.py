"""The bridge as a process that ends itself by SIGKILL when it logs a given line.

`VICTIM_DIES_AT` is a log slug, optionally with fields it must carry: `delivery.started
side=slack`. Each such line is logged between two steps, so the death is exactly there. With
`VICTIM_ARMED_BY` it dies only once that file is there: what was left to do is done before.
Without the first this is the bridge as it is.

`VICTIM_ROLES` says what it runs (`web,worker` if nothing). While the file `VICTIM_DISK_FULL_BY` is
there, SQLite finds no room for another page: its own limit, met as a full disk is.
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
from sqlalchemy import Connection, Engine, event

from bridge import logs
from bridge.serve import serve
from bridge.settings import load

ANY_PAGES = 1_073_741_823

LogEvent = MutableMapping[str, Any]


def _dying_at(wanted: str, is_armed: Callable[[], bool]) -> structlog.types.Processor:
    slug, *fields = wanted.split()
    pairs = [field.split("=", 1) for field in fields]

    def die(_logger: Any, _method: str, line: LogEvent) -> LogEvent:
        is_there = line["event"] == slug and all(str(line.get(k)) == v for k, v in pairs)
        if is_there and is_armed():
            os.kill(os.getpid(), signal.SIGKILL)
        return line

    return die


def _fill_disk_while(flag: Path) -> None:
    was_full = False

    def limit(connection: Connection) -> None:
        nonlocal was_full
        is_full = flag.exists()
        was_full = was_full or is_full
        if was_full:  # each connection has a limit of its own
            pages = 1 if is_full else ANY_PAGES  # SQLite takes 1 for as many as there are
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

    event.listen(Engine, "begin", limit)


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
    if flag := os.environ.get("VICTIM_DISK_FULL_BY"):
        _fill_disk_while(Path(flag))
    roles = os.environ.get("VICTIM_ROLES", "web,worker")
    uvloop.run(serve(settings, frozenset(roles.split(","))))


if __name__ == "__main__":
    main()
