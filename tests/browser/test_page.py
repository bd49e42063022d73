"""The page as a page: keys, narrow windows, reload, contrast, and a sandbox that went away."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import NewPhone
from tests.browser.window import Window

CONTRAST = Path(__file__).with_name("contrast.js").read_text()
NARROW = 600


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everything_can_be_read(window: Window, new_phone: NewPhone, scheme: str) -> None:
    """No text stands out less than 4.5 : 1: channel, thread, phone, X-ray, menus, dialogs."""
    number = new_phone("Con")
    thread = window.sandbox.thread_with(number, "Can you read me?")
    window.sandbox.turn("slack", "late")
    window.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    window.open(phone=number, thread=thread, xray="on")
    expect(window.thread).to_contain_text("Can you read me?")
    expect(window.page.locator("article.trace").first).to_be_visible()
    hard = window.page.evaluate(CONTRAST)
    window.page.get_by_role("button", name=re.compile("^Faults")).click()
    hard += window.page.evaluate(CONTRAST)
    window.page.keyboard.press("Escape")
    window.press("About #front-desk")
    hard += window.page.evaluate(CONTRAST)
    window.page.keyboard.press("Escape")
    window.press("Add a phone")
    hard += window.page.evaluate(CONTRAST)
    assert not hard


def test_contrast_is_really_measured(window: Window) -> None:
    """Grey on grey would be found."""
    window.open()
    title = window.page.get_by_role("button", name="About #front-desk").locator("span")
    title.evaluate("node => Object.assign(node.style, { color: '#999', background: '#888' })")
    hard = window.page.evaluate(CONTRAST)
    assert len(hard) == 1
    assert "front-desk" in hard[0]


def test_keys_lead_from_part_to_part(window: Window, new_phone: NewPhone) -> None:
    """F6 goes round the parts, Shift+F6 back; arrows go through messages, which are one stop."""
    number = new_phone("Kit")
    window.sandbox.thread_with(number, "By keys alone")
    window.open(phone=number)
    keyboard = window.page.keyboard
    box = window.page.get_by_role("textbox", name="Message #front-desk")
    box.click()
    keyboard.press("F6")
    expect(window.phone("Kit").get_by_role("textbox")).to_be_focused()
    keyboard.press("Shift+F6")
    expect(box).to_be_focused()
    stops = window.channel.locator("article.message[tabindex='0']")
    expect(stops).to_have_count(1)
    stops.focus()
    last = window.channel.locator("article.message").last
    expect(last).to_be_focused()
    keyboard.press("ArrowUp")
    above = window.channel.locator("article.message").nth(-2)
    expect(above).to_be_focused()
    expect(stops).to_have_count(1)
    keyboard.press("End")
    expect(last).to_be_focused()
    keyboard.press("Tab")
    assert window.page.evaluate("document.activeElement.closest('article.message') !== null")


def test_a_narrow_window_holds_everything(window: Window, new_phone: NewPhone) -> None:
    """At 600 px: a thread fills the page, channels come as a drawer, the bridge's state is a word,
    and the controls tell of faults that are on."""
    number = new_phone("Nan")
    window.sandbox.thread_with(number, "From a small screen")
    window.page.set_viewport_size({"width": NARROW, "height": 800})
    window.open(phone=number)
    window.open_thread("From a small screen")
    box = window.thread.bounding_box()
    assert box is not None
    assert (box["x"], box["width"]) == (0, NARROW)
    window.press("Close thread")
    drawer = window.page.get_by_role("navigation", name="Slack channels")
    expect(drawer).to_be_hidden()
    window.press("Channels")
    expect(drawer).to_be_visible()
    window.press("Channel general", drawer)
    expect(drawer).to_be_hidden()
    expect(window.page.get_by_role("textbox", name="Message #general")).to_be_visible()
    state = window.page.get_by_role("group", name="Bridge").get_by_role("status")
    expect(state).to_be_visible()
    assert state.inner_text() == "Running"
    window.sandbox.turn("slack", "late")
    window.press("Controls, 1 fault on")
    window.page.get_by_role("button", name=re.compile("^Faults")).click()
    popover = window.page.get_by_role("dialog", name="Faults")
    switch = popover.get_by_role("switch", name="Slack: Events late")
    expect(switch).to_have_attribute("aria-checked", "true")
    shown = popover.bounding_box()
    assert shown is not None
    assert shown["x"] >= 0
    assert shown["x"] + shown["width"] <= NARROW
    assert window.page.evaluate("document.documentElement.scrollWidth") <= NARROW


def test_the_control_bar_is_one_line(window: Window) -> None:
    """With all it may have to say, wherever phones stand beside Slack."""
    window.sandbox.forward(3600)
    window.sandbox.turn("slack", "late")
    window.open(xray="on")
    expect(window.page.get_by_role("button", name="Faults, 1 on")).to_be_visible()
    for width in (900, 1000, 1100, 1200, 1280):
        window.page.set_viewport_size({"width": width, "height": 800})
        bar = window.page.locator("#bar").bounding_box()
        assert bar is not None
        assert bar["height"] < 60, f"wraps at {width}"


def test_each_part_of_a_narrow_page_survives_a_reload(window: Window) -> None:
    """Slack, the phones and X-ray: the one that was seen is seen again."""
    window.page.set_viewport_size({"width": NARROW, "height": 800})
    window.open()
    for name, place in (("Phones", "#phones"), ("X-ray", "#xray"), ("Slack", "#slack")):
        tab = window.page.get_by_role("tab", name=name, exact=True)
        tab.click()
        expect(window.page.locator(place)).to_be_visible()
        window.page.reload()
        expect(window.page.locator(place)).to_be_visible()
        expect(tab).to_have_attribute("aria-selected", "true")


def test_the_page_comes_back_with_the_sandbox(window: Window, new_phone: NewPhone) -> None:
    """Stopped, the page says so; started again it goes on by itself, without a reload."""
    number = new_phone("Abe")
    window.open(phone=number)
    window.page.evaluate("window.isStillHere = true")
    banner = window.page.get_by_role("alert").filter(has_text="The sandbox has stopped")
    expect(banner).to_be_hidden()
    assert window.sandbox.stop() == 0
    expect(banner).to_be_visible()
    window.sandbox.start()
    expect(banner).to_be_hidden()
    window.text("Abe", "Are you back?")
    expect(window.message("Are you back?")).to_be_visible()
    assert window.page.evaluate("window.isStillHere")
