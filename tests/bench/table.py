"""What the bench prints: a row per measure, what was wanted next to what was reached."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

Verdict = Literal["MET", "SHORT", ""]


@dataclass(frozen=True)
class Row:
    """One measure. `part` is its letter in the issue; `met` is None where nothing is wanted."""

    part: str
    name: str
    reached: str
    against: str = ""
    ratio: str = ""
    wanted: str = ""
    met: bool | None = None

    @property
    def verdict(self) -> Verdict:
        if self.met is None:
            return ""
        return "MET" if self.met else "SHORT"

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "verdict": self.verdict}


HEAD = ("", "measure", "reached", "against", "ratio", "wanted", "")


def render_table(rows: Sequence[Row]) -> str:
    """The rows as text, each column as wide as its widest cell, a blank line between parts."""
    cells = [HEAD, *(_cells(row) for row in rows)]
    widths = [max(len(each[column]) for each in cells) for column in range(len(HEAD))]
    lines = [_line(HEAD, widths), _line(["-" * width for width in widths], widths)]
    part = rows[0].part if rows else ""
    for row in rows:
        if row.part != part:
            lines.append("")
            part = row.part
        lines.append(_line(_cells(row), widths))
    return "\n".join(lines)


def _cells(row: Row) -> tuple[str, ...]:
    part = f"({row.part})"
    return (part, row.name, row.reached, row.against, row.ratio, row.wanted, row.verdict)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [cell.ljust(width) for cell, width in zip(cells, widths, strict=True)]
    return "  ".join(padded).rstrip()
