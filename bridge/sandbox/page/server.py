"""The page's own server: its files, the way to the simulators, one stream of changes.

On loopback only, JSON in and out. What is sent needs `Content-Type: application/json`; what is
refused is answered with a status from 400 and `{"error"}`, or `{"refused"}` where Slack's own
client would not let a person do it.

The page
    GET  /                        static/index.html;  GET /static/{name}: the files beside it
    GET  /emoji                   {short name: character}

The sandbox
    GET  /bridge                  its state: {"id", "bridge": "stopped"|"starting"|"running",
                                  "problem", "pid", "hold_seconds", "folder",
                                  "clock": {"offset_seconds", "paused_at": ISO 8601|null, "now"}}
    POST /bridge/kill             as a crash would;  POST /bridge/start waits until it is ready.
                                  Both answer with the state
    POST /clock                   {"act": "pause"|"run"}, {"act": "forward", "seconds"}: product
                                  time of all simulators and the bridge; answers with the state
    GET  /faults                  [{"provider": "slack"|"ringcentral", "name", "label", "says",
                                  "times": how often it acts, null until switched off,
                                  "is_on", "hits", "of": [whom it concerns],
                                  "is_final": nobody here can take it back}]
    POST /faults/{provider}/{name} {"on": true|false, "number": narrows opted_out to one phone};
                                  answers as GET /faults
    GET  /xray                    null while the bridge does not run, else {"now", "machine_now",
                                  "messages": [{"id", "direction", "origin", "status",
                                    "carrier_status", "failure", "body", "sent_at", "with",
                                    "channel_id", "thread_ts", "deliveries": [...]}], newest first,
                                  "others": [deliveries of cards, marks and so on],
                                  "inboxes": [{"number", "channel_id"}] that are connected,
                                  "lanes": [{"lane", "length", "head", "state", "due_at"}],
                                  "gates": [{"key", "used", "limit", "window_seconds",
                                    "closed_until_at"}]}; a delivery is {"id", "subject", "side",
                                  "kind", "state", "lane", "gate", "due_at", "external_id",
                                  "reason", "looks", "look_at", "attempts": [{"id", "started_at",
                                    "outcome", "detail", "reported", "took_ms"}]}
    GET  /events[?xray=1]         server-sent events: `slack` and `phones` ({"revision"}: ask for
                                  the screen again), `bridge` (the state), `faults` (as GET
                                  /faults), with xray=1 also `xray` (as GET /xray). Each is sent
                                  once at the beginning, then on every change

Slack: /slack/{path} is the simulator's /_sandbox/{path} (bridge/sandbox/slack/control.py)
    GET  /slack/screen?user=Bea   all that Bea's Slack shows: {"revision", "now", "me", "team",
                                  "app", "people", "usergroups", "channels": [{..., "messages",
                                  "private"}], "views", "home", "commands", "undelivered"}
    GET  /slack/files/{id}        a file's bytes: pictures inline, anything else to save
    POST /slack/{act}             an act by its arguments, as in the simulator's docstring:
                                  say, edit, delete, react, unreact, type_command, click,
                                  click_in_view, suggest, global_shortcut, message_shortcut,
                                  submit_view, close_view, open_home, dismiss, create_channel, ...

Phones: /ringcentral/{path} (bridge/sandbox/ringcentral/control.py)
    GET  /ringcentral/screen      {"revision", "now", "company", "own_numbers", "phones": [{
                                  "number", "name", "fails_with", "reports", "opted_out_of",
                                  "conversations": [{"with", "texts", "last_at"}]}]}
    GET  /ringcentral/files/{id}  a picture's bytes
    POST /ringcentral/phones/{number}        {"name", "fails_with", "reports", "has_opted_out"},
                                  each optional: add a phone, or say what its carrier does
    POST /ringcentral/phones/{number}/texts  {"text", "to": number or [numbers],
                                  "attachments": [{"name", "type", "base64"}]}
    POST /ringcentral/app_sends   {"extension", "from", "to", "text"}: from RingCentral's own app
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import emoji
from aiohttp import web

from bridge.sandbox.bridge_process import LOOPBACK, SandboxFailed
from bridge.sandbox.changes import event_line, open_stream
from bridge.sandbox.sandbox import Sandbox

STATIC = Path(__file__).parent / "static"
BODY_LIMIT_BYTES = 32 * 1024 * 1024
XRAY_SECONDS = 0.25
HEARTBEAT_SECONDS = 15.0
# Nothing but what this address serves: no foreign script, style, picture or frame.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
PASSED_HEADERS = (
    "Content-Type",
    "Content-Disposition",
    "Content-Security-Policy",
    "X-Content-Type-Options",
)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Tell = Callable[[str, Any], Awaitable[None]]


class Page:
    """Serves the page of one sandbox on loopback."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._stopping = asyncio.Event()
        self._hosts: frozenset[str] = frozenset()

    @contextlib.asynccontextmanager
    async def served(self, port: int = 0) -> AsyncIterator[str]:
        """Listen while the context lasts; its address. Port 0 takes that of last time, or any."""
        app = web.Application(middlewares=[self._guard()], client_max_size=BODY_LIMIT_BYTES)
        app.add_routes(self._routes())
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await self._listen(runner, port or self._sandbox.page_port)
            bound = runner.addresses[0][1]
            self._sandbox.page_port = bound
            self._hosts = frozenset({f"{LOOPBACK}:{bound}", f"localhost:{bound}"})
            yield f"http://{LOOPBACK}:{bound}"
        finally:
            self._stopping.set()
            await runner.cleanup()

    @staticmethod
    async def _listen(runner: web.AppRunner, port: int) -> None:
        try:
            await web.TCPSite(runner, LOOPBACK, port).start()
        except OSError as error:
            raise SandboxFailed(f"port {port} cannot be listened on: {error.strerror}.") from None

    def _routes(self) -> list[web.RouteDef]:
        return [
            web.get("/", self._index),
            web.get("/static/{name}", self._static),
            web.get("/emoji", self._emoji),
            web.get("/events", self._events),
            web.get("/bridge", self._bridge),
            web.post("/bridge/{act:kill|start}", self._change_bridge),
            web.post("/clock", self._move_clock),
            web.get("/faults", self._faults),
            web.post("/faults/{provider}/{name}", self._turn_fault),
            web.get("/xray", self._xray),
            web.route("*", "/{simulator:slack|ringcentral}/{path:.+}", self._pass_on),
        ]

    def _guard(self) -> Any:
        @web.middleware
        async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
            # A page of another site can reach loopback: by a name of its own, or by a form.
            if request.host not in self._hosts:
                return web.json_response({"error": "not an address of this page"}, status=403)
            if request.method not in ("GET", "HEAD") and not self._is_ours(request):
                return web.json_response({"error": "only from this page"}, status=403)
            response = await handler(request)
            if not response.prepared:
                response.headers.setdefault("Content-Security-Policy", POLICY)
                response.headers.setdefault("X-Content-Type-Options", "nosniff")
                response.headers["Referrer-Policy"] = "no-referrer"
            return response

        return guard

    def _is_ours(self, request: web.Request) -> bool:
        origin = request.headers.get("Origin")
        is_same = origin is None or origin.removeprefix("http://") in self._hosts
        return is_same and (
            request.content_type == "application/json" or request.method == "DELETE"
        )

    # The page's files

    async def _index(self, _request: web.Request) -> web.StreamResponse:
        return _file("index.html")

    async def _static(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        if not (STATIC / name).is_file() or "/" in name or name.startswith("."):
            return web.json_response({"error": "there is no such file"}, status=404)
        return _file(name)

    async def _emoji(self, _request: web.Request) -> web.StreamResponse:
        return web.json_response(emoji_by_name(), headers={"Cache-Control": "max-age=86400"})

    # The way to the simulators

    async def _pass_on(self, request: web.Request) -> web.StreamResponse:
        """The simulators' control routes, under this page's address."""
        name, path = request.match_info["simulator"], request.match_info["path"]
        base = self._sandbox.slack.url if name == "slack" else self._sandbox.ringcentral.url
        body = await request.read() if request.body_exists else None
        headers = {"Content-Type": "application/json"} if body else {}
        try:
            async with self._sandbox.http.request(
                request.method,
                f"{base}/_sandbox/{path}",
                params=request.query,
                data=body,
                headers=headers,
            ) as answer:
                kept = {key: answer.headers[key] for key in PASSED_HEADERS if key in answer.headers}
                return web.Response(body=await answer.read(), status=answer.status, headers=kept)
        except aiohttp.ClientError as error:
            return web.json_response({"error": f"{name}: {type(error).__name__}"}, status=502)

    # The bridge and the clock

    async def _bridge(self, _request: web.Request) -> web.StreamResponse:
        return web.json_response(self._sandbox.state())

    async def _change_bridge(self, request: web.Request) -> web.StreamResponse:
        try:
            if request.match_info["act"] == "kill":
                await self._sandbox.kill_bridge()
            else:
                await self._sandbox.start_bridge()
        except SandboxFailed as failure:
            return web.json_response({"error": str(failure)}, status=502)
        return web.json_response(self._sandbox.state())

    async def _move_clock(self, request: web.Request) -> web.StreamResponse:
        try:
            told = await request.json()
            await self._sandbox.move_clock(told["act"], float(told.get("seconds", 0)))
        except (KeyError, TypeError, ValueError) as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.json_response(self._sandbox.state())

    async def _faults(self, _request: web.Request) -> web.StreamResponse:
        return web.json_response(self._sandbox.switchboard.as_json())

    async def _turn_fault(self, request: web.Request) -> web.StreamResponse:
        provider, name = request.match_info["provider"], request.match_info["name"]
        try:
            told = await request.json()
            number = str(told.get("number", ""))
            self._sandbox.switchboard.turn(provider, name, is_on=bool(told["on"]), number=number)
        except (LookupError, TypeError, ValueError) as error:
            return web.json_response({"error": str(error)}, status=400)
        return await self._faults(request)

    async def _xray(self, _request: web.Request) -> web.StreamResponse:
        return web.json_response(await self._sandbox.xray())

    # What changes

    async def _events(self, request: web.Request) -> web.StreamResponse:
        """What the module's docstring says, until the browser goes or we stop."""
        response = await open_stream(request)
        lock = asyncio.Lock()

        async def tell(name: str, data: Any) -> None:
            async with lock:
                await response.write(event_line(data, name))

        sources = [
            self._follow(f"{self._sandbox.slack.url}/_sandbox/changes", "slack", tell),
            self._follow(f"{self._sandbox.ringcentral.url}/_sandbox/changes", "phones", tell),
            self._follow_bridge(tell),
            self._follow_faults(tell),
        ]
        if request.query.get("xray"):
            sources.append(self._follow_xray(tell))
        # the first to end takes the others along: the browser has gone, or we are stopping
        await _first_of([*sources, self._stopping.wait()])
        return response

    async def _follow(self, url: str, name: str, tell: Tell) -> None:
        timeout = aiohttp.ClientTimeout(total=None)
        with contextlib.suppress(aiohttp.ClientError, ConnectionError):
            async with self._sandbox.http.get(url, timeout=timeout) as answer:
                async for line in answer.content:
                    if line.startswith(b"data: "):
                        await tell(name, json.loads(line.removeprefix(b"data: ")))

    async def _follow_bridge(self, tell: Tell) -> None:
        changes, told = self._sandbox.changes, -1
        with contextlib.suppress(ConnectionError):
            while not changes.is_over:
                told = await changes.newer_than(told, HEARTBEAT_SECONDS)
                await tell("bridge", self._sandbox.state())

    async def _follow_faults(self, tell: Tell) -> None:
        """The simulators note each hit of a fault; told is only what looks different."""
        sources = (self._sandbox.slack.changes, self._sandbox.ringcentral.changes)
        told: Any = None
        with contextlib.suppress(ConnectionError):
            while True:
                known = [(each, each.revision) for each in sources]
                seen = self._sandbox.switchboard.as_json()
                if seen != told:
                    await tell("faults", seen)
                told = seen
                await _first_of([each.newer_than(revision) for each, revision in known])

    async def _follow_xray(self, tell: Tell) -> None:
        """The bridge is asked again and again; told is only what is new, apart from its clock."""
        told: Any = ()
        with contextlib.suppress(ConnectionError):
            while True:
                seen = await self._sandbox.xray()
                compared = {**seen, "now": "", "machine_now": ""} if seen else None
                if compared != told:
                    told = compared
                    await tell("xray", seen)
                await asyncio.sleep(XRAY_SECONDS)


async def _first_of(works: Sequence[Coroutine[Any, Any, Any]]) -> None:
    """Until one has ended; the others are cancelled."""
    tasks = [asyncio.ensure_future(each) for each in works]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _file(name: str) -> web.StreamResponse:
    return web.FileResponse(STATIC / name, headers={"Cache-Control": "no-cache"})


@functools.cache
def emoji_by_name() -> dict[str, str]:
    """Short names, as Slack writes them without colons, to characters."""
    names: dict[str, str] = {}
    for character, told in emoji.EMOJI_DATA.items():
        if told["status"] != emoji.STATUS["fully_qualified"]:
            continue
        for name in [*told.get("alias", []), told["en"]]:
            names.setdefault(name.strip(":").lower(), character)
    return names
