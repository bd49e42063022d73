"""Clicks, shortcuts and submissions: their payloads, and what the answers change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bridge.sandbox.slack.channels import Channel
from bridge.sandbox.slack.errors import ApiError, ClientRefused, Json
from bridge.sandbox.slack.installation import VERIFICATION_TOKEN
from bridge.sandbox.slack.messages import Message, PrivateAnswer
from bridge.sandbox.slack.people import TEAM_DOMAIN, TEAM_ID, Person
from bridge.sandbox.slack.response_urls import ResponseUrl, ResponseUrls
from bridge.sandbox.slack.sending import Answer, Transport
from bridge.sandbox.slack.views import View, choose, fill
from bridge.sandbox.slack.world import World


@dataclass(slots=True, eq=False)
class InteractionResult:
    """What became of a click or a shortcut; `refused` is what the person saw instead."""

    payload: Json
    answer: Answer
    response_url: ResponseUrl | None = None

    @property
    def refused(self) -> str | None:
        return None if self.answer.failure is None else f"failed: {self.answer.failure}"

    @property
    def answers(self) -> list[Json]:
        return list(self.response_url.answers or []) if self.response_url else []


@dataclass(slots=True, eq=False)
class SubmissionResult:
    """What became of a submission: errors by block_id, and the modal then on top (or None)."""

    payload: Json
    answer: Answer
    errors: dict[str, str] = field(default_factory=dict)
    view: View | None = None
    refused: str | None = None


Clicked = Message | PrivateAnswer


class Interactivity:
    def __init__(
        self, world: World, transport: Callable[[], Transport], response_urls: ResponseUrls
    ) -> None:
        self._world = world
        self._transport = transport
        self._response_urls = response_urls

    async def _send(self, payload: Json, url: str | None = None) -> Answer:
        installation = self._world.installation
        if not installation.has_interactivity or not installation.is_installed:
            return Answer("dispatch_failed")
        url = url or installation.interactivity_url or installation.request_url
        return await self._transport().send("interactive", payload, url, None)

    def _head(self, kind: str, person: Person) -> Json:
        return {
            "type": kind,
            "user": {
                "id": person.user_id,
                "username": person.handle,
                "name": person.handle,
                "team_id": person.team_id,
            },
            "api_app_id": self._world.installation.app_id,
            "token": VERIFICATION_TOKEN,
            "team": {"id": TEAM_ID, "domain": TEAM_DOMAIN},
            "enterprise": None,
            "is_enterprise_install": False,
        }

    async def click(
        self,
        person: Person,
        channel: Channel,
        clicked: Clicked,
        action_id: str,
        value: Any,
        block_id: str | None,
    ) -> InteractionResult:
        """Use a button, menu or picker of a message."""
        block, element = _find_element(clicked.blocks, action_id, block_id)
        response_url = self._response_urls.issue(person.user_id, channel, clicked)
        payload = self._head("block_actions", person) | {
            "container": _container(channel, clicked),
            "trigger_id": self._world.triggers.issue(person.user_id),
            "channel": {"id": channel.channel_id, "name": channel.name or "directmessage"},
            "state": {"values": {}},
            "response_url": response_url.url,
            "actions": [self._action(block, element, value)],
        }
        if isinstance(clicked, Message):
            payload["message"] = clicked.as_json()
        return InteractionResult(payload, await self._send(payload), response_url)

    async def click_in_view(
        self, person: Person, view: View, action_id: str, value: Any
    ) -> InteractionResult:
        """Use a button, menu or picker of a modal or Home tab."""
        block, element = _find_element(view.blocks, action_id, None)
        if block["block_id"] in view.state and element["type"] != "button":
            view.state[block["block_id"]][action_id] = choose(element, value)
        in_modal = view.view_id if view.payload["type"] == "modal" else None
        shown = view.as_json(self._world.installation)
        payload = self._head("block_actions", person) | {
            "container": {"type": "view", "view_id": view.view_id},
            "trigger_id": self._world.triggers.issue(person.user_id, in_modal),
            "view": shown,
            "actions": [self._action(block, element, value)],
        }
        return InteractionResult(payload, await self._send(payload))

    def _action(self, block: Json, element: Json, value: Any) -> Json:
        kind = element["type"]
        action: Json = {
            "type": kind,
            "action_id": element.get("action_id", ""),
            "block_id": block["block_id"],
            "action_ts": self._world.clock.next_ts(),
        }
        if kind == "button":
            action |= {key: element[key] for key in ("text", "value", "style") if key in element}
            return action
        return action | {key: part for key, part in choose(element, value).items() if key != "type"}

    async def suggest(
        self, person: Person, container: View, action_id: str, query: str
    ) -> list[Json]:
        """The options the app offers for what was typed into an external_select."""
        block, element = _find_element(container.blocks, action_id, None)
        if len(query) < int(element.get("min_query_length", 3)):
            return []
        payload = self._head("block_suggestion", person) | {
            "container": {"type": "view", "view_id": container.view_id},
            "view": container.as_json(self._world.installation),
            "action_id": action_id,
            "block_id": block["block_id"],
            "value": query,
        }
        answer = await self._send(payload, self._world.installation.options_url)
        if answer.failure is not None or not isinstance(answer.body, dict):
            return []
        groups = answer.body.get("option_groups") or []
        options = answer.body.get("options") or [o for g in groups for o in g["options"]]
        return [option for option in options if isinstance(option, dict)][:100]

    async def global_shortcut(self, person: Person, callback_id: str) -> InteractionResult:
        self._refuse_unknown_shortcut(callback_id)
        payload = self._head("shortcut", person)
        del payload["api_app_id"], payload["user"]["username"]
        payload |= {
            "callback_id": callback_id,
            "action_ts": self._world.clock.next_ts(),
            "trigger_id": self._world.triggers.issue(person.user_id),
        }
        return InteractionResult(payload, await self._send(payload))

    async def message_shortcut(
        self, person: Person, channel: Channel, message: Message, callback_id: str
    ) -> InteractionResult:
        self._refuse_unknown_shortcut(callback_id)
        response_url = self._response_urls.issue(person.user_id, channel, message)
        payload = self._head("message_action", person)
        del payload["api_app_id"], payload["user"]["username"]
        payload |= {
            "callback_id": callback_id,
            "action_ts": self._world.clock.next_ts(),
            "trigger_id": self._world.triggers.issue(person.user_id),
            "response_url": response_url.url,
            "message_ts": message.ts,
            "message": message.as_json(),
            "channel": {"id": channel.channel_id, "name": channel.name or "directmessage"},
        }
        return InteractionResult(payload, await self._send(payload), response_url)

    def _refuse_unknown_shortcut(self, callback_id: str) -> None:
        known = self._world.installation.shortcuts
        if known is not None and callback_id not in known:
            raise ClientRefused(f"there is no shortcut {callback_id}")

    async def submit(self, person: Person, view: View, values: Json) -> SubmissionResult:
        """Type into a modal and press its submit button; what the app answers happens."""
        fill(view, values)
        payload = self._head("view_submission", person) | {
            "trigger_id": self._world.triggers.issue(person.user_id, view.view_id),
            "view": view.as_json(self._world.installation),
            "response_urls": [],
        }
        answer = await self._send(payload)
        result = SubmissionResult(payload, answer)
        if answer.failure is not None:
            result.refused = "We had some trouble connecting. Try again?"
            result.view = view
            return result
        try:
            self._apply_submission(view, answer.body, result)
        except ApiError as error:
            result.refused = f"We had some trouble connecting. Try again? ({error.error})"
        stack = self._world.views.stack(person.user_id)
        result.view = stack[-1] if stack else None
        self._world.workspace.changed()
        return result

    def _apply_submission(self, view: View, body: Any, result: SubmissionResult) -> None:
        board = self._world.views
        if not body:
            board.close(view)
            return
        if not isinstance(body, dict):
            raise ApiError("invalid_response")
        match body.get("response_action"):
            case "errors":
                result.errors = dict(body.get("errors") or {})
                known = {block["block_id"] for block in view.blocks}
                if not result.errors or not result.errors.keys() <= known:
                    raise ApiError("invalid_errors")
            case "update":
                board.update(view, body.get("view"), None)
            case "push":
                board.push(view.user_id, body.get("view"))
            case "clear":
                board.close_all(view.user_id)
            case _:
                raise ApiError("invalid_response_action")

    async def close(self, person: Person, view: View) -> InteractionResult | None:
        """Press Cancel; the app hears of it only where the view asks for it."""
        shown = view.as_json(self._world.installation)
        self._world.views.close(view)
        self._world.workspace.changed()
        if not view.payload.get("notify_on_close"):
            return None
        payload = self._head("view_closed", person) | {"view": shown, "is_cleared": False}
        return InteractionResult(payload, await self._send(payload))


def _container(channel: Channel, clicked: Clicked) -> Json:
    container: Json = {
        "type": "message",
        "message_ts": clicked.ts,
        "channel_id": channel.channel_id,
        "is_ephemeral": isinstance(clicked, PrivateAnswer),
    }
    if clicked.thread_ts:
        container["thread_ts"] = clicked.thread_ts
    return container


def _find_element(blocks: list[Json], action_id: str, block_id: str | None) -> tuple[Json, Json]:
    """The block and the element that a person would click; ClientRefused when there is none."""
    for block in blocks:
        if block_id is not None and block.get("block_id") != block_id:
            continue
        elements = list(block.get("elements") or [])
        elements += [block[key] for key in ("accessory", "element") if key in block]
        for element in elements:
            if isinstance(element, dict) and element.get("action_id") == action_id:
                return block, element
    raise ClientRefused(f"there is nothing called {action_id} to click")
