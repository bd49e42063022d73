"""A window for every browser test; whatever a script complains of, or asks outside, fails it."""

from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage

from bridge.sandbox.bridge_process import LOOPBACK
from tests.browser.window import CHROMIUM, MISSING, WAIT_MS, WIDE, Window, chromium
from tests.sandbox_process import SandboxProcess

NewPhone = Callable[[str], str]


# Not for the session: while Playwright runs, no other event loop can run in this process.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """The system's Chromium; its absence fails the tests."""
    if not CHROMIUM.exists():
        pytest.fail(MISSING, pytrace=False)
    with chromium() as launched:
        yield launched


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser without a past."""
    made = browser.new_context(
        viewport=WIDE,
        locale="en-US",
        timezone_id="America/Los_Angeles",
        reduced_motion="reduce",  # what has just appeared is there at once
    )
    made.set_default_timeout(WAIT_MS)
    yield made
    made.close()


@pytest.fixture
def window(sandbox: SandboxProcess, context: BrowserContext) -> Iterator[Window]:
    """A window on the page, not gone anywhere yet."""
    page = context.new_page()
    problems: list[str] = []

    def complain(message: ConsoleMessage) -> None:
        # a refused act is an answer of the page's server, told on the page
        if message.type == "error" and "Failed to load resource" not in message.text:
            problems.append(message.text)

    page.on("console", complain)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on(
        "request",
        lambda request: (
            None
            if urlsplit(request.url).hostname in (LOOPBACK, None)
            else problems.append(f"asked {request.url}")
        ),
    )
    page.on("dialog", lambda dialog: problems.append(f"asked {dialog.message}"))
    yield Window(sandbox, page)
    assert not problems


@pytest.fixture
def new_phone(sandbox: SandboxProcess) -> NewPhone:
    """Adds a phone of somebody with this name; its number."""

    def add(name: str) -> str:
        taken = [each["number"] for each in sandbox.get("/ringcentral/screen")["phones"]]
        number = next(
            made for last in range(140, 199) if (made := f"+1415555{last:04}") not in taken
        )
        sandbox.post(f"/ringcentral/phones/{number}", name=name)
        return number

    return add
