"""What Slack is given to show: words, limits, and nothing that a text could break out of."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.findings import Finding, Level, worst_first
from bridge.relay.reasons import REASONS, RECEIVING
from bridge.relay.receiving import Deaf
from bridge.relay.texts import OwnNumber
from bridge.relay.waiting import Waits
from bridge.slack import render
from bridge.slack.render import CardState, NoticeFacts, Rendered, ShownText, Who

ALICE = "+14155550100"
WHO = Who([ALICE], "US")
NAMED = Who([ALICE], "US", {ALICE: "Alice <!channel>"})
AT = datetime(2026, 11, 23, 9, 41, tzinfo=UTC)
LEVELS: list[Level] = ["ok", "warn", "bad", "ok", "warn"]
NOTICES: list[tuple[str, dict[str, Any]]] = [
    *(("failed", {"reason": code}) for code in REASONS),
    ("failed", {"reason": "<!here>", "was_accepted": True}),
    ("failed", {"reason": "SMS-RC-413", "missed": ["+14155550122", "<!here>"]}),
    ("failed", {"reason": "SendingFailed", "missed": []}),
    ("unsure", {}),
    ("delayed", {"is_asked": True, "reason": None}),
    ("delayed", {"is_asked": False, "reason": "CMN-301"}),
    ("delayed", {"is_asked": False, "reason": "<!here>"}),
    ("edited_late", {"status": "accepted"}),
    ("edited_late", {"status": "unsure"}),
    ("deleted_late", {"status": "accepted"}),
    ("edited_unsent", {"reason": "too_long"}),
    ("edited_unsent", {"reason": "files"}),
    ("failed", {"reason": "MSG-290", "was_edited": True}),
    ("withdrawn", {"sentence": "It was not sent."}),
    ("connected", {"phone_number": "+16505550101"}),
    ("card_deleted", {"channel_id": "C1"}),
    ("channel_lost", {"channel_id": "C1", "how": "archived"}),
    ("not_understood", {"side": "Slack", "reason": "no ts"}),
    ("unshown", {"subject": "message 1", "reason": "invalid_blocks"}),
    ("stuck", {"side": "slack", "gate": "slack:T1:post:C1", "reason": "is_archived"}),
    ("stuck", {"side": "slack", "gate": "slack:T1:chat.update", "reason": "<!here>"}),
    ("stuck", {"side": "ringcentral", "gate": "ringcentral:1:medium", "reason": "CMN-408"}),
    *(
        ("deaf", {"phone_number": "+16505550101", "since": 1_795_430_460, "reason": code})
        for code in (*RECEIVING, "<!here>", None)
    ),
    ("hears_again", {"phone_number": "+16505550101", "since": 1, "until": 90_000, "count": 2}),
    ("a kind of tomorrow", {}),
]


def _check(rendered: Rendered) -> None:
    """Within Slack's limits (reference, slack.md 4.2), and complete without the blocks."""
    assert rendered.text.strip()
    assert len(rendered.text) <= 40_000
    assert 0 < len(rendered.blocks) <= 50
    assert len(json.dumps(rendered.blocks)) < 13_200
    for block in rendered.blocks:
        if block["type"] == "section":
            assert 1 <= len(block["text"]["text"]) <= 3_000
    if rendered.username is not None:
        assert 1 <= len(rendered.username) <= 80


def _mrkdwn(rendered: Rendered) -> str:
    """All that Slack would read for mentions."""
    elements = [
        element
        for block in rendered.blocks
        for element in (block.get("text"), *block.get("elements", ()))
        if isinstance(element, dict) and element.get("type") == "mrkdwn"
    ]
    return "\n".join([rendered.text, *(each["text"] for each in elements)])


@pytest.mark.parametrize(("kind", "payload"), NOTICES)
def test_every_notice_has_words(kind: str, payload: dict[str, Any]) -> None:
    """Each notice is a sentence that mentions its author and nobody else."""
    rendered = render.notice(NoticeFacts(kind, payload, 7, "U0BEA", "The text"))
    _check(rendered)
    assert "<!here>" not in _mrkdwn(rendered)
    assert _mrkdwn(rendered).count("<@") == _mrkdwn(rendered).count("<@U0BEA>") == 2


