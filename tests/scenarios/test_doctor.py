"""The doctor: each thing that can be wrong is found, with its remedy, and nothing else is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import update
from sqlmodel import Session

from bridge import doctor
from bridge.clock import machine_now, sleep
from bridge.doctor import disk_finding, examine
from bridge.errors import ProviderProblem
from bridge.findings import Check, Finding
from bridge.ringcentral.directory import Directory
from bridge.ringcentral.examine import RingCentralExamination
from bridge.sandbox.ringcentral import (
    CLIENT_SECRET,
    ELI_NUMBER,
    JWT,
    NUMBER,
    QUEUE_NUMBER,
    RingCentralSimulator,
)
from bridge.sandbox.slack import BOT_TOKEN
from bridge.sandbox.slack.installation import ALL_SCOPES, APP_TOKEN, SIGNING_SECRET
from bridge.sandbox.supervisor import BridgeProcess
from bridge.slack.examine import NEEDED_SCOPES, SlackExamination
from storage import gates, kept
from storage.secrets import new_key
from storage.tables import (
    Cursor,
    Inbox,
    RingCentralConversation,
    Subscription,
    Workspace,
)
from tests.contracts.test_manifests import MODES, scopes_of
from tests.scenarios.world import (
    CHANNEL,
    World,
    connected_world,
    running_world,
    slack_of_scenarios,
)

SECRETS = (BOT_TOKEN, APP_TOKEN, SIGNING_SECRET, JWT, CLIENT_SECRET)
PRIVATE_WORDS = "My cat is ill"


@dataclass
class Clinic:
    """The doctor's rooms."""

    world: World

    async def findings(self) -> list[Finding]:
        """What the doctor finds, all of it."""
        return await self.world.bridge.examine()

    async def findings_with(self, **changes: object) -> list[Finding]:
        """What it finds of the providers in a process with other settings."""
        bridge = self.world.bridge
        settings, database = bridge.settings.model_copy(update=changes), bridge.database
        client = bridge.ringcentral.client_of(1)
        slack = SlackExamination(settings, database, bridge.slack.client, bridge.clock)
        ringcentral = RingCentralExamination(
            settings, database, bridge.clock, lambda: client, lambda: Directory(client, "US")
        )
        return await examine([*slack.checks(), *ringcentral.checks()])

    async def expect(self, level: str, check: str, *words: str) -> None:
        """There is this finding, with these words in its sentence or remedy."""
        expect_in(await self.findings(), level, check, *words)

    async def change(self, unit: Callable[[Session], object]) -> None:
        """Change what is on file."""
        await self.world.bridge.database.write(unit)


def expect_in(found: Sequence[Finding], level: str, check: str, *words: str) -> None:
    """As `Clinic.expect`."""
    for each in found:
        if (each.level, each.check) == (level, check) and words[0] in each.sentence:
            assert each.remedy or level == "ok", each
            missing = [word for word in words if word not in f"{each.sentence} {each.remedy}"]
            assert not missing, each
            return
    pytest.fail(f"not found: {level} {check} {words}; there is {found}")


@asynccontextmanager
async def open_clinic(url: str, **how: object) -> AsyncIterator[Clinic]:
    slack = slack_of_scenarios()
    slack.channel(CHANNEL).kind = "group"
    async with connected_world(url, slack=slack, **how) as world:
        yield Clinic(world)


@pytest.fixture
async def clinic(sqlite_url: str) -> AsyncIterator[Clinic]:
    """A bridge that works, with one private inbox."""
    async with open_clinic(sqlite_url) as made:
        yield made


Open = Callable[..., AbstractAsyncContextManager[Clinic]]


@pytest.fixture
def opened(sqlite_url: str) -> Open:
    """Opens a clinic of one's own settings."""
    return lambda **how: open_clinic(sqlite_url, **how)


# A clean world


@pytest.mark.parametrize("socket_mode", [False, True])
async def test_a_bridge_that_works_has_only_fine_findings(opened: Open, socket_mode: bool) -> None:
    """Nothing is to be mended, every part was looked at, and nothing was changed by the looking."""
    async with opened(socket_mode=socket_mode) as clinic:
        await clinic.world.thread_with(clinic.world.texter("+14155550100"), PRIVATE_WORDS)
        before = len(clinic.world.ringcentral.subscriptions)
        found = await clinic.findings()
        assert [each for each in found if each.level != "ok"] == []
        assert {each.check for each in found} == {
            "Schema", "Disk", "Database", "Inboxes", "Waiting", "Limits", "Events",
            "Conversations", "Slack token", "Slack scopes", "Slack clock", "Channels",
            "RingCentral login", "RingCentral permissions", "RingCentral clock", "Numbers",
            "Message stores", "Notifications",
            "Socket Mode" if socket_mode else "Slack over HTTP",
        }  # fmt: skip
        assert len(clinic.world.ringcentral.subscriptions) == before
        asked = [each.path for each in clinic.world.ringcentral.requests]
        assert len([each for each in asked if each.endswith("/oauth/token")]) == 1


