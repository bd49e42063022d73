"""Phones behave as people know them: groups, the list of conversations, STOP and START."""

import re

from playwright.sync_api import expect

from bridge.sandbox.ringcentral import NUMBER
from tests.browser.conftest import NewPhone
from tests.browser.window import Window


def test_a_group_text_is_a_conversation_of_its_own(window: Window, new_phone: NewPhone) -> None:
    """Started on one phone, answered from Slack, it reaches all and stands in each list."""
    pat, quin = new_phone("Pat"), new_phone("Quin")
    window.open(phone=pat)
    phone = window.phone("Pat")
    window.text("Pat", "Just me")
    window.press("All conversations", phone)
    window.press("New message", phone)
    dialog = window.page.get_by_role("dialog", name="New message")
    own = dialog.get_by_role("combobox")
    expect(own.locator("option:checked")).to_contain_text("connected to Slack")
    expect(own.locator("option").filter(has_text="connected")).to_have_count(1)
    dialog.get_by_role("checkbox", name="and Quin").check()
    window.press("Write", dialog)
    window.text("Pat", "We two come at eight")
    window.open_thread("We two come at eight")
    window.reply("See you both")
    window.over_the_hold()
    expect(window.bubble("Pat", "See you both")).to_be_visible()
    window.press("All conversations", phone)
    expect(phone.get_by_role("button", name=re.compile("^Conversation with"))).to_have_count(2)
    own_chat = phone.get_by_role("button", name="Conversation with Sandbox Inc.", exact=True)
    expect(own_chat).to_contain_text("Just me")
    assert window.sandbox.expect_sms(quin, "See you both")["from"] == NUMBER


def test_stop_is_no_fault_and_start_takes_it_back(window: Window, new_phone: NewPhone) -> None:
    """A phone's own STOP leaves the faults' count alone; a text after START reaches it."""
    number = new_phone("Uma")
    window.sandbox.thread_with(number, "Any news?")
    window.open(phone=number)
    window.open_thread("Any news?")
    window.text("Uma", "STOP")
    phone = window.phone("Uma")
    opted_out = phone.get_by_role("note").filter(has_text="Opted out")
    expect(opted_out).to_be_visible()
    faults = window.page.get_by_role("button", name=re.compile("^Faults"))
    expect(faults).to_have_accessible_name("Faults")
    window.sandbox.turn("ringcentral", "opted_out", number=number)
    window.sandbox.turn("ringcentral", "opted_out", on=False)
    expect(opted_out).to_be_visible()  # by STOP, which a fault switched off does not take back
    window.text("Uma", "START")
    expect(opted_out).to_have_count(0)
    window.reply("All is well")
    window.over_the_hold()
    expect(window.bubble("Uma", "All is well")).to_be_visible()
