"""One run: the parts that were asked for, measured in turn, as rows of the table."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.fill import Amount
from tests.bench.load import percentile
from tests.bench.measures import (
    Answers,
    Crossing,
    Idle,
    Scale,
    measure_acknowledgement,
    measure_crossings,
    measure_floors,
    measure_idle,
    measure_straight,
)
from tests.bench.stage import Stage, open_stage
from tests.bench.table import Row

PARTS = "abcde"
WEBHOOK_SHARE = 0.3
WEBHOOK_AIM = 0.5
EVENT_SHARE = 0.7
ADDED_P50_MS = 5.0
ADDED_P99_MS = 30.0
IDLE_CORE_PERCENT = 1.0
IDLE_MEMORY_MB = 200.0
SLOWER_BY = 0.2

ROLES = {"web": "acknowledging alone", "up": "delivering meanwhile"}
WAYS = {"texts_in": "text in, posted in Slack", "replies": "reply, accepted by RingCentral"}
PERCENTS = (50, 95, 99)


@dataclass(frozen=True)
class Figures:
    """What was measured on one database."""

    acknowledged: dict[str, tuple[Answers, Answers]]
    crossing: Crossing | None
    idle: Idle | None


Tell = Callable[[str], None]


async def run_bench(
    folder: Path,
    scale: Scale,
    parts: str = PARTS,
    *,
    program: tuple[str, ...] | None = None,
    tell: Tell = print,
) -> list[Row]:
    """Measure these parts, and what they are held against, and return the table's rows."""
    tell("preparing: simulators, a database, an inbox")
    async with open_stage(folder, program=program) as stage:
        return await _run(stage, scale, parts, tell)


async def _run(stage: Stage, scale: Scale, parts: str, tell: Tell) -> list[Row]:
    rows: list[Row] = []
    wanted = set(parts) | (set("bc") if "e" in parts else set())
    if wanted & set("ab"):
        tell("(a) the floors")
        async with stage.running_floors() as floors:
            starlette, bolt = await measure_floors(stage, floors, scale)
        rows += _floor_rows(starlette, bolt)
    straight = None
    if "c" in wanted:
        tell("(c) the calls made straight")
        straight = await measure_straight(stage, scale)
    few = Amount(messages=0, conversations=len(stage.places))
    empty = await _measure(stage, "empty", few, scale, wanted, tell)
    for role, (webhook, event) in empty.acknowledged.items():
        rows += _acknowledgement_rows(role, webhook, event, starlette, bolt)
    if straight is not None and empty.crossing is not None:
        rows += _straight_rows(straight) + _crossing_rows(empty.crossing, straight)
    if empty.idle is not None:
        rows += _idle_rows("d", empty.idle)
    if "e" in wanted and straight is not None:
        full = await _measure(stage, "full", scale.past, scale, wanted, tell)
        rows += _compared_rows(empty, full, straight)
    return rows


async def _measure(
    stage: Stage, name: str, amount: Amount, scale: Scale, parts: set[str], tell: Tell
) -> Figures:
    began = time.monotonic()
    original = await stage.new_database(name, amount)
    what = f"{amount.messages:,} messages in {amount.conversations:,} conversations on file"
    tell(f"{what}, written in {time.monotonic() - began:.0f} s")
    acknowledged = {}
    if "b" in parts:
        for role, how in ROLES.items():
            tell(f"(b) acknowledgement, {how}")
            path = stage.copy_database(original, "work")
            acknowledged[role] = await measure_acknowledgement(stage, path, scale, role)
    crossing = idle = None
    if "c" in parts:
        tell(f"(c) crossings, {scale.rate:.0f}/s each way for {scale.seconds:.0f} s")
        path = stage.copy_database(original, "work")
        crossing = await measure_crossings(stage, path, scale)
    if "d" in parts:
        tell(f"(d) idle for {scale.idle_seconds:.0f} s")
        idle = await measure_idle(stage, stage.copy_database(original, "work"), scale)
    return Figures(acknowledged, crossing, idle)


def _floor_rows(starlette: Answers, bolt: Answers) -> list[Row]:
    return [
        Row("a", "a route that commits one row and answers", _reached(starlette)),
        Row("a", "bare Bolt that commits one row and answers", _reached(bolt)),
    ]


def _reached(answers: Answers) -> str:
    return f"{answers.rate:,.0f}/s  (p50 {answers.p50_ms:.1f}, p99 {answers.p99_ms:.1f} ms)"


