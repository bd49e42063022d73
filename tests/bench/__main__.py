"""`make bench`: measures the bridge against a floor, in one run, and prints one table."""

from __future__ import annotations

import argparse
import json
import os
import platform
import pstats
import shutil
import sys
from dataclasses import asdict
from pathlib import Path

import uvloop

from bridge.sandbox.supervisor import SandboxFailed
from tests.bench.load import BenchFailed
from tests.bench.measures import QUICK, Scale
from tests.bench.run import PARTS, run_bench
from tests.bench.table import Row, render_table

SHOWN_FUNCTIONS = 25


def main() -> int:
    options = _options()
    scale = QUICK if options.quick else Scale()
    shutil.rmtree(options.folder, ignore_errors=True)
    options.folder.mkdir(parents=True)
    program = None
    if options.profile:
        program = ("-m", "tests.bench.profiled", str(options.folder))
    try:
        rows = uvloop.run(run_bench(options.folder, scale, options.only, program=program))
    except (BenchFailed, SandboxFailed) as failure:
        print(f"The bench stops: {failure}", file=sys.stderr)
        return 1
    print(f"\n{_machine()}\n\n{render_table(rows)}\n")
    if options.json:
        _write_json(options.json, scale, rows)
    if options.profile:
        _show_profiles(options.folder)
    else:
        shutil.rmtree(options.folder)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small numbers, in about a minute")
    parser.add_argument("--only", type=_parts, default=PARTS, help="parts to measure, as in b,c")
    parser.add_argument("--json", type=Path, help="write the rows to this file too")
    parser.add_argument(
        "--profile", action="store_true", help="profile the bridge, thread by thread"
    )
    parser.add_argument(
        "--folder", type=Path, default=Path("var/bench"), help="for databases, logs"
    )
    return parser.parse_args()


def _parts(text: str) -> str:
    parts = text.replace(",", "").lower()
    if not parts or set(parts) - set(PARTS):
        raise argparse.ArgumentTypeError(f"parts are letters of {PARTS}")
    return parts


def _machine() -> str:
    python = platform.python_version()
    return f"{os.cpu_count()} processors, Python {python}, {platform.system()} {platform.machine()}"


def _write_json(path: Path, scale: Scale, rows: list[Row]) -> None:
    told = {
        "machine": _machine(),
        "scale": asdict(scale),
        "rows": [row.as_json() for row in rows],
    }
    path.write_text(json.dumps(told, indent=2) + "\n")


def _show_profiles(folder: Path) -> None:
    for path in sorted(folder.glob("*.prof")):
        print(f"== {path}")
        pstats.Stats(str(path)).sort_stats("tottime").print_stats(SHOWN_FUNCTIONS)


if __name__ == "__main__":
    sys.exit(main())
