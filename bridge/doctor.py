"""The doctor: looks at all the bridge needs, each look bounded, each finding with its remedy.

It changes nothing. The sides look at their providers themselves (`examine.py`), and what is common
to both is looked at here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from functools import partial

import structlog

from bridge.clock import Clock, machine_now
from bridge.errors import ProviderProblem
from bridge.findings import Check, Finding, Level, clock_finding, of_sentence
from bridge.metrics import Look, closed_seconds, gate_name, look, oldest_due_seconds, used_ratio
from bridge.outbox.gates import BudgetOf
from bridge.relay import waiting
from bridge.relay.reasons import explain
from bridge.relay.texts import SIDE_NAMES
from bridge.relay.waiting import Wait, Waits
from bridge.settings import Settings
from storage import conversations, inboxes, kept, migrate
from storage.condition import file_condition, find_damage, server_condition
from storage.database import Database
from storage.errors import DATABASE_AWAY, SchemaMismatch

log = structlog.get_logger(__name__)

CHECK_SECONDS = 10.0
MB = 1_000_000
LITTLE_SPACE = 500 * MB
NO_SPACE = 100 * MB
LARGE_WAL = 1_000 * MB
LONGEST_FILE_READ = 1_000 * MB  # a longer one would keep a reader of the running bridge too long
FULL_RATIO = 0.8
STUCK_SECONDS = 120.0
LONG_CLOSED_SECONDS = 300.0
KEPT_SPAN = timedelta(hours=24)
DISAGREEING_SPAN = timedelta(days=30)


async def examine(checks: Sequence[Check], seconds: float = CHECK_SECONDS) -> list[Finding]:
    """Look at everything side by side; a look takes `seconds` at most, and none fails the rest."""
    found = await asyncio.gather(*(_examine_one(each, seconds) for each in checks))
    return [finding for findings in found for finding in findings]


async def _examine_one(check: Check, seconds: float) -> Sequence[Finding]:
    try:
        async with asyncio.timeout(seconds):
            return await check.look()
    except TimeoutError:
        words = f"This took longer than {seconds:.0f} s and was given up."
        remedy = "Look again in a minute; if it stays so, check the network and the limits in use."
        return [Finding(check.name, "warn", words, remedy)]
    except ProviderProblem as problem:
        remedy = "Look again in a minute; if it stays so, check the network and the proxy."
        return [Finding(check.name, "bad", str(problem), remedy)]
    except DATABASE_AWAY as error:
        return [database_away(check.name, error)]
    except Exception as error:  # noqa: BLE001 -- the other findings count, and its words may be secret
        log.warning("doctor.check_failed", check=check.name, error=type(error).__name__)
        words = f"This could not be looked at: {type(error).__name__}."
        return [Finding(check.name, "bad", words, "Report it to the bridge's makers.")]


def database_away(check: str, error: Exception) -> Finding:
    """A database that does not answer, or cannot write."""
    said = getattr(error, "orig", None) or getattr(error, "strerror", None)
    reason = str(said or type(error).__name__).strip().splitlines()[0]
    return Finding(
        check,
        "bad",
        f"The database does not do what it is asked ({reason}).",
        "Check that DATABASE_URL is right, its server runs, and its disk has room.",
    )


class Doctor:
    """What is looked at beside the two providers."""

    def __init__(
        self, settings: Settings, database: Database, clock: Clock, budget_of: BudgetOf
    ) -> None:
        self._settings, self._database, self._clock = settings, database, clock
        self._budget_of = budget_of

    def checks(self) -> list[Check]:
        """Each with its name."""
        return [
            Check("Schema", self._schema),
            Check("Database", self._sqlite if self._database.path else self._postgres),
            Check("Inboxes", self._inboxes),
            Check("Waiting", self._waiting),
            Check("Limits", self._limits),
            Check("Events", self._kept_events),
            Check("Conversations", self._conversations),
        ]

    async def _schema(self) -> list[Finding]:
        try:
            await asyncio.to_thread(migrate.check, self._settings.database_url)
        except SchemaMismatch as mismatch:
            return [schema_finding(mismatch)]
        return [Finding("Schema", "ok", "The database has this version's tables.")]

    async def _sqlite(self) -> list[Finding]:
        assert self._database.path is not None, "a file"
        condition = await asyncio.to_thread(file_condition, self._database.path)
        found = [disk_finding(condition.free)]
        if condition.wal_size > LARGE_WAL:
            words = (
                f"The file {self._database.path.name}-wal has grown to {_size(condition.wal_size)}."
            )
            remedy = (
                "Another program reads the database without an end and keeps it from being written "
                "back: end that program, or start the bridge again."
            )
            found.append(Finding("Database", "warn", words, remedy))
        return [*found, await self._damage(condition.size)]

    async def _damage(self, size: int) -> Finding:
        if size > LONGEST_FILE_READ:
            words = f"The file has {_size(size)} and was not read through."
            remedy = 'In a quiet hour: sqlite3 FILE "PRAGMA quick_check".'
            return Finding("Database", "ok", words, remedy)
        damage = await self._database.read(find_damage)
        if damage is None:
            return Finding("Database", "ok", "The SQLite file is whole.")
        remedy = "Stop the bridge, keep the file, and restore the last backup (docs/operating.md)."
        return Finding("Database", "bad", f"The SQLite file is damaged ({damage}).", remedy)

    async def _postgres(self) -> list[Finding]:
        asked_at = machine_now()
        condition = await self._database.read(server_condition)
        ours = asked_at + (machine_now() - asked_at) / 2
        seconds = (condition.now - ours).total_seconds()
        return [
            _of_connections(condition.connections, condition.most_connections),
            clock_finding("Database clock", "PostgreSQL's", seconds),
        ]

    async def _inboxes(self) -> list[Finding]:
        connected = await self._database.read(inboxes.find_connected)
        if connected:
            numbers = "1 number is" if len(connected) == 1 else f"{len(connected)} numbers are"
            return [Finding("Inboxes", "ok", f"{numbers} connected.")]
        command = self._settings.command
        remedy = (
            f"In Slack: invite the app to the channel that shall show the texts, and type "
            f"`{command} connect <number>` there (`{command} numbers` lists them)."
        )
        found = [Finding("Inboxes", "warn", "No number is connected to a channel.", remedy)]
        if not self._settings.administrator_ids:
            words = "There is nobody to tell when something needs mending."
            remedy = "Set BRIDGE_ADMINISTRATORS to Slack user ids, or connect a number."
            found.append(Finding("Administrators", "warn", words, remedy))
        return found

    async def _waiting(self) -> list[Finding]:
        now, machine_at = self._clock.now(), machine_now()
        seen = await self._database.read(look, now, machine_at)
        waits = await self._database.read(waiting.find_waits, now, machine_at)
        found = [*_of_due(seen), *_of_waits(waits)]
        return found or [Finding("Waiting", "ok", "Nothing waits longer than it should.")]

    async def _limits(self) -> list[Finding]:
        seen = await self._database.read(look, self._clock.now(), machine_now())
        found = _of_gates(seen, self._budget_of)
        words = "No provider's limit is reached."
        return found or [Finding("Limits", "ok", words)]

    async def _kept_events(self) -> list[Finding]:
        since_at = self._clock.now() - KEPT_SPAN
        counted = await self._database.read(kept.count_since, since_at)
        remedy = "They are kept, encrypted, in the table kept_event: report them with their reason."
        return [
            Finding(
                "Events",
                "warn",
                f"{number} of {SIDE_NAMES[side]}'s events of the last day were not understood "
                f"({reason}).",
                remedy,
            )
            for side, reason, number in counted
        ] or [Finding("Events", "ok", "Every event of the last day was understood.")]

    async def _conversations(self) -> list[Finding]:
        since_at = self._clock.now() - DISAGREEING_SPAN
        number = await self._database.read(
            partial(conversations.count_without_ringcentral_id, since_at=since_at)
        )
        if not number:
            words = "RingCentral's conversations are those of the same people here."
            return [Finding("Conversations", "ok", words)]
        words = (
            f"RingCentral counts {number} of the conversations of the last 30 days as somebody "
            "else's: their texts are shown by who texted, which is right."
        )
        remedy = "Look whether their threads show the right texts; if not, report it."
        return [Finding("Conversations", "warn", words, remedy)]


def schema_finding(mismatch: SchemaMismatch) -> Finding:
    """A database of another version; its sentence holds the remedy after a colon."""
    return of_sentence("Schema", "bad", str(mismatch), ": ")


def _size(count: int) -> str:
    return f"{count / (1_000 * MB):.1f} GB" if count >= 1_000 * MB else f"{count / MB:.0f} MB"


def disk_finding(free: int) -> Finding:
    """How much room the database has left, in bytes."""
    if free >= LITTLE_SPACE:
        return Finding("Disk", "ok", f"{_size(free)} are free for the database.")
    words = f"Only {_size(free)} are left on the database's disk."
    remedy = "Make room on it: where it is full nothing is taken or sent any more."
    return Finding("Disk", "bad" if free < NO_SPACE else "warn", words, remedy)


def _of_connections(taken: int, most: int) -> Finding:
    words = f"{taken} of PostgreSQL's {most} connections are taken."
    if taken < FULL_RATIO * most:
        return Finding("Database", "ok", words)
    remedy = "Raise max_connections, or run fewer processes; each of the bridge's takes about ten."
    return Finding("Database", "warn", words, remedy)


def _of_due(seen: Look) -> list[Finding]:
    found = []
    for side, name in SIDE_NAMES.items():
        seconds = oldest_due_seconds(seen, side)
        if seconds > STUCK_SECONDS:
            words = f"What is owed to {name} has been due for {_span(seconds)}."
            remedy = (
                "See that `sms-bridge up` or a `sms-bridge worker` runs, and what its log says of "
                "delivery.attempted."
            )
            found.append(Finding("Waiting", "bad", words, remedy))
    return found


def _of_waits(waits: Waits) -> list[Finding]:
    found = []
    for each in waits.waits:
        side = SIDE_NAMES[each.side]
        if each.why == "person":
            words = f"{_things(each)} may have been sent, and a person is to decide."
            remedy = "Press one of the buttons under it in its thread."
            found.append(Finding("Waiting", "warn", words, remedy))
        if each.why == "put_off":
            words, remedy = _why(each)
            words = f"{_things(each)} for {side} was put off, and is tried again. {words}"
            found.append(Finding("Waiting", "warn", words, remedy))
    return found


def _things(wait: Wait) -> str:
    return "1 delivery" if wait.count == 1 else f"{wait.count:,} deliveries"


def _why(wait: Wait) -> tuple[str, str]:
    reason = wait.reason or "unknown"
    if wait.side != "ringcentral":
        return f"Slack's answer: {reason}.", ""
    why = explain(reason)
    return f"{why.sentence} ({reason})", why.remedy


def _of_gates(seen: Look, budget_of: BudgetOf) -> list[Finding]:
    found = []
    for gate in seen.gates:
        name = gate_name(gate.key)
        seconds = closed_seconds(gate, seen.machine_now)
        ratio = used_ratio(gate, budget_of, seen.machine_now)
        if seconds:
            level: Level = "bad" if seconds > LONG_CLOSED_SECONDS else "warn"
            words = f"The limit {name} lets nothing more through for {_span(seconds)}."
            remedy = (
                "It opens by itself. If it happens often, another program uses the same app or "
                "login: give the bridge its own."
            )
            found.append(Finding("Limits", level, words, remedy))
        elif ratio > FULL_RATIO:
            words = f"The limit {name} is used up to {ratio:.0%}."
            found.append(Finding("Limits", "warn", words, "Texts may wait for some seconds."))
    return found


def _span(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 7200 else f"{seconds / 3600:.0f} hours"
