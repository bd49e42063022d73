"""Block Kit as people use it: buttons, menus, modals, App Home; by an app in the bridge's place."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.scripted_app import ScriptedApp
from tests.browser.window import Window
from tests.sandbox_process import SandboxProcess

Json = dict[str, Any]


@pytest.fixture
def app(sandbox: SandboxProcess) -> Iterator[ScriptedApp]:
    """Instead of the bridge, which `sandbox` starts again afterwards."""
    sandbox.settle()
    sandbox.post("/bridge/kill")
    with ScriptedApp(sandbox) as scripted:
        yield scripted


def plain(words: str) -> Json:
    return {"type": "plain_text", "text": words}


def option(words: str, value: str) -> Json:
    return {"text": plain(words), "value": value}


BOARD: list[Json] = [
    {"type": "header", "text": plain("Tonight")},
    {"type": "section", "text": {"type": "mrkdwn", "text": "*Table 4* for _two_, `8 pm`"}},
    {
        "type": "actions",
        "elements": [
            {
                "type": "button",
                "action_id": "seat",
                "text": plain("Seat"),
                "style": "primary",
                "value": "4",
            },
            {
                "type": "button",
                "action_id": "cancel",
                "text": plain("Cancel table"),
                "style": "danger",
                "confirm": {
                    "title": plain("Cancel?"),
                    "text": plain("The table is free then."),
                    "confirm": plain("Cancel it"),
                    "deny": plain("Keep"),
                },
            },
            {
                "type": "static_select",
                "action_id": "move",
                "placeholder": plain("Move to"),
                "options": [option("Table 5", "5"), option("Table 6", "6")],
            },
            {
                "type": "overflow",
                "action_id": "more",
                "options": [option("Print", "print"), option("History", "history")],
            },
        ],
    },
]
MODAL: Json = {
    "type": "modal",
    "callback_id": "note",
    "title": plain("Note"),
    "submit": plain("Save"),
    "blocks": [
        {
            "type": "input",
            "block_id": "words",
            "label": plain("Words"),
            "element": {"type": "plain_text_input", "action_id": "typed"},
        }
    ],
}
HOME: Json = {
    "type": "home",
    "blocks": [
        {"type": "section", "text": {"type": "mrkdwn", "text": "*Nobody waits*"}},
        {
            "type": "actions",
            "elements": [{"type": "button", "action_id": "look", "text": plain("Look again")}],
        },
    ],
}


def _chosen(app: ScriptedApp) -> list[tuple[str, str | None]]:
    actions = [each["actions"][0] for each in app.of_type("block_actions")]
    return [
        (each["action_id"], each.get("value") or each.get("selected_option", {}).get("value"))
        for each in actions
    ]


def test_buttons_and_menus_tell_the_app(window: Window, app: ScriptedApp) -> None:
    """A click, a confirmed click, a pick of a list and of an overflow menu each reach the app."""
    app.ask("chat.postMessage", channel="C0FRONTDESK", text="Tonight", blocks=BOARD)
    window.open()
    board = window.message("Tonight").last
    expect(board.locator(".header-block")).to_have_text("Tonight")
    expect(board.locator("strong, b").filter(has_text="Table 4")).to_be_visible()
    expect(board.locator("code")).to_have_text("8 pm")
    window.press("Seat", board)
    window.press("Cancel table", board)
    question = window.page.get_by_role("dialog", name="Cancel?")
    window.press("Keep", question)
    window.press("Cancel table", board)
    window.press("Cancel it", question)
    board.get_by_role("combobox").select_option(label="Table 6")
    window.press("More", board)
    window.page.get_by_role("button", name="History", exact=True).click()
    expected = [("seat", "4"), ("cancel", None), ("move", "6"), ("more", "history")]
    window.sandbox.eventually(lambda: _chosen(app) == expected, f"{expected}, got {_chosen(app)}")


def test_a_modal_says_what_is_wrong_with_an_input(window: Window, app: ScriptedApp) -> None:
    """The app's error stands at its input, what was typed stays; mended, the modal closes."""

    def answer(told: Json) -> Json | None:
        if told["type"] == "block_actions":
            app.ask("views.open", trigger_id=told["trigger_id"], view=MODAL)
        if told["type"] == "view_submission":
            typed = told["view"]["state"]["values"]["words"]["typed"]["value"]
            if typed == "no":
                return {"response_action": "errors", "errors": {"words": "Say a little more."}}
        return None

    app.answer = answer
    app.ask("chat.postMessage", channel="C0FRONTDESK", text="Tonight", blocks=BOARD)
    window.open()
    window.press("Seat", window.message("Tonight").last)
    modal = window.page.get_by_role("dialog", name="Note")
    box = modal.get_by_role("textbox", name="Words")
    expect(box).to_be_focused()
    box.fill("no")
    window.press("Save", modal)
    expect(modal.get_by_role("alert").filter(has_text="Say a little more.")).to_be_visible()
    expect(box).to_have_value("no")
    box.fill("By the window")
    window.press("Save", modal)
    expect(modal).to_have_count(0)


def test_app_home_is_the_apps_own(window: Window, app: ScriptedApp) -> None:
    """Opening it tells the app, and what it publishes is shown; its buttons reach the app."""

    def answer(told: Json) -> None:
        if told["type"] == "app_home_opened":
            app.ask("views.publish", user_id=told["user"], view=HOME)

    app.answer = answer
    window.open()
    window.press("App SMS")
    expect(window.channel).to_contain_text("Nobody waits")
    window.press("Look again", window.channel)
    window.sandbox.eventually(lambda: ("look", None) in _chosen(app), "the click")
