"""What one person's Slack shows: channels, messages, private answers, modals, the app's Home."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from bridge.sandbox.slack.channels import Channel
from bridge.sandbox.slack.errors import Json
from bridge.sandbox.slack.messages import Message, PrivateAnswer
from bridge.sandbox.slack.people import TEAM_ID, TEAM_NAME, Person
from bridge.sandbox.slack.views import View

if TYPE_CHECKING:
    from bridge.sandbox.slack.simulator import SlackSimulator


def show_message(message: Message) -> Json:
    """A message with what a person sees beyond the API's object."""
    return message.as_json(True) | {
        "channel": message.channel_id,
        "author": message.author,
        "shown": message.shown,
        "pings": asdict(message.pings),
        "links": message.links,
        "buttons": message.buttons(),
        "unfurl_links": message.unfurl_links,
        "unfurl_media": message.unfurl_media,
        "broadcast": message.broadcast,
        "deleted": message.is_deleted,
        "permalink": message.permalink,
    }


def show_private_answer(answer: PrivateAnswer) -> Json:
    """A private answer as its reader sees it."""
    return {
        "ts": answer.ts,
        "user": answer.user_id,
        "channel": answer.channel_id,
        "text": answer.text,
        "shown": answer.shown,
        "blocks": answer.blocks,
        "buttons": answer.buttons(),
        "source": answer.source,
        "thread_ts": answer.thread_ts,
        "deleted": answer.is_deleted,
    }


def show_view(view: View) -> Json:
    """A modal or Home tab with what was typed into it."""
    return view.payload | {"id": view.view_id, "state": view.state, "hash": view.hash}


def screen_of(slack: SlackSimulator, user: str) -> Json:
    """Everything this person's client shows; KeyError for nobody."""
    person, workspace = slack.person(user), slack.workspace
    installation = workspace.installation
    home = slack.home(person)
    return {
        "revision": slack.changes.revision,
        "now": slack.clock.now(),
        "me": person.user_id,
        "team": TEAM_NAME,
        "app": {
            "user_id": installation.bot_user_id,
            "name": installation.bot_name,
            "has_home": installation.has_home_tab,
        },
        "people": [_show_person(each) for each in workspace.people.values()],
        "usergroups": [asdict(each) for each in workspace.usergroups.values()],
        "channels": [
            _show_channel(slack, channel, person)
            for channel in workspace.channels.values()
            if _may_see(person, channel)
        ],
        "views": [show_view(view) for view in slack.views(person)],
        "home": show_view(home) if home is not None else None,
        "commands": [
            {
                "name": each.name,
                "description": each.description,
                "usage_hint": each.usage_hint,
            }
            for each in installation.commands.values()
        ],
        "undelivered": sum(each.state == "pending" for each in slack.undelivered),
    }


def _show_person(person: Person) -> Json:
    return {
        "id": person.user_id,
        "name": person.name,
        "real_name": person.real_name,
        "handle": person.handle,
        "role": _role_of(person),
        "is_bot": person.is_bot,
        "is_deleted": person.is_deleted,
    }


def _role_of(person: Person) -> str:
    roles: list[tuple[Any, str]] = [
        (person.is_deleted, "deactivated"),
        (person.is_bot, "app"),
        (person.team_id != TEAM_ID, "other organisation"),
        (person.is_ultra_restricted, "single-channel guest"),
        (person.is_restricted, "guest"),
        (person.is_owner, "owner"),
        (person.is_admin, "administrator"),
    ]
    return next((role for holds, role in roles if holds), "member")


def _may_see(person: Person, channel: Channel) -> bool:
    if person.user_id in channel.members:
        return True
    is_full_member = person.team_id == TEAM_ID and not person.is_restricted
    return channel.kind == "channel" and is_full_member


def _show_channel(slack: SlackSimulator, channel: Channel, person: Person) -> Json:
    is_member = person.user_id in channel.members
    return {
        "id": channel.channel_id,
        "name": channel.name,
        "kind": channel.kind,
        "topic": channel.topic,
        "members": channel.members,
        "is_member": is_member,
        "is_archived": channel.is_archived,
        "is_shared": channel.is_shared,
        "messages": [show_message(each) for each in channel.by_ts.values()] if is_member else [],
        "private": [
            show_private_answer(each)
            for each in slack.private_answers(person)
            if each.channel_id == channel.channel_id
        ],
    }
