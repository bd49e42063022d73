"""The world a scenario happens in: the bridge between a simulated Slack and simulated phones.

    await alice.texts("Is my order ready?")
    thread = await world.expect_thread("Is my order ready?")
    await thread.reply("Yes, until 6 pm", by="Bea")
    await alice.expect_sms("Yes, until 6 pm")

Whatever reached a phone or a person without having been expected fails the test at its end.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any, TypeVar

from sqlmodel import Session, SQLModel, col, func, select

from bridge.app import ALL_ROLES, Bridge, open_bridge
from bridge.clock import Clock
from bridge.sandbox.ringcentral import NUMBER, RingCentralSimulator
from bridge.sandbox.ringcentral.phones import Phone, ReceivedText
from bridge.sandbox.slack import SlackSimulator
from bridge.sandbox.slack.commands import CommandResult
from bridge.sandbox.slack.messages import Message
from bridge.sandbox.supervisor import bridge_environment, free_port
from bridge.serve import listening
from bridge.settings import Settings
from storage.tables import Cursor, Delivery, Subscription
from storage.tables import Message as Text

CHANNEL = "front-desk"
WAIT_SECONDS = 10.0
SETTLE_SECONDS = 1.0  # how long what is due may still be on its way before silence is judged
RETRY_SECONDS = (0.05, 0.2, 0.5)
MARK = "white_check_mark"
# For worlds in which an answer is lost: the last look comes this soon.
QUICK_LOOKS = {"BRIDGE_SEND_SECONDS": "1", "BRIDGE_LOOK_SECONDS": "0.1,0.2,0.3"}
# For worlds with bursts: the bridge paces its posts to a channel by itself.
UNPACED = {"BRIDGE_RATE_LIMITS": "false"}
File = tuple[str, str, bytes]
T = TypeVar("T")
Row = TypeVar("Row", bound=SQLModel)


class Texter:
    """Somebody with a phone outside the company."""

    def __init__(self, world: World, phone: Phone) -> None:
        self._world, self._phone = world, phone
        self._expected: list[ReceivedText] = []

    @property
    def number(self) -> str:
        return self._phone.number

    async def texts(
        self, text: str, to: str | Sequence[str] = NUMBER, files: Sequence[File] = ()
    ) -> None:
        """Send a text to one of our numbers; with several numbers it is a group's."""
        await self._phone.texts(text, to=to, attachments=files)

    @property
    def received(self) -> list[str]:
        """The texts that reached the phone, in their order."""
        return self._phone.texts_received

    def fails_with(self, code: str) -> None:
        """From now on texts to this phone are accepted, then fail with the carrier's code."""
        self._phone.fails_with = code

    async def expect_sms(self, containing: str) -> ReceivedText:
        """The next text that has not been expected yet and contains this."""

        def arrived() -> ReceivedText | None:
            return next((each for each in self.unexpected() if containing in each.text), None)

        text = await self._world.eventually(arrived, f"a text with {containing!r}")
        self._expected.append(text)
        return text

    def unexpected(self) -> list[ReceivedText]:
        """What reached the phone and nobody expected; the carrier's own words are left out."""
        return [
            each
            for each in self._phone.received
            if not each.is_automatic and all(each is not known for known in self._expected)
        ]


