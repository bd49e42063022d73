"""A browser window on the sandbox's page, in a visitor's words."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Locator, Page, ViewportSize, expect, sync_playwright

from tests.sandbox_process import HOLD_SECONDS, SandboxProcess

CHROMIUM = Path(os.environ.get("BRIDGE_TEST_CHROMIUM", "/usr/bin/chromium"))
MISSING = (
    f"The browser tests need Chromium at {CHROMIUM}: install your system's package "
    "(Debian, Ubuntu: apt-get install chromium), or name another with BRIDGE_TEST_CHROMIUM."
)
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WIDE: ViewportSize = {"width": 1280, "height": 800}
WAIT_MS = 15_000
expect.set_options(timeout=WAIT_MS)


@contextmanager
def chromium() -> Iterator[Browser]:
    """The system's browser; raises FileNotFoundError with the remedy where there is none."""
    if not CHROMIUM.exists():
        raise FileNotFoundError(MISSING)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@dataclass
class Window:
    """What one visitor sees and does; `page` is for what has no words here."""

    sandbox: SandboxProcess
    page: Page

    def open(self, **where: str) -> None:
        """Go to the page, at a place of its address: `at`, `thread`, `phone`, `xray`, ..."""
        place = "&".join(f"{key}={value.replace('+', '%2B')}" for key, value in where.items())
        self.page.goto(f"{self.sandbox.url}/#{place}")
        if self.page.get_by_role("status", name="").count() == 0:
            self.page.wait_for_load_state()
        expect(self.page.locator("#messages")).to_be_visible()

    def reload(self) -> None:
        """Load the page again."""
        self.page.reload()
        expect(self.page.locator("#messages article").first).to_be_visible()

    def press(self, name: str, within: Locator | None = None) -> None:
        """Press the button called so."""
        (within or self.page).get_by_role("button", name=name, exact=True).click()

    # Slack

    @property
    def channel(self) -> Locator:
        """The messages of the channel that is shown."""
        return self.page.locator("#messages")

    @property
    def thread(self) -> Locator:
        """The thread pane."""
        return self.page.locator("#thread")

    def message(self, text: str, within: Locator | None = None) -> Locator:
        """The message with these words."""
        return (within or self.channel).locator("article.message").filter(has_text=text)

    @property
    def suggestions(self) -> Locator:
        """What may be meant by what is being typed."""
        return self.page.locator(".completions").get_by_role("option")

    def act_as(self, name: str) -> None:
        """Be somebody else of the workspace."""
        self.page.get_by_role("button", name=re.compile("^Acting as")).click()
        self.page.get_by_role("menuitemradio", name=f"Act as {name}").click()
        expect(self.page.get_by_role("button", name=f"Acting as {name}")).to_be_visible()

    def open_thread(self, text: str) -> None:
        """Open the thread whose first message says this."""
        card = self.message(text)
        card.get_by_role("button", name=re.compile("^Open thread")).click()
        expect(self.thread).to_be_visible()

    def reply(self, text: str) -> Locator:
        """Write in the open thread, and press Enter."""
        box = self.page.get_by_role("textbox", name="Reply in thread")
        box.fill(text)
        box.press("Enter")
        shown = self.message(text, self.thread).last
        expect(shown).to_be_visible()
        self.sandbox.eventually(lambda: self.sandbox.xray_of(text), f"{text!r} on file")
        return shown

    def over_the_hold(self) -> None:
        """Let the hold pass."""
        self.sandbox.forward(HOLD_SECONDS)

    # Phones

    def phone(self, name: str) -> Locator:
        """The phone of this person, once its tab is chosen."""
        tab = self.page.locator("#phone-tabs").get_by_role("tab", name=re.compile(f"^{name}’s"))
        if tab.get_attribute("aria-selected") != "true":
            tab.click()
        return self.page.get_by_role("article", name=f"{name}’s phone")

    def text(self, name: str, words: str) -> None:
        """Text the team from a phone."""
        box = self.phone(name).get_by_role("textbox")
        box.fill(words)
        box.press("Enter")

    def bubble(self, name: str, words: str) -> Locator:
        """The bubble with these words on a phone."""
        return self.phone(name).locator(".bubble-row").filter(has_text=words)
