"""The simulator itself: one server, one workspace, one app, and what people do in it."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Self, TypeVar

from aiohttp import web

from bridge.sandbox.changes import Changes
from bridge.sandbox.faults import Faults
from bridge.sandbox.slack.channels import Channel
from bridge.sandbox.slack.clock import SlackClock
from bridge.sandbox.slack.commands import CommandResult, Commands
from bridge.sandbox.slack.control import Control
from bridge.sandbox.slack.deliveries import RETRY_DELAYS_SECONDS, Deliveries, Delivery
from bridge.sandbox.slack.errors import ClientRefused, Json
from bridge.sandbox.slack.files import StoredFile
from bridge.sandbox.slack.http_transport import HttpTransport, signature_headers
from bridge.sandbox.slack.installation import (
    ALL_SCOPES,
    APP_ID,
    BOT_ID,
    BOT_USER_ID,
    EVENT_SCOPES,
    VERIFICATION_TOKEN,
    Installation,
    Mode,
    commands_named,
    installation_from_manifest,
)
from bridge.sandbox.slack.interactivity import (
    InteractionResult,
    Interactivity,
    SubmissionResult,
)
from bridge.sandbox.slack.messages import Message, PrivateAnswer
from bridge.sandbox.slack.people import TEAM_ID, Person, make_person
from bridge.sandbox.slack.response_urls import ResponseUrls
from bridge.sandbox.slack.sending import Transport
from bridge.sandbox.slack.server import ApiServer, RecordedRequest
from bridge.sandbox.slack.socket_hub import SocketHub
from bridge.sandbox.slack.triggers import Triggers
from bridge.sandbox.slack.typed import is_emoji_name, type_message
from bridge.sandbox.slack.views import View, ViewBoard
from bridge.sandbox.slack.workspace import new_client_msg_id, populated_workspace
from bridge.sandbox.slack.world import World

Found = TypeVar("Found")
UploadedFile = tuple[str, bytes] | tuple[str, bytes, str]
BODY_LIMIT_BYTES = 200 * 1024 * 1024
POLL_SECONDS = 0.05


class SlackSimulator:
    """A whole Slack on one loopback port; the package's docstring lists what it can do.

    `answer_deadline_seconds` is how long Slack waits for the app, `retry_delays_seconds` the
    pauses before its repeats; tests shorten both.
    """

    team_id = TEAM_ID
    bot_user_id = BOT_USER_ID
    bot_id = BOT_ID
    app_id = APP_ID

    def __init__(
        self,
        *,
        rate_limits: bool = True,
        strict_arguments: bool = True,
        answer_deadline_seconds: float = 3.0,
        retry_delays_seconds: tuple[float, ...] = RETRY_DELAYS_SECONDS,
        faults: Faults | None = None,
    ) -> None:
        self.clock = SlackClock()
        self.workspace = populated_workspace(self.clock)
        self.faults = faults or Faults()
        self._http = HttpTransport(
            lambda: self.workspace.installation.signing_secret, answer_deadline_seconds
        )
        self.sockets = SocketHub(lambda: self.workspace.installation, answer_deadline_seconds)
        self.world = World(
            self.clock, self.workspace, Triggers(self.clock), ViewBoard(self.clock), self.sockets
        )
        self._response_urls = ResponseUrls(self.world)
        self._commands = Commands(self.world, self._transport, self._response_urls)
        self._interactivity = Interactivity(self.world, self._transport, self._response_urls)
        self._deliveries = Deliveries(
            self.workspace, self._transport, self.faults, retry_delays_seconds
        )
        self.server = ApiServer(
            self.world, self.sockets, self._response_urls, strict_arguments, rate_limits
        )
        self._changed = asyncio.Event()
        self.workspace.announce = self._deliveries.announce
        self.changes = Changes()
        self.workspace.changed = self.sockets.changed = self.faults.changed = self._note_change
        self._runner: web.AppRunner | None = None
        self.install()

    # Running

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen on `host`; port 0 takes a free one (see `url`)."""
        app = web.Application(
            middlewares=[self.faults.middleware], client_max_size=BODY_LIMIT_BYTES
        )
        app.add_routes([*self.faults.routes(), *self.server.routes(), *Control(self).routes()])
        self.changes.begin()
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        await site.start()
        bound_host, bound_port = self._runner.addresses[0][:2]
        self.world.base_url = self.sockets.base_url = f"http://{bound_host}:{bound_port}"

    async def stop(self) -> None:
        """Cut what is under way and stop listening."""
        self.changes.end()
        await self._deliveries.stop()
        await self.sockets.drop()
        await self._http.close()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def url(self) -> str:
        return self.world.base_url

    @property
    def api_url(self) -> str:
        return f"{self.url}/api/"

    def _note_change(self) -> None:
        self._changed.set()
        self.changes.note()

    def _transport(self) -> Transport:
        return self._http if self.workspace.installation.mode == "http" else self.sockets

    # The app

    def install(
        self,
        request_url: str | None = None,
        mode: Mode = "socket",
        commands: Iterable[str] = ("/sms",),
        scopes: Iterable[str] = ALL_SCOPES,
        bot_events: Iterable[str] = tuple(EVENT_SCOPES),
        channels: Iterable[str] = ("front-desk", "partners"),
        interactivity_url: str | None = None,
        command_url: str | None = None,
        manifest: Json | None = None,
    ) -> Installation:
        """Install the app, in place of how it was installed before, and invite it to `channels`.

        A manifest decides scopes, events, commands and mode; addresses given here win over its.
        """
        if manifest is None:
            installation = Installation(
                mode=mode,
                scopes=frozenset(scopes),
                bot_events=frozenset(bot_events),
                commands=commands_named(commands, command_url),
            )
        else:
            installation = installation_from_manifest(manifest)
        if request_url is not None:
            installation.request_url = request_url
            installation.interactivity_url = interactivity_url or request_url
            for command in installation.commands.values():
                command.url = command_url or request_url
        self.workspace.installation = installation
        wanted = {self.workspace.channel(name).channel_id for name in channels}
        for channel in self.workspace.channels.values():
            is_member = BOT_USER_ID in channel.members
            if channel.channel_id in wanted and not is_member:
                channel.members.append(BOT_USER_ID)
            elif is_member and channel.channel_id not in wanted and channel.kind != "im":
                channel.members.remove(BOT_USER_ID)
        return installation

    async def verify_request_url(self) -> None:
        """Slack's own check of the events address; RuntimeError says what it did not like."""
        url = self.workspace.installation.request_url
        if url is None:
            raise RuntimeError("no request URL is set")
        challenge = secrets.token_urlsafe(32)
        fields = {"token": VERIFICATION_TOKEN, "challenge": challenge, "type": "url_verification"}
        body = json.dumps(fields).encode()
        headers = signature_headers(self.workspace.installation.signing_secret, body)
        headers["Content-Type"] = "application/json"
        answer = await self._http.post(url, body, headers)
        given = answer.body.get("challenge") if isinstance(answer.body, dict) else answer.body
        if answer.failure is not None or given != challenge:
            raise RuntimeError(f"the request URL did not answer the challenge: {answer}")

    async def post_signed(
        self, body: bytes, content_type: str = "application/json", **headers: str
    ) -> Any:
        """Post these bytes to the request URL, signed unless `headers` say otherwise (tests)."""
        installation = self.workspace.installation
        sent = signature_headers(installation.signing_secret, body) | {"Content-Type": content_type}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        return await self._http.post(installation.request_url or "", body, sent)

    async def uninstall(self) -> None:
        """Somebody removes the app: two last events, and tokens that are worth nothing."""
        tokens = {"oauth": [], "bot": [BOT_USER_ID]}
        now_ts = self.clock.next_ts
        revoked: Json = {"type": "tokens_revoked", "tokens": tokens, "event_ts": now_ts()}
        uninstalled: Json = {"type": "app_uninstalled", "event_ts": now_ts()}
        self.workspace.announce("app_uninstalled", uninstalled, None, TEAM_ID)
        self.workspace.announce("tokens_revoked", revoked, None, TEAM_ID)
        self.revoke_token("account_inactive")

    def revoke_token(self, error: str = "token_revoked") -> None:
        """From now on every call is refused with `error`."""
        self.workspace.installation.token_error = error

    async def refresh_connections(self, reason: str = "refresh_requested") -> None:
        """Replace all Socket Mode connections, as Slack does; `warning` only announces it."""
        if reason == "warning":
            await self.sockets.warn()
        else:
            await self.sockets.refresh(reason)

    async def drop_connections(self) -> None:
        """Cut all Socket Mode connections without a word."""
        await self.sockets.drop()

    def deafen_connections(self) -> None:
        """The Socket Mode connections of today stay up, answer pings, and bring nothing."""
        self.sockets.deafen()

    # What people do

    def add_person(self, name: str, real_name: str = "", **flags: object) -> Person:
        """Somebody new, with the flags of Person (is_restricted, team_id, ...)."""
        return self.workspace.add_person(make_person(name, real_name, **flags))

    async def deactivate(self, user: str | Person) -> None:
        """An administrator deactivates the account."""
        person = self.workspace.person(user)
        person.is_deleted = True
        self.workspace.change_person(person)

    def _present(self, user: str | Person) -> Person:
        person = self.workspace.person(user)
        if person.is_deleted:
            raise ClientRefused(f"{person.name} is deactivated")
        return person

    def _writable(self, person: Person, channel: str | Channel) -> Channel:
        found = self.workspace.channel(channel)
        if person.user_id not in found.members:
            raise ClientRefused(f"{person.name} is not in #{found.name}")
        if found.is_archived:
            raise ClientRefused(f"#{found.name} is archived")
        return found

    def _own(self, person: Person, channel: Channel, ts: str) -> Message:
        message = channel.message(ts)
        if message.user_id != person.user_id and not person.is_admin:
            raise ClientRefused(f"{person.name} did not write this")
        return message

    async def say(
        self,
        user: str | Person,
        channel: str | Channel,
        text: str,
        thread_ts: str | None = None,
        broadcast: bool = False,
        files: Sequence[UploadedFile] = (),
        link_phones: bool = False,
    ) -> Message:
        """Type a message, or a reply when `thread_ts` names a parent, with files if any."""
        person = self._present(user)
        found = self._writable(person, channel)
        if thread_ts is not None and found.message(thread_ts).is_reply:
            thread_ts = found.message(thread_ts).thread_ts
        if thread_ts is not None and found.message(thread_ts).is_deleted:
            raise ClientRefused("the thread's first message was deleted")
        if not text.strip() and not files:
            raise ClientRefused("there is nothing to send")
        typed = type_message(text, self.workspace.directory(), link_phones)
        stored = [self._upload(person, file) for file in files]
        subtype = "thread_broadcast" if broadcast and thread_ts else None
        message = self.workspace.post(
            found,
            author=person.name,
            user_id=person.user_id,
            team_id=person.team_id,
            text=typed.text,
            blocks=typed.blocks,
            client_msg_id=new_client_msg_id(),
            thread_ts=thread_ts,
            broadcast=subtype is not None,
            subtype="file_share" if stored else subtype,
            bot_id=person.bot_id,
            app_id=person.app_id,
            files=[self._file_json(file, found) for file in stored],
        )
        for file in stored:
            file.shares.append((found.channel_id, found.is_private, message.ts, thread_ts))
            self._announce_file(file, found)
        return message

    def _upload(self, person: Person, file: UploadedFile) -> StoredFile:
        name, data, *mimetype = file
        return self.workspace.files.keep(
            name, data, person.user_id, mimetype[0] if mimetype else None, person.team_id
        )

    def _file_json(self, file: StoredFile, channel: Channel) -> Json:
        return file.as_json(self.url) | {"is_public": not channel.is_private}

    def _announce_file(self, file: StoredFile, channel: Channel) -> None:
        event: Json = {
            "type": "file_shared",
            "file_id": file.file_id,
            "user_id": file.user_id,
            "file": {"id": file.file_id},
            "channel_id": channel.channel_id,
            "event_ts": self.clock.next_ts(),
        }
        self.workspace.announce("file_shared", event, channel, file.team_id)

    async def edit(self, user: str | Person, channel: str | Channel, ts: str, text: str) -> None:
        """Change one's own message."""
        person = self._present(user)
        found = self._writable(person, channel)
        message = found.message(ts)
        if message.user_id != person.user_id:
            raise ClientRefused(f"{person.name} did not write this")
        typed = type_message(text, self.workspace.directory())
        self.workspace.change(found, message, person.user_id, text=typed.text, blocks=typed.blocks)

    async def delete(self, user: str | Person, channel: str | Channel, ts: str) -> None:
        """Delete one's own message; administrators may delete anybody's."""
        person = self._present(user)
        found = self._writable(person, channel)
        self.workspace.delete(found, self._own(person, found, ts))

    async def react(self, user: str | Person, channel: str | Channel, ts: str, name: str) -> None:
        person = self._present(user)
        found = self._writable(person, channel)
        message = found.message(ts)
        if name not in self.workspace.custom_emoji and not is_emoji_name(name):
            raise ClientRefused(f"there is no emoji {name}")
        if person.user_id in message.reactions.get(name, ()):
            raise ClientRefused("already reacted")
        self.workspace.react(found, message, person.user_id, name)

    async def unreact(self, user: str | Person, channel: str | Channel, ts: str, name: str) -> None:
        person = self._present(user)
        found = self._writable(person, channel)
        message = found.message(ts)
        if person.user_id not in message.reactions.get(name, ()):
            raise ClientRefused("has not reacted")
        self.workspace.unreact(found, message, person.user_id, name)

    async def unfurl(self, channel: str | Channel, ts: str, url: str, title: str = "") -> None:
        """Slack adds a link preview: message_changed without `edited`."""
        found = self.workspace.channel(channel)
        message = found.message(ts)
        preview = {
            "id": len(message.attachments) + 1,
            "from_url": url,
            "original_url": url,
            "title": title or url,
            "title_link": url,
            "fallback": title or url,
            "service_name": url.split("/")[2] if "//" in url else url,
        }
        self.workspace.change(found, message, None, attachments=[*message.attachments, preview])

    async def command(
        self,
        user: str | Person,
        channel: str | Channel,
        name: str,
        text: str = "",
        thread_ts: str | None = None,
        link_phones: bool = False,
    ) -> CommandResult:
        """Type a slash command; the app need not be a member of the channel."""
        person = self._present(user)
        found = self._writable(person, channel)
        return await self._commands.type(person, found, name, text, thread_ts, link_phones)

    async def click(
        self,
        user: str | Person,
        channel: str | Channel,
        ts: str,
        action_id: str,
        value: Any = None,
        block_id: str | None = None,
    ) -> InteractionResult:
        """Use a button or menu of a message, or of a private answer shown to this person."""
        person = self._present(user)
        found = self.workspace.channel(channel)
        clicked: Message | PrivateAnswer | None = found.by_ts.get(ts)
        if clicked is None:
            mine = self.private_answers(person)
            clicked = next((answer for answer in mine if answer.ts == ts), None)
        if clicked is None or clicked.is_deleted:
            raise ClientRefused("there is no such message")
        return await self._interactivity.click(person, found, clicked, action_id, value, block_id)

    def _view(self, person: Person, view_id: str | None, action_id: str | None = None) -> View:
        """The named view, else the topmost modal, else the Home tab with that action."""
        if view_id is not None:
            return self.world.views.by_id[view_id]
        home = self.home(person)
        if not self.views(person) and home is not None and action_id in home.buttons():
            return home
        return self.world.views.top(person.user_id)

    async def click_in_view(
        self, user: str | Person, action_id: str, value: Any = None, view_id: str | None = None
    ) -> InteractionResult:
        person = self._present(user)
        view = self._view(person, view_id, action_id)
        return await self._interactivity.click_in_view(person, view, action_id, value)

    async def suggest(
        self, user: str | Person, action_id: str, query: str, view_id: str | None = None
    ) -> list[Json]:
        """Type into an external_select; the options the app offers."""
        person = self._present(user)
        view = self._view(person, view_id, action_id)
        return await self._interactivity.suggest(person, view, action_id, query)

    async def global_shortcut(self, user: str | Person, callback_id: str) -> InteractionResult:
        return await self._interactivity.global_shortcut(self._present(user), callback_id)

    async def message_shortcut(
        self, user: str | Person, channel: str | Channel, ts: str, callback_id: str
    ) -> InteractionResult:
        found = self.workspace.channel(channel)
        message = found.message(ts)
        return await self._interactivity.message_shortcut(
            self._present(user), found, message, callback_id
        )

    async def submit_view(
        self, user: str | Person, values: Json | None = None, view_id: str | None = None
    ) -> SubmissionResult:
        """Type `values` (by block_id or action_id) into a modal and submit it."""
        person = self._present(user)
        view = self._view(person, view_id)
        return await self._interactivity.submit(person, view, values or {})

    async def close_view(
        self, user: str | Person, view_id: str | None = None
    ) -> InteractionResult | None:
        person = self._present(user)
        return await self._interactivity.close(person, self._view(person, view_id))

    async def open_home(self, user: str | Person, tab: str = "home") -> None:
        """Open the app's Home (or Messages) tab."""
        person = self._present(user)
        channel, _ = self.workspace.direct_channel([person.user_id, BOT_USER_ID])
        event: Json = {
            "type": "app_home_opened",
            "user": person.user_id,
            "channel": channel.channel_id,
            "tab": tab,
            "event_ts": self.clock.next_ts(),
        }
        home = self.home(person)
        if home is not None and tab == "home":
            event["view"] = home.as_json(self.workspace.installation)
        self.workspace.announce("app_home_opened", event, None, TEAM_ID)

    async def create_channel(
        self,
        name: str,
        members: Iterable[str] = (),
        private: bool = False,
        shared: bool = False,
    ) -> Channel:
        """A new channel; the app is invited to it separately."""
        ids = [self.workspace.person(member).user_id for member in members]
        return self.workspace.add_channel(name, ids, "group" if private else "channel", shared)

    async def archive(self, channel: str | Channel, user: str | Person = "Ada") -> None:
        person = self._present(user)
        self.workspace.archive(self.workspace.channel(channel), person.user_id, True)

    async def unarchive(self, channel: str | Channel, user: str | Person = "Ada") -> None:
        person = self._present(user)
        self.workspace.archive(self.workspace.channel(channel), person.user_id, False)

    async def rename(self, channel: str | Channel, name: str, user: str | Person = "Ada") -> None:
        person = self._present(user)
        self.workspace.rename(self.workspace.channel(channel), person.user_id, name)

    async def join(self, user: str | Person, channel: str | Channel) -> None:
        person, found = self._present(user), self.workspace.channel(channel)
        if person.user_id not in found.members:
            self.workspace.join(found, person.user_id)

    async def leave(self, user: str | Person, channel: str | Channel) -> None:
        person, found = self._present(user), self.workspace.channel(channel)
        if person.user_id in found.members:
            self.workspace.leave(found, person.user_id)

    async def invite_bot(self, channel: str | Channel, user: str | Person = "Ada") -> None:
        """/invite the app into the channel."""
        found = self.workspace.channel(channel)
        if BOT_USER_ID in found.members:
            raise ClientRefused("the app is already in this channel")
        self.workspace.join(found, BOT_USER_ID, self._present(user).user_id)

    async def kick_bot(self, channel: str | Channel) -> None:
        """/remove the app from the channel."""
        found = self.workspace.channel(channel)
        if BOT_USER_ID not in found.members:
            raise ClientRefused("the app is not in this channel")
        self.workspace.leave(found, BOT_USER_ID)

    async def direct_message(
        self, user: str | Person, other: str | Person = BOT_USER_ID
    ) -> Channel:
        """The person's conversation with somebody, or with the app."""
        ids = [self._present(user).user_id, self._present(other).user_id]
        channel, is_new = self.workspace.direct_channel(ids)
        if is_new:
            self.workspace.changed()
        return channel

    async def dismiss(self, user: str | Person, ts: str) -> None:
        """Take a private answer off the screen; the app never hears of it."""
        for answer in self.private_answers(user):
            if answer.ts == ts:
                answer.is_deleted = True
                self.workspace.changed()

    async def type_command(
        self,
        user: str | Person,
        channel: str | Channel,
        name: str,
        text: str = "",
        thread_ts: str | None = None,
    ) -> CommandResult:
        """`command`, with Slack's own refusal shown to the person as Slackbot's private answer."""
        result = await self.command(user, channel, name, text, thread_ts)
        if result.refused:
            found, user_id = self.workspace.channel(channel), self.workspace.person(user).user_id
            self.workspace.whisper(found, user_id, "slackbot", result.refused, [], thread_ts)
        return result

    # What is seen

    def channel(self, name: str | Channel) -> Channel:
        return self.workspace.channel(name)

    def person(self, name: str | Person) -> Person:
        return self.workspace.person(name)

    def private_answers(self, user: str | Person) -> list[PrivateAnswer]:
        """What only this person was shown and still sees, oldest first."""
        user_id = self.workspace.person(user).user_id
        return [
            answer
            for answer in self.workspace.private_answers
            if answer.user_id == user_id and not answer.is_deleted
        ]

    def home(self, user: str | Person) -> View | None:
        return self.world.views.homes.get(self.workspace.person(user).user_id)

    def views(self, user: str | Person) -> list[View]:
        """The person's open modals, topmost last."""
        return self.world.views.stack(self.workspace.person(user).user_id)

    @property
    def requests(self) -> list[RecordedRequest]:
        return list(self.server.requests)

    def calls(self, method: str) -> list[RecordedRequest]:
        """The recorded calls of one method."""
        return [record for record in self.server.requests if record.method == method]

    @property
    def deliveries(self) -> list[Delivery]:
        return list(self._deliveries.log)

    @property
    def undelivered(self) -> list[Delivery]:
        return [delivery for delivery in self._deliveries.log if delivery.state != "delivered"]

    def deliver_again(self, subscription: str, body: Json) -> None:
        """Send an event that an earlier run of this workspace could not deliver."""
        self._deliveries.resume(Delivery(subscription, body))

    @property
    def is_subscription_disabled(self) -> bool:
        return self._deliveries.is_disabled

    async def wait_for(self, predicate: Callable[[], Found], timeout_seconds: float = 5.0) -> Found:
        """The first truthy value of `predicate`, asked again at each change; else TimeoutError."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_seconds
        while True:
            self._changed.clear()
            if found := predicate():
                return found
            if loop.time() >= deadline:
                raise TimeoutError(f"nothing of the kind within {timeout_seconds} s")
            try:
                await asyncio.wait_for(self._changed.wait(), POLL_SECONDS)
            except TimeoutError:
                continue

    async def settled(self, timeout_seconds: float = 5.0) -> None:
        """Wait until no event is under way any more."""
        await self.wait_for(lambda: self._deliveries.under_way == 0, timeout_seconds)