class Thread:
    """A conversation's thread in its inbox's channel."""

    def __init__(self, world: World, card: Message, channel: str) -> None:
        self._world, self.card, self.channel = world, card, channel

    @property
    def shown(self) -> list[str]:
        """What the bridge has posted in the thread, as a person reads it."""
        return [each.shown for each in self.card.replies if each.bot_id]

    async def reply(
        self,
        text: str,
        *,
        by: str = "Bea",
        broadcast: bool = False,
        files: Sequence[tuple[str, bytes]] = (),
    ) -> Message:
        """Somebody writes in the thread."""
        return await self._world.slack.say(
            by, self.channel, text, thread_ts=self.card.ts, broadcast=broadcast, files=files
        )

    async def edit(self, message: Message, text: str, *, by: str = "Bea") -> None:
        """Somebody edits what they wrote."""
        await self._world.slack.edit(by, self.channel, message.ts, text)

    async def delete(self, message: Message, *, by: str = "Bea") -> None:
        """Somebody deletes what they wrote."""
        await self._world.slack.delete(by, self.channel, message.ts)

    async def click(self, message: Message, action_id: str, *, by: str = "Bea") -> None:
        """Somebody presses a button under a message."""
        await self._world.slack.click(by, self.channel, message.ts, action_id)

    async def expect_post(self, containing: str) -> Message:
        """The bridge posts this in the thread."""

        def posted() -> Message | None:
            return next(
                (
                    each
                    for each in self._world.unexpected_posts()
                    if each.thread_ts == self.card.ts and containing in each.shown
                ),
                None,
            )

        message = await self._world.eventually(posted, f"a post with {containing!r}")
        self._world.expect(message)
        return message

    async def expect_told(self, author: str, *parts: str) -> Message:
        """The bridge tells this person something in the thread, mentioning nobody else."""
        message = await self.expect_post(parts[0])
        assert message.pings.users == (self._world.slack.person(author).user_id,)
        assert all(part in message.shown for part in parts), message.shown
        return message

    async def expect_mark(self, message: Message) -> None:
        """The carrier's acceptance shows on a message."""
        await self._world.eventually(lambda: MARK in message.reactions, "the mark of acceptance")

    async def expect_no_mark(self, message: Message) -> None:
        """The mark is gone, or never came."""
        await self._world.eventually(lambda: MARK not in message.reactions, "no mark")

    async def expect_card(self, containing: str) -> None:
        """The card comes to show this; the moment for which its changes are gathered is over."""
        self._world.clock.forward(seconds=2)
        await self._world.eventually(
            lambda: containing in self.card.shown, f"a card with {containing!r}"
        )


