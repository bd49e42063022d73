"""Arguments of a Web API call, wherever they travelled, as the types the method wants."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from bridge.sandbox.slack.errors import ApiError, Json, invalid_arguments

BOOLEANS = {
    "as_user", "link_names", "mrkdwn", "reply_broadcast", "unfurl_links", "unfurl_media",
    "include_locale", "include_num_members", "exclude_archived", "exclude_muted", "return_im",
    "prevent_creation", "include_all_metadata", "inclusive", "force", "include_count",
    "include_disabled", "include_users", "full", "include_categories", "is_private",
}  # fmt: skip
INTEGERS = {"limit", "length", "count", "page"}
STRUCTURED = {"blocks", "attachments", "metadata", "view", "files", "users", "file_ids"}
TRUE, FALSE = {"1", "true", "True"}, {"0", "false", "False", ""}
# slack_sdk adds it to every call of a client that knows its team.
EVERYWHERE = {"team_id"}
JSON_TYPE = "application/json"
FORM_TYPES = {"application/x-www-form-urlencoded", "multipart/form-data"}


class Wire:
    """What one request carried: query, form and JSON apart, and where its token was."""

    def __init__(self) -> None:
        self.query: Json = {}
        self.form: Json = {}
        self.json: Json = {}
        self.bearer: str | None = None

    def arguments(self, reads_json: bool) -> Json:
        """Everything merged; a method that does not document JSON bodies does not read them."""
        merged = self.query | self.form | (self.json if reads_json else {})
        return {key: value for key, value in merged.items() if key != "token" and value is not None}

    def token(self) -> str | None:
        # A token inside a JSON body is not looked at: JSON callers have to use the header.
        found = self.bearer or self.form.get("token") or self.query.get("token")
        return str(found) if found else None

    def places(self) -> Json:
        """The names of the arguments by the place they came from."""
        return {
            place: sorted(getattr(self, place))
            for place in ("query", "form", "json")
            if getattr(self, place)
        }


async def read_wire(request: web.Request) -> Wire:
    """Take a request apart; ApiError for bodies Slack does not accept."""
    wire = Wire()
    wire.query = dict(request.query)
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        wire.bearer = token.strip()
    if request.method != "POST" or not request.body_exists:
        return wire
    if request.content_type == JSON_TYPE:
        wire.json = await _read_json(request)
    elif request.content_type in FORM_TYPES:
        wire.form = dict((await request.post()).items())
    elif await request.read():
        raise ApiError("invalid_post_type")
    return wire


async def _read_json(request: web.Request) -> Json:
    try:
        body = await request.json()
    except (ValueError, UnicodeDecodeError) as error:
        raise ApiError("invalid_form_data") from error
    if not isinstance(body, dict):
        raise ApiError("invalid_form_data")
    return body


def typed_arguments(
    given: Json, required: tuple[str, ...], optional: tuple[str, ...], strict: bool
) -> Json:
    """The arguments as the method wants them; ApiError names everything that does not fit.

    Slack itself overlooks unknown arguments; `strict` refuses them, since each is a mistake.
    """
    problems: list[str] = []
    known = {*required, *optional, *EVERYWHERE}
    if strict:
        problems += [f"unknown argument: {name}" for name in given if name not in known]
    problems += [
        f"missing required field: {name}" for name in required if given.get(name) in (None, "")
    ]
    typed: Json = {}
    for name, value in given.items():
        if name not in known:
            continue
        try:
            typed[name] = _typed(name, value)
        except ValueError as error:
            problems.append(f"{error} [json-pointer:/{name}]")
    if problems:
        raise invalid_arguments(*problems)
    return typed


def _typed(name: str, value: Any) -> Any:
    if name in BOOLEANS:
        return _as_boolean(value)
    if name in INTEGERS:
        return _as_integer(value)
    if isinstance(value, str):
        if any("\ud800" <= letter <= "\udfff" for letter in value):
            raise ValueError("must be valid Unicode")
        return value
    if name in STRUCTURED:
        return value
    raise ValueError("must be a string")


def _as_boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if str(value) in TRUE:
        return True
    if str(value) in FALSE:
        return False
    raise ValueError("must be a boolean")


def _as_integer(value: Any) -> int:
    if isinstance(value, bool):
        raise ValueError("must be a number")
    try:
        return int(value)
    except (TypeError, ValueError) as error:
        raise ValueError("must be a number") from error
