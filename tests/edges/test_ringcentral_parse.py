"""What RingCentral's records and notifications become."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from bridge.relay.texts import AttachmentNote, CarrierRecord
from bridge.ringcentral.parse import (
    InstantSms,
    NotUnderstood,
    Store,
    StoreChanged,
    Uninteresting,
    parse_notification,
    parse_number,
    parse_record,
)
from bridge.ringcentral.render import find_fault, render_subscription

STORE = "1001/2002"
OURS = "+16505550101"
ALICE = "+14155550100"
BOB = "+14155550111"
EVENT = "/restapi/v1.0/account/1001/extension/2002/message-store"


def record(**changes: Any) -> dict[str, Any]:
    """An inbound record as REST shows it."""
    made = {
        "id": 3062991514017,
        "to": [{"phoneNumber": OURS, "name": "Front desk", "target": True}],
        "from": {"phoneNumber": ALICE, "location": "San Francisco, CA"},
        "type": "SMS",
        "creationTime": "2026-11-20T10:15:30.000Z",
        "lastModifiedTime": "2026-11-20T10:15:30.120Z",
        "readStatus": "Unread",
        "attachments": [{"id": 1, "type": "Text", "contentType": "text/plain"}],
        "direction": "Inbound",
        "availability": "Alive",
        "subject": "Is my order ready?",
        "messageStatus": "Received",
        "conversationId": 6288356833283647000,
        "conversation": {"id": "6288356833283647895"},
    }
    return {key: value for key, value in {**made, **changes}.items() if value is not None}


def parse(**changes: Any) -> CarrierRecord:
    """The parsed record, which must be one."""
    parsed = parse_record(record(**changes), store=STORE, own_numbers=())
    assert parsed is not None
    return parsed


def test_a_text_in() -> None:
    """A text is whole in our words: who, to whom, when, what."""
    assert parse() == CarrierRecord(
        store=STORE,
        record_id="3062991514017",
        ringcentral_conversation_id="6288356833283647895",
        direction="in",
        own_number=OURS,
        outside_numbers=(ALICE,),
        author_number=ALICE,
        body="Is my order ready?",
        sent_at=datetime(2026, 11, 20, 10, 15, 30, tzinfo=UTC),
        status="Received",
    )


def test_conversation_ids_above_2_53_survive_exactly() -> None:
    """A conversation's id is the string, as the number beside it was rounded on its way."""
    text = json.dumps(record(conversationId=9223372036854775807, conversation=None))
    parsed = parse_record(json.loads(text), store=STORE, own_numbers=())
    assert parsed is not None
    assert parsed.ringcentral_conversation_id == "9223372036854775807"
    assert parse().ringcentral_conversation_id == "6288356833283647895"
    assert parse(conversation=None, conversationId=None).ringcentral_conversation_id is None


def test_a_text_out() -> None:
    """An outbound record is ours to everybody it went to."""
    parsed = parse(
        direction="Outbound",
        **{"from": {"phoneNumber": OURS}},
        to=[{"phoneNumber": BOB}, {"phoneNumber": ALICE}],
        messageStatus="DeliveryFailed",
        deliveryErrorCode="SMS-UP-410",
    )
    assert parsed.direction == "out"
    assert parsed.own_number == parsed.author_number == OURS
    assert parsed.outside_numbers == (BOB, ALICE)
    assert (parsed.status, parsed.error_code) == ("DeliveryFailed", "SMS-UP-410")
    assert parsed.reached_somebody  # a group, of which nobody says whom it missed


def test_a_group_text_out_says_whom_it_missed() -> None:
    """Each recipient of several has a status of its own."""
    missed = parse(
        direction="Outbound",
        **{"from": {"phoneNumber": OURS}},
        to=[
            {"phoneNumber": BOB, "messageStatus": "SendingFailed"},
            {"phoneNumber": ALICE, "messageStatus": "Sent"},
        ],
        messageStatus="SendingFailed",
    )
    assert missed.refused_numbers == (BOB,)
    assert missed.reached_somebody
    assert CarrierRecord.from_json(missed.to_json()) == missed


