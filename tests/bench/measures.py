"""What is measured, and what each figure means."""

from __future__ import annotations

import asyncio
import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from bridge.sandbox.ringcentral import ELI_NUMBER, JWT_ELI
from bridge.sandbox.supervisor import BridgeProcess
from tests.bench import traffic
from tests.bench.fill import Amount
from tests.bench.load import Burst, Paced, Planned, drive, pace, percentile, without_garbage
from tests.bench.stage import Floors, Stage

SETTLE_SECONDS = 3.0
A_MILLION = Amount(messages=1_000_000, conversations=100_000)


@dataclass(frozen=True)
class Scale:
    """How much of everything. Rates are per second, each way.

    `requests` are sent in each of `rounds` rounds for each figure of (a) and (b); a figure is the
    median of its rounds.
    """

    connections: int = 32
    requests: int = 3000
    rounds: int = 3
    rate: float = 50.0
    seconds: float = 20.0
    warm_up: int = 100
    idle_seconds: float = 30.0
    past: Amount = A_MILLION


QUICK = Scale(
    requests=500,
    rounds=1,
    seconds=3.0,
    warm_up=20,
    idle_seconds=3.0,
    past=Amount(messages=20_000, conversations=2_000),
)


@dataclass(frozen=True)
class Answers:
    """How fast something is acknowledged: the median of the rounds' rates, all latencies.

    The clock of a round runs from the first request's first byte to the last answer, over kept
    connections that each send their next request when the last was answered. Every answer must be
    200, and every request is new to whoever answers it.
    """

    rate: float
    latencies: Sequence[float]

    @property
    def p50_ms(self) -> float:
        return percentile(self.latencies, 50) * 1000

    @property
    def p99_ms(self) -> float:
        return percentile(self.latencies, 99) * 1000


def _answers(bursts: Sequence[Burst]) -> Answers:
    latencies = [each for burst in bursts for each in burst.latencies]
    return Answers(statistics.median(burst.rate for burst in bursts), latencies)


async def measure_floors(stage: Stage, floors: Floors, scale: Scale) -> tuple[Answers, Answers]:
    """(a) a bare Starlette route, and a bare Bolt, that commit one row and answer.

    They are sent the very requests that the bridge is sent in (b).
    """
    starlette, bolt = [], []
    await _notify(stage, floors.starlette_url, scale, scale.warm_up)
    await _post_events(stage, floors.bolt_url, scale, scale.warm_up)
    for _ in range(scale.rounds):
        starlette.append(await _notify(stage, floors.starlette_url, scale, scale.requests))
        bolt.append(await _post_events(stage, floors.bolt_url, scale, scale.requests))
    return _answers(starlette), _answers(bolt)


async def measure_acknowledgement(
    stage: Stage, path: Path, scale: Scale, role: str
) -> tuple[Answers, Answers]:
    """(b) RingCentral's webhook, and a Slack event, each acknowledged after its commit.

    The webhook brings a text of a conversation that is on file: conversation looked up, message,
    copy and delivery written, the card's update owed. The event brings a reply in a known thread:
    signature, Bolt, thread looked up, message, original, copy and delivery written.

    In the role `web` the process acknowledges and another would deliver; in `up` the same process
    delivers meanwhile, so that the figure is what is left beside the deliveries.
    """
    async with stage.running_bridge(path, role):
        webhook_url = stage.line.bridge_url + traffic.WEBHOOK_PATH
        webhooks, events = [], []
        await _notify(stage, webhook_url, scale, scale.warm_up)
        await _post_events(stage, stage.events_url, scale, scale.warm_up)
        for _ in range(scale.rounds):
            webhooks.append(await _notify(stage, webhook_url, scale, scale.requests))
            events.append(await _post_events(stage, stage.events_url, scale, scale.requests))
    return _answers(webhooks), _answers(events)


async def _notify(stage: Stage, url: str, scale: Scale, count: int) -> Burst:
    requests = traffic.notifications(url, stage.line, stage.places, traffic.new_names(count))
    return await drive(url, requests, scale.connections, "A notification")


async def _post_events(stage: Stage, url: str, scale: Scale, count: int) -> Burst:
    replies = await stage.new_replies(count)
    requests = traffic.events(url, replies, traffic.new_names(count))
    return await drive(url, requests, scale.connections, "An event")


@dataclass(frozen=True)
class Crossing:
    """From the moment a request is sent to the moment the other side has it, in seconds each."""

    texts_in: Sequence[float]
    replies: Sequence[float]


