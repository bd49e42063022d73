"""The first conversation, both ways, in a real browser."""

import base64
import re
from pathlib import Path

from playwright.sync_api import expect

from bridge.sandbox.conversation import DAN
from tests.browser.conftest import NewPhone
from tests.browser.window import Window

PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAEElEQVR4nGM4YWODFTEMLQkAGAtPAXvDvJIAAAAA"
    "SUVORK5CYII="
)


def test_a_newcomer_texts_from_a_phone_and_back(window: Window) -> None:
    """Dan texts, Bea answers in the thread, Dan reads it; the steps tick themselves off."""
    window.open()
    guide = window.page.get_by_role("region", name="Your first minute")
    expect(guide).to_contain_text("0 of 3 done")
    window.text("Dan", "Do you have a table for two?")
    expect(guide).to_contain_text("1 of 3 done")
    expect(window.message("Do you have a table for two?")).to_be_visible()
    window.open_thread("Do you have a table for two?")
    reply = window.reply("At eight, by the window")
    expect(guide).to_contain_text("2 of 3 done")
    window.over_the_hold()
    expect(window.bubble("Dan", "At eight, by the window")).to_be_visible()
    expect(reply.get_by_role("button", name=re.compile("reacted with"))).to_be_visible()
    expect(window.bubble("Dan", "At eight")).to_contain_text("Receipt sent")
    window.press("Close the first steps", guide)
    expect(guide).to_be_hidden()
    window.reload()
    expect(guide).to_be_hidden()


def test_a_command_is_completed_and_answered_in_private(window: Window) -> None:
    """`/sm` offers the command; what it answers is for Bea alone, and the phone has the text."""
    window.open()
    box = window.page.get_by_role("textbox", name="Message #front-desk")
    box.press_sequentially("/sm")
    offered = window.page.get_by_role("option").filter(has_text="/sms")
    expect(offered.first).to_be_visible()
    box.press("Tab")
    expect(box).to_have_value("/sms ")
    box.press_sequentially(f"{DAN} Your table is ready")
    box.press("Enter")
    answer = window.message("Only visible to you").last
    expect(answer).to_be_visible()
    window.over_the_hold()
    expect(window.bubble("Dan", "Your table is ready")).to_be_visible()


def test_a_picture_is_seen_on_the_phone_and_told_of_in_slack(
    window: Window, new_phone: NewPhone, tmp_path: Path
) -> None:
    """The phone shows the picture it sent; the thread announces it, as far as the bridge has it."""
    new_phone("Pia")
    path = tmp_path / "cake.png"
    path.write_bytes(PICTURE)
    window.open()
    phone = window.phone("Pia")
    phone.locator("input[type=file]").set_input_files(path)
    window.text("Pia", "This one, please")
    picture = phone.locator(".bubble-picture img")
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") == 8
    window.open_thread("This one, please")
    expect(window.message("This one, please", window.thread).last).to_be_visible()
    expect(window.thread).to_contain_text(re.compile("picture|attachment|file", re.IGNORECASE))


def test_what_a_phone_sends_is_text(window: Window, new_phone: NewPhone) -> None:
    """Markup and script from a phone are shown letter by letter, and notify nobody."""
    number = new_phone("Mallory")
    hostile = (
        "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 2'>"
        "<b>bold</b> *stars* <!channel> <@U0000000BEA> <https://example.com|Your bank> &lt;i&gt;"
    )
    window.sandbox.text(number, hostile)
    window.open(phone=number)
    expect(window.bubble("Mallory", "bold").locator(".bubble")).to_have_text(hostile)
    window.open_thread("window.hacked = 1")
    shown = window.message("window.hacked = 1", window.thread).last
    expect(shown.locator(".words")).to_have_text(hostile)
    for place in (window.channel, window.thread, window.phone("Mallory")):
        assert place.locator("script, img[src=x], b:text-is('bold'), strong").count() == 0
        assert place.locator("a[href*='example.com']:text-is('Your bank')").count() == 0
    expect(shown.get_by_role("note")).to_have_count(0)
    assert window.page.evaluate("window.hacked") is None


def test_a_reload_shows_the_same(window: Window, new_phone: NewPhone) -> None:
    """Channel, thread, phone and X-ray are as they were."""
    number = new_phone("Ned")
    window.sandbox.thread_with(number, "Same again?")
    window.sandbox.settle()
    window.open(phone=number, xray="on")
    window.open_thread("Same again?")
    places = [window.channel, window.thread, window.phone("Ned")]
    traces = window.page.get_by_role("region", name="Messages and their deliveries")
    expect(traces).to_contain_text("Same again?")
    window.page.mouse.move(0, 0)  # what is pointed at shows more
    before = [each.inner_text() for each in places]
    window.reload()
    expect(traces).to_contain_text("Same again?")
    for place, words in zip(places, before, strict=True):
        assert place.inner_text() == words
