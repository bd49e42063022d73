"""Gates: one row per budget a provider counts, shared by all processes.

A budget is a sliding window. `grants` counts the permits given in each second of machine time; a
second counts until the whole of it has left the window, so the window is never exceeded.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Update, update
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from storage import prepared
from storage.database import insert_ignore
from storage.tables import Gate, GateTurn


@dataclass(frozen=True)
class Granted:
    """How many permits were given, and when the next may be where that was fewer than asked."""

    count: int
    next_at: datetime | None


def lock(session: Session, key: str) -> Gate:
    """The gate, its row locked; made where it is new."""
    # read anew: what this session saw of it before the lock may be old
    query = (
        select(Gate)
        .where(Gate.key == key)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    gate = session.exec(query).one_or_none()
    if gate is not None:
        return gate
    insert_ignore(session, Gate, {"key": key, "grants": {}})
    return session.exec(query).one()


def take(
    session: Session,
    key: str,
    wanted: int,
    *,
    limit: int,
    window_seconds: int,
    machine_now: datetime,
) -> Granted:
    """Take up to `wanted` permits of `limit` in any `window_seconds`; none while it is closed."""
    gate = lock(session, key)
    if gate.closed_until_at is not None and gate.closed_until_at > machine_now:
        return Granted(0, gate.closed_until_at)
    second = int(machine_now.timestamp())
    oldest = second - window_seconds
    grants = {each: n for each, n in gate.grants.items() if int(each) >= oldest}
    count = max(0, min(wanted, limit - sum(grants.values())))
    if count:
        grants[str(second)] = grants.get(str(second), 0) + count
        gate.grants = grants
        session.add(gate)
    if count == wanted:
        return Granted(count, None)
    first = min((int(each) for each in grants), default=second)
    frees_at = first + window_seconds + 1
    return Granted(count, machine_now + timedelta(seconds=frees_at - machine_now.timestamp()))


def note_served(
    session: Session, key: str, sources: Collection[str], machine_now: datetime
) -> None:
    """These were let through while others had to wait: it is the others' turn next."""
    for source in sorted(sources):  # in one order, lest two processes wait for each other
        if not _note_again(session, key, source, machine_now):
            insert_ignore(
                session, GateTurn, {"gate": key, "source": source, "served_at": machine_now}
            )


@prepared.rowcount
def _note_again(key: str, source: str, machine_now: datetime) -> Update:
    mine = update(GateTurn).where(col(GateTurn.gate) == key, col(GateTurn.source) == source)
    return mine.values(served_at=machine_now)


def served_at_by_source(session: Session, key: str) -> dict[str, datetime]:
    """When each source was last let through this gate while others had to wait."""
    return {each.source: each.served_at for each in _find_turns(session, key)}


@prepared.every
def _find_turns(key: str) -> SelectOfScalar[GateTurn]:
    return select(GateTurn).where(GateTurn.gate == key)


def close(session: Session, key: str, until_at: datetime) -> None:
    """Let nothing through until then; an earlier end never shortens a later one."""
    gate = lock(session, key)
    if gate.closed_until_at is None or gate.closed_until_at < until_at:
        session.execute(update(Gate).where(col(Gate.key) == key).values(closed_until_at=until_at))
