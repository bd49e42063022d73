"""Every fault of the page's menu really bites, and the bridge bears it."""

import itertools
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from bridge.sandbox.switches import SWITCHES
from tests.sandbox_process import HOLD_SECONDS, Json, SandboxProcess

NUMBERS = (f"+1415555{last:04}" for last in itertools.count(110))
QUIET_SECONDS = 1.0


@dataclass
class Conversation:
    """A phone and its thread."""

    sandbox: SandboxProcess
    number: str
    thread_ts: str

    def texts(self, text: str) -> None:
        """The customer texts."""
        self.sandbox.text(self.number, text)

    def answer(self, text: str) -> None:
        """A colleague replies, and the hold is over."""
        self.sandbox.say(text, self.thread_ts)
        self.sandbox.eventually(lambda: self.sandbox.xray_of(text), f"{text!r} on file")
        self.sandbox.forward(HOLD_SECONDS)

    def received(self, text: str) -> list[Json]:
        """What reached the phone with these words."""
        return [each for each in self.sandbox.texts(self.number) if text in each["text"]]

    def posts(self, text: str) -> list[Json]:
        """What the app has posted in the thread with these words."""
        seen = self.sandbox.messages()
        return [e for e in seen if text in e["shown"] and e["ts"] != e.get("thread_ts")]


def _new_conversation(sandbox: SandboxProcess) -> Conversation:
    number = next(NUMBERS)
    return Conversation(sandbox, number, sandbox.thread_with(number, f"Question of {number}"))


@pytest.fixture(scope="module")
def shared_conversation(running_sandbox: SandboxProcess) -> Conversation:
    """One conversation for all: Slack takes only a message a second in a channel."""
    return _new_conversation(running_sandbox)


@pytest.fixture
def alice(sandbox: SandboxProcess, shared_conversation: Conversation) -> Conversation:
    """The shared conversation, in a sandbox that is put right afterwards."""
    assert shared_conversation.sandbox is sandbox
    return shared_conversation


@pytest.fixture
def stuck(sandbox: SandboxProcess) -> Conversation:
    """One of its own, for a test that leaves a text looked for."""
    return _new_conversation(sandbox)


def _tried(sandbox: SandboxProcess, body: str, side: str, outcome: str) -> Json:
    """The first attempt to bring this text to that side, once it has come out so."""

    def look() -> Json | None:
        deliveries = sandbox.xray_of(body).get("deliveries", [])
        attempts = [a for each in deliveries if each["side"] == side for a in each["attempts"]]
        return next((each for each in attempts if each["outcome"] == outcome), None)

    return sandbox.eventually(look, f"an attempt that came out {outcome!r}") or {}


def _until_accepted(sandbox: SandboxProcess, body: str) -> None:
    sandbox.eventually(
        lambda: sandbox.xray_of(body)["deliveries"][0]["state"] == "accepted", "accepted"
    )


def _heard(sandbox: SandboxProcess, *texts: str) -> list[str]:
    """The texts of the message events that have gone to the app, in their order."""
    bodies = [each["body"]["event"] for each in sandbox.get("/slack/deliveries")]
    return [each["text"] for each in bodies if each.get("text") in texts]


def _told(sandbox: SandboxProcess, *texts: str) -> list[str]:
    """The texts that RingCentral's instant events have told, in their order."""
    bodies = [each["body"] for each in sandbox.get("/ringcentral/notifications")]
    return [each["subject"] for each in bodies if each.get("subject") in texts]


def _closed_gate(sandbox: SandboxProcess, side: str) -> Json | None:
    gates: list[Json] = sandbox.get("/xray")["gates"]
    closed = [each for each in gates if each["closed_until_at"]]
    return next((each for each in closed if each["key"].startswith(side)), None)


def test_ringcentral_limits_its_rate(sandbox: SandboxProcess, alice: Conversation) -> None:
    """A text answered 429 waits behind a closed gate, then goes once."""
    sandbox.turn("ringcentral", "rate_limit")
    alice.answer("Limited answer")
    assert _tried(sandbox, "Limited answer", "ringcentral", "later")["detail"] == "CMN-301"
    assert _closed_gate(sandbox, "ringcentral")
    sandbox.turn("ringcentral", "rate_limit", on=False)
    sandbox.forward(60)
    sandbox.expect_sms(alice.number, "Limited answer")
    assert len(alice.received("Limited answer")) == 1


