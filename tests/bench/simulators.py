"""A simulator in a process of its own: `python -m tests.bench.simulators slack|ringcentral`.

It is the sandbox's own, without its rate limits. Beside its own control (/_sandbox/...) a second
port tells what the bench needs and no bridge may know:

    GET  /arrivals   [[text, time], ...]: what was asked of it, and when each request came in
    POST /replies    {"threads": [ts, ...], "count": n}: replies that people typed, whose events
                     are answered here instead of being sent (Slack only)
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
from collections.abc import Callable
from typing import Any

import uvloop
from aiohttp import web

from bridge.sandbox.ringcentral import RingCentralSimulator
from bridge.sandbox.slack import SlackSimulator
from bridge.sandbox.slack.channels import Channel
from bridge.sandbox.supervisor import LOOPBACK

CHANNEL = "front-desk"
AUTHOR = "Bea"
LARGEST_BODY_BYTES = 16 * 1024 * 1024

Arrival = tuple[str, float]


def posts_of(slack: SlackSimulator) -> list[Arrival]:
    """Every chat.postMessage, with the time at which its request reached the handler."""
    return [
        (str(each.arguments.get("text", "")), each.at)
        for each in slack.requests
        if each.method == "chat.postMessage"
    ]


def texts_of(ringcentral: RingCentralSimulator) -> list[Arrival]:
    """Every text that was accepted, with the time at which it was."""
    return [(each.text, each.created_at.timestamp()) for each in ringcentral.sent]


async def write_replies(
    slack: SlackSimulator, threads: list[str], count: int
) -> list[dict[str, Any]]:
    """Let a person reply, in turn in each thread; the events, which are not sent."""
    events: list[dict[str, Any]] = []

    def keep(subscription: str, event: dict[str, Any], _channel: Channel | None, _: str) -> None:
        if subscription.startswith("message."):
            events.append(event)

    announce, slack.workspace.announce = slack.workspace.announce, keep
    try:
        for number in range(count):
            thread_ts = threads[number % len(threads)]
            await slack.say(AUTHOR, CHANNEL, "On its way", thread_ts=thread_ts)
    finally:
        slack.workspace.announce = announce
    return events


async def serve_slack() -> None:
    """Slack, until told to stop."""
    slack = SlackSimulator(rate_limits=False)

    async def replies(request: web.Request) -> web.Response:
        wanted = await request.json()
        return web.json_response(await write_replies(slack, wanted["threads"], wanted["count"]))

    async with slack:
        await _serve(slack.url, lambda: posts_of(slack), web.post("/replies", replies))


async def serve_ringcentral() -> None:
    """RingCentral, until told to stop."""
    async with RingCentralSimulator(rate_limits=False) as ringcentral:
        await _serve(ringcentral.url, lambda: texts_of(ringcentral))


async def _serve(url: str, arrivals: Callable[[], list[Arrival]], *routes: web.RouteDef) -> None:
    async def show_arrivals(_request: web.Request) -> web.Response:
        return web.json_response(arrivals())

    app = web.Application(client_max_size=LARGEST_BODY_BYTES)
    app.add_routes([web.get("/arrivals", show_arrivals), *routes])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, LOOPBACK, 0).start()
    stopped = asyncio.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(each, stopped.set)
    bench_url = f"http://{LOOPBACK}:{runner.addresses[0][1]}"
    print(json.dumps({"url": url, "bench_url": bench_url}), flush=True)
    try:
        await stopped.wait()
    finally:
        await runner.cleanup()


def main() -> None:
    parser = argparse.ArgumentParser(description="A simulator for the bench.")
    parser.add_argument("which", choices=("slack", "ringcentral"))
    which = parser.parse_args().which
    uvloop.run(serve_slack() if which == "slack" else serve_ringcentral())


if __name__ == "__main__":
    main()
