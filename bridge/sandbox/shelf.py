"""Where a sandbox keeps its state: one JSON file, replaced as a whole, and files by digest."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bridge.sandbox.bridge_process import SandboxFailed

Json = dict[str, Any]
VERSION = 1
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC


class Shelf:
    """The state of the sandbox in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / "state.json"
        self._files = folder / "files"

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Use the folder alone; raises SandboxFailed where another process does."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise SandboxFailed(
                    f"another sandbox is using {self._folder}; give this one a folder of its "
                    "own with --data."
                ) from None
            yield

    def clear(self) -> None:
        """Begin anew: nothing is left in the folder but the lock, which is held."""
        for path in self._folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name != "lock":
                path.unlink()

    def read(self) -> Json:
        """What was written last; empty where nothing was, or by another version."""
        try:
            kept: Json = json.loads(self._path.read_text())
        except FileNotFoundError:
            return {}
        except ValueError:
            raise SandboxFailed(
                f"{self._path} cannot be read; start with --fresh to begin anew."
            ) from None
        return kept if kept.get("version") == VERSION else {}

    def write(self, kept: Json) -> None:
        """Replace it at once: a reader sees the old or the new, never half of it."""
        fresh = self._path.with_suffix(".new")
        with os.fdopen(os.open(fresh, _WRITE, 0o600), "w") as file:
            json.dump({"version": VERSION, **kept}, file)
        fresh.replace(self._path)

    def put(self, data: bytes) -> str:
        """Keep a file; its name here."""
        name = hashlib.sha256(data).hexdigest()
        path = self._files / name
        if not path.exists():
            self._files.mkdir(exist_ok=True)
            path.write_bytes(data)
        return name

    def get(self, name: str) -> bytes:
        """A file that was kept."""
        return (self._files / name).read_bytes()
