"""The bridge under cProfile: `python -m tests.bench.profiled FOLDER COMMAND...`.

Every thread has a profile of its own (the event loop's and the database writer's tell most),
written into the folder when the process ends. Profiling makes all of it slower, Python most.
"""

from __future__ import annotations

import cProfile
import os
import runpy
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any

_profiles: dict[str, cProfile.Profile] = {}


def _profile_thread(_frame: FrameType, _event: str, _argument: Any) -> None:
    """Called once by each new thread: its own profiler takes this one's place."""
    profile = _profiles[threading.current_thread().name] = cProfile.Profile()
    profile.enable()


def main() -> None:
    folder = Path(sys.argv[1])
    sys.argv = ["bridge", *sys.argv[2:]]
    _profiles["loop"] = cProfile.Profile()
    threading.setprofile(_profile_thread)
    _profiles["loop"].enable()
    try:
        runpy.run_module("bridge", run_name="__main__", alter_sys=True)
    finally:
        _profiles["loop"].disable()
        for name, profile in _profiles.items():
            profile.dump_stats(folder / f"{sys.argv[1]}-{os.getpid()}-{name}.prof")


if __name__ == "__main__":
    main()
