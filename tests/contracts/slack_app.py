"""A bare app that a simulated Slack can call: it checks signatures and records what it gets."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Self
from urllib.parse import parse_qs

from aiohttp import web
from slack_sdk.signature import SignatureVerifier

Answers = Callable[[dict[str, Any]], web.Response]


def accept(_body: dict[str, Any]) -> web.Response:
    return web.Response()


class RecordingApp:
    """Answers 200 unless `answer_event` or `answer_interaction` says otherwise."""

    def __init__(self, signing_secret: str) -> None:
        self._verifier = SignatureVerifier(signing_secret)
        self._runner: web.AppRunner | None = None
        self.url = ""
        self.events: list[dict[str, Any]] = []
        self.interactions: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.answer_event: Answers = accept
        self.answer_interaction: Answers = accept

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/slack/events", self._receive)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/slack/events"
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _receive(self, request: web.Request) -> web.Response:
        raw = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        if not self._verifier.is_valid_request(raw, headers):
            return web.Response(status=401)
        if request.content_type == "application/json":
            body: dict[str, Any] = json.loads(raw)
            if body["type"] == "url_verification":
                return web.json_response({"challenge": body["challenge"]})
            self.headers.append(headers)
            self.events.append(body)
            return self.answer_event(body)
        fields = {key: values[0] for key, values in parse_qs(raw.decode()).items()}
        interaction = json.loads(fields["payload"]) if "payload" in fields else fields
        self.interactions.append(interaction)
        return self.answer_interaction(interaction)
