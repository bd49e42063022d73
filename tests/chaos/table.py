"""What a run prints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.chaos.account import CALM, Account, Spread
from tests.chaos.ledger import Fate
from tests.chaos.run import Result

ROWS: Sequence[tuple[Fate, str]] = (
    ("delivered", "delivered once"),
    ("refused", "refused, and its author told"),
    ("cancelled", "deleted by its author before it left"),
    ("lost", "LOST"),
    ("doubled", "DOUBLED"),
    ("astray", "AT A WRONG ADDRESS"),
    ("misinformed", "TOLD TO HAVE FAILED, BUT ARRIVED"),
    ("untold", "CHANGED TOO LATE, UNTOLD"),
)
MOST_NAMED = 20
NAME_WIDTH, WORDS_WIDTH = 20, 40


def render_result(result: Result) -> str:
    """The whole of it, for a reader."""
    parts = [_head(result), "", *_fates(result.account), *_limits(result), "", *_spreads(result)]
    return "\n".join((*parts, *_named(result), "", _verdict(result)))


def as_json(result: Result) -> dict[str, Any]:
    """The same for a machine."""
    plan, account = result.plan, result.account
    return {
        "texts": plan.texts,
        "seed": plan.seed,
        "engine": plan.engine,
        "slack": plan.slack,
        "limits": plan.limits is not None,
        "faults": [each.name for each in plan.weathers()],
        "seconds": round(result.seconds, 1),
        "settle_seconds": round(result.settle_seconds, 1),
        "kills": result.kills,
        "own_deaths": list(result.own_deaths),
        "was_cut": result.was_cut,
        "owed": list(result.owed),
        "longest_stall_seconds": round(result.longest_stall_seconds, 2),
        "penalties": result.penalties,
        "pressed_on": result.pressed_on,
        "is_clean": result.is_clean,
        "troubles": result.troubles(),
        "fates": {f"{way}_{fate}": n for (way, fate), n in sorted(account.fates.items())},
        "disordered": [list(pair) for pair in account.disordered],
        "late": account.late,
        "put_to_a_person": list(account.asked),
        "tried_again": account.retried,
        "bad": {fate: list(tokens) for fate, tokens in account.bad.items()},
        "spreads": [vars(each) for each in account.spreads],
    }


def _head(result: Result) -> str:
    plan = result.plan
    texts = sum(result.account.fates.values())
    limits = ", providers' limits on" if plan.limits else ""
    return (
        f"{texts} texts on {plan.engine}, Slack over {plan.slack}{limits}, seed {plan.seed}: "
        f"{result.seconds:.0f} s, of which {result.settle_seconds:.0f} s to settle; "
        f"{result.kills} processes killed; the machine stood still for at most "
        f"{result.longest_stall_seconds:.1f} s"
    )


def _fates(account: Account) -> list[str]:
    lines = [f"{'':<{WORDS_WIDTH}}{'in':>8}{'out':>8}"]
    for fate, words in ROWS:
        inward, outward = account.fates.get(("in", fate), 0), account.fates.get(("out", fate), 0)
        lines.append(f"{words:<{WORDS_WIDTH}}{inward:>8}{outward:>8}")
    lines.append(_sum("DISORDERED (pairs)", len(account.disordered)))
    lines.append(_sum("shown late, with their true time", account.late))
    lines.append(_sum("put to a person meanwhile", len(account.asked)))
    lines.append(_sum("failed, and tried again by a person", account.retried))
    return lines


def _limits(result: Result) -> list[str]:
    if not result.penalties:
        return []
    return [
        _sum("requests that RingCentral limited (429)", result.penalties),
        _sum("  of them sent while a penalty was on", result.pressed_on),
    ]


def _sum(words: str, count: int) -> str:
    return f"{words:<{WORDS_WIDTH}}{count:>16}"


def _spreads(result: Result) -> list[str]:
    spreads = sorted(result.account.spreads, key=lambda each: (each.weather != CALM, each.weather))
    calm = next((each for each in spreads if each.weather == CALM), Spread(CALM, 0, 0, 0, 0, 0))
    columns = f"{'texts':>7}{'p50':>8}{'added':>8}{'p95':>8}{'added':>8}{'longest':>9}{'asked':>7}"
    return [
        "Seconds on the way, beside the hold, of texts that were under way while it blew;",
        "added is what that is more than without any fault:",
        f"{'':<{NAME_WIDTH}}{columns}",
        *(_spread(each, calm) for each in spreads),
    ]


def _spread(each: Spread, calm: Spread) -> str:
    p50 = f"{each.p50:>8.2f}{max(0.0, each.p50 - calm.p50):>8.2f}"
    p95 = f"{each.p95:>8.2f}{max(0.0, each.p95 - calm.p95):>8.2f}"
    return (
        f"{each.weather:<{NAME_WIDTH}}{each.texts:>7}{p50}{p95}{each.longest:>9.2f}{each.asked:>7}"
    )


def _named(result: Result) -> list[str]:
    account = result.account
    lines = [
        f"{fate}: {each}" for fate, texts in account.bad.items() for each in texts[:MOST_NAMED]
    ]
    lines += [f"put to a person: {each}" for each in account.asked[:MOST_NAMED]]
    if account.disordered:
        pairs = [f"{first} before {second}" for first, second in account.disordered[:MOST_NAMED]]
        lines.append(f"disordered: {', '.join(pairs)}")
    return ["", *lines] if lines else []


def _verdict(result: Result) -> str:
    troubles = result.troubles()
    if troubles:
        doubt = " The machine stood still too long to be sure: run it alone." * result.is_doubtful
        return f"NOT CLEAN: {'; '.join(troubles)}.{doubt}"
    return "Clean: lost = doubled = disordered = misinformed = 0, and nothing is left over."