class World:
    """Slack, RingCentral, phones, time, and the bridge between them."""

    def __init__(
        self, slack: SlackSimulator, ringcentral: RingCentralSimulator, settings: Mapping[str, str]
    ) -> None:
        self.slack, self.ringcentral, self.clock = slack, ringcentral, Clock()
        self.settings = dict(settings)
        self.expected_posts: set[tuple[str, str]] = set()
        self._texters: dict[str, Texter] = {}
        self._private_seen: dict[str, int] = {}
        self.roles = ALL_ROLES
        self._running = AsyncExitStack()
        self._bridge: Bridge | None = None

    @property
    def bridge(self) -> Bridge:
        """The bridge while it runs."""
        assert self._bridge is not None, "started and not stopped"
        return self._bridge

    async def start_bridge(self) -> None:
        """Start the bridge, as the process manager does."""
        settings = Settings.model_validate(self.settings)
        async with AsyncExitStack() as starting:
            self._bridge = await open_bridge(settings, clock=self.clock, roles=self.roles)
            starting.push_async_callback(self._bridge.stop)
            await starting.enter_async_context(running(self._bridge))
            self._running = starting.pop_all()

    async def stop_bridge(self) -> None:
        """Stop the bridge; Slack, RingCentral and phones go on without it."""
        self._bridge = None
        await self._running.aclose()

    async def sync(self) -> None:
        """What the timer does: the message stores are read for what events missed."""
        for cursor in await self.rows(Cursor):
            await self.bridge.ringcentral.catch_up.sync_store(cursor.store)

    async def rows(self, table: type[Row]) -> list[Row]:
        """All that is on file in a table."""
        return await self.bridge.database.read(_all_rows, table)

    async def count_texts(self) -> int:
        """How many texts are on file, in and out."""
        return len(await self.rows(Text))

    def texter(self, number: str) -> Texter:
        """Whoever has the phone with this number."""
        if number not in self._texters:
            self._texters[number] = Texter(self, self.ringcentral.phone(number))
        return self._texters[number]

    async def command(self, user: str, text: str, channel: str = CHANNEL) -> CommandResult:
        """Somebody types `/sms ...`."""
        result = await self.slack.command(user, channel, "/sms", text)
        assert result.refused is None, result.refused
        return result

    async def connect(self, number: str = NUMBER, channel: str = CHANNEL) -> None:
        """An administrator connects a number to a channel; the bridge says so there."""
        await self.command("Ada", f"connect {number}", channel)
        await self.expect_post("connected", channel=channel)
        await self.expect_private("Ada", "is connected here")

    async def expect_thread(self, containing: str, channel: str = CHANNEL) -> Thread:
        """A thread in the channel in which the bridge posted this."""

        def opened() -> Message | None:
            return next(
                (
                    each
                    for each in self.unexpected_posts()
                    if each.thread_ts is not None and containing in each.shown
                ),
                None,
            )

        post = await self.eventually(opened, f"a thread with {containing!r}")
        assert post.thread_ts is not None, "just asked"
        card = self.slack.channel(channel).message(post.thread_ts)
        self.expect(post)
        self.expect(card)
        return Thread(self, card, channel)

    async def until_told_of_everything(self) -> None:
        """RingCentral's notifications are ordered, where they can be, and no store has a gap."""
        wants = "BRIDGE_PUBLIC_URL" in self.settings
        async with asyncio.timeout(WAIT_SECONDS):
            while True:
                ordered = [
                    each.ringcentral_subscription_id for each in await self.rows(Subscription)
                ]
                read = await self.rows(Cursor)
                is_read = read and all(each.synced_at and not each.gap_open for each in read)
                if is_read and (any(ordered) or not wants):
                    return
                await asyncio.sleep(0.01)

    async def thread_with(self, texter: Texter, text: str = "Hello") -> Thread:
        """A conversation that the other side has begun."""
        await texter.texts(text)
        return await self.expect_thread(text)

    async def expect_post(self, containing: str, channel: str = CHANNEL) -> Message:
        """The bridge posts this in a channel, outside threads."""
        channel_id = self.slack.channel(channel).channel_id
        return await self._expect_post_in(channel_id, containing)

    async def expect_direct_message(self, user: str, containing: str) -> Message:
        """The bridge writes this to a person."""
        channel_id = (await self.slack.direct_message(user)).channel_id
        return await self._expect_post_in(channel_id, containing)

    async def _expect_post_in(self, channel_id: str, containing: str) -> Message:
        def posted() -> Message | None:
            return next(
                (
                    each
                    for each in self.unexpected_posts()
                    if each.channel_id == channel_id
                    and each.thread_ts is None
                    and containing in each.shown
                ),
                None,
            )

        message = await self.eventually(posted, f"a post with {containing!r}")
        self.expect(message)
        return message

    async def expect_private(self, user: str, containing: str) -> str:
        """Only this person is shown this; answers are expected in their order."""

        def answered() -> str | None:
            answers = self.slack.private_answers(user)[self._private_seen.get(user, 0) :]
            return next((each.text for each in answers if containing in each.text), None)

        answer = await self.eventually(answered, f"a private answer with {containing!r}")
        self._private_seen[user] = len(self.slack.private_answers(user))
        return answer

    def expect(self, post: Message) -> None:
        """A post that is looked at otherwise is expected."""
        self.expected_posts.add((post.channel_id, post.ts))

    def posts(self) -> list[Message]:
        """Everything the bridge has posted, wherever."""
        return [
            message
            for channel in self.slack.workspace.channels.values()
            for message in channel.messages
            if message.bot_id == self.slack.bot_id
        ]

    def unexpected_posts(self) -> list[Message]:
        """What the bridge posted and nobody expected."""
        return [
            each for each in self.posts() if (each.channel_id, each.ts) not in self.expected_posts
        ]

    async def eventually(self, look: Callable[[], T | None], what: str) -> T:
        """The first true value of `look`, within a bound."""
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                while True:
                    if found := look():
                        return found
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise AssertionError(f"never came: {what}; there is {self._told()}") from None

    async def until_put_off(self, reason: str, times: int = 1) -> None:
        """Something waits after so many tries, for this reason: time may be moved on."""
        async with asyncio.timeout(WAIT_SECONDS):
            while True:
                for each in await self.rows(Delivery):
                    is_waiting = each.state == "waiting" and each.reason == reason
                    if is_waiting and each.attempts >= times:
                        return
                await asyncio.sleep(0.01)

    async def expect_silence(self) -> None:
        """Everything is delivered, and nobody was sent anything that was not expected."""
        await self._until_settled()
        texts = {
            number: [each.text for each in texter.unexpected()]
            for number, texter in self._texters.items()
            if texter.unexpected()
        }
        strangers = set(self.ringcentral.world.carrier.phones) - set(self._texters)
        posts = [each.shown for each in self.unexpected_posts()]
        assert not texts, f"texts nobody expected: {texts}"
        assert not [n for n in strangers if self.ringcentral.phone(n).received]
        assert not posts, f"posts nobody expected: {posts}"
        pinged = [each.shown for each in self.posts() if _pings_wrongly(each)]
        assert not pinged, f"posts that ping whom they must not: {pinged}"

    async def _until_settled(self) -> None:
        for _ in range(2):  # what an event made the bridge do can make another
            await self.ringcentral.settled(timeout_seconds=WAIT_SECONDS)
            await self.slack.settled(timeout_seconds=WAIT_SECONDS)
            with suppress(TimeoutError):
                async with asyncio.timeout(SETTLE_SECONDS):
                    await self._until_nothing_is_due()
            await asyncio.sleep(0.02)

    async def _until_nothing_is_due(self) -> None:
        while self._bridge is not None:
            if not await self._bridge.database.read(_count_due, self.clock):
                return
            await asyncio.sleep(0.01)

    def _told(self) -> dict[str, object]:
        return {
            "posts": [each.shown for each in self.unexpected_posts()],
            "texts": {n: [each.text for each in t.unexpected()] for n, t in self._texters.items()},
        }


