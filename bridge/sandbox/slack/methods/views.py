"""views.*"""

from __future__ import annotations

from bridge.sandbox.slack.errors import ApiError, Json, invalid_arguments
from bridge.sandbox.slack.methods.registry import Call, method
from bridge.sandbox.slack.views import View


def _answer(call: Call, view: View) -> Json:
    call.workspace.changed()
    return {"view": view.as_json(call.installation)}


def _trigger_id(call: Call) -> str:
    if not call.get("trigger_id"):
        raise invalid_arguments("missing required field: trigger_id")
    return str(call.get("trigger_id"))


@method("views.open", tier=4, required="view", optional="interactivity_pointer trigger_id")
def open_view(call: Call) -> Json:
    # The view is checked first: a refused view leaves the trigger unused.
    call.world.views.checked(call.get("view"), "modal")
    trigger = call.world.triggers.use(_trigger_id(call))
    return _answer(call, call.world.views.open(trigger.user_id, call.get("view")))


@method("views.push", tier=4, required="view", optional="interactivity_pointer trigger_id")
def push_view(call: Call) -> Json:
    call.world.views.checked(call.get("view"), "modal")
    trigger = call.world.triggers.use(_trigger_id(call))
    if trigger.view_id is None:
        raise ApiError("not_found")
    return _answer(call, call.world.views.push(trigger.user_id, call.get("view")))


@method("views.update", tier=4, required="view", optional="external_id hash view_id")
def update_view(call: Call) -> Json:
    if not call.get("view_id") and not call.get("external_id"):
        raise invalid_arguments("missing required field: view_id")
    view = call.world.views.find(call.get("view_id"), call.get("external_id"))
    return _answer(call, call.world.views.update(view, call.get("view"), call.get("hash")))


@method("views.publish", tier=4, required="user_id view", optional="hash interactivity_pointer")
def publish_view(call: Call) -> Json:
    if not call.installation.has_home_tab:
        raise ApiError("not_enabled")
    person = call.workspace.people.get(str(call.get("user_id")))
    if person is None or person.is_deleted or person.is_bot:
        raise invalid_arguments("invalid `user_id`")
    board = call.world.views
    return _answer(call, board.publish(person.user_id, call.get("view"), call.get("hash")))
