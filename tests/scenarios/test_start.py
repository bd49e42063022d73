"""Starting: what is missing is said with its remedy, and what was learnt is not asked again."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from bridge.errors import StartRefused
from bridge.sandbox.ringcentral import NUMBER, RingCentralSimulator
from bridge.sandbox.slack import BOT_TOKEN, SlackSimulator
from bridge.sandbox.supervisor import BridgeProcess, bridge_environment, free_port
from storage.secrets import new_key
from storage.tables import Login, Subscription
from tests.scenarios.world import (
    Texter,
    World,
    connected_world,
    running_world,
    slack_of_scenarios,
)

SECRETS = (BOT_TOKEN, "sandbox-jwt", "sandbox-secret")


@pytest.fixture
async def simulators() -> AsyncIterator[tuple[SlackSimulator, RingCentralSimulator]]:
    """Providers for a bridge that runs as a process of its own."""
    async with slack_of_scenarios() as slack, RingCentralSimulator() as ringcentral:
        yield slack, ringcentral


def _process(
    simulators: tuple[SlackSimulator, RingCentralSimulator], database_url: str, folder: Path
) -> BridgeProcess:
    port = free_port()
    slack, ringcentral = simulators
    slack.install(request_url=f"http://127.0.0.1:{port}/slack/events", mode="http")
    environment = bridge_environment(slack, ringcentral, database_url=database_url, port=port)
    return BridgeProcess(
        port, environment | {"BRIDGE_HOLD_SECONDS": "0"}, folder / "bridge.log", _UP
    )


_UP = ("-m", "bridge", "up")


async def _refused(environment: Mapping[str, str], folder: Path) -> str:
    """What a start that is refused, with exit code 2, says."""
    log_path = folder / "bridge.log"
    process = BridgeProcess(0, environment, log_path, _UP)
    async with asyncio.timeout(30):
        assert await process.run_command("up") == 2
    return log_path.read_text()


async def test_a_first_start_says_what_to_do_and_stops_cleanly(
    simulators: tuple[SlackSimulator, RingCentralSimulator], tmp_path: Path
) -> None:
    """On an empty machine it makes its database, tells the next step, works, and ends with 0."""
    slack, ringcentral = simulators
    process = _process(simulators, f"sqlite:///{tmp_path / 'new' / 'bridge.db'}", tmp_path)
    (tmp_path / "new").mkdir()
    await process.start()
    try:
        await slack.command("Ada", "front-desk", "/sms", f"connect {NUMBER}")
        await ringcentral.phone("+14155550100").texts("My cat is ill", to=NUMBER)
        root = (await slack.wait_for(lambda: slack.channel("front-desk").threads, 10))[0]
        await slack.say("Bea", "front-desk", "Bring her in", thread_ts=root.ts)
        await ringcentral.phone("+14155550100").wait_for_text("Bring her in")
    finally:
        assert await process.stop() == 0
    log = process.log_path.read_text()
    assert "/sms connect <number>" in log
    _assert_discreet(log)


def _assert_discreet(log: str) -> None:
    """Logs hold no words of a text, no whole number, and no secret."""
    for said in ("My cat", "Bring her", "4155550100", "555-0100", *SECRETS):
        assert said not in log


async def test_all_missing_settings_are_named_at_once(tmp_path: Path) -> None:
    """Each with what to do about it, and exit code 2."""
    environment = {"PATH": "/usr/bin", "BRIDGE_HOLD_SECONDS": "99"}
    said = await _refused(environment, tmp_path)
    for name in (
        "BRIDGE_SECRET_KEYS",
        "SLACK_BOT_TOKEN",
        "SLACK_APP_TOKEN",
        "RINGCENTRAL_CLIENT_ID",
        "RINGCENTRAL_CLIENT_SECRET",
        "RINGCENTRAL_JWT",
        "BRIDGE_HOLD_SECONDS",
    ):
        [line] = [each for each in said.splitlines() if each.strip().startswith(name)]
        assert "is missing: " in line or "is not usable: " in line
    assert "Traceback" not in said


async def test_a_database_of_a_newer_version_is_refused(
    simulators: tuple[SlackSimulator, RingCentralSimulator], sqlite_url: str, tmp_path: Path
) -> None:
    """The program does not touch what it does not know, and says so."""
    path = sqlite_url.removeprefix("sqlite:///")
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    process = _process(simulators, sqlite_url, tmp_path)
    said = await _refused(process.environment, tmp_path)
    assert "newer version" in said
    assert "Traceback" not in said


async def test_a_wrong_slack_token_is_refused_with_its_remedy(sqlite_url: str) -> None:
    """The sentence names the setting and the page to copy the token from."""
    with pytest.raises(StartRefused, match=r"SLACK_BOT_TOKEN.*OAuth & Permissions"):
        async with running_world(sqlite_url, SLACK_BOT_TOKEN="xoxb-wrong"):
            pass


async def test_a_wrong_app_token_is_refused_with_its_remedy(sqlite_url: str) -> None:
    """Socket Mode's own token is checked at the start too."""
    with pytest.raises(StartRefused, match="SLACK_APP_TOKEN"):
        async with running_world(sqlite_url, socket_mode=True, SLACK_APP_TOKEN="xapp-wrong"):
            pass