async def test_a_bridge_on_postgresql_that_works(
    postgres_template: str, new_postgres_database: Callable[[str], str]
) -> None:
    """The server's clock and its connections are looked at instead of the file."""
    async with open_clinic(new_postgres_database(postgres_template)) as clinic:
        found = await clinic.findings()
        assert [each for each in found if each.level != "ok"] == []
        assert "Database clock" in {each.check for each in found}
        await clinic.expect("ok", "Database", "connections are taken")


@pytest.mark.parametrize("mode", MODES)
def test_the_scopes_are_those_of_the_manifests(mode: str) -> None:
    """What the doctor misses is what the manifest asks for."""
    assert scopes_of(mode) == NEEDED_SCOPES


# Slack


async def test_a_revoked_token(clinic: Clinic) -> None:
    """Slack refuses the bot's token."""
    clinic.world.slack.revoke_token()
    await clinic.expect("bad", "Slack token", "token_revoked", "set SLACK_BOT_TOKEN")


async def test_a_missing_scope(clinic: Clinic) -> None:
    """The app was installed from an older manifest."""
    installed = clinic.world.slack.workspace.installation
    installed.scopes = frozenset(ALL_SCOPES) - {"reactions:write"}
    await clinic.expect(
        "bad", "Slack scopes", "The app lacks reactions:write", "OAuth & Permissions", "reinstall"
    )


async def test_slack_is_away(clinic: Clinic) -> None:
    """No finding is made up of what could not be asked."""
    clinic.world.slack.faults.add("drop_before", path="auth.test", times=None)
    await clinic.expect("bad", "Slack token", "Slack did not answer", "network")


async def test_another_workspace(clinic: Clinic) -> None:
    """The texts on file are another workspace's."""

    def move(session: Session) -> None:
        session.execute(update(Workspace).values(team_id="T0OTHER", name="Bakery"))

    await clinic.change(move)
    await clinic.expect("bad", "Workspace", "another workspace than Bakery", "another database")


async def test_a_refused_app_token(opened: Open) -> None:
    """Socket Mode has been switched off, or its token was revoked."""
    async with opened(socket_mode=True) as clinic:
        clinic.world.slack.faults.add(
            "status",
            path="apps.connections.open",
            status=200,
            body={"ok": False, "error": "not_allowed_token_type"},
            times=None,
        )
        await clinic.expect(
            "bad", "Socket Mode", "not_allowed_token_type", "connections:write", "Socket Mode"
        )


async def test_another_signing_secret(clinic: Clinic) -> None:
    """Whoever answers at the address does not take what is signed with our secret."""
    found = await clinic.findings_with(slack_signing_secret=SecretStr("another"))
    expect_in(found, "bad", "Slack over HTTP", "refuses", "Signing Secret")


async def test_an_address_that_nobody_answers(clinic: Clinic) -> None:
    """The web process is down, or the proxy's way to it."""
    found = await clinic.findings_with(public_url="http://127.0.0.1:9")
    expect_in(found, "bad", "Slack over HTTP", "cannot be reached", "BRIDGE_PUBLIC_URL")
    expect_in(found, "bad", "Notifications", "cannot be reached", "BRIDGE_PUBLIC_URL")
    expect_in(found, "bad", "Notifications", "not to this bridge", "new address")


async def test_an_address_of_another_program(clinic: Clinic) -> None:
    """Something answers there, but it is not the bridge."""
    found = await clinic.findings_with(public_url=clinic.world.ringcentral.url)
    expect_in(found, "bad", "Slack over HTTP", "not the bridge's answer", "Something else")
    expect_in(found, "bad", "Notifications", "handshake", "Something else")


async def test_an_archived_channel(clinic: Clinic) -> None:
    """Its number's texts are shown nowhere."""
    clinic.world.slack.channel(CHANNEL).is_archived = True
    await clinic.expect("bad", "Channels", "#front-desk", "is archived", "Unarchive")


