"""`make pictures`: the sandbox's page as a visitor sees it, under docs/pictures."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from playwright.sync_api import Browser, ViewportSize, expect

from bridge.sandbox.conversation import DAN
from tests.browser.window import WAIT_MS, WIDE, Window, chromium
from tests.sandbox_process import SandboxProcess

FOLDER = Path(__file__).parents[2] / "docs" / "pictures"
NARROW: ViewportSize = {"width": 600, "height": 800}
TALL: ViewportSize = {"width": 1280, "height": 860}
MOST_BYTES = 300_000
EMOJI = ":charset=1f44d:color=true"
NO_EMOJI = (
    "No font here draws emoji in colour: the pictures would show boxes. Install one "
    "(Debian, Ubuntu: apt-get install fonts-noto-color-emoji), then make the pictures again."
)
BLOCKED = {
    "errorCode": "MSG-243",
    "message": "Phone number is blocked",
    "errors": [{"errorCode": "MSG-243", "message": "Phone number is blocked"}],
}
SENDS = r"/sms$"


def main() -> int:
    """Make them all, in a new sandbox; the exit code."""
    if not _draws_emoji():
        print(NO_EMOJI, file=sys.stderr)
        return 1
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        sandbox = SandboxProcess(Path(folder))
        sandbox.start()
        try:
            _make(sandbox, browser)
        finally:
            sandbox.stop()
    return 0


def _draws_emoji() -> bool:
    if shutil.which("fc-list") is None:
        return False
    found = subprocess.run(["fc-list", EMOJI], capture_output=True, check=True)
    return bool(found.stdout.strip())


def _make(sandbox: SandboxProcess, browser: Browser) -> None:
    with _window(sandbox, browser) as window:
        window.open()
        _first_minute(window)
        _failure(window)
    with _window(sandbox, browser, size=TALL) as window:
        _closed_gate(window)
    with _window(sandbox, browser, is_dark=True) as window:
        _dark(window)
    with _window(sandbox, browser, size=NARROW) as window:
        _narrow(window)


@contextmanager
def _window(
    sandbox: SandboxProcess, browser: Browser, *, size: ViewportSize = WIDE, is_dark: bool = False
) -> Iterator[Window]:
    context = browser.new_context(
        viewport=size,
        color_scheme="dark" if is_dark else "light",
        locale="en-US",
        timezone_id=_zone_of_ten_in_the_morning(),
        reduced_motion="reduce",
    )
    context.set_default_timeout(WAIT_MS)
    yield Window(sandbox, context.new_page())
    context.close()


def _zone_of_ten_in_the_morning() -> str:
    """Whenever the pictures are made, it is a working day's hour in them."""
    east = (10 - datetime.now(UTC).hour + 12) % 24 - 12
    return f"Etc/GMT{-east:+d}"


def _until_shown_on_the_card(window: Window, words: str) -> None:
    window.sandbox.forward(3)  # for which a card gathers its changes
    window.sandbox.settle()
    expect(window.channel).to_contain_text(words)


def _first_minute(window: Window) -> None:
    """Dan has texted and been answered; the third step is next."""
    window.text("Dan", "Do you have a table for two at eight?")
    window.open_thread("Do you have a table")
    window.reply("Yes! By the window, if you like 🙂")
    window.over_the_hold()
    expect(window.bubble("Dan", "By the window")).to_contain_text("Receipt sent")
    window.text("Dan", "Perfect, thank you!")
    expect(window.message("Perfect", window.thread)).to_be_visible()
    _until_shown_on_the_card(window, "· received")
    _save(window, "first-minute")


def _failure(window: Window) -> None:
    """What RingCentral refused is told in the thread, with what can be done about it."""
    window.press("Close the first steps")
    window.sandbox.post(
        "/ringcentral/faults", kind="status", method="POST", path=SENDS, status=400, body=BLOCKED
    )
    window.reply("See you at eight!")
    window.over_the_hold()
    told = window.message("was not sent", window.thread)
    expect(told.get_by_role("button", name="Try again to send this text")).to_be_visible()
    _until_shown_on_the_card(window, "· was not sent")
    _save(window, "failure")
    told.get_by_role("button", name="Try again to send this text").click()
    expect(window.bubble("Dan", "See you at eight!")).to_be_visible()


def _closed_gate(window: Window) -> None:
    """RingCentral limits us: the gate says until when, the text when it is tried next."""
    window.open(phone=DAN, xray="on")
    window.press("Close the first steps")
    window.open_thread("See you at eight!")
    window.sandbox.turn("ringcentral", "rate_limit")
    window.reply("Shall we keep it until half past?")
    window.over_the_hold()
    trace = window.page.locator("article.trace").filter(has_text="Shall we keep it")
    expect(trace).to_contain_text("next try")
    expect(window.page.locator(".gates")).to_contain_text("closed until")
    _save(window, "xray")
    window.sandbox.turn("ringcentral", "rate_limit", on=False)
    window.sandbox.expect_sms(DAN, "Shall we keep it")


def _dark(window: Window) -> None:
    window.open(phone=DAN)
    window.press("Close the first steps")
    window.open_thread("Shall we keep it")
    expect(window.bubble("Dan", "Shall we keep it")).to_contain_text("Receipt sent")
    _until_shown_on_the_card(window, "Shall we keep it")
    expect(window.channel).not_to_contain_text("being sent")
    _save(window, "dark")


def _narrow(window: Window) -> None:
    window.open(phone=DAN)
    window.open_thread("Shall we keep it")
    expect(window.message("Shall we keep it", window.thread).last).to_be_visible()
    window.sandbox.settle()
    _save(window, "narrow")


def _save(window: Window, name: str) -> None:
    window.page.mouse.move(0, 0)
    path = FOLDER / f"{name}.png"
    window.page.screenshot(path=path)
    size = path.stat().st_size
    assert size < MOST_BYTES, f"{path.name} has {size:,} bytes"
    print(f"docs/pictures/{path.name}  {size / 1000:.0f} KB")


if __name__ == "__main__":
    sys.exit(main())
