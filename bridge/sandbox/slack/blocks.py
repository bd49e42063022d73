"""Checks of blocks and views, with the problems Slack would name and where they are."""

from __future__ import annotations

import json
from typing import Any, Literal

from bridge.sandbox.slack import block_kit as kit
from bridge.sandbox.slack.errors import ApiError, Json

Surface = Literal["message", "modal", "home"]


class BlockCheck:
    """Collects what is wrong with a list of blocks, each problem with its JSON pointer."""

    def __init__(self, surface: Surface) -> None:
        self.surface = surface
        self.problems: list[str] = []
        self._block_ids: set[str] = set()

    def problem(self, at: str, message: str) -> None:
        self.problems.append(f"{message} [json-pointer:{at}]")

    def check_blocks(self, blocks: list[Any], at: str) -> None:
        limit = kit.MESSAGE_BLOCK_LIMIT if self.surface == "message" else kit.VIEW_BLOCK_LIMIT
        if len(blocks) > limit:
            self.problem(at, f"no more than {limit} items allowed")
        for index, block in enumerate(blocks):
            self._check_block(block, f"{at}/{index}")
        written = [block for block in blocks if isinstance(block, dict)]
        markdown = [str(block.get("text")) for block in written if block.get("type") == "markdown"]
        if sum(map(len, markdown)) > kit.MARKDOWN_LIMIT:
            self.problem(at, "markdown blocks are too long together")

    def _check_block(self, block: Any, at: str) -> None:
        kind = kind_of(block)
        if kind not in kit.BLOCK_KEYS or (self.surface != "message" and kind in kit.MESSAGE_ONLY):
            self.problem(f"{at}/type", f"unsupported type: {kind}")
            return
        self._check_keys(block, kind, kit.BLOCK_KEYS[kind] | {"type", "block_id"}, at)
        block_id = block.get("block_id")
        if isinstance(block_id, str):
            if block_id in self._block_ids:
                self.problem(f"{at}/block_id", "`block_id` already exists")
            self._block_ids.add(block_id)
        self._check_parts(block, kind, at)

    def _check_parts(self, block: Json, kind: str, at: str) -> None:
        match kind:
            case "section":
                self._check_section(block, at)
            case "actions":
                self._check_elements(block.get("elements"), kind, kit.IN_ACTIONS, at)
            case "context":
                self._check_elements(block.get("elements"), kind, kit.IN_CONTEXT, at)
            case "input":
                self._check_element(block.get("element"), kit.IN_INPUT, f"{at}/element")
            case "rich_text":
                self._check_rich_text(block.get("elements"), f"{at}/elements")
            case "table":
                self._check_table(block.get("rows"), f"{at}/rows")

    def _check_keys(self, part: Json, kind: str, allowed: set[str], at: str) -> None:
        for key in part.keys() - allowed:
            self.problem(at, f"invalid additional property: {key}")
        for key in kit.REQUIRED.get(kind, ()):
            if part.get(key) is None:
                self.problem(at, f"missing required field: {key}")
        for key, value in part.items():
            self._check_key(kind, key, value, f"{at}/{key}")

    def _check_key(self, kind: str, key: str, value: Any, at: str) -> None:
        place = (kind, key) if (kind, key) in kit.TEXT_LIMITS else ("*", key)
        if place in kit.TEXT_LIMITS:
            only_plain = place in kit.PLAIN_TEXT_ONLY
            self.check_text(value, kit.TEXT_LIMITS[place], at, only_plain)
            return
        place = (kind, key) if (kind, key) in kit.STRING_LIMITS else ("*", key)
        if place in kit.STRING_LIMITS:
            self.check_string(value, kit.STRING_LIMITS[place], at)
        elif key == "confirm":
            self._check_confirm(value, at)

    def check_string(self, value: Any, limit: int, at: str) -> None:
        if not isinstance(value, str):
            self.problem(at, "must be a string")
        elif len(value) > limit:
            self.problem(at, f"must be less than {limit + 1} characters")

    def check_text(self, text: Any, limit: int, at: str, only_plain: bool) -> None:
        """A text object with 1 to `limit` characters."""
        kinds = ("plain_text",) if only_plain else ("plain_text", "mrkdwn")
        if not isinstance(text, dict) or kind_of(text) not in kinds:
            self.problem(at, f"must be a {' or '.join(kinds)} object")
            return
        allowed = {"type", "text", "emoji" if text["type"] == "plain_text" else "verbatim"}
        for key in text.keys() - allowed:
            self.problem(at, f"invalid additional property: {key}")
        content = text.get("text")
        if not isinstance(content, str) or not content:
            self.problem(f"{at}/text", "must be more than 0 characters")
        elif len(content) > limit:
            self.problem(f"{at}/text", f"must be less than {limit + 1} characters")

    def _check_section(self, block: Json, at: str) -> None:
        fields = block.get("fields")
        if block.get("text") is None and not fields:
            self.problem(at, "missing required field: text or fields")
        if fields is not None:
            if not isinstance(fields, list) or not 1 <= len(fields) <= kit.FIELD_COUNT_LIMIT:
                self.problem(f"{at}/fields", f"1 to {kit.FIELD_COUNT_LIMIT} items allowed")
                fields = []
            for index, item in enumerate(fields):
                self.check_text(item, kit.FIELD_LIMIT, f"{at}/fields/{index}", False)
        if "accessory" in block:
            self._check_element(block["accessory"], kit.IN_SECTION, f"{at}/accessory")

    def _check_elements(self, elements: Any, kind: str, allowed: set[str], at: str) -> None:
        limit = kit.ELEMENT_LIMITS[kind]
        if not isinstance(elements, list) or not 1 <= len(elements) <= limit:
            self.problem(f"{at}/elements", f"1 to {limit} items allowed")
            return
        seen: set[str] = set()
        for index, element in enumerate(elements):
            self._check_element(element, allowed, f"{at}/elements/{index}")
            action_id = element.get("action_id") if isinstance(element, dict) else None
            if isinstance(action_id, str):
                if action_id in seen:
                    self.problem(f"{at}/elements/{index}", "`action_id` already exists")
                seen.add(action_id)

    def _check_element(self, element: Any, allowed: set[str], at: str) -> None:
        kind = kind_of(element)
        if kind not in allowed:
            self.problem(f"{at}/type", f"unsupported type: {kind}")
            return
        if kind in ("plain_text", "mrkdwn"):
            self.check_text(element, kit.TEXT_LIMITS["section", "text"], at, False)
            return
        keys = kit.ELEMENT_KEYS[kind] | {"type"} | ({"action_id"} if kind != "image" else set())
        self._check_keys(element, kind, keys, at)
        if kind in kit.OPTION_LIMITS:
            self._check_options(element, kind, at)
        style = element.get("style")
        if kind == "button" and style not in (None, "primary", "danger"):
            self.problem(f"{at}/style", "must be a valid enum value")
        longest = element.get("max_length")
        if longest is not None and not (isinstance(longest, int) and 1 <= longest <= 3000):
            self.problem(f"{at}/max_length", "must be between 1 and 3000")

    def _check_options(self, element: Json, kind: str, at: str) -> None:
        least, most = kit.OPTION_LIMITS[kind]
        options = options_of(element)
        if not isinstance(options, list) or not least <= len(options) <= most:
            self.problem(f"{at}/options", f"{least} to {most} items allowed")
            return
        for index, option in enumerate(options):
            self.check_option(option, f"{at}/options/{index}", kind in kit.CHOICES)

    def check_option(self, option: Any, at: str, may_be_mrkdwn: bool = False) -> None:
        if not isinstance(option, dict):
            self.problem(at, "must be an object")
            return
        for key in option.keys() - {"text", "value", "description", "url"}:
            self.problem(at, f"invalid additional property: {key}")
        self.check_text(option.get("text"), kit.OPTION_TEXT_LIMIT, f"{at}/text", not may_be_mrkdwn)
        value = option.get("value")
        if not isinstance(value, str) or not 1 <= len(value) <= kit.OPTION_VALUE_LIMIT:
            self.problem(f"{at}/value", f"must be 1 to {kit.OPTION_VALUE_LIMIT} characters")
        if "description" in option:
            text = option["description"]
            self.check_text(text, kit.OPTION_TEXT_LIMIT, f"{at}/description", not may_be_mrkdwn)

    def _check_confirm(self, confirm: Any, at: str) -> None:
        if not isinstance(confirm, dict):
            self.problem(at, "must be an object")
            return
        for key, limit in (("title", 100), ("text", 300), ("confirm", 30), ("deny", 30)):
            self.check_text(confirm.get(key), limit, f"{at}/{key}", key != "text")

    def _check_rich_text(self, parts: Any, at: str) -> None:
        if not isinstance(parts, list):
            self.problem(at, "must be a list")
            return
        for index, part in enumerate(parts):
            kind = kind_of(part)
            if kind not in kit.RICH_TEXT_PARTS:
                self.problem(f"{at}/{index}/type", f"unsupported type: {kind}")
                continue
            for key in part.keys() - kit.RICH_TEXT_PARTS[kind] - {"type"}:
                self.problem(f"{at}/{index}", f"invalid additional property: {key}")
            if kind == "rich_text_list":
                self._check_rich_text(part.get("elements"), f"{at}/{index}/elements")
            else:
                self._check_rich_elements(part.get("elements"), f"{at}/{index}/elements")

    def _check_rich_elements(self, elements: Any, at: str) -> None:
        if not isinstance(elements, list):
            self.problem(at, "must be a list")
            return
        for index, element in enumerate(elements):
            kind = kind_of(element)
            if kind not in kit.RICH_TEXT_ELEMENTS:
                self.problem(f"{at}/{index}/type", f"unsupported type: {kind}")
                continue
            for key in element.keys() - kit.RICH_TEXT_ELEMENTS[kind] - {"type"}:
                self.problem(f"{at}/{index}", f"invalid additional property: {key}")
            needed = kit.RICH_TEXT_REQUIRED[kind]
            if element.get(needed) in (None, ""):
                self.problem(f"{at}/{index}/{needed}", "must be more than 0 characters")

    def _check_table(self, rows: Any, at: str) -> None:
        if not isinstance(rows, list) or not 1 <= len(rows) <= 100:
            self.problem(at, "1 to 100 rows allowed")
        elif any(not isinstance(row, list) or len(row) > 20 for row in rows):
            self.problem(at, "no more than 20 columns allowed")