def test_an_inbox_that_cannot_receive_says_what_to_do() -> None:
    """Since when, why, who can mend it, and where the texts are meanwhile."""
    payload = {"phone_number": "+16505550101", "since": int(AT.timestamp()), "reason": "away"}
    assert render.notice(NoticeFacts("deaf", payload)).text == (
        "*Texts to (650) 555-0101 may be missing here* since "
        f"<!date^{int(AT.timestamp())}^{{date_short_pretty}} at {{time}}|2026-11-23 09:41 UTC>. "
        "RingCentral does not answer as it should. The bridge keeps trying; RingCentral's status "
        "page tells of outages. Nothing is lost: what customers write meanwhile is in the "
        "RingCentral app, and is shown here as soon as it can be read."
    )


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "nothing was missed."),
        (1, "1 text was caught up and is in its thread."),
        (1_200, "1,200 texts were caught up and are in their threads."),
    ],
)
def test_an_inbox_that_receives_again_says_what_was_missed(count: int, words: str) -> None:
    """From when to when it was away, and how many texts came late."""
    since, until = int(AT.timestamp()), int(AT.timestamp()) + 4860
    payload = {"phone_number": "+16505550101", "since": since, "until": until, "count": count}
    assert render.notice(NoticeFacts("hears_again", payload)).text == (
        "*Receiving again:* texts to (650) 555-0101. Away from "
        f"<!date^{since}^{{date_short_pretty}} at {{time}}|2026-11-23 09:41 UTC> to "
        f"<!date^{until}^{{time}}|2026-11-23 11:02 UTC>; {words}"
    )


def test_the_status_says_which_inbox_may_miss_texts() -> None:
    """With its channel, since when, why, and what to do."""
    words = render.status(Waits([], deaf=[Deaf("C1", AT, "login_refused")]))
    assert "may be missing in <#C1> since <!date^" in words
    assert "refuses the bridge's login. An administrator" in words


def test_a_list_cut_off_says_so() -> None:
    """Where not all could be asked about our numbers the list says how many, and how to go on."""
    known = OwnNumber("+16505550101", 1, "1/101", "Dana", "user", True, True, True)
    assert "not checked" not in render.numbers([known], {}, "US", "/sms").text
    cut_off = [known, replace(known, phone_number="+16505550102", is_checked=False)]
    assert "1 of these" in render.numbers(cut_off, {}, "US", "/sms").text


def test_not_sent_and_not_known_are_two_sentences() -> None:
    """ "Was not sent" and "may not have been sent" are never mixed up."""
    failed = render.notice(NoticeFacts("failed", {"reason": "MSG-367"})).text
    bounced = render.notice(
        NoticeFacts("failed", {"reason": "SMS-RC-413", "was_accepted": True})
    ).text
    unsure = render.notice(NoticeFacts("unsure", {})).text
    assert "*was not sent*" in failed
    assert "*did not arrive*" in bounced
    assert "*may not have been sent*" in unsure


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("queued", "not known yet whether"),
        ("accepted", "has been sent"),
        ("failed", "did not leave"),
        ("unsure", "nobody can tell"),
        ("cancelled", "taken back"),
    ],
)
def test_a_delay_says_what_became_of_it(status: str, words: str) -> None:
    """What was not known is not said any more once it is."""
    payload = {"is_asked": True, "reason": None}
    facts = NoticeFacts("delayed", payload, 7, "U0BEA", status=status, body="The text")
    rendered = render.notice(facts)
    _check(rendered)
    assert words in rendered.text


def test_buttons_hold_only_an_id() -> None:
    """A button carries the message's id, and a label that a screen reader can use."""
    rendered = render.notice(NoticeFacts("unsure", {}, 7, "U0BEA", "The text"))
    buttons = rendered.blocks[-1]["elements"]
    assert [each["value"] for each in buttons] == ["7", "7"]
    assert all(each["accessibility_label"] for each in buttons)


