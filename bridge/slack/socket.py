"""Socket Mode: the same listeners over a connection that we open, with no public address."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse

from bridge import clock, meters
from bridge.clock import Clock, machine_now
from bridge.errors import StartRefused
from bridge.relay.notices import tell_administrators
from bridge.slack.client import Limited, SlackClient, SlackProblem, SlackRefused
from bridge.slack.listeners import Listeners
from bridge.slack.signs import HEARD, POSTED, SlackSigns
from bridge.slack.watch import Signs, verdict
from storage.database import Database

log = structlog.get_logger(__name__)

CONNECT_SECONDS = 10.0
# slack_sdk notices a cut connection at its next ping; Slack's first repeat comes almost at once and
# its second after a minute, so the default of 10 s would often cost that minute.
PING_SECONDS = 3.0
WATCH_SECONDS = 5.0
DEAD_LOOKS = 2
AGAIN_SECONDS = (0.0, 5.0, 15.0, 30.0, 60.0)
TOLD_FROM_SILENCES = 2  # one may be Slack's, or an event's that took its time

REFUSED = (
    "Slack does not accept SLACK_APP_TOKEN ({code}): make an app-level token with the scope "
    "connections:write on your app's Basic Information page, and switch on Socket Mode."
)
SILENT = (
    "Slack takes the bridge's posts but tells it nothing of them, over a fresh connection too: "
    "replies in threads may not be texted at once. Check that Socket Mode and the events of the "
    "manifest are switched on in your app's settings."
)


class _Handler(AsyncSocketModeHandler):
    def __init__(
        self,
        listeners: Listeners,
        client: SlackClient,
        app_token: str,
        on_hello: Callable[[], None],
        on_heard: Callable[[], None],
    ) -> None:
        web_client = client.web_client(app_token)
        super().__init__(
            listeners.app,
            app_token,
            logger=web_client._logger,
            web_client=web_client,
            ping_interval=PING_SECONDS,
        )
        self._listeners, self._on_hello, self._on_heard = listeners, on_hello, on_heard
        self.client.proxy = web_client.proxy
        self.client.message_listeners.append(self._look_at)

    async def _look_at(self, _client: object, message: Mapping[str, Any], _raw: object) -> None:
        """Slack says hello over each new connection, those that slack_sdk makes by itself too."""
        if message.get("type") == "hello":
            self._on_hello()

    async def handle(self, client: SocketModeClient, req: SocketModeRequest) -> None:  # type: ignore[override]  # as its parent does
        self._on_heard()
        if await self._listeners.kept_as_unreadable(req.payload):
            await client.send_socket_mode_response(SocketModeResponse(req.envelope_id))
            return
        await super().handle(client, req)


class SocketMode:
    """One connection, reconnected by slack_sdk and watched by us.

    slack_sdk has been seen alive without receiving anything after an idle reconnect, and goes on
    for ever with an address that was used up. So a connection that it calls dead for two looks is
    built anew, and so is one over which nothing comes though something should. The new one is
    opened before the old one is closed: Slack allows ten.
    """

    def __init__(
        self,
        listeners: Listeners,
        client: SlackClient,
        app_token: str,
        database: Database,
        product_clock: Clock,
        signs: SlackSigns,
        *,
        silent_after_seconds: float = 60.0,
        on_connected: Callable[[], None] = lambda: None,
    ) -> None:
        self._listeners, self._client, self._app_token = listeners, client, app_token
        self._database, self._clock, self._signs = database, product_clock, signs
        self._silent_after = timedelta(seconds=silent_after_seconds)
        self._on_connected = on_connected
        self._handler: _Handler | None = None
        self._task: asyncio.Task[None] | None = None
        self._connected_at = machine_now()
        self._silent_at: datetime | None = None
        self._silences = 0

    async def start(self) -> None:
        """Connect; where Slack is away, go on trying in the background.

        Raises StartRefused for an app-level token that Slack refuses.
        """
        meters.disconnected("slack_socket")  # one that never comes up is to be seen too
        try:
            await self._connect()
        except SlackRefused as refused:
            raise StartRefused(REFUSED.format(code=refused.code)) from refused
        except (SlackProblem, TimeoutError) as problem:
            log.warning("slack.socket_not_connected", error=type(problem).__name__)
        self._task = asyncio.create_task(self._run(), name="slack socket mode")

    async def stop(self) -> None:
        """Close the connection; envelopes not yet answered come again."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        handler, self._handler = self._handler, None
        await self._close(handler)

    async def _run(self) -> None:
        failures = 0
        while True:
            try:
                await self._watch()
                await self._connect()
                failures = 0
                continue
            except Limited as limited:
                wait_seconds = limited.after_seconds
                log.warning("slack.socket_limited", again_after=wait_seconds)
            except SlackRefused as refused:
                wait_seconds = AGAIN_SECONDS[-1]
                log.warning("slack.socket_refused", code=refused.code)
                await self._tell(
                    f"socket_refused:{refused.code}", REFUSED.format(code=refused.code)
                )
            except (SlackProblem, TimeoutError) as problem:
                wait_seconds = AGAIN_SECONDS[min(failures, len(AGAIN_SECONDS) - 1)]
                log.warning("slack.socket_not_connected", error=type(problem).__name__)
            except Exception:  # whatever it is, without a connection nobody's reply is heard
                wait_seconds = AGAIN_SECONDS[-1]
                log.exception("slack.socket_crashed")
            failures += 1
            await clock.sleep(wait_seconds)

    async def _connect(self) -> None:
        """Open a connection, then close the one it replaces."""
        url = await self._client.open_socket(self._app_token)
        handler = _Handler(
            self._listeners, self._client, self._app_token, self._hello, self._signs.note_heard
        )
        handler.client.wss_uri = url
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await handler.connect_async()  # type: ignore[no-untyped-call]  # Bolt's gap
        except BaseException:
            await self._close(handler)
            raise
        replaced, self._handler = self._handler, handler
        meters.connected("slack_socket")
        log.info("slack.socket_connected")
        await self._close(replaced)

    def _hello(self) -> None:
        self._connected_at = machine_now()
        self._on_connected()

    async def _watch(self) -> None:
        """Return once another connection is needed; without one, after a moment."""
        dead_looks = 0
        while True:
            await clock.sleep(WATCH_SECONDS)
            if self._handler is None:
                return
            is_connected = await self._handler.client.is_connected()
            dead_looks = 0 if is_connected else dead_looks + 1
            if dead_looks >= DEAD_LOOKS:
                meters.disconnected("slack_socket")
                log.warning("slack.socket_dead")
                return
            if await self._is_silent():
                return

    async def _is_silent(self) -> bool:
        shared = await self._signs.share()
        signs = Signs(
            connected_at=self._connected_at,
            own_heard_at=self._signs.heard_at,
            heard_at=shared.get(HEARD),
            posted_at=shared.get(POSTED),
            silent_at=self._silent_at,
            silent_after=self._silent_after,
        )
        now = machine_now()
        found = verdict(signs, now)
        if found == "silent":
            await self._note_silence(now)
        elif self._signs.heard_at is not None and self._signs.heard_at > self._connected_at:
            self._silences = 0
        return found != "fine"

    async def _note_silence(self, now: datetime) -> None:
        self._silent_at = now
        self._silences += 1
        log.warning("slack.socket_silent", silences=self._silences)
        if self._silences >= TOLD_FROM_SILENCES:
            await self._tell("socket_silent", SILENT)

    async def _tell(self, key: str, sentence: str) -> None:
        now = self._clock.now()
        await self._database.write(
            tell_administrators, f"{key}:{now.date()}", "admin", {"sentence": sentence}, now
        )

    async def _close(self, handler: _Handler | None) -> None:
        if handler is None:
            return
        if self._handler is None:
            meters.disconnected("slack_socket")
        await handler.close_async()  # type: ignore[no-untyped-call]  # Bolt's gap
