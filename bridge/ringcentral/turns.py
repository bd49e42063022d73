"""Turns: what one process does at a time, while the others wait or let it be."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from bridge.clock import machine_now
from storage import leases
from storage.database import Database
from storage.ids import new_marker
from storage.liveness import Liveness, is_alive


class Turns:
    """This process's way to leases. With `liveness` a dead holder's lease is free at once;
    without, when it runs out."""

    def __init__(self, database: Database, liveness: Liveness | None = None) -> None:
        self._database = database
        self._liveness = liveness
        self._name = new_marker()

    @contextlib.asynccontextmanager
    async def turn(self, name: str, seconds: float) -> AsyncIterator[bool]:
        """True where it is our turn, until the block ends, or `seconds` of machine time passed."""
        is_ours = await self._take(name, self._holder, seconds)
        try:
            yield is_ours
        finally:
            if is_ours:
                await self._database.write(leases.give_back, name, self._holder)

    async def keep(self, name: str, seconds: float) -> bool:
        """Prolong our turn to so many seconds from now; False where somebody else has it."""
        return await self._database.write(
            leases.prolong, name, self._holder, machine_now(), seconds
        )

    @property
    def _holder(self) -> str:
        return self._liveness.name if self._liveness is not None else self._name

    async def _take(self, name: str, holder: str, seconds: float) -> bool:
        if await self._database.write(leases.take, name, holder, machine_now(), seconds):
            return True
        other = await self._database.read(leases.get_holder, name)
        if self._liveness is None or other is None or await is_alive(self._database, other):
            return False
        return await self._database.write(
            leases.take_over, name, other, holder, machine_now(), seconds
        )
