"""Who gets the permits there are: pages first, then in turn among those who share a gate."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlmodel import Session

from bridge import clock
from bridge.outbox.gates import BudgetOf, take, wider_gate_of
from storage import gates as rows
from storage.claims import Due

_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass
class Granted:
    """Those that may go, and when there are permits again where there were too few."""

    may_go: list[Due] = field(default_factory=list)
    resting: dict[tuple[str, int], datetime] = field(default_factory=dict)


def grant(session: Session, due: Sequence[Due], budget_of: BudgetOf) -> Granted:
    """Take permits for as many of these as there are; closed gates were left out before.

    Behind the gate of a whole workspace its channels take turns as sources do behind theirs. What a
    channel had a permit for and its workspace had not loses it: ten seconds of one channel.
    """
    granted = Granted()
    for (key, priority), heads in sorted(_by_gate(due).items()):
        granted.may_go += _by_own_gate(session, key, priority, heads, budget_of, granted)
    # after all of those: rows that several processes lock are locked in one order
    for (key, priority), heads in sorted(_by_wider_gate(granted.may_go).items()):
        if budget_of(key) is not None:
            for each in _left_behind(session, key, priority, heads, budget_of, granted):
                granted.may_go.remove(each)
    return granted


def _by_gate(due: Iterable[Due]) -> dict[tuple[str, int], list[Due]]:
    found: dict[tuple[str, int], list[Due]] = {}
    for each in due:
        found.setdefault((each.gate, each.priority), []).append(each)
    return found


def _by_wider_gate(due: Iterable[Due]) -> dict[tuple[str, int], list[Due]]:
    found: dict[tuple[str, int], list[Due]] = {}
    for each in due:
        wider = wider_gate_of(each.gate)
        if wider is not None:
            found.setdefault((wider, each.priority), []).append(each)
    return found


def _by_own_gate(
    session: Session,
    key: str,
    priority: int,
    heads: list[Due],
    budget_of: BudgetOf,
    granted: Granted,
) -> list[Due]:
    if budget_of(key) is None:
        return heads
    permits = take(session, key, len(heads), priority, budget_of)
    let_through = heads[: permits.count]
    if permits.next_at is not None:
        granted.resting[key, priority] = permits.next_at
        sources = {each.source for each in let_through if each.source}
        rows.note_served(session, key, sources, clock.machine_now())
    return let_through


def _left_behind(
    session: Session,
    key: str,
    priority: int,
    heads: list[Due],
    budget_of: BudgetOf,
    granted: Granted,
) -> list[Due]:
    permits = take(session, key, len(heads), priority, budget_of)
    if permits.next_at is None:
        return []
    served_at = rows.served_at_by_source(session, key)
    in_turn = sorted(heads, key=lambda each: (each.place, served_at.get(each.gate, _NEVER)))
    let_through, left = in_turn[: permits.count], in_turn[permits.count :]
    rows.note_served(session, key, {each.gate for each in let_through}, clock.machine_now())
    for each in left:
        granted.resting[each.gate, priority] = permits.next_at
    return left
