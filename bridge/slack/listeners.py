"""Bolt's listeners, the same for HTTP and Socket Mode, and the endpoint they answer through.

Bolt is told to run a listener before it answers: its default acknowledges first, and a crash in
between would lose the event.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Mapping
from typing import Any

import structlog
from slack_bolt import BoltResponse
from slack_bolt.adapter.starlette.async_handler import to_starlette_response
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.async_app import AsyncAck, AsyncBoltRequest
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.error import BoltUnhandledRequestError
from starlette.datastructures import Headers
from starlette.responses import Response

from bridge.slack import parse
from bridge.slack.actions import DECISIONS, Actions
from bridge.slack.client import SlackClient
from bridge.slack.commands import Commands
from bridge.slack.inbound import Inbound
from bridge.slack.installation import AppRemoved, Installation
from bridge.slack.parse import Body, NotUnderstood
from bridge.slack.render import Rendered

log = structlog.get_logger(__name__)

# Bolt and slack_sdk print bodies in their debug lines, and suggestions with bodies as warnings.
_quiet = logging.getLogger("bridge.slack.bolt")
_quiet.setLevel(logging.ERROR)


class Listeners:
    """The Bolt app with everything it listens to; `names` is what it listens for, by kind."""

    def __init__(
        self,
        client: SlackClient,
        installation: Installation,
        inbound: Inbound,
        commands: Commands,
        actions: Actions,
        *,
        command: str,
    ) -> None:
        self._installation, self._inbound = installation, inbound
        self.commands, self._actions = commands, actions
        self.names: Mapping[str, frozenset[str]] = {
            "events": frozenset(parse.WANTED_EVENTS),
            "commands": frozenset({command}),
            "actions": frozenset(DECISIONS),
        }
        self.app = self._build(client)

    def _build(self, client: SlackClient) -> AsyncApp:
        # Bolt passes arguments by name, and to these two by the names of a method's `self` too.
        async def authorize(team_id: str | None) -> AuthorizeResult | None:
            return await self._installation.authorize(team_id)

        async def on_error(error: Exception, body: Body) -> BoltResponse:
            return await self._on_error(error, body)

        app = AsyncApp(
            name="sms-bridge",
            logger=_quiet,
            client=client.web_client(""),
            process_before_response=True,
            authorize=authorize,  # type: ignore[arg-type]  # Bolt takes None for a stranger
            request_verification_enabled=False,  # the guard did it, and logs no body
            ssl_check_enabled=False,  # obsolete, and it runs before any verification
            attaching_function_token_enabled=False,
            raise_error_for_unhandled_request=True,  # what no listener wants comes to _on_error
        )
        for name in parse.WANTED_EVENTS:  # in this order: Bolt tries one after the other
            app.event(name)(self._on_event)
        for name in self.names["commands"]:
            app.command(name)(self._on_command)
        for name in self.names["actions"]:
            app.action(name)(self._on_action)
        app.error(on_error)
        return app

    async def _on_event(self, body: Body) -> None:
        await self._inbound.receive_event(body)

    async def _on_command(self, ack: AsyncAck, body: Body) -> None:
        answer = await self.commands.receive_command(body)
        await (ack(**_ephemeral(answer)) if answer else ack())

    async def _on_action(self, ack: AsyncAck, body: Body, action: Body) -> None:
        await self._actions.receive_click(body, action)
        await ack()

    async def _on_error(self, error: Exception, body: Body) -> BoltResponse:
        """Unwanted: 200. Not understood: kept, 200. Anything else: 503, so that Slack asks again;
        also while the app is removed, as the one that is installed next is told the same.

        Never the error's own words: a database error carries the statement's values.
        """
        if isinstance(error, BoltUnhandledRequestError):
            return BoltResponse(status=200, body="")
        if isinstance(error, NotUnderstood):
            await self._inbound.keep(str(body), str(error))
            return BoltResponse(status=200, body="")
        if isinstance(error, AppRemoved):
            if parse.is_revocation(body):  # of the two that tell of it the second
                return BoltResponse(status=200, body="")
            log.warning("slack.request_put_off", reason="the app was removed")
            return BoltResponse(status=503, body="")
        log.error("slack.listener_failed", error=type(error).__name__, where=_place_of(error))
        return BoltResponse(status=503, body="")

    async def answer(self, text: str, headers: Headers) -> Response:
        """Answer one verified request."""
        if await self.kept_as_unreadable(text):
            return Response(status_code=200)
        request = AsyncBoltRequest(body=text, headers=dict(headers))
        return to_starlette_response(await self.app.async_dispatch(request))

    async def kept_as_unreadable(self, body: str | Body) -> bool:
        """Keep a body whose outer shape Bolt itself would stumble over; True where it was kept."""
        try:
            parse.check_shape(parse.parse_body(body) if isinstance(body, str) else body)
        except NotUnderstood as fault:
            await self._inbound.keep(str(body), str(fault))
            return True
        return False


def _place_of(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    ours = [each for each in frames if "site-packages" not in each.filename] or frames
    return f"{ours[-1].name}:{ours[-1].lineno}"


def _ephemeral(answer: Rendered) -> dict[str, Any]:
    return {"response_type": "ephemeral", "text": answer.text, "blocks": answer.blocks}
