"""What goes wrong on purpose, and how the page tells of it."""

import re

from playwright.sync_api import expect

from tests.browser.conftest import NewPhone
from tests.browser.window import Window

BLOCKED = {
    "errorCode": "MSG-243",
    "message": "Phone number is blocked",
    "errors": [{"errorCode": "MSG-243", "message": "Phone number is blocked"}],
}


def test_a_text_that_failed_is_retried(window: Window, new_phone: NewPhone) -> None:
    """The thread says what happened, mentioning the author; Retry sends it."""
    number = new_phone("Ria")
    window.sandbox.thread_with(number, "Is it mended?")
    window.sandbox.post(
        "/ringcentral/faults", kind="status", method="POST", path="/sms$", status=400, body=BLOCKED
    )
    window.open(phone=number)
    window.open_thread("Is it mended?")
    window.reply("It is")
    window.over_the_hold()
    told = window.message("was not sent", window.thread)
    expect(told).to_contain_text("MSG-243")
    expect(told.get_by_role("note")).to_contain_text("notifies Bea")
    assert window.bubble("Ria", "It is").count() == 0
    told.get_by_role("button", name=re.compile("^(Retry|Try|Send) *")).first.click()
    expect(window.bubble("Ria", "It is")).to_be_visible()


def test_a_bridge_killed_in_mid_send_sends_once(window: Window, new_phone: NewPhone) -> None:
    """Killed while RingCentral takes its time, and started again: the phone has one text."""
    number = new_phone("Kim")
    window.sandbox.thread_with(number, "Are you there?")
    window.sandbox.turn("ringcentral", "slow")
    window.open(phone=number, xray="on")
    window.open_thread("Are you there?")
    window.reply("We are")
    window.over_the_hold()
    trace = window.page.locator("article.trace").filter(has_text="We are")
    expect(trace.locator(".attempt").filter(has_text="under way")).to_be_visible()
    window.press("Kill the bridge")
    state = window.page.get_by_role("group", name="Bridge").get_by_role("status")
    expect(state).to_have_text("Bridge stopped")
    window.sandbox.turn("ringcentral", "slow", on=False)
    window.press("Start the bridge")
    expect(state).to_have_text("Bridge running")
    expect(window.bubble("Kim", "We are")).to_be_visible()
    window.sandbox.eventually(
        lambda: window.sandbox.xray_of("We are").get("status") == "accepted", "settled"
    )
    expect(trace.locator(".pill").first).to_have_text(re.compile("^accepted"))
    assert window.bubble("Kim", "We are").count() == 1


def test_a_jump_of_the_clock_ends_a_hold(window: Window, new_phone: NewPhone) -> None:
    """While the clock stands still a held text waits; five minutes on it leaves."""
    number = new_phone("Joe")
    window.sandbox.thread_with(number, "When?")
    window.open(phone=number)
    window.open_thread("When?")
    clock = window.page.get_by_role("group", name="Clock")
    window.press("Pause the clock", clock)
    expect(clock).to_contain_text("Paused")
    window.reply("Now")
    time_shown = clock.get_by_role("timer").inner_text()
    window.page.wait_for_timeout(6_000)
    assert window.bubble("Joe", "Now").count() == 0
    assert clock.get_by_role("timer").inner_text() == time_shown
    window.press("Forward 5 minutes", clock)
    expect(window.bubble("Joe", "Now")).to_be_visible()
    window.press("Forward to tomorrow 9:00", clock)
    expect(clock.get_by_role("timer")).to_contain_text("9:00:00 AM")
    window.press("Run the clock", clock)
    expect(clock).to_contain_text("ahead")


def test_faults_are_switched_on_the_page(window: Window) -> None:
    """The menu shows which are on, also those switched on elsewhere."""
    window.open()
    window.page.get_by_role("button", name=re.compile("^Faults")).click()
    switch = window.page.get_by_role("switch", name="RingCentral: Rate limit")
    expect(switch).to_have_attribute("aria-checked", "false")
    switch.click()
    expect(switch).to_have_attribute("aria-checked", "true")
    assert window.sandbox.fault("ringcentral", "rate_limit")["is_on"]
    window.sandbox.turn("slack", "slow")
    slow = window.page.get_by_role("switch", name="Slack: Slow")
    expect(slow).to_have_attribute("aria-checked", "true")
    window.press("Switch off all faults of Slack")
    expect(slow).to_have_attribute("aria-checked", "false")