async def test_a_channel_without_the_app(clinic: Clinic) -> None:
    """The app was removed from a private channel, which it does not even see any more."""
    channel = clinic.world.slack.channel(CHANNEL)
    channel.members.remove(clinic.world.slack.workspace.installation.bot_user_id)
    await clinic.expect("bad", "Channels", "does not see", "/invite")
    channel.kind = "channel"
    await clinic.expect("bad", "Channels", "no member of #front-desk", "/invite")


async def test_a_channel_that_others_read(clinic: Clinic) -> None:
    """A public one, or one shared with another organisation."""
    channel = clinic.world.slack.channel(CHANNEL)
    channel.kind, channel.is_shared = "channel", True
    await clinic.expect("warn", "Channels", "#front-desk is public", "private")
    await clinic.expect("warn", "Channels", "shared with another organisation")


# RingCentral


async def test_a_refused_login(clinic: Clinic) -> None:
    """The JWT was revoked, and the token on file has ended."""
    clinic.world.ringcentral.account.jwts.clear()
    await clinic.world.stop_bridge()
    clinic.world.settings["RINGCENTRAL_JWT"] = "revoked"
    await clinic.world.start_bridge()
    await clinic.world.expect_direct_message("Ada", "RINGCENTRAL_JWT")
    await clinic.expect("bad", "RingCentral login", "refuses the login", "Create a new JWT")


async def test_whose_jwt_it_is(clinic: Clinic) -> None:
    """The login's person is named."""
    await clinic.expect("ok", "RingCentral login", "This JWT is Dana's, extension 101")


async def test_a_number_of_another_extension(clinic: Clinic) -> None:
    """It was given to somebody else: the JWT to make is named."""
    await _give_to_eli(clinic)
    await clinic.expect(
        "bad",
        "Numbers",
        "This JWT is Dana's, extension 101; (650) 555-0101 belongs to extension 102 (Eli)",
        "as extension 102, make its JWT",
    )


async def test_a_number_of_another_extension_that_the_login_may_not_look_up(
    clinic: Clinic,
) -> None:
    """The same, without the name."""
    await _give_to_eli(clinic)
    clinic.world.ringcentral.account.extension("101").permissions.discard("ReadCompanyPhoneNumbers")
    await clinic.expect(
        "bad",
        "Numbers",
        "This JWT is Dana's, extension 101, which does not have (650) 555-0101",
        "Admin Portal",
    )


async def test_a_number_that_is_gone(clinic: Clinic) -> None:
    """The company has given it up."""
    account = clinic.world.ringcentral.account
    account.numbers.remove(account.number(NUMBER))
    await clinic.expect("bad", "Numbers", "no number of this RingCentral account", "disconnect")


async def test_a_number_without_its_feature(clinic: Clinic) -> None:
    """An administrator of RingCentral has taken texting away from it."""
    clinic.world.ringcentral.account.number(NUMBER).sms_holder_ids.clear()
    await clinic.expect("bad", "Numbers", "may not text from it", "Admin Portal")


async def test_a_queue_whose_texts_are_not_to_be_read(sqlite_url: str) -> None:
    """The login can text from the queue's number and not see the answers."""
    async with running_world(sqlite_url) as world:
        await world.connect(QUEUE_NUMBER)
        account = world.ringcentral.account
        account.extension("101").is_admin = False
        account.extension("201").manager_ids.clear()
        await Clinic(world).expect("bad", "Numbers", "not read its texts", "super admin")


async def test_a_number_that_moved_to_another_store(clinic: Clinic) -> None:
    """It was connected when it was somebody else's."""

    def move(session: Session) -> None:
        session.execute(update(Inbox).values(store="3744000004/999"))

    await clinic.change(move)
    await clinic.expect(
        "bad", "Numbers", "another message store", "/sms disconnect", "/sms connect"
    )


async def test_a_missing_permission_of_the_app(opened: Open) -> None:
    """The token's own list tells; what only a webhook needs is missed only with one."""
    ringcentral = RingCentralSimulator()
    ringcentral.apps[0].scopes.discard("SubscriptionWebhook")
    async with opened(ringcentral=ringcentral, webhook=False) as clinic:
        assert [each for each in await clinic.findings() if each.level != "ok"] == []
        found = await clinic.findings_with(public_url="http://127.0.0.1:9")
        expect_in(
            found,
            "bad",
            "RingCentral permissions",
            "lacks SubscriptionWebhook",
            "developer console",
        )


