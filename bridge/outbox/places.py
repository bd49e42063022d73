"""How much of a worker each gate and each side may have, so that what hangs leaves room."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from bridge.outbox.gates import PAGE
from storage.claims import Due


class Places:
    """The places of one worker for what is on its way.

    A provider that does not answer holds its places until each send's time is over. So a gate may
    have a third of them, a side two thirds, and a few are kept for pages; a page takes any.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self.per_gate = max(1, count // 3)
        self._per_side = max(1, -(-2 * count // 3))
        self._for_pages = count // 12
        self._by_gate: Counter[str] = Counter()
        self._by_side: Counter[str] = Counter()
        self.given_back = 0  # how often: a choice made meanwhile may not have seen it
        self.is_crowded = False  # the last choice had to pass somebody over

    @property
    def taken(self) -> int:
        return self._by_side.total()

    @property
    def free(self) -> int:
        """Places a page may have."""
        return self.count - self.taken

    def choose(self, due: Sequence[Due]) -> list[Due]:
        """Those of them that there is room for, in their order."""
        by_gate, by_side = self._by_gate.copy(), self._by_side.copy()
        chosen: list[Due] = []
        for each in due:
            if by_side.total() >= self.count:
                break
            if each.priority > PAGE and self._is_full(each, by_gate, by_side):
                continue
            by_gate[each.gate] += 1
            by_side[each.side] += 1
            chosen.append(each)
        self.is_crowded = len(chosen) < len(due)
        return chosen

    def _is_full(self, due: Due, by_gate: Counter[str], by_side: Counter[str]) -> bool:
        return (
            by_gate[due.gate] >= self.per_gate
            or by_side[due.side] >= self._per_side
            or by_side.total() >= self.count - self._for_pages
        )

    def room_behind(self, gate: str, side: str) -> int:
        """How many more of a side may go behind one gate, pages aside."""
        return max(
            0,
            min(
                self.per_gate - self._by_gate[gate],
                self._per_side - self._by_side[side],
                self.count - self._for_pages - self.taken,
            ),
        )

    def take(self, gate: str, side: str) -> None:
        self._by_gate[gate] += 1
        self._by_side[side] += 1

    def leave(self, gate: str, side: str) -> bool:
        """Give a place back; True where somebody may have waited for it."""
        was_full = self.room_behind(gate, side) == 0
        self.given_back += 1
        for counter, key in ((self._by_gate, gate), (self._by_side, side)):
            counter[key] -= 1
            if not counter[key]:
                del counter[key]
        return was_full or self.is_crowded
