"""Control over HTTP: the people's acts for another process, and what can be seen."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from dataclasses import asdict, is_dataclass
from typing import TYPE_CHECKING, Any

from aiohttp import web

from bridge.sandbox.foreign import foreign_content
from bridge.sandbox.slack.channels import Channel
from bridge.sandbox.slack.commands import CommandResult
from bridge.sandbox.slack.errors import ClientRefused, Json
from bridge.sandbox.slack.interactivity import InteractionResult, SubmissionResult
from bridge.sandbox.slack.messages import Message, PrivateAnswer
from bridge.sandbox.slack.screen import screen_of, show_message, show_private_answer, show_view
from bridge.sandbox.slack.views import View

if TYPE_CHECKING:
    from bridge.sandbox.slack.simulator import SlackSimulator

ACTS = (
    "say", "edit", "delete", "react", "unreact", "unfurl", "command", "click", "click_in_view",
    "suggest", "global_shortcut", "message_shortcut", "submit_view", "close_view", "open_home",
    "create_channel", "archive", "unarchive", "rename", "join", "leave", "invite_bot",
    "kick_bot", "direct_message", "deactivate", "uninstall", "refresh_connections",
    "drop_connections", "verify_request_url", "dismiss", "type_command",
)  # fmt: skip


def shown(value: Any) -> Any:
    """Anything an act returns, as JSON."""
    match value:
        case Message():
            return show_message(value)
        case PrivateAnswer():
            return show_private_answer(value)
        case View():
            return show_view(value)
        case Channel():
            return value.as_json("") | {"members": value.members, "name": value.name}
        case CommandResult():
            return {"refused": value.refused, "text": value.text, "answers": value.answers}
        case InteractionResult():
            return {"refused": value.refused, "answers": value.answers}
        case SubmissionResult():
            return {"refused": value.refused, "errors": value.errors, "view": shown(value.view)}
        case list():
            return [shown(one) for one in value]
        case _ if is_dataclass(value) and not isinstance(value, type):
            return asdict(value)
        case _:
            return value


def _read_file(given: Any) -> tuple[str, bytes] | tuple[str, bytes, str]:
    """A file of `say`: a name and a text, or an object with `name`, `type` and `base64`."""
    if isinstance(given, dict):
        return given["name"], base64.b64decode(given["base64"]), given["type"]
    name, text = given
    return name, text.encode()


class Control:
    def __init__(self, slack: SlackSimulator) -> None:
        self._slack = slack

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/_sandbox/state", self._state),
            web.get("/_sandbox/screen", self._screen),
            web.get("/_sandbox/changes", self._slack.changes.stream),
            web.get("/_sandbox/files/{file_id}", self._file),
            web.post("/_sandbox/clock", self._set_clock),
            web.get("/_sandbox/requests", self._requests),
            web.get("/_sandbox/deliveries", self._deliveries),
            web.get("/_sandbox/private_answers", self._private_answers),
            web.post("/_sandbox/install", self._install),
            web.post("/_sandbox/shift_clock", self._shift_clock),
            web.post("/_sandbox/{act}", self._act),
        ]

    async def _act(self, request: web.Request) -> web.Response:
        name = request.match_info["act"]
        if name not in ACTS:
            return web.json_response({"error": f"there is no act {name}"}, status=404)
        act: Callable[..., Awaitable[Any]] = getattr(self._slack, name)
        given = await request.json() if request.body_exists else {}
        if name == "say" and given.get("files"):
            given["files"] = [_read_file(each) for each in given["files"]]
        try:
            result = await act(**given)
        except ClientRefused as error:
            return web.json_response({"refused": str(error)}, status=409)
        except (KeyError, TypeError, RuntimeError) as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.json_response(shown(result))

    async def _install(self, request: web.Request) -> web.Response:
        try:
            self._slack.install(**await request.json())
        except (TypeError, ValueError) as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.json_response({"ok": True})

    async def _shift_clock(self, request: web.Request) -> web.Response:
        self._slack.clock.shift(float((await request.json())["seconds"]))
        return web.json_response({"now": self._slack.clock.now()})

    async def _set_clock(self, request: web.Request) -> web.Response:
        self._slack.clock.pace.set_over_http(await request.json())
        self._slack.changes.note()
        return web.json_response({"now": self._slack.clock.now()})

    async def _screen(self, request: web.Request) -> web.Response:
        try:
            return web.json_response(screen_of(self._slack, request.query.get("user", "")))
        except KeyError as error:
            return web.json_response({"error": str(error)}, status=404)

    async def _file(self, request: web.Request) -> web.Response:
        """A file's bytes, as the people of the workspace see them."""
        file = self._slack.workspace.files.by_id.get(request.match_info["file_id"])
        if file is None or file.is_deleted:
            return web.json_response({"error": "there is no such file"}, status=404)
        return foreign_content(file.data, file.mimetype)

    async def _state(self, _request: web.Request) -> web.Response:
        workspace = self._slack.workspace
        channels: list[Json] = [
            shown(channel) | {"messages": [shown(message) for message in channel.by_ts.values()]}
            for channel in workspace.channels.values()
        ]
        people = [person.as_json(True) for person in workspace.people.values()]
        return web.json_response({"people": people, "channels": channels})

    async def _requests(self, _request: web.Request) -> web.Response:
        return web.json_response([asdict(record) for record in self._slack.requests])

    async def _deliveries(self, _request: web.Request) -> web.Response:
        found = [
            {"body": one.body, "state": one.state, "attempts": [asdict(a) for a in one.attempts]}
            for one in self._slack.deliveries
        ]
        return web.json_response(found)

    async def _private_answers(self, request: web.Request) -> web.Response:
        user = request.query.get("user", "")
        try:
            return web.json_response(shown(self._slack.private_answers(user)))
        except KeyError as error:
            return web.json_response({"error": str(error)}, status=404)
