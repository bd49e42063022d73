"""Whoever runs the bridge sees how it is, and what waits and why, before anybody complains."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from bridge.sandbox.ringcentral import NUMBER
from bridge.sandbox.supervisor import free_port
from bridge.settings import Settings
from tests.scenarios.world import (
    QUICK_LOOKS,
    Texter,
    World,
    another_process,
    connected_world,
)

DOCS = Path(__file__).parents[2] / "docs"
WORD = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
OF_PROMETHEUS = {"up", "process_resident_memory_bytes", "process_cpu_seconds_total"}

Samples = dict[tuple[str, tuple[str, ...]], float]


async def _page(url: str, token: str = "") -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with httpx.AsyncClient() as client:
        return await client.get(f"{url}/metrics", headers=headers)


async def _samples(world: World) -> Samples:
    """Every sample shown now, by its name and its labels' values in the order of their names."""
    page = await _page(world.settings["BRIDGE_PUBLIC_URL"])
    assert page.status_code == 200
    return {
        (sample.name, tuple(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(page.text)
        for sample in family.samples
    }


async def test_texts_are_counted_and_timed_by_side_and_outcome(world: World, alice: Texter) -> None:
    """A text in and a reply out show as events, tries, and the time both took."""
    before = await _samples(world)
    thread = await world.thread_with(alice)
    reply = await thread.reply("Until 6 pm")
    await alice.expect_sms("Until 6 pm")
    await thread.expect_mark(reply)
    await world.expect_silence()
    after = await _samples(world)
    for name, labels in (
        ("bridge_events_total", ("relayed", "ringcentral")),
        ("bridge_events_total", ("relayed", "slack")),
        ("bridge_attempts_total", ("text", "accepted", "ringcentral")),
        ("bridge_attempts_total", ("post", "accepted", "slack")),
        ("bridge_attempt_seconds_count", ("accepted", "ringcentral")),
        ("bridge_accepted_seconds_count", ("text", "ringcentral")),
        ("bridge_accepted_seconds_count", ("post", "slack")),
        ("bridge_answer_seconds_count", ("/slack/", "200")),
        ("bridge_answer_seconds_count", ("/ringcentral/webhook", "200")),
    ):
        assert after[name, labels] > before.get((name, labels), 0), (name, labels)
    assert after["bridge_oldest_due_seconds", ("ringcentral",)] < 5
    assert after["bridge_store_age_seconds", ()] < 60
    assert after["bridge_subscription_seconds", ()] > 30 * 86400
    assert after["bridge_gate_used_ratio", ("ringcentral:medium",)] > 0


async def test_the_page_holds_no_id_number_or_word(world: World, alice: Texter) -> None:
    """It may be read by whoever watches machines: labels are words of ours alone."""
    thread = await world.thread_with(alice, "My cat is ill")
    await thread.reply("Bring her in")
    await alice.expect_sms("Bring her in")
    page = (await _page(world.settings["BRIDGE_PUBLIC_URL"])).text
    channel_id = world.slack.channel(thread.channel).channel_id
    for said in (
        "cat",
        "Bring",
        "4155550100",
        NUMBER[1:],
        channel_id,
        world.bridge.slack.client.team_id,
    ):
        assert said not in page


async def test_what_waits_shows_in_the_page_and_to_whoever_asks(sqlite_url: str) -> None:
    """A text that was put off, one on hold and a lost answer: counted, aged, and explained."""
    async with connected_world(sqlite_url, hold_seconds=5, **QUICK_LOOKS) as world:
        alice, dan = world.texter("+14155550100"), world.texter("+14155550155")
        to_alice, to_dan = await world.thread_with(alice), await world.thread_with(dan, "Hi")
        world.ringcentral.faults.add(
            "status",
            path="/sms$",
            times=1,
            status=503,
            body={"errorCode": "MSG-290", "message": "No", "errors": [{"errorCode": "MSG-290"}]},
        )
        await to_alice.reply("Table one")
        await world.slack.settled()
        await world.command("Bea", "status")
        assert "held" in await world.expect_private("Bea", "*1 text to a phone*")
        world.clock.forward(seconds=5)
        await world.until_put_off("MSG-290")
        await to_dan.reply("Table two")
        await world.slack.settled()
        await world.command("Bea", "status")
        told = await world.expect_private("Bea", "What waits")
        assert "could not send it just now" in told
        assert "put off" in told
        assert "held" in told
        shown = await _samples(world)
        assert shown["bridge_deliveries", ("text", "ringcentral", "waiting")] == 2
        assert shown["bridge_oldest_owed_seconds", ("ringcentral",)] >= 5
        assert shown["bridge_oldest_due_seconds", ("ringcentral",)] == 0
        world.clock.forward(seconds=10)
        await alice.expect_sms("Table one")
        await dan.expect_sms("Table two")


async def test_a_text_that_a_person_must_decide_names_its_channel(sqlite_url: str) -> None:
    """Where nobody but a person can tell, the status says in which channel they are asked."""
    async with connected_world(sqlite_url, **QUICK_LOOKS) as world:
        alice = world.texter("+14155550100")
        thread = await world.thread_with(alice)
        world.ringcentral.faults.add("drop_before", method="POST", path="/sms$")
        await thread.reply("Table one")
        await world.ringcentral.app_sends("101", NUMBER, alice.number, "Table one")
        await world.ringcentral.app_sends("101", NUMBER, alice.number, "Table one")
        post = await thread.expect_post("may not have been sent")
        for _ in range(2):
            await alice.expect_sms("Table one")
        await world.command("Bea", "status")
        told = await world.expect_private("Bea", "a person decides")
        assert f"<#{world.slack.channel(thread.channel).channel_id}> (1)" in told
        assert (await _samples(world))["bridge_deliveries", ("text", "ringcentral", "parked")] == 1
        await thread.click(post, "it_was_sent")
        await world.expect_private("Bea", "it was sent")
        for _ in range(2):
            await thread.expect_post("Sent from the RingCentral app")


async def test_a_closed_gate_says_until_when(sqlite_url: str) -> None:
    """What RingCentral lets nobody send waits, and the status names the end of it."""
    async with connected_world(sqlite_url, **QUICK_LOOKS) as world:
        alice = world.texter("+14155550100")
        thread = await world.thread_with(alice)
        world.ringcentral.faults.add(
            "status", path="/sms$", status=429, headers={"Retry-After": "2"}
        )
        await thread.reply("Table one")
        await world.until_put_off("HTTP-429")
        await world.command("Bea", "status")
        assert "<!date^" in await world.expect_private("Bea", "lets nothing more through until")
        assert (await _samples(world))["bridge_gate_closed_seconds", ("ringcentral:medium",)] > 0
        await alice.expect_sms("Table one")


async def test_who_may_read_the_page(world: World) -> None:
    """A bridge that can be reached from outside shows it to the token's bearer alone."""
    url = world.settings["BRIDGE_PUBLIC_URL"]
    assert (await _page(url)).status_code == 200  # only this machine reaches it
    guarded = {"BRIDGE_METRICS_TOKEN": "a-token", "PORT": str(free_port())}
    world.settings |= guarded
    async with another_process(world, "web") as bridge:
        own = f"http://127.0.0.1:{bridge.settings.port}"
        assert (await _page(own)).status_code == 401
        assert (await _page(own, "another")).status_code == 401
        assert (await _page(own, "a-token")).status_code == 200


@pytest.mark.parametrize(
    ("settings", "is_public"),
    [
        ({"BRIDGE_PUBLIC_URL": "https://bridge.example.com"}, True),
        ({"BRIDGE_PUBLIC_URL": "http://127.0.0.1:8080"}, False),
        ({"BRIDGE_PUBLIC_URL": None}, True),
        ({"BRIDGE_PUBLIC_URL": None, "SLACK_SIGNING_SECRET": None}, False),
    ],
)
async def test_which_bridge_can_be_reached(
    world: World, settings: dict[str, str | None], is_public: bool
) -> None:
    """Socket Mode without an address needs no token; requests from outside ask for one."""
    changed = {name: value for name, value in (world.settings | settings).items() if value}
    assert Settings.model_validate(changed).is_public is is_public


async def test_a_worker_has_a_port_to_be_watched_on(world: World) -> None:
    """A process that answers no provider shows its health and its counts on a port of its own."""
    port = free_port()
    world.settings["BRIDGE_MONITOR_PORT"] = str(port)
    async with another_process(world, "worker"), httpx.AsyncClient() as client:
        ready = await client.get(f"http://127.0.0.1:{port}/health/ready")
        assert ready.json() == {"database": True, "worker": True}
        assert (await _page(f"http://127.0.0.1:{port}")).status_code == 200
        elsewhere = await client.post(f"http://127.0.0.1:{port}/ringcentral/webhook")
        assert elsewhere.status_code == 404


def _dashboard_expressions() -> Iterator[str]:
    for panel in json.loads((DOCS / "grafana-dashboard.json").read_text())["panels"]:
        yield from (target["expr"] for target in panel["targets"])


def _alert_expressions() -> Iterator[str]:
    for group in yaml.safe_load((DOCS / "alerts.yaml").read_text())["groups"]:
        yield from (rule["expr"] for rule in group["rules"])


def _uses(expression: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Each metric of an expression, with the labels it asks for."""
    for name, labels in re.findall(rf"\b({WORD})(?:\{{([^}}]*)\}})?", expression):
        if name.startswith(("bridge_", "process_")) or name == "up":
            yield name, dict(re.findall(rf'({WORD})!?="([^"]*)"', labels))


@pytest.mark.parametrize("expressions", [_dashboard_expressions, _alert_expressions])
async def test_dashboard_and_alerts_ask_for_what_there_is(
    expressions: Callable[[], Iterator[str]], sqlite_url: str
) -> None:
    """Each metric and label named under docs/ is one that the page shows."""
    async with connected_world(sqlite_url, socket_mode=True) as world:
        alice = world.texter("+14155550100")
        thread = await world.thread_with(alice)
        await thread.reply("Until 6 pm")
        await alice.expect_sms("Until 6 pm")
        page = (await _page(world.settings["BRIDGE_PUBLIC_URL"])).text
    shown: dict[str, set[str]] = {}
    kinds: dict[str, Any] = {}
    for family in text_string_to_metric_families(page):
        kinds[family.name] = family.type
        for sample in family.samples:
            shown.setdefault(sample.name, set()).update(sample.labels)
    declared = {
        f"{name}{suffix}"
        for name, kind in kinds.items()
        for suffix in {"counter": ["_total"], "histogram": ["_bucket", "_count", "_sum"]}.get(
            kind, [""]
        )
    }
    for expression in expressions():
        for name, labels in _uses(expression):
            assert name in declared | OF_PROMETHEUS, expression
            if shown.get(name):
                assert set(labels) <= shown[name], expression


async def test_what_the_database_says_is_the_same_everywhere(
    postgres_template: str, new_postgres_database: Callable[[str], str]
) -> None:
    """Two processes on PostgreSQL: each shows what waits for both of them."""
    url = new_postgres_database(postgres_template)
    async with connected_world(url, hold_seconds=5) as world:
        alice = world.texter("+14155550100")
        thread = await world.thread_with(alice)
        await thread.reply("Until 6 pm")
        await world.slack.settled()
        async with another_process(world, "web") as bridge:
            other = await _page(f"http://127.0.0.1:{bridge.settings.port}")
        waiting = 'bridge_deliveries{kind="text",side="ringcentral",state="waiting"} 1.0'
        assert waiting in other.text
        assert waiting in (await _page(world.settings["BRIDGE_PUBLIC_URL"])).text
        world.clock.forward(seconds=5)
        await alice.expect_sms("Until 6 pm")