def kind_of(part: Any) -> str:
    """The `type` of a part, or something no table knows."""
    kind = part.get("type") if isinstance(part, dict) else None
    return kind if isinstance(kind, str) else f"{kind!r}"


def options_of(element: Json) -> Any:
    """The options of a menu, those of its groups joined; anything else as it was given."""
    groups = element.get("option_groups")
    if element.get("options") is not None or not isinstance(groups, list):
        return element.get("options")
    lists = [group.get("options") for group in groups if isinstance(group, dict)]
    return [option for options in lists if isinstance(options, list) for option in options]


def parse_json(value: Any) -> Any:
    """An argument that may come as JSON or as a string of JSON; ValueError when it is neither."""
    return json.loads(value) if isinstance(value, str) else value


def checked_message_blocks(value: Any) -> list[Json]:
    """The blocks of a message, each with a block_id; ApiError where Slack refuses them."""
    try:
        blocks = parse_json(value)
    except ValueError as error:
        raise ApiError("invalid_blocks_format") from error
    if not isinstance(blocks, list):
        raise ApiError("invalid_blocks_format")
    check = BlockCheck("message")
    check.check_blocks(blocks, "/blocks")
    if check.problems:
        raise ApiError(
            "invalid_blocks",
            errors=check.problems,
            response_metadata={"messages": [f"[ERROR] {text}" for text in check.problems]},
        )
    return with_block_ids(blocks)