async def test_a_restart_does_not_log_in_again(world: World, alice: Texter) -> None:
    """The token is kept: of five logins a minute, two restarts use none."""
    thread = await world.thread_with(alice)
    for number in range(2):
        await world.stop_bridge()
        await world.start_bridge()
        await thread.reply(f"Answer {number}")
        await alice.expect_sms(f"Answer {number}")
    logins = [each for each in world.ringcentral.requests if each.path.endswith("/oauth/token")]
    assert len(logins) == 1


async def test_a_restart_makes_no_second_subscription(world: World, alice: Texter) -> None:
    """The webhook's subscription outlives the process."""
    await world.ringcentral.wait_for(lambda: world.ringcentral.subscriptions)
    thread = await world.thread_with(alice)
    await world.stop_bridge()
    await world.start_bridge()
    await alice.texts("Again")
    await thread.expect_post("Again")
    await world.ringcentral.settled()
    assert len(world.ringcentral.subscriptions) == 1


async def test_an_address_that_does_not_answer_for_a_moment_alarms_nobody(
    sqlite_url: str,
) -> None:
    """While a process starts or stops nobody listens: the subscription is asked for again."""
    async with connected_world(sqlite_url) as world:
        await world.ringcentral.wait_for(lambda: world.ringcentral.subscriptions)
        await world.stop_bridge()
        [lost] = world.ringcentral.subscriptions
        lost.status = "Blacklisted"
        body = {"errorCode": "SUB-521", "message": "No", "errors": [{"errorCode": "SUB-521"}]}
        refused = world.ringcentral.faults.add(
            "status", method="POST", path="/subscription$", status=400, body=body
        )
        await world.start_bridge()
        await world.eventually(lambda: refused.hits, "the refusal")
        await world.ringcentral.wait_for(
            lambda: any(each.status == "Active" for each in world.ringcentral.subscriptions)
        )
        await world.thread_with(world.texter("+14155550100"))


async def test_secrets_are_encrypted_at_rest(sqlite_url: str) -> None:
    """Neither tokens nor the JWT can be read in the database's files."""
    async with connected_world(sqlite_url) as world:
        await world.thread_with(world.texter("+14155550100"))
        [login] = await world.rows(Login)
        [subscription] = await world.rows(Subscription)
    folder = Path(sqlite_url.removeprefix("sqlite:///")).parent
    stored = b"".join(path.read_bytes() for path in folder.iterdir() if path.is_file())
    assert b"C0FRONTDESK" in stored
    tokens = (login.access_token, login.refresh_token, subscription.verification_token)
    for secret in (*SECRETS, *tokens):
        assert secret is not None
        assert secret.encode() not in stored


async def test_a_login_that_is_refused_is_told_to_an_administrator(
    world: World, alice: Texter
) -> None:
    """The bridge runs, its texts wait, and whoever connected the inbox hears what to mend."""
    thread = await world.thread_with(alice)
    await world.stop_bridge()
    right = world.settings["RINGCENTRAL_JWT"]
    world.settings["RINGCENTRAL_JWT"] = "revoked"
    await world.start_bridge()
    await world.expect_direct_message("Ada", "RINGCENTRAL_JWT")
    await world.stop_bridge()
    world.settings["RINGCENTRAL_JWT"] = right
    await world.start_bridge()
    await thread.reply("Here again")
    await alice.expect_sms("Here again")


