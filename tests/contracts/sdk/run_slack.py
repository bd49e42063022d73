"""Run Slack's official Node SDKs against the simulated Slack: python -m ...sdk.run_slack node.

Needs `npm install` in this folder; exits with 1 where anything is not as expected.
"""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bridge.sandbox.slack import APP_TOKEN, BOT_TOKEN, SIGNING_SECRET, SlackSimulator

FOLDER = Path(__file__).parent
PROGRAM_SECONDS = 60.0
STEP_SECONDS = 15.0


def environment(slack: SlackSimulator) -> dict[str, str]:
    """What a program needs to know; proxies are left out, everything is on loopback."""
    return {
        "PATH": os.environ["PATH"],
        "SLACK_API_URL": slack.api_url,
        "SLACK_BOT_TOKEN": BOT_TOKEN,
        "SLACK_APP_TOKEN": APP_TOKEN,
        "SLACK_SIGNING_SECRET": SIGNING_SECRET,
    }


async def run_web_api() -> None:
    """The Web API client's program, to its end."""
    async with SlackSimulator(rate_limits=False) as slack:
        process = await asyncio.create_subprocess_exec(
            "node", "slack_web_api.mjs", cwd=FOLDER, env=environment(slack)
        )
        if await asyncio.wait_for(process.wait(), PROGRAM_SECONDS):
            raise SystemExit("slack_web_api: failed")


@asynccontextmanager
async def bolt_app(slack: SlackSimulator, mode: str) -> AsyncIterator[None]:
    """Bolt's program, started and connected; its end is waited for."""
    process = await asyncio.create_subprocess_exec(
        "node",
        "slack_bolt.mjs",
        mode,
        cwd=FOLDER,
        env=environment(slack),
        stdin=PIPE,
        stdout=PIPE,
    )
    try:
        word, _, port = (await _first_line(process)).partition(" ")
        if word == "port":
            slack.install(request_url=f"http://127.0.0.1:{port}/slack/events", mode="http")
            await slack.verify_request_url()
        yield
        await slack.settled(STEP_SECONDS)
    finally:
        assert process.stdin is not None, "opened as a pipe"
        process.stdin.close()
        failed = await asyncio.wait_for(process.wait(), STEP_SECONDS)
    if failed:
        raise SystemExit(f"slack_bolt ({mode}): exit code {failed}")


async def _first_line(process: Process) -> str:
    assert process.stdout is not None, "opened as a pipe"
    line = await asyncio.wait_for(process.stdout.readline(), PROGRAM_SECONDS)
    if not line:
        raise SystemExit("slack_bolt: did not start")
    return line.decode().strip()


async def run_bolt(mode: str) -> None:
    """People talk, command, click and fill in; Bolt answers each."""
    async with SlackSimulator(rate_limits=False) as slack, bolt_app(slack, mode):
        await slack.wait_for(lambda: mode == "http" or slack.sockets.connections, STEP_SECONDS)
        message = await slack.say("Bea", "front-desk", "hello")
        await slack.wait_for(lambda: message.replies, STEP_SECONDS)

        result = await slack.command("Bea", "front-desk", "/sms", "help")
        assert result.refused is None, result.refused
        await slack.wait_for(lambda: len(slack.private_answers("Bea")) == 2, STEP_SECONDS)

        await slack.click("Bea", "front-desk", message.replies[0].ts, "claim")
        await slack.wait_for(lambda: slack.views("Bea"), STEP_SECONDS)
        refused = await slack.submit_view("Bea", {"text": "bad"})
        assert refused.errors == {"note": "Not this."}, refused
        assert (await slack.submit_view("Bea", {"text": "good"})).view is None

        await slack.open_home("Bea")
        await slack.wait_for(lambda: slack.home("Bea"), STEP_SECONDS)
        if mode == "socket":
            await _reconnect(slack)
    print(f"slack_bolt ({mode}): ok")


async def _reconnect(slack: SlackSimulator) -> None:
    first = slack.sockets.connections[0]
    await slack.refresh_connections()
    await slack.wait_for(
        lambda: [one for one in slack.sockets.connections if one is not first], STEP_SECONDS
    )
    message = await slack.say("Bea", "front-desk", "still there?")
    await slack.wait_for(lambda: message.replies, STEP_SECONDS)


async def run() -> None:
    await run_web_api()
    for mode in ("http", "socket"):
        await run_bolt(mode)


if __name__ == "__main__":
    if sys.argv[1:] != ["node"]:
        raise SystemExit("usage: python -m tests.contracts.sdk.run_slack node")
    asyncio.run(run())