async def measure_straight(stage: Stage, scale: Scale) -> Crossing:
    """(c) the bridge's own calls without the bridge: chat.postMessage, and POST sms.

    From the moment the request is sent to the moment the simulator has it, at the same rate and
    both at once; the texts go out for another user than the bridge's. What (c) calls added is a
    crossing's time less the median of these.
    """
    count = int(scale.rate * scale.seconds / 2)
    posts, texts = traffic.new_names(count), traffic.new_names(count)
    place, channel_id = stage.places[0], stage.line.channel_id
    post_requests = traffic.straight_posts(stage.slack.api_url, channel_id, place.thread_ts, posts)
    text_requests = traffic.straight_texts(
        stage.ringcentral.url,
        await stage.access_token(JWT_ELI),
        ELI_NUMBER,
        place.phone_number,
        texts,
    )
    with without_garbage():
        posted, texted = await asyncio.gather(
            pace(stage.slack.url, _plan(posts, post_requests, scale.rate), "A post"),
            pace(stage.ringcentral.url, _plan(texts, text_requests, scale.rate), "A text"),
        )
    return await _crossing(stage, posted, texted)


async def measure_crossings(stage: Stage, path: Path, scale: Scale) -> Crossing:
    """(c) text in to posted in Slack, and reply to accepted by RingCentral, at once.

    A text's clock starts when RingCentral's event leaves for the bridge and stops when the
    simulated Slack has the chat.postMessage that shows it; a reply's starts when Slack's event
    leaves and stops when the simulated RingCentral has accepted the text. One clock: one machine.
    The bridge does all it does: marks, cards, echoes of its own posts, changes of the store.
    """
    async with stage.running_bridge(path, "up"):
        await _cross(stage, scale, scale.warm_up)
        await asyncio.sleep(SETTLE_SECONDS)
        return await _cross(stage, scale, int(scale.rate * scale.seconds))


async def _cross(stage: Stage, scale: Scale, count: int) -> Crossing:
    texts, replies = traffic.new_names(count), traffic.new_names(count)
    events = await stage.new_replies(count)
    webhook_url = stage.line.bridge_url + traffic.WEBHOOK_PATH
    notices = traffic.notifications(webhook_url, stage.line, stage.places, texts)
    signed = traffic.events(stage.events_url, events, replies)
    with without_garbage():
        told, replied = await asyncio.gather(
            pace(webhook_url, _plan(texts, notices, scale.rate), "A notification"),
            pace(stage.events_url, _plan(replies, signed, scale.rate), "An event"),
        )
    return await _crossing(stage, told, replied)


async def _crossing(stage: Stage, to_slack: Paced, to_phones: Paced) -> Crossing:
    posted = await stage.arrivals(stage.slack, list(to_slack.sent_at))
    accepted = await stage.arrivals(stage.ringcentral, list(to_phones.sent_at))
    return Crossing(
        [posted[name] - sent_at for name, sent_at in to_slack.sent_at.items()],
        [accepted[name] - sent_at for name, sent_at in to_phones.sent_at.items()],
    )


def _plan(names: Sequence[str], requests: Sequence[bytes], rate: float) -> list[Planned]:
    """One in each slot of 1/rate s, anywhere in it: neither in step nor all at once."""
    dice = random.Random(7)
    return [
        Planned(name, request, (slot + dice.random()) / rate)
        for slot, (name, request) in enumerate(zip(names, requests, strict=True))
    ]


@dataclass(frozen=True)
class Idle:
    """What the bridge takes while nothing happens: `core_percent` of one core, `memory_mb` RSS."""

    core_percent: float
    memory_mb: float


async def measure_idle(stage: Stage, path: Path, scale: Scale) -> Idle:
    """(d) processor time and memory of the whole process, all roles, with an inbox connected.

    Catch-up, subscription and outbox keep their usual times; the greatest memory seen counts.
    """
    async with stage.running_bridge(path, "up") as bridge:
        await asyncio.sleep(SETTLE_SECONDS)
        return await _watch(bridge, scale.idle_seconds)


async def _watch(bridge: BridgeProcess, seconds: float) -> Idle:
    process = psutil.Process(bridge.pid)
    before, memory = process.cpu_times(), 0
    loop = asyncio.get_running_loop()
    began = loop.time()
    while loop.time() < began + seconds:
        memory = max(memory, process.memory_info().rss)
        await asyncio.sleep(min(1.0, seconds))
    after, passed = process.cpu_times(), loop.time() - began
    used = after.user + after.system - before.user - before.system
    return Idle(used / passed * 100, memory / 1_000_000)
