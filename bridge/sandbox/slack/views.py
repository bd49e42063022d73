"""Modals and Home tabs: the stack each person sees, hashes, and what is typed into inputs."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from typing import Any

from bridge.sandbox.slack import block_kit as kit
from bridge.sandbox.slack.blocks import parse_json, view_problems, with_block_ids
from bridge.sandbox.slack.clock import SlackClock
from bridge.sandbox.slack.errors import ApiError, ClientRefused, Json, invalid_arguments
from bridge.sandbox.slack.installation import Installation
from bridge.sandbox.slack.mentions import walk
from bridge.sandbox.slack.people import TEAM_ID
from bridge.sandbox.slack.reading import read_blocks

STACK_LIMIT = 3
SELECTED = {
    "static_select": "selected_option",
    "external_select": "selected_option",
    "radio_buttons": "selected_option",
    "overflow": "selected_option",
    "users_select": "selected_user",
    "channels_select": "selected_channel",
    "conversations_select": "selected_conversation",
    "multi_static_select": "selected_options",
    "multi_external_select": "selected_options",
    "checkboxes": "selected_options",
    "multi_users_select": "selected_users",
    "multi_channels_select": "selected_channels",
    "multi_conversations_select": "selected_conversations",
    "datepicker": "selected_date",
    "timepicker": "selected_time",
    "datetimepicker": "selected_date_time",
}


@dataclass(slots=True, eq=False)
class View:
    """An open modal, or somebody's Home tab."""

    view_id: str
    user_id: str
    payload: Json
    hash: str
    root_view_id: str
    previous_view_id: str | None = None
    response_urls: list[Json] = field(default_factory=list)
    state: dict[str, dict[str, Json]] = field(default_factory=dict)

    @property
    def callback_id(self) -> str:
        return str(self.payload.get("callback_id", ""))

    @property
    def private_metadata(self) -> str:
        return str(self.payload.get("private_metadata", ""))

    @property
    def title(self) -> str:
        return str(self.payload.get("title", {}).get("text", ""))

    @property
    def blocks(self) -> list[Json]:
        blocks: list[Json] = self.payload["blocks"]
        return blocks

    @property
    def shown(self) -> str:
        return read_blocks(self.blocks, lambda any_id: any_id)

    def buttons(self) -> list[str]:
        return [part["action_id"] for part in walk(self.blocks) if "action_id" in part]

    def as_json(self, installation: Installation) -> Json:
        """The view object of answers and payloads."""
        shown: Json = {
            "id": self.view_id,
            "team_id": TEAM_ID,
            "type": self.payload["type"],
            "blocks": self.blocks,
            "private_metadata": self.private_metadata,
            "callback_id": self.callback_id,
            "external_id": self.payload.get("external_id", ""),
            "state": {"values": self.state},
            "hash": self.hash,
            "title": self.payload.get("title") or {"type": "plain_text", "text": "View Title"},
            "submit": self.payload.get("submit"),
            "close": self.payload.get("close"),
            "clear_on_close": bool(self.payload.get("clear_on_close", False)),
            "notify_on_close": bool(self.payload.get("notify_on_close", False)),
            "root_view_id": self.root_view_id,
            "previous_view_id": self.previous_view_id,
            "app_id": installation.app_id,
            "app_installed_team_id": TEAM_ID,
            "bot_id": installation.bot_id,
        }
        return shown


class ViewBoard:
    """Every person's stack of modals and Home tab."""

    def __init__(self, clock: SlackClock) -> None:
        self._clock = clock
        self.made_ids = 0
        self.by_id: dict[str, View] = {}
        self.stacks: dict[str, list[str]] = {}
        self.homes: dict[str, View] = {}

    def stack(self, user_id: str) -> list[View]:
        return [self.by_id[view_id] for view_id in self.stacks.get(user_id, [])]

    def top(self, user_id: str, view_id: str | None = None) -> View:
        """The named view, or the person's topmost modal."""
        if view_id is not None:
            return self.by_id[view_id]
        if not self.stacks.get(user_id):
            raise ClientRefused("no modal is open")
        return self.by_id[self.stacks[user_id][-1]]

    def open(self, user_id: str, raw: Any) -> View:
        """A new modal; what was open before is gone."""
        view = self._make(user_id, self.checked(raw, "modal"))
        self.close_all(user_id)
        self.stacks[user_id] = [view.view_id]
        return view

    def push(self, user_id: str, raw: Any) -> View:
        payload = self.checked(raw, "modal")
        stack = self.stacks.setdefault(user_id, [])
        if len(stack) >= STACK_LIMIT:
            raise ApiError("push_limit_reached")
        view = self._make(user_id, payload)
        if stack:
            view.previous_view_id = stack[-1]
            view.root_view_id = stack[0]
        stack.append(view.view_id)
        return view

    def update(self, view: View, raw: Any, expected_hash: str | None) -> View:
        payload = self.checked(raw, view.payload["type"], view)
        if expected_hash is not None and expected_hash != view.hash:
            raise ApiError("hash_conflict")
        view.payload, view.hash = payload, self._new_hash()
        view.state = kept_state(view.state, initial_state(view.blocks))
        return view

    def publish(self, user_id: str, raw: Any, expected_hash: str | None) -> View:
        view = self.homes.get(user_id)
        payload = self.checked(raw, "home", view)
        if expected_hash is not None and (view is None or expected_hash != view.hash):
            raise ApiError("hash_conflict")
        if view is None:
            view = self.homes[user_id] = self._make(user_id, payload)
        view.payload, view.hash = payload, self._new_hash()
        return view

    def close(self, view: View) -> None:
        stack = self.stacks.get(view.user_id, [])
        if view.view_id in stack:
            stack.remove(view.view_id)
        self.by_id.pop(view.view_id, None)

    def close_all(self, user_id: str) -> None:
        for view in self.stack(user_id):
            self.close(view)

    def find(self, view_id: str | None, external_id: str | None) -> View:
        for view in self.by_id.values():
            if view.view_id == view_id:
                return view
            if external_id and view.payload.get("external_id") == external_id:
                return view
        raise ApiError("not_found")

    def checked(self, raw: Any, surface: str, replaced: View | None = None) -> Json:
        """The payload of a view that may be shown; ApiError where Slack refuses it."""
        try:
            payload = parse_json(raw)
        except ValueError as error:
            raise invalid_arguments("must be valid JSON [json-pointer:/view]") from error
        problems = view_problems(payload)
        if not problems and payload["type"] != surface:
            problems = [f"unexpected type: {payload['type']} [json-pointer:/view/type]"]
        if problems:
            raise invalid_arguments(*problems)
        if len(json.dumps(payload).encode()) > kit.VIEW_BYTE_LIMIT:
            raise ApiError("view_too_large")
        external_id = payload.get("external_id")
        for view in self.by_id.values():
            if (
                external_id
                and view is not replaced
                and view.payload.get("external_id") == external_id
            ):
                raise ApiError("duplicate_external_id")
        return {**payload, "blocks": with_block_ids(payload["blocks"])}

    def _make(self, user_id: str, payload: Json) -> View:
        self.made_ids += 1
        view_id = f"V{self.made_ids:010d}"
        view = View(view_id, user_id, payload, self._new_hash(), view_id)
        view.state = initial_state(view.blocks)
        self.by_id[view_id] = view
        return view

    def _new_hash(self) -> str:
        return f"{int(self._clock.now())}.{secrets.token_hex(4)}"


