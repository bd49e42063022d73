"""Socket Mode: tickets, up to ten connections, envelopes and their acknowledgements."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import uuid
from collections.abc import Callable
from typing import Any

import aiohttp
from aiohttp import web

from bridge.sandbox.slack.errors import Json
from bridge.sandbox.slack.installation import Installation
from bridge.sandbox.slack.sending import Answer, Kind, Retry

CONNECTION_LIMIT = 10
CONNECTION_LIFE_SECONDS = 18_060
GOODBYE_SECONDS = 0.5
DEBUG_HOST = "sandbox"
PATH = "/link/"


class Connection:
    """One WebSocket of the app, with the envelopes it has not acknowledged yet."""

    def __init__(self, socket: web.WebSocketResponse, request: web.Request) -> None:
        self.socket = socket
        self._request = request
        self.waiting: dict[str, asyncio.Future[Any]] = {}
        self.is_leaving = False
        self.is_deaf = False
        self.gone = asyncio.Event()

    def acknowledge(self, text: str) -> None:
        try:
            message = json.loads(text)
        except ValueError:
            return
        if not isinstance(message, dict):
            return
        waiting = self.waiting.pop(str(message.get("envelope_id")), None)
        if waiting is not None and not waiting.done():
            waiting.set_result(message.get("payload"))

    def abort(self) -> None:
        if self._request.transport is not None:
            self._request.transport.abort()

    def fail_waiting(self) -> None:
        for waiting in self.waiting.values():
            if not waiting.done():
                waiting.set_exception(ConnectionResetError())
        self.waiting.clear()


class SocketHub:
    """All connections of the app; each envelope goes to one of them, in turn."""

    def __init__(self, installation: Callable[[], Installation], deadline_seconds: float) -> None:
        self._installation = installation
        self._deadline_seconds = deadline_seconds
        self._tickets: set[str] = set()
        self._turn = 0
        self.connections: list[Connection] = []
        self.base_url = ""
        self.changed: Callable[[], None] = lambda: None

    def issue_ticket(self) -> str:
        ticket = secrets.token_urlsafe(16)
        self._tickets.add(ticket)
        host = self.base_url.replace("http", "ws", 1)
        return f"{host}{PATH}?ticket={ticket}&app_id={self._installation().app_id}"

    async def accept(self, request: web.Request) -> web.StreamResponse:
        """The WebSocket endpoint; a ticket opens it once."""
        ticket = request.query.get("ticket", "")
        if ticket not in self._tickets:
            return web.Response(status=403, text="invalid ticket")
        self._tickets.discard(ticket)
        socket = web.WebSocketResponse(heartbeat=10)
        await socket.prepare(request)
        connection = Connection(socket, request)
        if len(self.connections) >= CONNECTION_LIMIT:
            await self._disconnect(connection, "too_many_websockets")
            return socket
        self.connections.append(connection)
        await socket.send_json(self._hello())
        self.changed()
        try:
            async for message in socket:
                if message.type == aiohttp.WSMsgType.TEXT:
                    connection.acknowledge(message.data)
        finally:
            self._forget(connection)
        return socket

    def _forget(self, connection: Connection) -> None:
        if connection in self.connections:
            self.connections.remove(connection)
        connection.fail_waiting()
        connection.gone.set()
        self.changed()

    def _hello(self) -> Json:
        return {
            "type": "hello",
            "num_connections": len(self.connections),
            "debug_info": {
                "host": DEBUG_HOST,
                "build_number": 1,
                "approximate_connection_time": CONNECTION_LIFE_SECONDS,
            },
            "connection_info": {"app_id": self._installation().app_id},
        }

    async def send(self, kind: Kind, body: Json, _url: str | None, retry: Retry | None) -> Answer:
        """Give one envelope to one connection and wait until it is acknowledged."""
        connection = self._next_connection()
        if connection is None:
            return Answer("connection_failed")
        envelope_id = str(uuid.uuid4())
        envelope: Json = {
            "envelope_id": envelope_id,
            "payload": body,
            "type": kind,
            "accepts_response_payload": kind != "events_api",
        }
        if kind == "events_api":
            envelope["retry_attempt"] = retry.number if retry else 0
            envelope["retry_reason"] = retry.reason if retry else ""
        waiting = connection.waiting[envelope_id] = asyncio.get_running_loop().create_future()
        try:
            if not connection.is_deaf:
                await connection.socket.send_json(envelope)
            payload = await asyncio.wait_for(waiting, self._deadline_seconds)
        except TimeoutError:
            return Answer("http_timeout")
        except (ConnectionError, aiohttp.ClientError):
            return Answer("connection_failed")
        finally:
            connection.waiting.pop(envelope_id, None)
        return Answer(None, 200, payload or None)

    def _next_connection(self) -> Connection | None:
        ready = [one for one in self.connections if not one.is_leaving and not one.socket.closed]
        if not ready:
            return None
        self._turn += 1
        return ready[self._turn % len(ready)]

    async def warn(self) -> None:
        """Tell every connection that it will be replaced soon; it stays usable until then."""
        for connection in list(self.connections):
            await connection.socket.send_json(self._goodbye("warning"))

    def deafen(self) -> None:
        """Every connection of today stays up and answers pings, and brings nothing any more."""
        for connection in self.connections:
            connection.is_deaf = True

    async def refresh(self, reason: str = "refresh_requested") -> None:
        """Replace every connection, as Slack does every few hours."""
        leaving = [self._disconnect(connection, reason) for connection in self.connections]
        await asyncio.gather(*leaving)

    async def drop(self) -> None:
        """Cut every connection without a word."""
        for connection in list(self.connections):
            connection.abort()
            self._forget(connection)

    async def _disconnect(self, connection: Connection, reason: str) -> None:
        connection.is_leaving = True
        if not connection.socket.closed:
            await connection.socket.send_json(self._goodbye(reason))
            # The app is left a moment to close by itself before it is cut off.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(connection.gone.wait(), GOODBYE_SECONDS)
            await connection.socket.close()

    @staticmethod
    def _goodbye(reason: str) -> Json:
        return {"type": "disconnect", "reason": reason, "debug_info": {"host": DEBUG_HOST}}