@pytest.mark.parametrize(
    ("to", "own_numbers"),
    [
        ([{"phoneNumber": BOB}, {"phoneNumber": OURS, "target": True}], ()),
        ([{"phoneNumber": BOB}, {"phoneNumber": "(650) 555-0101"}], (OURS,)),
    ],
)
def test_a_group_text_in(to: list[dict[str, Any]], own_numbers: tuple[str, ...]) -> None:
    """In a group our number is the marked or the known one, wherever it stands."""
    parsed = parse_record(record(to=to), store=STORE, own_numbers=own_numbers)
    assert parsed is not None
    assert parsed.own_number == OURS
    assert set(parsed.outside_numbers) == {ALICE, BOB}
    assert parsed.author_number == ALICE


def test_a_group_text_without_us_is_not_understood() -> None:
    """A guess at our number would show a text in a stranger's channel."""
    with pytest.raises(NotUnderstood):
        parse(to=[{"phoneNumber": BOB}, {"phoneNumber": "+14155550122"}])


def test_files_are_noted_and_the_text_attachment_is_not_a_file() -> None:
    """MMS is of type SMS; its text comes as an attachment once more."""
    parsed = parse(
        subject=None,
        attachments=[
            {"id": 1, "type": "Text", "contentType": "text/plain"},
            {
                "id": 2,
                "type": "MmsAttachment",
                "contentType": "image/jpeg",
                "size": 12345,
                "fileName": "cake.jpg",
            },
            {"id": 3, "type": "MmsAttachment"},
        ],
    )
    assert parsed.body == ""
    assert parsed.attachments == (
        AttachmentNote("image/jpeg", 12345, "cake.jpg"),
        AttachmentNote("application/octet-stream"),
    )


@pytest.mark.parametrize(
    "other",
    [
        {"id": 3062991514017, "availability": "Deleted"},
        {"id": 3062991514017, "availability": "Purged"},
        record(type="Fax"),
        record(type="VoiceMail"),
        record(type="Pager"),
    ],
)
def test_other_records_are_nothing_to_us(other: dict[str, Any]) -> None:
    """Deleted records have only an id; faxes, voicemails and pager messages share the store."""
    assert parse_record(other, store=STORE, own_numbers=()) is None


@pytest.mark.parametrize(
    "odd",
    [
        [],
        record(direction=None),
        record(to=None),
        record(to=[]),
        record(to=["+16505550101"]),
        record(id=None),
        record(creationTime=None),
        record(creationTime="yesterday"),
        record(creationTime="0001-01-01T00:00:00+14:00"),
    ],
)
def test_a_record_of_an_unknown_shape_is_not_understood(odd: Any) -> None:
    """It is told by an error of its own, so that it can be kept."""
    with pytest.raises(NotUnderstood):
        parse_record(odd, store=STORE, own_numbers=())


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("+14155550100", "+14155550100"),
        ("+1 (415) 555-0100", "+14155550100"),
        ("(415)555-0100", "+14155550100"),
        ("415.555.0100", "+14155550100"),
        ("14155550100", "+14155550100"),
        ("447700900123", "+447700900123"),
        ("72975", "72975"),
        ("262966", "262966"),
        ("101", "101"),
        ("+1855201XXXX", "+1855201XXXX"),
        ("Anonymous", "unknown"),
        ("PIZZERIA", "PIZZERIA"),
        ("  ", "unknown"),
    ],
)
def test_numbers_are_read_leniently(written: str, number: str) -> None:
    """Formatted numbers, numbers without their plus, short codes, and what is no number."""
    assert parse_number(written) == number


def test_senders_without_a_number() -> None:
    """A withheld number, or an extension, still has its text shown."""
    assert parse(**{"from": {"extensionNumber": "102", "name": "Eli"}}).author_number == "102"
    assert parse(**{"from": None}).author_number == "unknown"