@pytest.mark.parametrize("name", ["server_error", "drop_before"])
def test_ringcentral_takes_nothing(sandbox: SandboxProcess, stuck: Conversation, name: str) -> None:
    """Where no answer says what became of a text, it is looked for before it is sent again."""
    sandbox.turn("ringcentral", name)
    stuck.answer(f"Answer to {name}")
    _tried(sandbox, f"Answer to {name}", "ringcentral", "unsure")
    assert sandbox.fault("ringcentral", name)["hits"] == 1
    assert not sandbox.texts(stuck.number)


def test_ringcentral_takes_its_time(sandbox: SandboxProcess, alice: Conversation) -> None:
    """A slow send is awaited, not repeated."""
    sandbox.turn("ringcentral", "slow")
    alice.answer("Slow answer")
    assert _tried(sandbox, "Slow answer", "ringcentral", "accepted")["took_ms"] > 3000
    sandbox.expect_sms(alice.number, "Slow answer")
    assert len(alice.received("Slow answer")) == 1


def test_ringcentral_drops_the_answer(sandbox: SandboxProcess, alice: Conversation) -> None:
    """A text whose answer was lost is found in the store; the switch turns itself off."""
    sandbox.turn("ringcentral", "drop_after")
    alice.answer("Answer lost")
    sandbox.expect_sms(alice.number, "Answer lost")
    _until_accepted(sandbox, "Answer lost")
    shown = sandbox.fault("ringcentral", "drop_after")
    assert (shown["is_on"], shown["hits"]) == (False, 1)
    assert len(alice.received("Answer lost")) == 1


def test_ringcentral_tells_twice(sandbox: SandboxProcess, alice: Conversation) -> None:
    """A text that is told twice is posted once."""
    sandbox.turn("ringcentral", "duplicate")
    alice.texts("Texted once")
    sandbox.eventually(lambda: len(_told(sandbox, "Texted once")) == 2, "the event again")
    sandbox.eventually(lambda: alice.posts("Texted once"), "the post")
    sandbox.settle()
    assert len(alice.posts("Texted once")) == 1


def test_ringcentral_tells_out_of_order(sandbox: SandboxProcess, alice: Conversation) -> None:
    """The second text is told of first; each is posted once."""
    texts = ["Text 1 of 2", "Text 2 of 2"]
    sandbox.turn("ringcentral", "reorder")
    for each in texts:
        alice.texts(each)
    sandbox.eventually(lambda: len(_told(sandbox, *texts)) == 2, "both events")
    assert _told(sandbox, *texts) == texts[::-1]
    sandbox.eventually(lambda: all(map(alice.posts, texts)), "both posts")
    sandbox.settle()
    assert [len(alice.posts(each)) for each in texts] == [1, 1]


def test_ringcentral_tells_late(sandbox: SandboxProcess, alice: Conversation) -> None:
    """A late event has not left yet; when the store is read anyway, the text is posted once."""
    sandbox.turn("ringcentral", "late")
    alice.texts("Late text")
    sandbox.eventually(lambda: sandbox.fault("ringcentral", "late")["hits"], "a hit")
    time.sleep(QUIET_SECONDS)
    assert not _told(sandbox, "Late text")
    assert len(alice.posts("Late text")) <= 1


def test_ringcentral_loses_receipts(sandbox: SandboxProcess, alice: Conversation) -> None:
    """The phone has the text; the bridge has not heard so, as it does without the fault."""
    alice.answer("With a receipt")
    _until_delivered(alice, "With a receipt")
    sandbox.eventually(
        lambda: sandbox.xray_of("With a receipt")["carrier_status"] == "Delivered", "its receipt"
    )
    sandbox.turn("ringcentral", "lost_receipt")
    alice.answer("No receipt")
    _until_delivered(alice, "No receipt")
    time.sleep(QUIET_SECONDS)
    assert sandbox.xray_of("No receipt")["carrier_status"] != "Delivered"


def _until_delivered(conversation: Conversation, text: str) -> None:
    conversation.sandbox.eventually(
        lambda: [e for e in conversation.received(text) if e["status"] == "Delivered"], "delivery"
    )


def test_an_opted_out_number_is_told_of(sandbox: SandboxProcess, alice: Conversation) -> None:
    """The author hears that the customer has opted out; the phone gets nothing."""
    sandbox.turn("ringcentral", "opted_out", number=alice.number)
    assert sandbox.fault("ringcentral", "opted_out")["of"] == [alice.number]
    alice.answer("Unwanted answer")
    sandbox.expect_post("has opted out")
    assert not alice.received("Unwanted answer")
    sandbox.turn("ringcentral", "opted_out", on=False)
    assert not sandbox.fault("ringcentral", "opted_out")["is_on"]


