"""Slash commands: what Slack sends, and what the person sees of the answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from bridge.sandbox.slack.channels import Channel
from bridge.sandbox.slack.errors import ApiError, Json
from bridge.sandbox.slack.installation import VERIFICATION_TOKEN, Command
from bridge.sandbox.slack.messages import PrivateAnswer
from bridge.sandbox.slack.people import TEAM_DOMAIN, TEAM_ID, Person
from bridge.sandbox.slack.response_urls import ResponseUrl, ResponseUrls
from bridge.sandbox.slack.sending import Answer, Transport
from bridge.sandbox.slack.typed import type_command
from bridge.sandbox.slack.world import World


@dataclass(slots=True, eq=False)
class CommandResult:
    """What became of a command.

    `refused` is Slack's own sentence when the command never reached the app or was not answered
    in time; `answer` is the acknowledgement's body; `answers` grows with posts to `response_url`.
    """

    payload: Json = field(default_factory=dict)
    refused: str | None = None
    answer: Answer | None = None
    response_url: ResponseUrl | None = None
    private: list[PrivateAnswer] = field(default_factory=list)

    @property
    def answers(self) -> list[Json]:
        """All answers so far: the acknowledgement's, then those to the response_url."""
        return list(self.response_url.answers or []) if self.response_url else []

    @property
    def text(self) -> str:
        """The text of the first answer, empty when there was none yet."""
        return str(self.answers[0].get("text", "")) if self.answers else ""


class Commands:
    def __init__(
        self, world: World, transport: Callable[[], Transport], response_urls: ResponseUrls
    ) -> None:
        self._world = world
        self._transport = transport
        self._response_urls = response_urls

    async def type(
        self,
        person: Person,
        channel: Channel,
        name: str,
        text: str,
        thread_ts: str | None,
        link_phones: bool,
    ) -> CommandResult:
        """What happens when a person types a command."""
        command = self._world.installation.commands.get(name)
        if command is None or not self._world.installation.is_installed:
            return CommandResult(refused=f"{name} is not a valid command.")
        if thread_ts is not None:
            return CommandResult(refused=f"{name} is not supported in threads. Sorry!")
        response_url = self._response_urls.issue(person.user_id, channel)
        payload = self._payload(person, channel, command, text, link_phones, response_url.url)
        result = CommandResult(payload, response_url=response_url)
        url = command.url or self._world.installation.request_url
        result.answer = await self._transport().send("slash_commands", payload, url, None)
        result.refused = self._read(result.answer, response_url, name)
        return result

    def _payload(
        self,
        person: Person,
        channel: Channel,
        command: Command,
        text: str,
        link_phones: bool,
        response_url: str,
    ) -> Json:
        directory = self._world.workspace.directory()
        typed = type_command(text.strip(" "), directory, command.should_escape, link_phones)
        names = {"im": "directmessage", "group": "privategroup"}
        return {
            "token": VERIFICATION_TOKEN,
            "team_id": TEAM_ID,
            "team_domain": TEAM_DOMAIN,
            "channel_id": channel.channel_id,
            "channel_name": names.get(channel.kind, channel.name),
            "user_id": person.user_id,
            "user_name": person.handle,
            "command": command.name,
            "text": typed,
            "api_app_id": self._world.installation.app_id,
            "is_enterprise_install": False,
            "response_url": response_url,
            "trigger_id": self._world.triggers.issue(person.user_id),
        }

    def _read(self, answer: Answer, response_url: ResponseUrl, name: str) -> str | None:
        """Show the acknowledgement's body; the sentence of a failure, or None."""
        if answer.failure == "http_timeout":
            return f'{name} failed with the error "operation_timeout"'
        if answer.failure == "http_error":
            return f'{name} failed with the error "http_client_error"'
        if answer.failure is not None:
            return f'{name} failed with the error "dispatch_failed"'
        body = {"text": answer.body} if isinstance(answer.body, str) else answer.body
        if not body:
            return None
        try:
            self._response_urls.apply(response_url, body)
        except ApiError:
            return f'{name} failed with the error "invalid_command_response"'
        # The acknowledgement does not count against the five uses.
        response_url.uses -= 1
        return None
