"""The page behaves as people know Slack and phones."""

import re

from playwright.sync_api import expect

from tests.browser.conftest import NewPhone
from tests.browser.window import Window


def test_keys_do_what_they_do_in_slack(window: Window) -> None:
    """Shift+Enter breaks the line, Enter sends, arrow up edits the last, Escape leaves."""
    window.open(at="general")
    box = window.page.get_by_role("textbox", name="Message #general")
    box.press_sequentially("First line")
    box.press("Shift+Enter")
    box.press_sequentially("second lime")
    box.press("Enter")
    message = window.message("First line").last
    expect(message).to_contain_text("second lime")
    expect(box).to_have_value("")
    box.press("ArrowUp")
    editor = window.page.get_by_role("textbox", name="Edit message")
    expect(editor).to_have_value("First line\nsecond lime")
    editor.fill("First line, mended")
    editor.press("Enter")
    expect(window.message("First line, mended")).to_contain_text("(edited)")
    box.press("ArrowUp")
    editor.press("Escape")
    expect(editor).to_have_count(0)


def test_a_mention_that_notifies_is_visible(window: Window) -> None:
    """Naming a colleague marks the message for whoever looks, and for the one who is named."""
    window.open(at="general")
    box = window.page.get_by_role("textbox", name="Message #general")
    box.fill("@carl see this")
    box.press("Enter")
    message = window.message("see this").last
    expect(message.get_by_role("note")).to_contain_text("notifies Carl")
    window.open(at="general")
    window.page.get_by_role("button", name=re.compile("^Acting as Bea")).click()
    window.page.get_by_role("menuitemradio", name="Act as Carl").click()
    expect(window.message("see this").last).to_have_class(re.compile("pings-me"))


def test_a_guest_cannot_text_customers(window: Window, new_phone: NewPhone) -> None:
    """Acting as a guest in the channel, a reply is refused in words, and the phone stays silent."""
    number = new_phone("Lea")
    ts = window.sandbox.thread_with(number, "Anybody?")
    window.sandbox.post("/slack/join", user="Gus", channel="front-desk")
    window.open(**{"as": "Gus"}, phone=number, thread=ts)
    box = window.page.get_by_role("textbox", name="Reply in thread")
    box.fill("A guest's words")
    box.press("Enter")
    expect(window.thread).to_contain_text(re.compile("guest", re.IGNORECASE))
    window.over_the_hold()
    assert window.bubble("Lea", "A guest's words").count() == 0


def test_a_phone_is_added_and_opts_out(window: Window) -> None:
    """Somebody new texts, then STOP: the carrier answers, and a reply is told to be unwanted."""
    window.open()
    window.press("Add a phone")
    dialog = window.page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("Zoe")
    window.press("Add phone", dialog)
    window.text("Zoe", "Please call me")
    window.open_thread("Please call me")
    window.text("Zoe", "STOP")
    expect(window.phone("Zoe")).to_contain_text("Automatic answer of the carrier")
    window.reply("Just one question")
    window.over_the_hold()
    expect(window.message("has opted out", window.thread)).to_be_visible()


def test_light_dark_and_narrow(window: Window) -> None:
    """The colours follow the switch, and on a narrow window one part is seen at a time."""
    page = window.page
    page.emulate_media(color_scheme="light")
    window.open()
    colour = "getComputedStyle(document.documentElement).backgroundColor"
    light = page.evaluate(colour)
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(colour) != light
    page.get_by_role("button", name=re.compile("^Colours: auto")).click()
    page.get_by_role("button", name=re.compile("^Colours: light")).wait_for()
    assert page.evaluate(colour) == light
    page.set_viewport_size({"width": 420, "height": 800})
    expect(page.locator("#phones")).to_be_hidden()
    page.get_by_role("tab", name="Phones", exact=True).click()
    expect(page.locator("#phones")).to_be_visible()
    expect(page.locator("#slack")).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth") <= 420
