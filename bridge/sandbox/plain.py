"""Dataclasses as plain JSON values."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any


def plain(
    value: Any, put: Callable[[bytes], str] | None = None, without: Collection[str] = ()
) -> Any:
    """`value` in JSON's terms: times in ISO 8601, bytes by the name `put` gives them.

    `without` names fields of the outermost dataclass to leave out.
    """
    match value:
        case datetime():
            return value.isoformat()
        case bytes():
            assert put is not None, "somewhere to put bytes"
            return put(value)
        case list() | tuple() | set() | frozenset():
            return [plain(each, put) for each in value]
        case dict():
            return {key: plain(each, put) for key, each in value.items()}
        case _ if dataclasses.is_dataclass(value):
            names = [each.name for each in dataclasses.fields(value) if each.name not in without]
            return {name: plain(getattr(value, name), put) for name in names}
        case _:
            return value