async def test_a_missing_permission_of_the_user(clinic: Clinic) -> None:
    """The role of the login's user is too small."""
    permissions = clinic.world.ringcentral.account.extension("101").permissions
    permissions.discard("ReadUserPhoneNumbers")
    await clinic.expect("bad", "Numbers", "lacks ReadUserPhoneNumbers", "Admin Portal")


async def test_a_store_that_is_not_read(clinic: Clinic) -> None:
    """Texts may be missing."""

    def age(session: Session) -> None:
        session.execute(
            update(Cursor).values(
                synced_at=machine_now() - timedelta(minutes=20),
                due_at=machine_now() + timedelta(hours=1),
            )
        )

    await clinic.change(age)
    await clinic.expect("bad", "Message stores", "not been read for 20 minutes", "sms-bridge up")


async def test_a_gap(clinic: Clinic) -> None:
    """Older texts are being read."""

    def open_gap(session: Session) -> None:
        due_at = machine_now() + timedelta(hours=1)
        session.execute(update(Cursor).values(gap_open=True, due_at=due_at))

    await clinic.change(open_gap)
    await clinic.expect("warn", "Message stores", "may still be missing")


async def test_a_blacklisted_webhook(clinic: Clinic) -> None:
    """RingCentral has given up on it."""
    clinic.world.ringcentral.blacklist_webhooks()
    await clinic.expect("bad", "Notifications", "has stopped", "Blacklisted", "BRIDGE_PUBLIC_URL")


async def test_a_lost_subscription(clinic: Clinic) -> None:
    """RingCentral, or the file, knows of none."""

    def forget(session: Session) -> None:
        session.execute(update(Subscription).values(ringcentral_subscription_id=""))

    await clinic.change(
        lambda session: session.execute(
            update(Subscription).values(ringcentral_subscription_id="gone")
        )
    )
    await clinic.expect("bad", "Notifications", "knows our subscription no more", "by itself")
    await clinic.change(forget)
    await clinic.expect("bad", "Notifications", "has not taken our subscription", "by itself")


async def test_a_subscription_that_ends_soon(clinic: Clinic) -> None:
    """It was not renewed."""
    [living] = clinic.world.ringcentral.subscriptions
    living.expires_at = clinic.world.ringcentral.clock.now() + timedelta(days=2)
    await clinic.expect("warn", "Notifications", "end on", "by itself")


# Clocks, limits, what waits


@pytest.mark.parametrize(("seconds", "level"), [(20, "warn"), (120, "bad")])
async def test_a_clock_that_is_wrong(clinic: Clinic, seconds: float, level: str) -> None:
    """By both providers' answers."""
    clinic.world.slack.clock.shift(seconds)
    clinic.world.ringcentral.clock.forward(seconds)
    await clinic.expect(level, "Slack clock", "behind Slack's", "NTP")
    await clinic.expect(level, "RingCentral clock", "behind RingCentral's", "NTP")


async def test_a_closed_gate(clinic: Clinic) -> None:
    """A provider lets nothing through for a while."""
    until_at = machine_now() + timedelta(minutes=10)

    def close(session: Session) -> None:
        gates.close(session, "ringcentral:1:medium", until_at)

    await clinic.change(close)
    await clinic.expect("bad", "Limits", "ringcentral:medium", "10 minutes", "by itself")


async def test_a_used_up_budget(clinic: Clinic) -> None:
    """Texts may wait."""

    def use(session: Session) -> None:
        gates.take(
            session, "ringcentral:1:medium", 35, limit=40, window_seconds=60,
            machine_now=machine_now(),
        )  # fmt: skip

    await clinic.change(use)
    await clinic.expect("warn", "Limits", "ringcentral:medium is used up to 9")


async def test_a_text_that_is_put_to_a_person(clinic: Clinic) -> None:
    """Its answer was lost, and something else went the same way meanwhile."""
    world = clinic.world
    alice = world.texter("+14155550100")
    thread = await world.thread_with(alice)
    broken = world.ringcentral.faults.add("drop_before", method="POST", path="/sms$")
    await thread.reply("Until 6 pm")
    await world.eventually(lambda: broken.hits, "the broken request")
    await world.ringcentral.app_sends("101", NUMBER, alice.number, "Until 7 pm, from my mobile")
    await alice.expect_sms("Until 7 pm, from my mobile")
    told = await thread.expect_told("Bea", "may not have been sent")
    await clinic.expect("warn", "Waiting", "a person is to decide", "buttons")
    assert "Until 6 pm" not in str(await clinic.findings())
    await thread.click(told, "it_was_sent")
    await world.expect_private("Bea", "")
    await thread.expect_post("Sent from the RingCentral app")
    await clinic.expect("ok", "Waiting", "Nothing waits")


