"""response_url: up to five answers within thirty minutes of a command or a click."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from aiohttp import web

from bridge.sandbox.slack.arguments import read_wire
from bridge.sandbox.slack.channels import Channel
from bridge.sandbox.slack.errors import ApiError, Json, invalid_arguments
from bridge.sandbox.slack.messages import Message, PrivateAnswer
from bridge.sandbox.slack.people import TEAM_ID
from bridge.sandbox.slack.posting import TEXT_LIMIT, Content, read_content
from bridge.sandbox.slack.world import World

USES, LIFE_SECONDS = 5, 1800.0
KNOWN = {
    "attachments", "blocks", "delete_original", "link_names", "metadata", "mrkdwn", "parse",
    "replace_original", "response_type", "text", "thread_ts", "unfurl_links", "unfurl_media",
}  # fmt: skip
PATH = "/actions/{team_id}/{key}"


@dataclass(slots=True, eq=False)
class ResponseUrl:
    """`original` is the message that was clicked; a command has none."""

    url: str
    user_id: str
    channel: Channel
    issued_at: float
    original: Message | PrivateAnswer | None = None
    uses: int = 0
    answers: list[Json] | None = None


class ResponseUrls:
    def __init__(self, world: World) -> None:
        self._world = world
        self._by_key: dict[str, ResponseUrl] = {}

    def issue(
        self, user_id: str, channel: Channel, original: Message | PrivateAnswer | None = None
    ) -> ResponseUrl:
        key = secrets.token_urlsafe(18)
        path = PATH.format(team_id=TEAM_ID, key=key)
        url = f"{self._world.base_url}{path}"
        made = ResponseUrl(url, user_id, channel, self._world.clock.running(), original, answers=[])
        self._by_key[key] = made
        return made

    async def receive(self, request: web.Request) -> web.Response:
        """The endpoint: JSON in, `ok` out."""
        response_url = self._by_key.get(request.match_info["key"])
        if response_url is None:
            return web.json_response({"ok": False, "error": "invalid_url"}, status=404)
        if self._world.clock.running() - response_url.issued_at > LIFE_SECONDS:
            return web.json_response({"ok": False, "error": "expired_url"}, status=404)
        if response_url.uses >= USES:
            return web.json_response({"ok": False, "error": "used_url"}, status=404)
        try:
            wire = await read_wire(request)
            if wire.form:  # the SDKs and the documents know only JSON here
                raise ApiError("invalid_post_type")
            self.apply(response_url, wire.json)
        except ApiError as error:
            return web.json_response(error.body(), status=400)
        return web.Response(text="ok")

    def apply(self, response_url: ResponseUrl, given: Json) -> None:
        """Show, replace or delete what the answer says; also used for answers in an ack."""
        if unknown := given.keys() - KNOWN:
            raise invalid_arguments(*(f"unknown argument: {name}" for name in sorted(unknown)))
        content = Content() if given.get("delete_original") else read_content(given)
        if content.is_empty and not given.get("delete_original"):
            raise ApiError("no_text")
        response_url.uses += 1
        if response_url.answers is not None:
            response_url.answers.append(given)
        if given.get("delete_original"):
            self._delete_original(response_url)
            return
        text, blocks = content.text[:TEXT_LIMIT], content.blocks
        if given.get("replace_original") and response_url.original is not None:
            self._replace_original(response_url.original, response_url, text, blocks)
        elif given.get("response_type") == "in_channel":
            self._post(response_url, text, blocks, given.get("thread_ts"))
        else:
            thread_ts = given.get("thread_ts") or getattr(response_url.original, "thread_ts", None)
            self._world.workspace.whisper(
                response_url.channel, response_url.user_id, "response_url", text, blocks, thread_ts
            )

    def _post(
        self, response_url: ResponseUrl, text: str, blocks: list[Json], thread_ts: str | None
    ) -> None:
        installation = self._world.installation
        self._world.workspace.post(
            response_url.channel,
            author=installation.bot_name,
            text=text,
            blocks=blocks,
            subtype="bot_message",
            bot_id=installation.bot_id,
            app_id=installation.app_id,
            thread_ts=thread_ts,
        )

    def _replace_original(
        self,
        original: Message | PrivateAnswer,
        response_url: ResponseUrl,
        text: str,
        blocks: list[Json],
    ) -> None:
        if isinstance(original, PrivateAnswer):
            original.text, original.blocks = text, blocks
            self._world.workspace.changed()
            return
        bot_user_id = self._world.installation.bot_user_id
        channel = response_url.channel
        self._world.workspace.change(channel, original, bot_user_id, text=text, blocks=blocks)

    def _delete_original(self, response_url: ResponseUrl) -> None:
        original = response_url.original
        if isinstance(original, PrivateAnswer):
            original.is_deleted = True
            self._world.workspace.changed()
        elif original is not None and not original.is_deleted:
            self._world.workspace.delete(response_url.channel, original)
