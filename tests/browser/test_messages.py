"""What people do to messages: react, dismiss, attach, edit, delete; and what completes them."""

import base64
import re
from pathlib import Path

from playwright.sync_api import Locator, expect

from tests.browser.conftest import NewPhone
from tests.browser.window import Window

PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAEElEQVR4nGM4YWODFTEMLQkAGAtPAXvDvJIAAAAA"
    "SUVORK5CYII="
)


def _box(window: Window) -> Locator:
    return window.page.get_by_role("textbox", name="Message #general")


def _say(window: Window, words: str) -> Locator:
    _box(window).fill(words)
    _box(window).press("Enter")
    message = window.message(words).last
    expect(message).to_be_visible()
    return message


def _in_toolbar(message: Locator, name: str) -> Locator:
    message.hover()
    return message.get_by_role("button", name=name, exact=True)


def test_a_reaction_is_added_and_taken_back(window: Window) -> None:
    """By the picker, searched by name; a click on it takes it back."""
    window.open(at="general")
    message = _say(window, "Cake in the kitchen")
    _in_toolbar(message, "Add a reaction").click()
    search = window.page.get_by_role("textbox", name="Search all emoji")
    expect(search).to_be_focused()
    search.fill("tada")
    window.page.locator(".popover").get_by_role("button", name="tada", exact=True).click()
    reaction = message.get_by_role("button", name="Bea reacted with tada")
    expect(reaction).to_have_attribute("aria-pressed", "true")
    reaction.click()
    expect(reaction).to_have_count(0)


def test_files_are_shown_as_pictures_and_tiles(window: Window, tmp_path: Path) -> None:
    """A picture is seen and a document is a tile beside it, no higher than its two lines."""
    picture, document = tmp_path / "cake.png", tmp_path / "menu.pdf"
    picture.write_bytes(PICTURE)
    document.write_bytes(b"%PDF-1.4 fictional")
    window.open(at="general")
    chosen = window.page.locator("#channel-foot input[type=file]")
    chosen.set_input_files([picture, document])
    expect(window.page.locator("#channel-foot .chip")).to_have_count(2)
    message = _say(window, "The cake and the menu")
    shown = message.locator(".files img")
    expect(shown).to_be_visible()
    assert shown.evaluate("image => image.decode().then(() => image.naturalWidth)") == 8
    shown.evaluate("image => { image.style.height = '200px'; }")
    tile = message.locator("a.file")
    expect(tile).to_contain_text("menu.pdf")
    expect(tile).to_have_attribute("download", "menu.pdf")
    box = tile.bounding_box()
    assert box is not None
    assert box["height"] < 80


def test_a_private_answer_is_dismissed(window: Window) -> None:
    """It is gone for good, also after a reload."""
    window.open()
    box = window.page.get_by_role("textbox", name="Message #front-desk")
    box.fill("/sms help")
    box.press("Enter")
    answer = window.message("lists our numbers").last
    expect(answer).to_contain_text("Only visible to you")
    count = window.message("lists our numbers").count()
    window.press("Dismiss", answer)
    expect(window.message("lists our numbers")).to_have_count(count - 1)
    window.reload()
    expect(window.message("lists our numbers")).to_have_count(count - 1)