@pytest.mark.parametrize("written", ["2026-11-20T10:15:30+0000", "2026-11-20T11:15:30.000+01:00"])
def test_times_with_any_zone(written: str) -> None:
    """Times are read with their zone, old records' included."""
    assert parse(creationTime=written).sent_at == datetime(2026, 11, 20, 10, 15, 30, tzinfo=UTC)


def test_an_instant_notification() -> None:
    """A text's notification brings the whole record; ids are strings there, times have ms."""
    body = record(id="3062991514017", creationTime="2026-11-20T10:15:30.123Z", conversationId=None)
    found = parse_notification(
        {"uuid": "1", "event": f"{EVENT}/instant?type=SMS", "body": body},
        own_numbers=(),
        own_store=None,
    )
    assert isinstance(found, InstantSms)
    assert (found.record.store, found.record.record_id) == (STORE, "3062991514017")


def test_a_call_queues_text_lives_in_the_queues_store() -> None:
    """The owner in the record wins over the mailbox the notification was sent for."""
    body = record(owner={"extensionId": "3003", "extensionType": "Department", "name": "Desk"})
    found = parse_notification(
        {"event": f"{EVENT}/instant?type=SMS", "body": body}, own_numbers=(), own_store=None
    )
    assert isinstance(found, InstantSms)
    assert found.record.store == "1001/3003"


def test_other_owners_change_nothing() -> None:
    """A site's number is texted from its user's store, whoever is named as its owner."""
    assert parse(owner={"extensionId": "4004", "extensionType": "Site"}).store == STORE


def test_a_change_of_a_store() -> None:
    """A change names the store; faxes and voicemails are no concern of ours."""
    changed = {"event": EVENT, "body": {"changes": [{"type": "Fax"}, {"type": "SMS"}]}}
    assert parse_notification(changed, own_numbers=(), own_store=None) == StoreChanged(STORE)
    fax = {"event": EVENT, "body": {"changes": [{"type": "Fax", "newCount": 1}]}}
    assert parse_notification(fax, own_numbers=(), own_store=None) == Uninteresting()


def test_a_notification_of_the_logins_own_store() -> None:
    """Where RingCentral left ~ in the path it means the login's own store."""
    event = {
        "event": "/restapi/v1.0/account/~/extension/~/message-store",
        "body": {"changes": [{"type": "SMS"}]},
    }
    own = Store("1001", "2002")
    assert parse_notification(event, own_numbers=(), own_store=own) == StoreChanged(STORE)
    with pytest.raises(NotUnderstood):
        parse_notification(event, own_numbers=(), own_store=None)


@pytest.mark.parametrize(
    "odd",
    [
        None,
        [],
        {},
        {"event": EVENT},
        {"event": EVENT, "body": {}},
        {"event": EVENT, "body": {"changes": [7]}},
        {"event": "/restapi/v1.0/account/1001/telephony/sessions", "body": {}},
        {"event": 7, "body": {}},
        {"event": "/message-store", "body": {"changes": []}},
    ],
)
def test_a_notification_of_an_unknown_shape_is_not_understood(odd: Any) -> None:
    """It is told by an error of its own, so that it can be kept."""
    with pytest.raises(NotUnderstood):
        parse_notification(odd, own_numbers=(), own_store=None)


def test_texts_that_cannot_leave() -> None:
    """Empty and over-long texts are refused before RingCentral is asked; emoji count twice."""
    assert find_fault("x" * 1000) is None
    assert find_fault("🎂" * 500) is None
    too_long, empty = find_fault("🎂" * 500 + "x"), find_fault(" \n")
    assert too_long is not None
    assert too_long.reason == "too_long"
    assert empty is not None
    assert empty.reason == "empty"


def test_a_subscription_says_how_long_at_the_top() -> None:
    """Inside deliveryMode RingCentral ignores expiresIn, and the webhook dies after a week."""
    body = render_subscription(["/a"], "https://bridge.example.com", "secret", 7776000)
    assert body["expiresIn"] == 7776000
    assert "expiresIn" not in body["deliveryMode"]
