"""Socket Mode: the same listeners over a connection that we open, with no public address."""

from __future__ import annotations

import asyncio

import structlog
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse

from bridge import clock
from bridge.slack.client import SlackClient
from bridge.slack.listeners import Listeners

log = structlog.get_logger(__name__)

FIRST_CONNECT_SECONDS = 10.0
# slack_sdk notices a cut connection at its next ping; Slack's first repeat comes almost at once and
# its second after a minute, so the default of 10 s would often cost that minute.
PING_SECONDS = 3.0
WATCH_SECONDS = 30.0


class _Handler(AsyncSocketModeHandler):
    def __init__(self, listeners: Listeners, client: SlackClient, app_token: str) -> None:
        web_client = client.web_client(app_token)
        super().__init__(
            listeners.app,
            app_token,
            logger=web_client._logger,
            web_client=web_client,
            ping_interval=PING_SECONDS,
        )
        self._listeners = listeners
        self.client.proxy = web_client.proxy

    async def handle(self, client: SocketModeClient, req: SocketModeRequest) -> None:  # type: ignore[override]  # as its parent does
        if await self._listeners.kept_as_unreadable(req.payload):
            await client.send_socket_mode_response(SocketModeResponse(req.envelope_id))
            return
        await super().handle(client, req)


class SocketMode:
    """One connection, reconnected by slack_sdk and watched by us.

    slack_sdk has been seen alive without receiving anything after an idle reconnect, so a
    connection that it calls dead for two looks is built anew.
    """

    def __init__(self, listeners: Listeners, client: SlackClient, app_token: str) -> None:
        self._listeners, self._client, self._app_token = listeners, client, app_token
        self._handler: _Handler | None = None
        self._task: asyncio.Task[None] | None = None
        self._connected = asyncio.Event()

    async def start(self) -> None:
        """Connect; where Slack is away, go on trying in the background."""
        self._task = asyncio.create_task(self._run(), name="slack socket mode")
        if not await clock.wait_at_most(self._connected, FIRST_CONNECT_SECONDS):
            log.warning("slack.socket_not_connected")

    async def stop(self) -> None:
        """Close the connection; envelopes not yet answered come again."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._close()

    async def _run(self) -> None:
        while True:
            await self._connect()
            await self._watch()
            log.warning("slack.socket_dead")
            await self._close()

    async def _connect(self) -> None:
        self._handler = _Handler(self._listeners, self._client, self._app_token)
        await self._handler.connect_async()  # type: ignore[no-untyped-call]  # Bolt's gap
        self._connected.set()
        log.info("slack.socket_connected")

    async def _watch(self) -> None:
        dead_looks = 0
        while dead_looks < 2:
            await clock.sleep(WATCH_SECONDS)
            assert self._handler is not None, "connected before"
            dead_looks = 0 if await self._handler.client.is_connected() else dead_looks + 1

    async def _close(self) -> None:
        if self._handler is not None:
            await self._handler.close_async()  # type: ignore[no-untyped-call]  # Bolt's gap
            self._handler = None
