"""users.* and usergroups.*"""

from __future__ import annotations

from bridge.sandbox.slack.errors import ApiError, Json
from bridge.sandbox.slack.methods.registry import Call, method, page
from bridge.sandbox.slack.people import TEAM_ID, Person
from bridge.sandbox.slack.workspace import UserGroup


def _user_json(call: Call, person: Person) -> Json:
    user = person.as_json(with_email="users:read.email" in call.installation.scopes)
    if call.get("include_locale") and not person.is_deleted:
        user["locale"] = "en-US"
    return user


def _is_visible(call: Call, person: Person) -> bool:
    """People of other organisations are seen only where a channel is shared with them."""
    if not person.is_stranger:
        return True
    bot_user_id = call.installation.bot_user_id
    return any(
        person.user_id in channel.members and bot_user_id in channel.members
        for channel in call.workspace.channels.values()
    )


@method(
    "users.info",
    tier=4,
    scopes=("users:read",),
    required="user",
    optional="include_locale",
    reads_json=False,
)
def info(call: Call) -> Json:
    person = call.workspace.people.get(str(call.get("user")))
    if person is None:
        raise ApiError("user_not_found")
    if not _is_visible(call, person):
        raise ApiError("user_not_visible")
    return {"user": _user_json(call, person)}


@method(
    "users.list",
    tier=2,
    scopes=("users:read",),
    optional="cursor include_locale limit team_id",
    reads_json=False,
)
def list_users(call: Call) -> Json:
    people = [person for person in call.workspace.people.values() if not person.is_stranger]
    shown, metadata = page(people, call, 1000, 1000)
    return {
        "members": [_user_json(call, person) for person in shown],
        "cache_ts": int(call.world.clock.now()),
        "response_metadata": metadata,
    }


@method(
    "users.lookupByEmail",
    tier=3,
    scopes=("users:read.email",),
    required="email",
    reads_json=False,
)
def lookup_by_email(call: Call) -> Json:
    wanted = str(call.get("email")).lower()
    for person in call.workspace.people.values():
        if person.email == wanted and not person.is_deleted and not person.is_bot:
            return {"user": _user_json(call, person)}
    raise ApiError("users_not_found")


def _group_json(call: Call, group: UserGroup) -> Json:
    shown: Json = {
        "id": group.usergroup_id,
        "team_id": TEAM_ID,
        "is_usergroup": True,
        "is_subteam": True,
        "name": group.name,
        "description": "",
        "handle": group.handle,
        "is_external": False,
        "date_create": 0,
        "date_update": 0,
        "date_delete": 1 if group.is_disabled else 0,
        "auto_type": None,
        "created_by": "",
        "updated_by": "",
        "deleted_by": None,
        "prefs": {"channels": [], "groups": []},
    }
    if call.get("include_users"):
        shown["users"] = list(group.users)
    if call.get("include_count"):
        shown["user_count"] = len(group.users)
    return shown


@method(
    "usergroups.list",
    tier=2,
    scopes=("usergroups:read",),
    optional="include_count include_disabled include_users team_id",
    reads_json=False,
)
def list_usergroups(call: Call) -> Json:
    groups = [
        group
        for group in call.workspace.usergroups.values()
        if call.get("include_disabled") or not group.is_disabled
    ]
    return {"usergroups": [_group_json(call, group) for group in groups]}


@method(
    "usergroups.users.list",
    tier=2,
    scopes=("usergroups:read",),
    required="usergroup",
    optional="include_disabled team_id",
    reads_json=False,
)
def list_usergroup_users(call: Call) -> Json:
    group = call.workspace.usergroups.get(str(call.get("usergroup")))
    if group is None or (group.is_disabled and not call.get("include_disabled")):
        raise ApiError("no_such_subteam")
    return {"users": list(group.users)}