async def test_slack_is_away_at_the_start(world: World, alice: Texter) -> None:
    """What was learnt of the workspace serves until Slack answers again."""
    thread = await world.thread_with(alice)
    await world.stop_bridge()
    world.slack.faults.add("drop_before", path="auth.test", times=None)
    await world.start_bridge()
    world.slack.faults.clear()
    await thread.reply("Here again")
    await alice.expect_sms("Here again")


async def test_ringcentral_is_away_at_the_start(world: World, alice: Texter) -> None:
    """The bridge starts, takes replies, and sends them when RingCentral is back."""
    thread = await world.thread_with(alice)
    await world.stop_bridge()
    await world.ringcentral.stop()
    await world.start_bridge()
    await thread.reply("Here again")
    await world.slack.settled()
    await world.ringcentral.start()
    world.clock.forward(seconds=64)
    await alice.expect_sms("Here again")


async def test_replies_while_the_bridge_is_down_are_sent_at_its_start(sqlite_url: str) -> None:
    """Slack repeats what was not acknowledged: the reply is one text, after the restart."""
    async with connected_world(sqlite_url) as world:
        alice = world.texter("+14155550100")
        thread = await world.thread_with(alice)
        await world.stop_bridge()
        await thread.reply("Are you there?")
        await asyncio.sleep(0.1)  # the first attempts fail, the last comes after the start
        await world.start_bridge()
        await alice.expect_sms("Are you there?")


async def test_an_app_that_was_removed_and_installed_again_goes_on(
    world: World, alice: Texter
) -> None:
    """Texts that come while Slack does not let the app in are shown once it is back."""
    thread = await world.thread_with(alice)
    await world.slack.uninstall()
    await world.slack.settled()
    await alice.texts("Are you there?")
    await world.ringcentral.settled()
    await world.stop_bridge()
    url = world.settings["BRIDGE_PUBLIC_URL"] + "/slack/events"
    world.slack.install(request_url=url, mode="http")
    await world.start_bridge()
    world.clock.forward(minutes=6)
    await thread.expect_post("Are you there?")
    await thread.reply("Here again")
    await alice.expect_sms("Here again")


async def test_what_comes_before_the_new_token_is_set_is_not_lost(
    world: World, alice: Texter
) -> None:
    """Installed again, Slack tells of replies at once: until the bridge has the new token it says
    that it cannot take them, and Slack repeats them."""
    thread = await world.thread_with(alice)
    await world.slack.uninstall()
    await world.slack.settled()
    url = world.settings["BRIDGE_PUBLIC_URL"] + "/slack/events"
    world.slack.install(request_url=url, mode="http")
    await thread.reply("Are you there?")
    asked = await world.slack.command("Bea", "front-desk", "/sms", f"{alice.number} Hello?")
    assert asked.refused is not None, "nobody is told that it was taken"
    await world.stop_bridge()
    await world.start_bridge()
    await alice.expect_sms("Are you there?")


async def test_a_late_word_of_an_earlier_removal_changes_nothing(
    world: World, alice: Texter
) -> None:
    """Slack repeats that the app was removed when it is long installed again."""
    thread = await world.thread_with(alice)
    await world.stop_bridge()
    await world.slack.uninstall()
    await asyncio.sleep(0.1)  # the first attempts fail, the last comes after the start
    url = world.settings["BRIDGE_PUBLIC_URL"] + "/slack/events"
    world.slack.install(request_url=url, mode="http")
    await world.start_bridge()
    await world.slack.settled()
    await thread.reply("Here again")
    await alice.expect_sms("Here again")


async def test_the_secret_key_can_be_changed(world: World, alice: Texter, tmp_path: Path) -> None:
    """After `rotate-key` all that is stored is readable without the old key."""
    thread = await world.thread_with(alice)
    await world.stop_bridge()
    old, new = world.settings["BRIDGE_SECRET_KEYS"], new_key()
    both = {**world.settings, "BRIDGE_SECRET_KEYS": f"{new},{old}"}
    process = BridgeProcess(0, both, tmp_path / "bridge.log", _UP)
    assert await process.run_command("rotate-key") == 0
    world.settings["BRIDGE_SECRET_KEYS"] = new
    await world.start_bridge()
    reply = await thread.reply("Still here")
    await alice.expect_sms("Still here")
    await thread.expect_mark(reply)