def test_a_blacklisted_subscription_is_mended(sandbox: SandboxProcess, alice: Conversation) -> None:
    """RingCentral tells nothing any more; the bridge, started anew, finds out what it missed."""
    sandbox.turn("ringcentral", "blacklisted")
    assert sandbox.fault("ringcentral", "blacklisted")["is_on"]
    alice.texts("Nobody told")
    time.sleep(QUIET_SECONDS)
    assert not alice.posts("Nobody told")
    sandbox.post("/bridge/kill")
    sandbox.post("/bridge/start")
    sandbox.expect_post("Nobody told")
    sandbox.eventually(
        lambda: not sandbox.fault("ringcentral", "blacklisted")["is_on"], "a new subscription"
    )


def test_slack_limits_its_rate(sandbox: SandboxProcess, alice: Conversation) -> None:
    """A post answered 429 waits behind a closed gate, then comes once."""
    sandbox.turn("slack", "rate_limit")
    alice.texts("Limited text")
    _tried(sandbox, "Limited text", "slack", "later")
    assert _closed_gate(sandbox, "slack")
    sandbox.turn("slack", "rate_limit", on=False)
    sandbox.forward(60)
    sandbox.eventually(lambda: alice.posts("Limited text"), "the post")
    assert len(alice.posts("Limited text")) == 1


@pytest.mark.parametrize("name", ["server_error", "drop_before"])
def test_slack_takes_nothing(sandbox: SandboxProcess, stuck: Conversation, name: str) -> None:
    """Where no answer says what became of a post, it is looked for before it is repeated."""
    sandbox.settle()
    sandbox.turn("slack", name)
    stuck.texts(f"Text with {name}")
    _tried(sandbox, f"Text with {name}", "slack", "unsure")
    assert not stuck.posts(f"Text with {name}")


def test_slack_takes_its_time(sandbox: SandboxProcess, alice: Conversation) -> None:
    """A slow post is awaited, not repeated."""
    sandbox.turn("slack", "slow")
    alice.texts("Slow text")
    assert _tried(sandbox, "Slow text", "slack", "accepted")["took_ms"] > 3000
    assert len(alice.posts("Slow text")) == 1


def test_slack_drops_the_answer(sandbox: SandboxProcess, alice: Conversation) -> None:
    """A post whose answer was lost is found in the channel's history, and not repeated."""
    sandbox.turn("slack", "drop_after")
    alice.texts("Text, answer lost")
    sandbox.eventually(lambda: alice.posts("Text, answer lost"), "the post")
    _until_accepted(sandbox, "Text, answer lost")
    assert sandbox.fault("slack", "drop_after")["hits"] == 1
    assert len(alice.posts("Text, answer lost")) == 1


def test_slack_tells_twice(sandbox: SandboxProcess, alice: Conversation) -> None:
    """An event that comes twice is one text."""
    sandbox.turn("slack", "duplicate")
    alice.answer("Told twice")
    sandbox.eventually(lambda: len(_heard(sandbox, "Told twice")) == 2, "the event again")
    sandbox.expect_sms(alice.number, "Told twice")
    sandbox.settle()
    assert len(alice.received("Told twice")) == 1


def test_slack_tells_out_of_order(sandbox: SandboxProcess, alice: Conversation) -> None:
    """The second reply is heard of first; the texts leave in the order they were written."""
    texts = ["First of two", "Second of two"]
    sandbox.settle()
    sandbox.turn("slack", "reorder")
    for each in texts:
        sandbox.say(each, alice.thread_ts)
    sandbox.eventually(lambda: len(_heard(sandbox, *texts)) == 2, "both events")
    assert _heard(sandbox, *texts) == texts[::-1]
    sandbox.eventually(lambda: all(map(sandbox.xray_of, texts)), "both on file")
    sandbox.forward(HOLD_SECONDS)
    sandbox.expect_sms(alice.number, texts[1])
    assert [each["text"] for each in alice.received("of two")] == texts


def test_slack_tells_late(sandbox: SandboxProcess, alice: Conversation) -> None:
    """A late event: the app knows nothing of the reply meanwhile."""
    sandbox.turn("slack", "late")
    sandbox.say("Heard of late", alice.thread_ts)
    time.sleep(QUIET_SECONDS)
    assert sandbox.fault("slack", "late")["hits"] == 1
    assert not _heard(sandbox, "Heard of late")


def test_every_switch_is_tested() -> None:
    """The menu holds nothing that no test has switched on."""
    told = Path(__file__).read_text()
    missing = [each.name for each in SWITCHES if f'"{each.name}"' not in told]
    assert not missing