async def test_a_delivery_that_is_stuck(clinic: Clinic) -> None:
    """No worker takes it."""
    world = clinic.world
    thread = await world.thread_with(world.texter("+14155550100"))
    await world.stop_bridge()
    world.roles = frozenset({"web"})
    await world.start_bridge()
    reply = await thread.reply("Yes")
    await world.slack.settled()
    world.clock.forward(minutes=5)
    await clinic.expect("bad", "Waiting", "RingCentral has been due for 5 minutes", "worker")
    await world.stop_bridge()
    world.roles = frozenset({"web", "worker"})
    await world.start_bridge()
    await world.texter("+14155550100").expect_sms("Yes")
    await thread.expect_mark(reply)


async def test_events_that_were_not_understood(clinic: Clinic) -> None:
    """How many, and why; not what they said."""

    def keep(session: Session) -> None:
        now = clinic.world.clock.now()
        kept.keep_event(session, "slack", "one", "no channel", PRIVATE_WORDS, now)
        kept.keep_event(session, "slack", "old", "no user", "", now - timedelta(days=2))

    await clinic.change(keep)
    await clinic.expect("warn", "Events", "1 of Slack's events", "no channel", "kept_event")
    assert "no user" not in str(await clinic.findings())
    assert PRIVATE_WORDS not in str(await clinic.findings())


async def test_conversations_that_disagree(clinic: Clinic) -> None:
    """RingCentral's id of one belongs to another: the people in it win, and it is said."""
    world = clinic.world
    await world.thread_with(world.texter("+14155550100"))
    await world.thread_with(world.texter("+14155550101"))

    def confuse(session: Session) -> None:
        session.execute(update(RingCentralConversation).values(conversation_id=1))

    await clinic.change(confuse)
    await clinic.expect("warn", "Conversations", "counts 1 of the conversations")


# The database and the disk


@pytest.mark.parametrize(
    ("free", "level"), [(5_000_000_000, "ok"), (300_000_000, "warn"), (20_000_000, "bad")]
)
def test_a_disk_that_fills_up(free: int, level: str) -> None:
    """Before it is full, and with what then happens."""
    finding = disk_finding(free)
    assert finding.level == level
    assert finding.remedy or level == "ok"


async def test_no_inbox_and_nobody_to_tell(sqlite_url: str) -> None:
    """The first steps are named."""
    async with running_world(sqlite_url) as world:
        await Clinic(world).expect("warn", "Inboxes", "No number is connected", "/sms connect")
        await Clinic(world).expect("warn", "Administrators", "nobody to tell", "ADMINISTRATORS")


# Looks that go wrong


async def test_a_look_that_hangs_is_bounded() -> None:
    """It is a finding of its own, and the others come all the same."""

    async def hang() -> Sequence[Finding]:
        await sleep(60)
        return []

    async def fine() -> Sequence[Finding]:
        return [Finding("Fine", "ok", "It works.")]

    async with asyncio.timeout(5):
        found = await examine([Check("Hanging", hang), Check("Fine", fine)], 0.05)
    assert [(each.check, each.level) for each in found] == [("Hanging", "warn"), ("Fine", "ok")]
    assert found[0].remedy


@pytest.mark.parametrize(
    ("error", "level"),
    [(KeyError(PRIVATE_WORDS), "bad"), (ProviderProblem("It is away."), "bad")],
)
async def test_a_look_that_fails_is_a_finding(error: Exception, level: str) -> None:
    """Never a traceback, and never its own words, which may be a text's."""

    async def fail() -> Sequence[Finding]:
        raise error

    [found] = await examine([Check("Failing", fail)])
    assert found.level == level
    assert found.remedy
    assert PRIVATE_WORDS not in str(found)


def test_looks_are_bounded_by_ten_seconds() -> None:
    """What the document says."""
    assert doctor.CHECK_SECONDS == 10


# In a terminal


async def _run_doctor(environment: dict[str, str], folder: Path) -> tuple[int, str]:
    """The command's exit code and all it writes."""
    log = folder / "doctor.txt"
    log.unlink(missing_ok=True)
    async with asyncio.timeout(60):
        code = await BridgeProcess(0, environment, log).run_command("doctor")
    said = log.read_text()
    assert "Traceback" not in said, said
    assert "\x1b" not in said, "colours are for terminals"
    assert not [each for each in SECRETS if each in said]
    return code, said