def _acknowledgement_rows(
    role: str, webhook: Answers, event: Answers, starlette: Answers, bolt: Answers
) -> list[Row]:
    share, bolt_share = webhook.rate / starlette.rate, event.rate / bolt.rate
    return [
        Row(
            "b",
            f"RingCentral webhook, {ROLES[role]}",
            _reached(webhook),
            f"route {starlette.rate:,.0f}/s",
            f"{share:.2f}",
            f">= {WEBHOOK_SHARE} (aim {WEBHOOK_AIM})",
            share >= WEBHOOK_SHARE,
        ),
        Row(
            "b",
            f"Slack event, {ROLES[role]}",
            _reached(event),
            f"Bolt {bolt.rate:,.0f}/s",
            f"{bolt_share:.2f}",
            f">= {EVENT_SHARE}",
            bolt_share >= EVENT_SHARE,
        ),
    ]


def _straight_rows(straight: Crossing) -> list[Row]:
    names = {"texts_in": "chat.postMessage made straight", "replies": "POST sms made straight"}
    rows = []
    for way, name in names.items():
        spans = getattr(straight, way)
        told = ", ".join(f"p{each} {percentile(spans, each) * 1000:.1f}" for each in PERCENTS)
        rows.append(Row("c", name, f"{told} ms"))
    return rows


def _added(crossing: Crossing, straight: Crossing, way: str, percent: int) -> float:
    """Milliseconds that the bridge adds: its whole time, less the median of the call alone."""
    whole: Sequence[float] = getattr(crossing, way)
    return (percentile(whole, percent) - percentile(getattr(straight, way), 50)) * 1000


def _crossing_rows(crossing: Crossing, straight: Crossing) -> list[Row]:
    limits = {50: ADDED_P50_MS, 99: ADDED_P99_MS}
    rows = []
    for way, name in WAYS.items():
        for percent in PERCENTS:
            added = _added(crossing, straight, way, percent)
            limit = limits.get(percent)
            rows.append(
                Row(
                    "c",
                    f"{name}: added, p{percent}",
                    f"{added:.1f} ms",
                    wanted=f"<= {limit:.0f} ms" if limit else "",
                    met=added <= limit if limit else None,
                )
            )
    return rows


def _idle_rows(part: str, idle: Idle) -> list[Row]:
    return [
        Row(
            part,
            "idle: processor",
            f"{idle.core_percent:.2f} % of a core",
            wanted=f"< {IDLE_CORE_PERCENT:.0f} %",
            met=idle.core_percent < IDLE_CORE_PERCENT,
        ),
        Row(
            part,
            "idle: memory",
            f"{idle.memory_mb:.0f} MB",
            wanted=f"< {IDLE_MEMORY_MB:.0f} MB",
            met=idle.memory_mb < IDLE_MEMORY_MB,
        ),
    ]


def _compared_rows(empty: Figures, full: Figures, straight: Crossing) -> list[Row]:
    rows = []
    for role, how in ROLES.items():
        names = (f"RingCentral webhook, {how}", f"Slack event, {how}")
        pairs = zip(names, empty.acknowledged[role], full.acknowledged[role], strict=True)
        rows += [_compared_rate(*pair) for pair in pairs]
    assert empty.crossing is not None, "measured where (e) is"
    assert full.crossing is not None, "measured where (e) is"
    for way, name in WAYS.items():
        for percent in PERCENTS:
            before = _added(empty.crossing, straight, way, percent)
            after = _added(full.crossing, straight, way, percent)
            rows.append(_compared_span(f"{name}: added, p{percent}", before, after))
    return rows + (_idle_rows("e", full.idle) if full.idle else [])


def _compared_rate(name: str, before: Answers, after: Answers) -> Row:
    ratio = after.rate / before.rate
    wanted, met = f">= {1 - SLOWER_BY:.1f}", ratio >= 1 - SLOWER_BY
    against = f"empty {before.rate:,.0f}/s"
    return Row("e", name, _reached(after), against, f"{ratio:.2f}", wanted, met)


def _compared_span(name: str, before_ms: float, after_ms: float) -> Row:
    ratio = after_ms / before_ms if before_ms > 0 else 1.0
    wanted, met = f"<= {1 + SLOWER_BY:.1f}", ratio <= 1 + SLOWER_BY
    return Row(
        "e", name, f"{after_ms:.1f} ms", f"empty {before_ms:.1f} ms", f"{ratio:.2f}", wanted, met
    )
