"""`make chaos`: texts through a bridge under fire, and what became of each.

Exits with 1, and says why, unless nothing was lost, doubled, disordered, brought to a wrong
address, told to have failed although it arrived, or changed too late without a word; unless no
process ended by itself, and everything was written and settled. The same seed has the same traffic
and the same weather; which request meets which fault is the machine's doing.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path

import uvloop

from tests.chaos.fleet import FleetFailed
from tests.chaos.run import Limits, Plan, engine_named, run_chaos, slack_way_named
from tests.chaos.table import as_json, render_result
from tests.chaos.weather import WEATHERS

RATE, LIMITED_RATE = 20.0, 0.8  # RingCentral takes 40 texts a minute from a login


def main() -> int:
    options = _options()
    plan = Plan(
        texts=options.texts,
        seed=options.seed,
        engine=engine_named(options.engine),
        faults=options.faults,
        minutes=options.minutes,
        texts_per_second=options.rate or (LIMITED_RATE if options.limits else RATE),
        slack=slack_way_named(options.slack),
        limits=Limits() if options.limits else None,
    )
    folder = options.folder.absolute()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        result = uvloop.run(run_chaos(plan, folder, _tell))
    except FleetFailed as failure:
        print(f"The run stops: {failure}", file=sys.stderr)
        return 2
    print(f"\n{render_result(result)}\n")
    if options.json:
        options.json.write_text(json.dumps(as_json(result), indent=2) + "\n")
    if not result.is_clean:
        print(f"Logs and database are in {folder}.", file=sys.stderr)
        return 1
    if not options.keep:
        shutil.rmtree(folder)
    return 0


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--texts", type=int, default=10_000, help="how many (default %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of traffic and weather")
    parser.add_argument("--engine", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument(
        "--faults",
        type=_names,
        default=(),
        help="names with commas between, all if not said: "
        + ", ".join(each.name for each in WEATHERS),
    )
    parser.add_argument("--minutes", type=float, default=30.0, help="no text is written after")
    parser.add_argument(
        "--rate",
        type=float,
        help=f"texts a second (default {RATE:.0f}, with --limits {LIMITED_RATE})",
    )
    parser.add_argument("--slack", choices=("http", "socket"), default="http")
    parser.add_argument(
        "--limits", action="store_true", help="the providers' rate limits and the bridge's gates on"
    )
    parser.add_argument("--json", type=Path, help="write the account to this file too")
    parser.add_argument("--keep", action="store_true", help="keep logs and database")
    parser.add_argument(
        "--folder", type=Path, default=Path("var/chaos"), help="for database and logs"
    )
    return parser.parse_args()


def _names(text: str) -> tuple[str, ...]:
    names = tuple(each.strip() for each in text.split(",") if each.strip())
    unknown = set(names) - {each.name for each in WEATHERS}
    if unknown:
        raise argparse.ArgumentTypeError(f"no such fault: {', '.join(sorted(unknown))}")
    return names


if __name__ == "__main__":
    sys.exit(main())
