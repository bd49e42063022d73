"""Slack's published contracts as checks: what a call may carry, answer, and be refused with.

The data is other people's and lives outside the repository: in the folder named by
BRIDGE_REFERENCE, else in ../shared/reference beside the repository.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from bridge.sandbox.slack import RecordedRequest

REPOSITORY = Path(__file__).resolve().parents[2]
STRUCTURED = {"blocks", "attachments", "metadata", "view", "files", "users", "file_ids"}
ACCEPTED = {
    "string": (str,),
    "boolean": (bool,),
    "number": (int, float),
    "integer": (int,),
    "array": (list, str),
    "null": (type(None),),
}


def reference_folder() -> Path:
    """The reference folder; without it the test is skipped, in CI it fails."""
    folder = Path(os.environ.get("BRIDGE_REFERENCE", REPOSITORY / ".." / "shared" / "reference"))
    if not (folder / "slack" / "method-contracts.json").exists():
        sentence = f"no Slack contracts in {folder}; set BRIDGE_REFERENCE"
        if os.environ.get("CI") == "true":
            pytest.fail(sentence)
        pytest.skip(sentence)
    return folder / "slack"


@cache
def contracts() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((reference_folder() / "method-contracts.json").read_text())
    return loaded


def contract(method: str) -> dict[str, Any]:
    found: dict[str, Any] | None = contracts()["methods"].get(method)
    assert found is not None, f"{method} is not a documented method"
    return found


def documented_errors(method: str) -> set[str]:
    return {*contracts()["common_errors"], *contract(method)["errors"]}


def check_call(method: str, arguments: dict[str, Any]) -> None:
    """Fail unless `arguments` are what Slack documents for `method`.

    Form and query values are strings whatever they mean, and structured arguments may come as
    JSON or as a string of JSON, so both pass.
    """
    expected = contract(method)
    everywhere = {"token", "team_id"} - expected["args"].keys()
    given = {name: value for name, value in arguments.items() if name not in everywhere}
    unknown = given.keys() - expected["args"].keys()
    assert not unknown, f"{method} does not take {sorted(unknown)}"
    missing = [name for name in expected["required_args"] if given.get(name) in (None, "")]
    assert not missing, f"{method} needs {missing}"
    for name, value in given.items():
        kinds = expected["args"][name]
        assert fits(name, value, kinds), f"{method}: {name} is no {kinds}: {value!r}"


def fits(name: str, value: Any, kinds: str | list[str]) -> bool:
    if isinstance(value, str) or not kinds:
        return True
    if name in STRUCTURED and isinstance(value, list | dict):
        return True
    named = [kinds] if isinstance(kinds, str) else kinds
    if isinstance(value, bool):
        return "boolean" in named
    return any(isinstance(value, ACCEPTED.get(kind, ())) for kind in named)


def check_answer(method: str, answer: dict[str, Any]) -> None:
    """Fail unless an answer of `method` is one Slack documents, refusals included."""
    if not answer.get("ok"):
        assert answer["error"] in documented_errors(method), f"{method}: {answer['error']}"
        return
    expected = contract(method)
    missing = set(expected["response_required"]) - answer.keys()
    assert not missing, f"{method} answers without {sorted(missing)}"


def check_requests(requests: Iterable[RecordedRequest]) -> None:
    """Fail unless every recorded call, and its answer, is one Slack documents."""
    for request in requests:
        check_call(request.method, request.arguments)
        if request.status == 200:
            check_answer(request.method, request.response)


def payload_shape(path: str) -> dict[str, Any]:
    """A recorded payload, `events/MessagePayload` or `interactivity/BlockActionPayload`."""
    loaded: dict[str, Any] = json.loads(
        (reference_folder() / "payloads" / f"{path}.json").read_text()
    )
    return loaded


def check_keys(given: Any, recorded: Any, extra: set[str], at: str = "") -> None:
    """Fail where `given` has a key that the recorded payload does not have at that place."""
    if recorded == {}:
        return  # recorded without its content
    if isinstance(given, dict) and isinstance(recorded, dict):
        unknown = given.keys() - recorded.keys() - extra
        assert not unknown, f"{at or 'payload'} has {sorted(unknown)}, which was never recorded"
        for key, value in given.items():
            if key in recorded and key != "blocks":
                check_keys(value, recorded[key], extra, f"{at}.{key}")
    elif isinstance(given, list) and isinstance(recorded, list) and recorded:
        for value in given:
            check_keys(value, recorded[0], extra, f"{at}[]")