@settings(max_examples=100, deadline=None)
@given(
    body=st.text(max_size=1_600), origin=st.sampled_from(["phone", "command", "ringcentral_app"])
)
def test_any_text_is_harmless(body: str, origin: str) -> None:
    """Whatever a phone sends stays within Slack's limits and mentions nobody."""
    for who in (WHO, NAMED):
        shown = render.text(
            ShownText(who, body, origin, AT, author_name="<!here>", is_late=origin == "phone")
        )
        card = render.card(CardState(who, body, last_at=AT))
        for rendered in (shown, card):
            _check(rendered)
            assert "<!c" not in _mrkdwn(rendered)
            assert "<!h" not in _mrkdwn(rendered)
            assert "<@" not in _mrkdwn(rendered)


def test_a_late_text_shows_its_own_time() -> None:
    """A text that came late says when it was sent, as a date of Slack's."""
    rendered = render.text(ShownText(WHO, "Hello", "phone", AT, is_late=True))
    assert f"<!date^{int(AT.timestamp())}^" in _mrkdwn(rendered)


def test_a_group_shows_who_wrote() -> None:
    """In a group each text carries the number, or the name, that wrote it."""
    other = "+14155550123"
    group = Who([ALICE, other], "US", {other: "Bob"})
    rendered = render.text(ShownText(group, "Me", "phone", AT, author_number=other))
    assert rendered.username == "Bob (415) 555-0123"


def test_who_withheld_a_number_is_called_so() -> None:
    """What tells two of them apart is nothing to read."""
    who = Who(["unknown 81"], "US")
    rendered = render.text(ShownText(who, "Me", "phone", AT, author_number="unknown"))
    assert rendered.username == "SMS from an unknown number"
    assert "*Unknown number*" in _mrkdwn(render.card(CardState(who, "Me", last_at=AT)))


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (CardState(WHO, "Hi", True, "received", None, AT), "received"),
        (CardState(WHO, "Hi", False, "queued", None, AT), "being sent"),
        (CardState(WHO, "Hi", False, "accepted", "Queued", AT), "sent"),
        (CardState(WHO, "Hi", False, "accepted", "Delivered", AT), "delivered"),
        (CardState(WHO, "Hi", False, "failed", "DeliveryFailed", AT), "did not arrive"),
        (CardState(WHO, "Hi", False, "failed", None, AT), "was not sent"),
        (CardState(WHO, "Hi", False, "unsure", None, AT), "may not have been sent"),
    ],
)
def test_the_card_says_the_truth(state: CardState, words: str) -> None:
    """The card names the state of the last text in words, without relying on an emoji."""
    assert f" {words} " in render.card(state).text


def test_a_list_of_many_numbers_fits() -> None:
    """A list longer than one block is cut between lines."""
    pieces = render._pieces("\n".join(f"line {number}" * 5 for number in range(400)))
    assert all(len(each) <= 3_000 for each in pieces)
    assert "".join(pieces).count("line") == 2_000


def test_findings_are_cut_at_slacks_limits() -> None:
    """However many and however long: what is worst is shown, and where the rest is."""
    found = [Finding("Numbers", "warn", "w" * 5_000, "Do it.")] * 60
    found += [Finding("Disk", "ok", "Fine."), Finding("Slack token", "bad", "It is refused.", "")]
    shown = render.findings(found, "/sms")
    assert len(shown.blocks) <= 50
    assert len(shown.text) <= 40_000
    assert all(len(block["text"]["text"]) <= 3_000 for block in shown.blocks)
    assert "To mend (Slack token): It is refused." in shown.blocks[1]["text"]["text"]
    assert "21 more" in shown.text
    assert "`sms-bridge doctor`" in shown.text


def test_no_finding_can_mention_or_restyle() -> None:
    """Names of extensions and channels are plain text in the blocks, and escaped beside them."""
    shown = render.findings([Finding("Numbers", "bad", "<!here> *Eli* <@U1>", "& more")], "/sms")
    assert shown.blocks[1]["text"]["type"] == "plain_text"
    assert "<!here>" not in shown.text
    assert "<@U1>" not in shown.text


def test_findings_keep_their_order_within_a_level() -> None:
    """Worst first; what was found first stays before what was found later."""
    found = [Finding(str(number), level, "") for number, level in enumerate(LEVELS)]
    assert [each.check for each in worst_first(found)] == ["2", "1", "4", "0", "3"]
