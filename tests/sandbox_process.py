"""The sandbox as a program of its own, as a visitor starts it, asked over the page's HTTP."""

import base64
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx

from bridge.sandbox.ringcentral import NUMBER

START_SECONDS = 60.0
STOP_SECONDS = 30.0
WAIT_SECONDS = 20.0
HOLD_SECONDS = 5.0
CHANNEL = "front-desk"
ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")
T = TypeVar("T")
Json = dict[str, Any]


@dataclass
class SandboxProcess:
    """`python -m bridge sandbox` in `folder`; `http` asks its page's server."""

    folder: Path
    options: tuple[str, ...] = ()
    url: str = field(default="", init=False)
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    _http: httpx.Client | None = field(default=None, init=False)

    # Life

    def start(self) -> None:
        """Start it and wait until the bridge runs and the conversation has been played."""
        self.launch()
        self._until_said("Bea ", "press Ctrl-C")
        self.url = ADDRESS.findall(self.said)[0]
        self._http = httpx.Client(base_url=self.url, timeout=WAIT_SECONDS)
        if "press Ctrl-C" not in self.said:
            self.eventually(lambda: self.xray_of("until 6 pm"), "the played reply on file")
            self.forward(HOLD_SECONDS)
            self._until_said("press Ctrl-C")

    def _until_said(self, *words: str) -> None:
        until = time.monotonic() + START_SECONDS
        while not any(each in self.said for each in words):
            assert self.process.poll() is None, self.said
            assert time.monotonic() < until, self.said
            time.sleep(0.05)

    def launch(self) -> None:
        """Start it, whatever comes of it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "bridge", "sandbox", "--data", str(self.folder)]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                [*command, *self.options],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment,
                start_new_session=True,
            )

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        """Press Ctrl-C; its exit code."""
        if self._http is not None:
            self._http.close()
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        """Its exit code, when it has ended by itself."""
        try:
            return self.process.wait(STOP_SECONDS)
        finally:
            self.process.kill()

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "started before"
        return self._process

    @property
    def http(self) -> httpx.Client:
        assert self._http is not None, "started before"
        return self._http

    @property
    def _output(self) -> Path:
        return self.folder / "said.txt"

    @property
    def said(self) -> str:
        """What it has written to the terminal."""
        return self._output.read_text()

    # Asking and acting

    def get(self, path: str, /) -> Any:
        """What a GET answers."""
        return self.http.get(path).raise_for_status().json()

    def post(self, path: str, /, **body: Any) -> Any:
        """What a POST of these arguments answers."""
        return self.http.post(path, json=body).raise_for_status().json()

    def eventually(self, look: Callable[[], T], what: str) -> T:
        """The first truthy value `look` gives; fails with `what` where none came in time."""
        until = time.monotonic() + WAIT_SECONDS
        while not (seen := look()):
            assert time.monotonic() < until, f"never came: {what}"
            time.sleep(0.05)
        return seen

    def forward(self, seconds: float) -> None:
        """Move product time on."""
        self.post("/clock", act="forward", seconds=seconds)

    def settle(self) -> None:
        """Wait until the bridge owes nothing to anybody."""
        self.eventually(lambda: (self.get("/xray") or {}).get("lanes") == [], "empty lanes")

    def turn(self, provider: str, name: str, *, on: bool = True, number: str = "") -> None:
        """Switch a fault on or off."""
        self.post(f"/faults/{provider}/{name}", on=on, number=number)

    def fault(self, provider: str, name: str) -> Json:
        """How a fault's switch stands."""
        shown: list[Json] = self.get("/faults")
        return next(each for each in shown if (each["provider"], each["name"]) == (provider, name))

    def reset(self) -> None:
        """Whole and running again, whatever a test has left behind."""
        for provider in ("slack", "ringcentral"):
            self.http.delete(f"/{provider}/faults").raise_for_status()
        self.turn("ringcentral", "opted_out", on=False)
        self.post("/bridge/start")
        self.post("/clock", act="run")

    # Phones

    def text(self, number: str, text: str, *, picture: bytes = b"") -> None:
        """A phone texts the company."""
        files = [{"name": "cat.png", "type": "image/png", "base64": _base64(picture)}]
        self.post(
            f"/ringcentral/phones/{number}/texts",
            text=text,
            to=NUMBER,
            attachments=files if picture else [],
        )

    def phone(self, number: str) -> Json:
        """What a phone shows."""
        phones: list[Json] = self.get("/ringcentral/screen")["phones"]
        return next(each for each in phones if each["number"] == number)

    def texts(self, number: str, direction: str = "in") -> list[Json]:
        """What reached a phone, in its order; `lost` for what did not."""
        return [
            text
            for conversation in self.phone(number)["conversations"]
            for text in conversation["texts"]
            if text["direction"] == direction
        ]

    def expect_sms(self, number: str, containing: str) -> Json:
        """The text that reaches the phone."""
        return (
            self.eventually(
                lambda: next((e for e in self.texts(number) if containing in e["text"]), None),
                f"a text with {containing!r}",
            )
            or {}
        )

    # Slack

    def messages(self, user: str = "Bea", channel: str = CHANNEL) -> list[Json]:
        """What a person sees in a channel, replies included."""
        channels: list[Json] = self.get(f"/slack/screen?user={user}")["channels"]
        found: list[Json] = next(each for each in channels if each["name"] == channel)["messages"]
        return found

    def expect_post(self, containing: str) -> Json:
        """The message that appears in the channel or one of its threads."""
        return (
            self.eventually(
                lambda: next((e for e in self.messages() if containing in e["shown"]), None),
                f"a post with {containing!r}",
            )
            or {}
        )

    def say(self, text: str, thread_ts: str, user: str = "Bea") -> Json:
        """Somebody replies in a thread."""
        reply: Json = self.post(
            "/slack/say", user=user, channel=CHANNEL, text=text, thread_ts=thread_ts
        )
        return reply

    def thread_with(self, number: str, text: str) -> str:
        """A phone texts; the thread's `ts`."""
        self.text(number, text)
        post = self.expect_post(text)
        thread_ts: str = post.get("thread_ts") or post["ts"]
        return thread_ts

    def xray_of(self, body: str) -> Json:
        """What the X-ray tells of the newest message with this body; empty where nothing."""
        seen = self.get("/xray") or {"messages": []}
        return next((each for each in seen["messages"] if body in each["body"]), {})


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
