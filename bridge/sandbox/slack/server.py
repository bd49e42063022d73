"""The HTTP side of the simulator: /api/, uploads, downloads, response_url and the WebSocket."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any

from aiohttp import web

from bridge.sandbox.slack.arguments import Wire, read_wire, typed_arguments
from bridge.sandbox.slack.errors import ApiError, Json
from bridge.sandbox.slack.files import LOGIN_PAGE
from bridge.sandbox.slack.limits import RateLimits
from bridge.sandbox.slack.methods import METHODS, Call, Method
from bridge.sandbox.slack.methods.files import may_read
from bridge.sandbox.slack.response_urls import PATH as RESPONSE_URL_PATH
from bridge.sandbox.slack.response_urls import ResponseUrls
from bridge.sandbox.slack.socket_hub import PATH as SOCKET_PATH
from bridge.sandbox.slack.socket_hub import SocketHub
from bridge.sandbox.slack.world import World


@dataclass(slots=True, eq=False)
class RecordedRequest:
    """One Web API call; `wire` tells which arguments came as query, form or json."""

    at: float
    method: str
    arguments: Json
    status: int
    response: Json
    http_method: str
    wire: Json = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return bool(self.response.get("ok"))

    @property
    def error(self) -> str | None:
        return self.response.get("error")


class ApiServer:
    """Answers what the app asks; every Web API call is checked, limited and recorded."""

    def __init__(
        self,
        world: World,
        sockets: SocketHub,
        response_urls: ResponseUrls,
        strict_arguments: bool,
        has_rate_limits: bool,
        keep: int = 50_000,
    ) -> None:
        self._world = world
        self._sockets = sockets
        self._response_urls = response_urls
        self._is_strict = strict_arguments
        self.has_rate_limits = has_rate_limits
        self.limits = RateLimits(world.clock)
        self.requests: deque[RecordedRequest] = deque(maxlen=keep)

    def routes(self) -> list[web.RouteDef]:
        return [
            web.route("*", "/api/{method}", self._answer),
            web.get(SOCKET_PATH, self._sockets.accept),
            web.post(RESPONSE_URL_PATH, self._response_urls.receive),
            web.post("/upload/v1/{key}", self._receive_upload),
            web.get("/files-pri/{team_and_file}/{path:.*}", self._download),
        ]

    async def _answer(self, request: web.Request) -> web.Response:
        name = request.match_info["method"]
        record = RecordedRequest(self._world.clock.now(), name, {}, 200, {}, request.method)
        headers: dict[str, str] = {}
        try:
            record.response = {"ok": True} | await self._call(request, name, record)
        except ApiError as error:
            record.response = error.body()
            if "retry_after" in record.response:
                headers["Retry-After"] = str(record.response.pop("retry_after"))
                record.status = 429
        headers["Date"] = formatdate(self._world.clock.now(), usegmt=True)
        headers["X-OAuth-Scopes"] = ",".join(sorted(self._world.installation.scopes))
        if name in METHODS:
            headers["X-Accepted-OAuth-Scopes"] = ",".join(METHODS[name].scopes)
        self.requests.append(record)
        return web.json_response(record.response, status=record.status, headers=headers)

    async def _call(self, request: web.Request, name: str, record: RecordedRequest) -> Json:
        wire = await read_wire(request)
        record.wire = wire.places()
        method = METHODS.get(name)
        if method is None:
            record.arguments = wire.arguments(True)
            raise ApiError("unknown_method", req_method=name)
        record.arguments = wire.arguments(method.reads_json)
        self._check_token(method, wire)
        self._check_limits(method, record.arguments)
        self._world.installation.require_any_scope(method.scopes)
        args = typed_arguments(record.arguments, method.required, method.optional, self._is_strict)
        return method.answer(Call(self._world, args))

    def _check_token(self, method: Method, wire: Wire) -> None:
        if method.token == "none":
            return
        token, installation = wire.token(), self._world.installation
        if token is None:
            raise ApiError("not_authed")
        if token not in (installation.bot_token, installation.app_token):
            raise ApiError("invalid_auth")
        if installation.token_error:
            raise ApiError(installation.token_error)
        kind = "bot" if token == installation.bot_token else "app"
        if kind != method.token:
            raise ApiError("not_allowed_token_type")

    def _check_limits(self, method: Method, arguments: Json) -> None:
        if not self.has_rate_limits:
            return
        channel = self._counted_channel(str(arguments.get("channel", "")))
        wait_seconds = self.limits.retry_after_seconds(method.name, method.tier, channel)
        if wait_seconds:
            raise ApiError("ratelimited", retry_after=wait_seconds)

    def _counted_channel(self, named: str) -> str:
        """A channel has one budget, by whatever it is named."""
        try:
            return self._world.workspace.channel(named).channel_id
        except KeyError:
            return named

    async def _receive_upload(self, request: web.Request) -> web.Response:
        """Raw bytes or multipart, without a token: the address itself is the leave."""
        ticket = self._world.workspace.files.tickets.get(request.match_info["key"])
        if ticket is None:
            return web.Response(status=404, text="not found")
        if request.content_type == "multipart/form-data":
            fields: list[Any] = list((await request.post()).values())
            uploads = [field.file.read() for field in fields if hasattr(field, "file")]
            data = uploads[0] if uploads else b""
        else:
            data = await request.read()
        if len(data) != ticket.length:
            return web.Response(status=400, text="length does not match")
        ticket.data = data
        return web.Response(text=f"OK - {len(data)}")

    async def _download(self, request: web.Request) -> web.Response:
        """A file's bytes; without a token that may read it, the login page, with status 200."""
        _, _, file_id = request.match_info["team_and_file"].partition("-")
        file = self._world.workspace.files.by_id.get(file_id)
        installation = self._world.installation
        _, _, token = request.headers.get("Authorization", "").partition(" ")
        allowed = (
            token == installation.bot_token
            and not installation.token_error
            and "files:read" in installation.scopes
        )
        if not allowed or file is None or not may_read(Call(self._world, {}), file):
            return web.Response(text=LOGIN_PAGE, content_type="text/html")
        if file.is_deleted:
            return web.Response(status=404, text="not found")
        return web.Response(body=file.data, content_type=file.mimetype)