def input_blocks(blocks: list[Json]) -> list[Json]:
    return [block for block in blocks if block.get("type") == "input"]


def empty_state(element: Json) -> Json:
    kind = element["type"]
    if kind not in SELECTED:
        return {"type": kind, "value": element.get("initial_value")}
    key = SELECTED[kind]
    many = key.endswith("s")
    initial = element.get(key.replace("selected_", "initial_"), [] if many else None)
    return {"type": kind, key: initial}


def initial_state(blocks: list[Json]) -> dict[str, dict[str, Json]]:
    """`state.values` before anybody touched anything."""
    state: dict[str, dict[str, Json]] = {}
    for block in input_blocks(blocks):
        element = block["element"]
        action_id = element.setdefault("action_id", "input")
        state[block["block_id"]] = {action_id: empty_state(element)}
    return state


def kept_state(
    old: dict[str, dict[str, Json]], new: dict[str, dict[str, Json]]
) -> dict[str, dict[str, Json]]:
    """What was typed stays where both the block and the action keep their ids."""
    for block_id, actions in new.items():
        for action_id in actions:
            if action_id in old.get(block_id, {}):
                actions[action_id] = old[block_id][action_id]
    return new


def choose(element: Json, value: Any) -> Json:
    """The state of one input after somebody typed or picked `value`."""
    kind = element["type"]
    if kind not in SELECTED:
        return {"type": kind, "value": value}
    key = SELECTED[kind]
    if not key.startswith("selected_option"):
        return {"type": kind, key: value}
    if key == "selected_options":
        return {"type": kind, key: [option_of(element, one) for one in value]}
    return {"type": kind, key: option_of(element, value)}


def option_of(element: Json, value: Any) -> Json:
    """The option with this value; options that are loaded are made up from the value itself."""
    if isinstance(value, dict):
        return value
    groups = element.get("option_groups") or []
    options = [*(element.get("options") or []), *(o for g in groups for o in g["options"])]
    for option in options:
        if option["value"] == value:
            return {key: option[key] for key in ("text", "value", "description") if key in option}
    if options:
        raise ClientRefused(f"there is no option {value}")
    return {"text": {"type": "plain_text", "text": str(value), "emoji": True}, "value": str(value)}


def fill(view: View, values: Json) -> None:
    """Type `values` (by block_id or action_id) into the view's inputs."""
    unknown = set(values)
    for block in input_blocks(view.blocks):
        element, block_id = block["element"], block["block_id"]
        for name in (block_id, element["action_id"]):
            if name in values:
                unknown.discard(name)
                view.state[block_id][element["action_id"]] = choose(element, values[name])
        _refuse_unready(block, view.state[block_id][element["action_id"]])
    if unknown:
        raise ClientRefused(f"the view has no input {', '.join(sorted(unknown))}")


def _refuse_unready(block: Json, state: Json) -> None:
    """The client checks required inputs and lengths before it submits anything."""
    element = block["element"]
    value = state.get(SELECTED.get(element["type"], "value"))
    label = block["label"]["text"]
    if value in (None, "", []):
        if not block.get("optional", False):
            raise ClientRefused(f"{label}: please complete this required field")
        return
    if isinstance(value, str):
        if len(value) > element.get("max_length", 3000):
            raise ClientRefused(f"{label}: too long")
        if len(value) < element.get("min_length", 0):
            raise ClientRefused(f"{label}: too short")
