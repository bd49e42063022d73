"""What a run prints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.chaos.ledger import Account, Fate, Spread
from tests.chaos.run import Result
from tests.chaos.weather import CALM

ROWS: Sequence[tuple[Fate, str]] = (
    ("delivered", "delivered once"),
    ("refused", "refused, and its author told"),
    ("cancelled", "deleted by its author before it left"),
    ("lost", "LOST"),
    ("doubled", "DOUBLED"),
    ("astray", "AT A WRONG ADDRESS"),
    ("untold", "CHANGED TOO LATE, UNTOLD"),
)
MOST_NAMED = 20


def render_result(result: Result) -> str:
    """The whole of it, for a reader."""
    return "\n".join(
        (_head(result), "", *_fates(result.account), "", *_spreads(result), *_named(result))
    )


def as_json(result: Result) -> dict[str, Any]:
    """The same for a machine."""
    plan, account = result.plan, result.account
    return {
        "texts": plan.texts,
        "seed": plan.seed,
        "engine": plan.engine,
        "faults": [each.name for each in plan.weathers()],
        "seconds": round(result.seconds, 1),
        "settle_seconds": round(result.settle_seconds, 1),
        "kills": result.kills,
        "own_deaths": list(result.own_deaths),
        "was_cut": result.was_cut,
        "is_clean": account.is_clean,
        "fates": {f"{way}_{fate}": n for (way, fate), n in sorted(account.fates.items())},
        "disordered": [list(pair) for pair in account.disordered],
        "late": account.late,
        "put_to_a_person": account.asked,
        "bad": {fate: list(tokens) for fate, tokens in account.bad.items()},
        "spreads": [vars(each) for each in account.spreads],
    }


def _head(result: Result) -> str:
    plan = result.plan
    texts = sum(result.account.fates.values())
    cut = " (the time was over)" if result.was_cut else ""
    deaths = f", {len(result.own_deaths)} ended by themselves" if result.own_deaths else ""
    return (
        f"{texts} texts{cut} on {plan.engine}, seed {plan.seed}: {result.seconds:.0f} s, of which "
        f"{result.settle_seconds:.0f} s to settle; {result.kills} processes killed{deaths}"
    )


def _fates(account: Account) -> list[str]:
    lines = [f"{'':<40}{'in':>8}{'out':>8}"]
    for fate, words in ROWS:
        inward, outward = account.fates.get(("in", fate), 0), account.fates.get(("out", fate), 0)
        lines.append(f"{words:<40}{inward:>8}{outward:>8}")
    lines.append(f"{'DISORDERED (pairs)':<40}{len(account.disordered):>16}")
    lines.append(f"{'shown late, with their true time':<40}{account.late:>16}")
    lines.append(f"{'put to a person meanwhile':<40}{account.asked:>16}")
    return lines


def _spreads(result: Result) -> list[str]:
    calm = next((each for each in result.account.spreads if each.weather == CALM), None)
    base = calm.p50 if calm else 0.0
    lines = [
        f"Seconds under way, beside the hold; added to the {base:.2f} s that calm takes at p50:",
        f"{'typed in':<20}{'texts':>7}{'p50':>9}{'added':>9}{'p99':>9}{'longest':>9}{'asked':>7}",
    ]
    return lines + [_spread(each, base) for each in result.account.spreads]


def _spread(each: Spread, base: float) -> str:
    added = max(0.0, each.p50 - base)
    spans = f"{each.p50:>9.2f}{added:>9.2f}{each.p99:>9.2f}{each.longest:>9.2f}"
    return f"{each.weather:<20}{each.texts:>7}{spans}{each.asked:>7}"


def _named(result: Result) -> list[str]:
    account = result.account
    lines = [
        f"{fate}: {each}" for fate, texts in account.bad.items() for each in texts[:MOST_NAMED]
    ]
    if account.disordered:
        pairs = [f"{first} before {second}" for first, second in account.disordered[:MOST_NAMED]]
        lines.append(f"disordered: {', '.join(pairs)}")
    return ["", *lines] if lines else []
