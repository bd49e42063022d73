"""Socket Mode: the same listeners over a connection that we open, with no public address."""

from __future__ import annotations

import asyncio

import structlog
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse

from bridge import clock, meters
from bridge.errors import StartRefused
from bridge.slack.client import SlackClient, SlackProblem, SlackRefused
from bridge.slack.listeners import Listeners

log = structlog.get_logger(__name__)

CONNECT_SECONDS = 10.0
# slack_sdk notices a cut connection at its next ping; Slack's first repeat comes almost at once and
# its second after a minute, so the default of 10 s would often cost that minute.
PING_SECONDS = 3.0
WATCH_SECONDS = 5.0
DEAD_LOOKS = 2


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

    slack_sdk has been seen alive without receiving anything after an idle reconnect, and goes on
    for ever with an address that was used up, so a connection that it calls dead for two looks is
    built anew.
    """

    def __init__(self, listeners: Listeners, client: SlackClient, app_token: str) -> None:
        self._listeners, self._client, self._app_token = listeners, client, app_token
        self._handler: _Handler | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Connect; where Slack is away, go on trying in the background.

        Raises StartRefused for an app-level token that Slack refuses.
        """
        meters.disconnected("slack_socket")  # one that never comes up is to be seen too
        try:
            await self._connect()
        except SlackRefused as refused:
            raise StartRefused(
                f"Slack does not accept SLACK_APP_TOKEN ({refused.code}): make an app-level token "
                "with the scope connections:write on your app's Basic Information page, and "
                "switch on Socket Mode."
            ) from refused
        except (SlackProblem, TimeoutError) as problem:
            log.warning("slack.socket_not_connected", error=type(problem).__name__)
        self._task = asyncio.create_task(self._run(), name="slack socket mode")

    async def stop(self) -> None:
        """Close the connection; envelopes not yet answered come again."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._close()

    async def _run(self) -> None:
        while True:
            await self._watch()
            await self._close()
            try:
                await self._connect()
            except (SlackProblem, TimeoutError) as problem:
                log.warning("slack.socket_not_connected", error=type(problem).__name__)

    async def _connect(self) -> None:
        url = await self._client.open_socket(self._app_token)
        self._handler = _Handler(self._listeners, self._client, self._app_token)
        self._handler.client.wss_uri = url
        async with asyncio.timeout(CONNECT_SECONDS):
            await self._handler.connect_async()  # type: ignore[no-untyped-call]  # Bolt's gap
        meters.connected("slack_socket")
        log.info("slack.socket_connected")

    async def _watch(self) -> None:
        """Return once the connection is dead; without one, after a moment."""
        dead_looks = 0
        while dead_looks < DEAD_LOOKS:
            await clock.sleep(WATCH_SECONDS)
            if self._handler is None:
                return
            is_connected = await self._handler.client.is_connected()
            dead_looks = 0 if is_connected else dead_looks + 1
        log.warning("slack.socket_dead")

    async def _close(self) -> None:
        if self._handler is not None:
            meters.disconnected("slack_socket")
            await self._handler.close_async()  # type: ignore[no-untyped-call]  # Bolt's gap
            self._handler = None
