"""WebSocket connections: frames, the one subscription of each, time-outs and recovery."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import uuid
from collections import deque
from datetime import datetime, timedelta
from typing import Any

from aiohttp import WSMsgType, web
from multidict import MultiDict
from yarl import URL

from bridge.sandbox.ringcentral.calls import Call, write_json
from bridge.sandbox.ringcentral.clock import to_iso
from bridge.sandbox.ringcentral.routes import answer
from bridge.sandbox.ringcentral.sessions import Session
from bridge.sandbox.ringcentral.world import RecordedRequest, World

PING_SECONDS = 30.0


@dataclasses.dataclass(slots=True)
class Connection:
    """One logical connection; it outlives its socket until its recovery time is over."""

    connection_id: str
    session: Session
    opened_at: datetime
    last_frame_at: datetime
    buffer: deque[tuple[int, list[Any]]]
    socket: web.WebSocketResponse | None = None
    transport: asyncio.Transport | None = None
    sequence: int = 0
    lost_at: datetime | None = None

    def next_wsc(self) -> dict[str, Any]:
        self.sequence += 1
        return {"token": f"{self.connection_id}.{self.sequence}", "sequence": self.sequence}


class Sockets:
    """All WebSocket connections of the account."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._connections: dict[str, Connection] = {}
        world.notifier.push_to_websocket = self.push

    @property
    def count(self) -> int:
        return sum(1 for each in self._connections.values() if each.socket is not None)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """GET /ws?access_token=...[&wsc=...]: one socket from its first frame to its last."""
        session = self._world.sessions.take_websocket_token(request.query.get("access_token", ""))
        socket = web.WebSocketResponse(heartbeat=PING_SECONDS)
        await socket.prepare(request)
        if session is None:
            return await _turn_away(socket, "OAU-213", "Token not found")
        if self._is_full(session):
            return await _turn_away(socket, "CMN-301", "Too many connections")
        wsc = request.query.get("wsc")
        connection, recovered_from = self._find_or_open(session, wsc)
        connection.socket, connection.transport = socket, request.transport
        connection.lost_at = None
        await self._greet(connection, wsc, recovered_from)
        self._watch_idle(connection, socket)
        self._watch_age(connection, socket)
        try:
            await self._read_frames(connection, socket)
        finally:
            self._lose(connection, socket)
        return socket

    def _is_full(self, session: Session) -> bool:
        mine = [each for each in self._connections.values() if each.session is session]
        return len(mine) >= self._world.settings.max_connections_per_session

    def _find_or_open(self, session: Session, wsc: str | None) -> tuple[Connection, int | None]:
        connection_id, _, sequence = (wsc or "").partition(".")
        known = self._connections.get(connection_id)
        is_free = known is not None and known.socket is None
        if known is not None and is_free and sequence.isdecimal() and _is_same(known, session):
            known.session = session
            return known, int(sequence)
        now = self._world.clock.now()
        connection = Connection(
            connection_id=uuid.uuid4().hex,
            session=session,
            opened_at=now,
            last_frame_at=now,
            buffer=deque(maxlen=self._world.settings.recovery_buffer_size),
        )
        self._connections[connection.connection_id] = connection
        return connection, None

    async def _greet(
        self, connection: Connection, wsc: str | None, recovered_from: int | None
    ) -> None:
        settings = self._world.settings
        body: dict[str, Any] = {
            "creationTime": to_iso(connection.opened_at),
            "maxConnectionsPerSession": settings.max_connections_per_session,
            "recoveryBufferSize": settings.recovery_buffer_size,
            "recoveryTimeout": int(settings.recovery_seconds),
            "idleTimeout": int(settings.idle_timeout_seconds),
            "absoluteTimeout": int(settings.absolute_timeout_seconds),
            "maxActiveRequests": settings.max_active_requests,
        }
        if wsc is not None:
            body["recoveryState"] = "Failed" if recovered_from is None else "Successful"
        hello = self._meta("ConnectionDetails", connection)
        if recovered_from is not None:
            # Below what follows: a line lost again before the replay must not skip it.
            token = f"{connection.connection_id}.{recovered_from}"
            hello["wsc"] = {"token": token, "sequence": recovered_from}
        await self._write(connection, [hello, body])
        for number, frame in list(connection.buffer):
            if recovered_from is not None and number > recovered_from:
                await self._write(connection, frame)

    def _meta(self, kind: str, connection: Connection, **members: Any) -> dict[str, Any]:
        meta = {"type": kind, "messageId": str(uuid.uuid4()), "wsc": connection.next_wsc()}
        return meta | members

    async def _write(self, connection: Connection, frame: list[Any]) -> None:
        if connection.socket is None or connection.socket.closed:
            return
        connection.last_frame_at = self._world.clock.now()
        # A socket that died between the look and the write loses nothing: events are buffered.
        with contextlib.suppress(ConnectionError):
            await connection.socket.send_str(write_json(frame).decode())

    async def push(self, connection_id: str, envelope: dict[str, Any]) -> None:
        """Send one event, and keep it for a recovery."""
        connection = self._connections.get(connection_id)
        if connection is None:
            return
        meta = self._meta("ServerNotification", connection, timestamp=envelope["timestamp"])
        frame = [meta, envelope]
        connection.buffer.append((meta["wsc"]["sequence"], frame))
        await self._write(connection, frame)

    # Frames from the client

    async def _read_frames(self, connection: Connection, socket: web.WebSocketResponse) -> None:
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                continue
            connection.last_frame_at = self._world.clock.now()
            try:
                meta, body = _read_frame(message.data)
            except ValueError:
                await self._complain(connection, "WSG-301", "Frame cannot be read")
                continue
            await self._answer_frame(connection, meta, body)

    async def _answer_frame(self, connection: Connection, meta: dict[str, Any], body: Any) -> None:
        message_id = str(meta.get("messageId", ""))
        if meta.get("type") == "Heartbeat":
            reply = self._meta("Heartbeat", connection, messageId=message_id)
            await self._write(connection, [reply])
        elif meta.get("type") == "ClientRequest":
            await self._write(connection, await self._do_request(connection, meta, body))
        else:
            await self._complain(connection, "WSG-302", "Frame type is unknown")

    async def _do_request(
        self, connection: Connection, meta: dict[str, Any], body: Any
    ) -> list[Any]:
        url = URL(str(meta.get("path", "")))
        call = Call(
            method=str(meta.get("method", "GET")).upper(),
            path=url.path,
            query=MultiDict(url.query),
            headers={
                "Authorization": f"Bearer {connection.session.access_token}",
                "Content-Type": "application/json",
            },
            body=b"" if body is None else json.dumps(body).encode(),
            websocket_id=connection.connection_id,
        )
        now = self._world.clock.now()
        record = RecordedRequest(now, call.method, url.path, url.query_string)
        self._world.requests.append(record)
        answered = await answer(self._world, call, record)
        record.status = answered.status
        reply = self._meta(
            "ClientRequest",
            connection,
            messageId=str(meta.get("messageId", "")),
            status=answered.status,
            headers={"Content-Type": answered.content_type, **answered.headers},
        )
        return [reply] if answered.body is None else [reply, answered.body]

    async def _complain(self, connection: Connection, code: str, text: str) -> None:
        body = {"errorCode": code, "message": text}
        await self._write(connection, [self._meta("Error", connection), body])

    # Ends

    def _watch_idle(self, connection: Connection, socket: web.WebSocketResponse) -> None:
        """Close after half an hour without a frame; ping frames do not count as traffic."""
        idle = timedelta(seconds=self._world.settings.idle_timeout_seconds)

        def look() -> None:
            if connection.socket is not socket:
                return
            if self._world.clock.now() - connection.last_frame_at < idle:
                self._world.clock.at(connection.last_frame_at + idle, look)
                return
            self._close_later(connection, socket, "WSG-902", "Idle timeout")

        self._world.clock.at(connection.last_frame_at + idle, look)

    def _watch_age(self, connection: Connection, socket: web.WebSocketResponse) -> None:
        def end() -> None:
            if connection.socket is socket:
                self._close_later(connection, socket, "WSG-903", "Absolute timeout")

        self._world.clock.after(self._world.settings.absolute_timeout_seconds, end)

    def _close_later(
        self, connection: Connection, socket: web.WebSocketResponse, code: str, text: str
    ) -> None:
        async def say_and_close() -> None:
            await self._complain(connection, code, text)
            await socket.close()

        self._closing = asyncio.create_task(say_and_close())

    def _lose(self, connection: Connection, socket: web.WebSocketResponse) -> None:
        """Keep the connection's subscription and events until its recovery time is over."""
        if connection.socket is not socket:
            return
        connection.socket, connection.lost_at = None, self._world.clock.now()
        lost_at = connection.lost_at

        def forget() -> None:
            if connection.socket is None and connection.lost_at == lost_at:
                self._forget(connection)

        self._world.clock.after(self._world.settings.recovery_seconds, forget)

    def _forget(self, connection: Connection) -> None:
        self._connections.pop(connection.connection_id, None)
        for subscription in self._world.subscriptions.living():
            if subscription.websocket_id == connection.connection_id:
                self._world.subscriptions.remove(subscription)

    def drop(self, *, recoverable: bool = True) -> None:
        """Abort every socket as a lost network would; unrecoverable ones are forgotten too."""
        for connection in list(self._connections.values()):
            socket = connection.socket
            if socket is not None:
                self._lose(connection, socket)
                if connection.transport is not None:
                    connection.transport.abort()
            if not recoverable:
                self._forget(connection)

    async def close(self) -> None:
        for connection in list(self._connections.values()):
            if connection.socket is not None:
                await connection.socket.close()


def _is_same(connection: Connection, session: Session) -> bool:
    """A connection is recovered by the login that had it, with a newer token as a rule."""
    before = connection.session
    return before.app is session.app and before.extension is session.extension


async def _turn_away(socket: web.WebSocketResponse, code: str, text: str) -> web.WebSocketResponse:
    """Refuse a connection as RingCentral does: with an Error for its first frame."""
    meta = {"type": "Error", "messageId": str(uuid.uuid4())}
    await socket.send_str(json.dumps([meta, {"errorCode": code, "message": text}]))
    await socket.close()
    return socket


def _read_frame(text: str) -> tuple[dict[str, Any], Any]:
    frame = json.loads(text)
    if not isinstance(frame, list) or not frame or not isinstance(frame[0], dict):
        raise ValueError("a frame is an array that begins with its meta object")
    return frame[0], frame[1] if len(frame) > 1 else None