def with_block_ids(blocks: list[Json]) -> list[Json]:
    return [
        block if "block_id" in block else {**block, "block_id": f"b{index:02d}"}
        for index, block in enumerate(blocks)
    ]


def blocks_length(blocks: list[Json]) -> int:
    return len(json.dumps(blocks, ensure_ascii=False, separators=(",", ":"))) if blocks else 0


def view_problems(view: Any) -> list[str]:
    """What Slack would name as wrong with a modal or Home view."""
    if not isinstance(view, dict) or view.get("type") not in ("modal", "home"):
        return ["must be a valid view [json-pointer:/view]"]
    surface: Surface = view["type"]
    check = BlockCheck(surface)
    allowed = {"type", "blocks", "private_metadata", "callback_id", "external_id"}
    if surface == "modal":
        allowed |= {"title", "submit", "close", "clear_on_close", "notify_on_close"}
        allowed |= {"submit_disabled"}
    for key in view.keys() - allowed:
        check.problem("/view", f"invalid additional property: {key}")
    for key, limit in (("private_metadata", 3000), ("callback_id", 255), ("external_id", 255)):
        if view.get(key) is not None:
            check.check_string(view[key], limit, f"/view/{key}")
    if surface == "modal":
        _check_modal(view, check)
    blocks = view.get("blocks")
    if not isinstance(blocks, list):
        check.problem("/view", "missing required field: blocks")
    else:
        check.check_blocks(blocks, "/view/blocks")
    return check.problems


def _check_modal(view: Json, check: BlockCheck) -> None:
    if view.get("title") is None:
        check.problem("/view", "missing required field: title")
    for key in ("title", "submit", "close"):
        if view.get(key) is not None:
            check.check_text(view[key], 24, f"/view/{key}", True)
    blocks = [block for block in view.get("blocks") or [] if isinstance(block, dict)]
    if view.get("submit") is None and any(block.get("type") == "input" for block in blocks):
        check.problem("/view", "`submit` is required when an `input` block is used")
