"""auth.*, api.*, apps.*, team.*, emoji.*, bots.*"""

from __future__ import annotations

from bridge.sandbox.slack.errors import ApiError, Json
from bridge.sandbox.slack.methods.registry import Call, method
from bridge.sandbox.slack.people import TEAM_DOMAIN, TEAM_ID, TEAM_NAME, TEAM_URL


@method("auth.test", tier=None)
def auth_test(call: Call) -> Json:
    installation = call.installation
    return {
        "url": TEAM_URL,
        "team": TEAM_NAME,
        "user": installation.bot_name.lower(),
        "team_id": TEAM_ID,
        "user_id": installation.bot_user_id,
        "bot_id": installation.bot_id,
        "is_enterprise_install": False,
    }


@method("api.test", tier=4, optional="error", token="none")
def api_test(call: Call) -> Json:
    if call.get("error"):
        raise ApiError(str(call.get("error")), args=call.args)
    return {"args": call.args}


@method("apps.connections.open", tier=1, token="app")
def connections_open(call: Call) -> Json:
    if call.installation.mode != "socket":
        raise ApiError("forbidden_team")
    return {"url": call.world.sockets.issue_ticket()}


@method("team.info", tier=3, scopes=("team:read",), optional="domain team")
def team_info(call: Call) -> Json:
    if call.get("team") not in (None, TEAM_ID):
        raise ApiError("team_not_found")
    team = {
        "id": TEAM_ID,
        "name": TEAM_NAME,
        "url": TEAM_URL,
        "domain": TEAM_DOMAIN,
        "email_domain": "",
        "icon": {"image_default": True},
    }
    return {"team": team}


@method(
    "emoji.list",
    tier=2,
    scopes=("emoji:read",),
    optional="include_categories",
    reads_json=False,
)
def emoji_list(call: Call) -> Json:
    cache_ts = f"{int(call.world.clock.now())}.000000"
    return {"emoji": dict(call.workspace.custom_emoji), "cache_ts": cache_ts}


@method("bots.info", tier=3, scopes=("users:read",), optional="bot team_id", reads_json=False)
def bots_info(call: Call) -> Json:
    for person in call.workspace.people.values():
        if person.bot_id and person.bot_id == call.get("bot"):
            bot = {
                "id": person.bot_id,
                "deleted": person.is_deleted,
                "name": person.name,
                "updated": person.updated,
                "app_id": person.app_id,
                "user_id": person.user_id,
                "icons": {},
            }
            return {"bot": bot}
    raise ApiError("bot_not_found")
