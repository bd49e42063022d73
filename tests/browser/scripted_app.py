"""An app with every kind of Block Kit, in the bridge's place: it answers Slack from a script."""

from __future__ import annotations

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Self
from urllib.parse import parse_qs

import httpx

from bridge.sandbox.bridge_process import LOOPBACK
from bridge.sandbox.slack import BOT_TOKEN
from tests.sandbox_process import SandboxProcess

Json = dict[str, Any]
Answer = Callable[[Json], Json | None]


def accept(_told: Json) -> None:
    """Answer 200 and nothing else."""


class ScriptedApp:
    """Listens where the sandbox's Slack looks for the bridge, which must not run meanwhile.

    `told` is what Slack has told of, oldest first: events and interactions alike. `answer` is what
    it is answered; it may ask Slack for something first.
    """

    def __init__(self, sandbox: SandboxProcess) -> None:
        ports = json.loads((sandbox.folder / "sandbox" / "state.json").read_text())["ports"]
        self.told: list[Json] = []
        self.answer: Answer = accept
        headers = {"Authorization": f"Bearer {BOT_TOKEN}"}
        api = f"http://{LOOPBACK}:{ports['slack']}/api/"
        self._slack = httpx.Client(base_url=api, headers=headers)
        self._server = ThreadingHTTPServer((LOOPBACK, ports["bridge"]), self._handler())
        self._thread = Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self._slack.close()

    def ask(self, method: str, **arguments: Any) -> Json:
        """Call a method of Slack's Web API, which must agree."""
        answer: Json = self._slack.post(method, json=arguments).raise_for_status().json()
        assert answer["ok"], (method, answer)
        return answer

    def of_type(self, kind: str) -> list[Json]:
        """What Slack has told of this type."""
        return [each for each in self.told if each["type"] == kind]

    def _hear(self, told: Json) -> Json | None:
        told = told.get("event", told)
        answer = self.answer(told)
        self.told.append(told)
        return answer

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        hear = self._hear

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                is_json = "json" in self.headers["Content-Type"]
                answer = hear(json.loads(body if is_json else parse_qs(body)["payload"][0]))
                written = json.dumps(answer).encode() if answer else b""
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(written)))
                self.end_headers()
                self.wfile.write(written)

            def log_message(self, *_: Any) -> None:
                """Nothing: pytest shows what was said."""

        return Handler
