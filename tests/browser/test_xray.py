"""X-ray tells what is true now: gates that open again, tries that broke and were found."""

import re

from playwright.sync_api import expect

from tests.browser.conftest import NewPhone
from tests.browser.window import Window

CLOSED_SECONDS = 3


def test_a_gate_is_closed_and_open_again(window: Window, new_phone: NewPhone) -> None:
    """After a 429 it says until when, and when; when that has passed it says so no more."""
    number = new_phone("Ora")
    window.sandbox.thread_with(number, "Are you there?")
    window.sandbox.settle()
    window.open(phone=number, xray="on")
    gates = window.page.get_by_role("region", name="Lanes and gates")
    expect(gates.locator(".gate").filter(has_text="post #front-desk")).to_be_visible()
    window.sandbox.post(
        "/slack/faults",
        kind="status",
        path=r"/api/chat\.postMessage",
        status=429,
        body={"ok": False, "error": "ratelimited"},
        headers={"Retry-After": str(CLOSED_SECONDS)},
    )
    window.text("Ora", "Still there?")
    closed = gates.get_by_text(re.compile("^closed until"))
    expect(closed).to_be_visible()
    trace = window.page.locator("article.trace").filter(has_text="Still there?")
    expect(trace).to_contain_text(re.compile(r"next try \d"))
    expect(closed).to_have_count(0)
    window.sandbox.forward(60)
    expect(window.message("Still there?")).to_be_visible()


def test_what_was_found_by_looking_is_told_so(window: Window, new_phone: NewPhone) -> None:
    """A text whose answer was lost: its try broke, and was found; not simply accepted."""
    number = new_phone("Lou")
    window.sandbox.thread_with(number, "Did it arrive?")
    window.sandbox.turn("ringcentral", "drop_after")
    window.open(phone=number, xray="on")
    window.open_thread("Did it arrive?")
    window.reply("It did")
    window.over_the_hold()
    trace = window.page.locator("article.trace").filter(has_text="It did")
    tries = trace.locator(".attempt").filter(has_text="found by looking")
    expect(tries).to_contain_text("connection broke → found by looking")
    expect(window.bubble("Lou", "It did")).to_be_visible()
    assert window.bubble("Lou", "It did").count() == 1


def test_an_hour_is_skipped(window: Window) -> None:
    """The bar, the phones and X-ray go on with the clock; machine time is named where it counts."""
    window.open(xray="on")
    clock = window.page.get_by_role("group", name="Clock")
    window.press("Pause the clock", clock)
    expect(clock).to_contain_text("Paused")
    before = clock.get_by_role("timer").inner_text()
    window.press("Forward 1 hour", clock)
    expect(clock.get_by_role("timer")).not_to_have_text(before)
    minutes = re.search(r"(:\d\d):\d\d", before)
    assert minutes is not None
    expect(clock.get_by_role("timer")).to_contain_text(minutes[0])
    expect(window.page.get_by_text("the machine’s own clock, which never moves")).to_be_visible()
