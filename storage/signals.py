"""Who wants to hear of which commit, within one event loop."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import suppress


class Signals:
    """Callbacks by name. All but `fire_soon` belong to the loop's own thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._callbacks: defaultdict[str, list[Callable[[], None]]] = defaultdict(list)

    def subscribe(self, name: str, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` at each signal of `name` until the returned function is called."""
        self._callbacks[name].append(callback)

        def unsubscribe() -> None:
            with suppress(ValueError):
                self._callbacks[name].remove(callback)

        return unsubscribe

    def fire(self, names: Iterable[str]) -> None:
        """Call what waits for these names, each on its own turn of the loop, so that one that
        raises stops no other."""
        for name in names:
            for callback in self._callbacks.get(name, ()):
                self._loop.call_soon(callback)

    def fire_all(self) -> None:
        """Call everything: signals may have been missed."""
        self.fire(self._callbacks)

    def fire_soon(self, names: Iterable[str]) -> None:
        """`fire` from any thread; a loop that has ended has nobody left to tell."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self.fire, names)