def _pings_wrongly(post: Message) -> bool:
    """Only words of the bridge itself may notify, and only one person, in a thread."""
    pings = post.pings
    if not pings:
        return False
    is_from_phone = post.username is not None
    several = len(pings.users) > 1 or bool(pings.broadcasts or pings.usergroups)
    return is_from_phone or several or post.thread_ts is None


def _all_rows(session: Session, table: type[Row]) -> list[Row]:
    return list(session.exec(select(table)))


def _count_due(session: Session, clock: Clock) -> int:
    """What is being delivered or due, but for cards, which are brought up to date in a while."""
    query = (
        select(func.count())
        .select_from(Delivery)
        .where(
            col(Delivery.state).in_(("waiting", "claimed", "started")),
            Delivery.due_at <= clock.now(),
            Delivery.kind != "update",
        )
    )
    return session.exec(query).one()


@asynccontextmanager
async def connected_world(database_url: str, **how: Any) -> AsyncIterator[World]:
    """A bridge with one inbox in #front-desk, silent at its end but for what was expected."""
    async with running_world(database_url, **how) as world:
        await world.connect()
        await world.until_told_of_everything()
        yield world
        await world.expect_silence()


def slack_of_scenarios(*, rate_limits: bool = False, **how: Any) -> SlackSimulator:
    """A Slack that repeats events soon and, unless limits are the subject, does not count calls."""
    return SlackSimulator(rate_limits=rate_limits, retry_delays_seconds=RETRY_SECONDS, **how)


@asynccontextmanager
async def running_world(
    database_url: str,
    *,
    socket_mode: bool = False,
    webhook: bool = True,
    hold_seconds: float = 0.0,
    slack: SlackSimulator | None = None,
    ringcentral: RingCentralSimulator | None = None,
    **settings: str,
) -> AsyncIterator[World]:
    """A bridge in this process against simulators of its own, no number connected yet."""
    slack = slack or slack_of_scenarios()
    ringcentral = ringcentral or RingCentralSimulator()
    async with slack, ringcentral:
        port = free_port()
        slack.install(
            request_url=None if socket_mode else f"http://127.0.0.1:{port}/slack/events",
            mode="socket" if socket_mode else "http",
        )
        chosen = {
            "BRIDGE_HOLD_SECONDS": str(hold_seconds),
            "BRIDGE_LOOK_SECONDS": "0.2,0.4,1",
            "BRIDGE_SEND_SECONDS": "2",
            "BRIDGE_SYNC_SECONDS": "30" if webhook else "0.5",
            **settings,
        }
        environment = bridge_environment(
            slack,
            ringcentral,
            database_url=database_url,
            port=port,
            socket_mode=socket_mode,
            **chosen,
        )
        if not webhook:
            del environment["BRIDGE_PUBLIC_URL"]
        world = World(slack, ringcentral, environment)
        await world.start_bridge()
        try:
            yield world
        finally:
            await world.stop_bridge()


@asynccontextmanager
async def another_process(world: World, *roles: str) -> AsyncIterator[Bridge]:
    """One more process of the same bridge, on the same database, with an address of its own."""
    settings = Settings.model_validate({**world.settings, "PORT": str(free_port())})
    bridge = await open_bridge(settings, clock=world.clock, roles=frozenset(roles))
    try:
        async with running(bridge):
            yield bridge
    finally:
        await bridge.stop()


@asynccontextmanager
async def running(bridge: Bridge) -> AsyncIterator[None]:
    """The bridge listening and started."""
    await bridge.open()
    async with listening(bridge, bridge.settings, is_web="web" in bridge.roles):
        await bridge.start()
        yield