def test_a_held_reply_is_edited_and_another_deleted(window: Window, new_phone: NewPhone) -> None:
    """Before they have left: the phone gets the first as it was mended, and never the second."""
    number = new_phone("Eda")
    window.sandbox.thread_with(number, "When do you close?")
    window.sandbox.post("/clock", act="pause")
    window.open(phone=number)
    window.open_thread("When do you close?")
    reply = window.reply("At 10 am")
    reply.hover()
    window.press("Edit message", reply)
    editor = window.page.get_by_role("textbox", name="Edit message")
    editor.fill("At 10 pm")
    window.press("Save", window.thread)
    expect(window.message("At 10 pm", window.thread)).to_contain_text("(edited)")
    window.sandbox.eventually(lambda: window.sandbox.xray_of("At 10 pm"), "the edit on file")
    second = window.reply("Or was it nine?")
    _in_toolbar(second, "More actions").click()
    window.page.get_by_role("menuitem", name="Delete message").click()
    window.press("Delete", window.page.get_by_role("dialog", name="Delete message"))
    expect(second).to_have_count(0)
    window.sandbox.eventually(
        lambda: window.sandbox.xray_of("Or was it")["status"] == "cancelled", "it cancelled"
    )
    window.over_the_hold()
    expect(window.bubble("Eda", "At 10 pm")).to_be_visible()
    assert window.bubble("Eda", "At 10 am").count() == 0
    assert window.bubble("Eda", "Or was it").count() == 0


def test_names_and_emoji_are_completed_by_keys(window: Window) -> None:
    """Arrows choose, Tab and Enter take; a bare @ offers groups and everybody besides people."""
    window.open(at="general")
    box = _box(window)
    options = window.suggestions
    box.press_sequentially("@")
    for each in ("@desk", "@here", "@channel"):
        expect(options.filter(has_text=each)).to_have_count(1)
    expect(options.first).to_have_attribute("aria-selected", "true")
    box.press("ArrowDown")
    expect(options.nth(1)).to_have_attribute("aria-selected", "true")
    box.press_sequentially("car")
    expect(options).to_have_count(1)
    box.press("Tab")
    expect(box).to_have_value("@carl ")
    box.press_sequentially("well done :tad")
    expect(options.filter(has_text=":tada:")).to_be_visible()
    box.press("Enter")
    expect(box).to_have_value("@carl well done :tada: ")
    box.press("Enter")
    message = window.message("well done").last
    expect(message).to_contain_text("🎉")
    expect(message.get_by_role("note")).to_contain_text("notifies Carl")


def test_escape_leaves_what_is_typed_alone(window: Window, new_phone: NewPhone) -> None:
    """It closes suggestions and the picker, which covers neither sidebar nor composer; the words,
    the focus and the thread stay. In an empty box it closes the thread."""
    number = new_phone("Esa")
    window.sandbox.thread_with(number, "Hello?")
    window.open(phone=number)
    window.open_thread("Hello?")
    box = window.page.get_by_role("textbox", name="Reply in thread")
    box.press_sequentially("Half a sentence @ca")
    expect(window.suggestions.first).to_be_visible()
    box.press("Escape")
    expect(window.suggestions).to_have_count(0)
    box.press("Escape")
    expect(box).to_be_focused()
    expect(box).to_have_value("Half a sentence @ca")
    window.press("Emoji", window.thread)
    picker = window.page.locator(".popover").bounding_box()
    composer = window.thread.locator(".composer").bounding_box()
    assert picker is not None
    assert composer is not None
    assert picker["y"] + picker["height"] <= composer["y"]
    assert picker["x"] >= composer["x"]
    window.page.keyboard.press("Escape")
    expect(window.page.locator(".popover")).to_have_count(0)
    expect(window.thread).to_be_visible()
    box.fill("")
    box.press("Escape")
    expect(window.thread).to_be_hidden()


def test_threads_leads_to_the_latest(window: Window, new_phone: NewPhone) -> None:
    """With nothing unread it opens the thread written in last; acting as a colleague keeps it."""
    number = new_phone("Tia")
    window.sandbox.thread_with(number, "Where are you?")
    window.open(phone=number)
    window.open_thread("Where are you?")
    window.reply("In Main Street")
    window.press("Close thread")
    expect(window.thread).to_be_hidden()
    threads = window.page.get_by_role("button", name=re.compile("^Threads"))
    threads.click()
    expect(window.thread).to_be_visible()
    window.act_as("Carl")
    expect(window.thread).to_be_visible()
    window.act_as("Otto")
    expect(window.thread).to_be_hidden()