async def test_the_command_beside_a_running_bridge(clinic: Clinic, tmp_path: Path) -> None:
    """All is fine: exit code 0, no token bought, no text shown."""
    await clinic.world.thread_with(clinic.world.texter("+14155550100"), PRIVATE_WORDS)
    code, said = await _run_doctor(clinic.world.settings, tmp_path)
    assert code == 0, said
    assert "19 fine." in said.splitlines()[-1]
    assert "to mend" not in said
    assert PRIVATE_WORDS not in said
    asked = [each.path for each in clinic.world.ringcentral.requests]
    assert len([each for each in asked if each.endswith("/oauth/token")]) == 1


async def test_the_command_finds_and_exits_with_1(clinic: Clinic, tmp_path: Path) -> None:
    """What is worst comes first, with its remedy."""
    await _give_to_eli(clinic)
    code, said = await _run_doctor(clinic.world.settings, tmp_path)
    assert code == 1
    assert said.startswith("MEND  Numbers")
    assert "extension 102" in said
    assert "→ Sign in" in said
    assert said.splitlines()[-1].startswith("1 to mend, ")


async def test_wrong_settings_are_findings(tmp_path: Path) -> None:
    """Each with what to do about it."""
    code, said = await _run_doctor({"PATH": "/usr/bin", "PORT": "x"}, tmp_path)
    assert code == 1
    for name in ("SLACK_BOT_TOKEN", "RINGCENTRAL_JWT", "BRIDGE_SECRET_KEYS", "PORT"):
        assert f"{name} is" in said


def _with_wrong_key(settings: dict[str, str], _folder: Path) -> None:
    settings["BRIDGE_SECRET_KEYS"] = new_key()


def _with_no_schema(settings: dict[str, str], folder: Path) -> None:
    settings["DATABASE_URL"] = f"sqlite:///{folder / 'new.db'}"


def _with_no_server(settings: dict[str, str], _folder: Path) -> None:
    settings["DATABASE_URL"] = "postgresql://bridge:hidden-word@127.0.0.1:9/bridge"


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_with_wrong_key, ("opens with none of the keys", "BRIDGE_SECRET_KEYS")),
        (_with_no_schema, ("has no tables yet", "sms-bridge migrate")),
        (_with_no_server, ("The database does not do what it is asked", "DATABASE_URL")),
    ],
)
async def test_a_database_that_cannot_be_used(
    clinic: Clinic,
    tmp_path: Path,
    spoil: Callable[[dict[str, str], Path], None],
    words: Sequence[str],
) -> None:
    """It is a finding, and the providers are looked at all the same."""
    settings = dict(clinic.world.settings)
    spoil(settings, tmp_path)
    code, said = await _run_doctor(settings, tmp_path)
    said = " ".join(said.split())
    assert code == 1
    assert not [each for each in words if each not in said], said
    assert "This JWT is Dana's, extension 101." in said
    assert "The app has every scope it needs." in said
    assert "hidden-word" not in said


# In Slack


async def test_an_administrator_asks_in_slack(clinic: Clinic) -> None:
    """A private answer: what to mend first, escaped, with words instead of signs."""
    clinic.world.ringcentral.account.extension("102").name = "Eli <!channel> *&*"
    await _give_to_eli(clinic)
    await clinic.world.command("Ada", "doctor")
    answer = await clinic.world.expect_private("Ada", "1 to mend")
    assert "To mend (Numbers)" in answer
    assert "Eli &lt;!channel&gt;" in answer
    assert "Remedy: Sign in" in answer


async def test_an_administrator_reads_that_all_is_well(clinic: Clinic) -> None:
    """And how much was looked at."""
    await clinic.world.command("Ada", "doctor")
    await clinic.world.expect_private("Ada", "Everything that was looked at works")


@pytest.mark.parametrize("who", ["Bea", "Gus"])
async def test_only_administrators_ask_in_slack(clinic: Clinic, who: str) -> None:
    """A member or a guest is told so."""
    await clinic.world.slack.join("Gus", "partners")
    await clinic.world.command(who, "doctor", channel="partners")
    await clinic.world.expect_private(who, "Nothing was")


async def _give_to_eli(clinic: Clinic) -> None:
    """Dana's number becomes Eli's."""
    account = clinic.world.ringcentral.account
    number, eli = account.number(NUMBER), account.number(ELI_NUMBER).extension_id
    assert eli is not None
    number.extension_id, number.sms_holder_ids = eli, {eli}
