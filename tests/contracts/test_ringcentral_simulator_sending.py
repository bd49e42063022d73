"""Sending through the simulated RingCentral: what it refuses, and what becomes of what it takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bridge.sandbox.ringcentral import (
    DISABLED_NUMBER,
    ELI_NUMBER,
    FAX_NUMBER,
    FROZEN_NUMBER,
    JWT_ELI,
    MAIN_NUMBER,
    NUMBER,
    PENDING_NUMBER,
    QUEUE_NUMBER,
    SITE_NUMBER,
    TOLL_FREE_NUMBER,
    RingCentralSimulator,
)
from tests.contracts.ringcentral_api import (
    ALICE,
    CAROL,
    EXTENSION,
    File,
    codes,
    dana_at,
    logged_in,
    sms,
)

LONDON = "+442079460101"
TORONTO = "+14165550101"
PICTURE: File = ("a.png", b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "image/png")
MANY = [f"+1415555{number:04d}" for number in range(100, 111)]


def body(text: str = "Hi", to: Any = ALICE, from_number: str = NUMBER) -> dict[str, Any]:
    return sms(text, [to] if isinstance(to, str) else to, from_number)


REFUSED: list[tuple[str, dict[str, Any], int, str]] = [
    ("no text", {k: v for k, v in body().items() if k != "text"}, 400, "CMN-101"),
    ("empty text", body(""), 400, "CMN-101"),
    ("no from", {k: v for k, v in body().items() if k != "from"}, 400, "CMN-101"),
    ("no to", {k: v for k, v in body().items() if k != "to"}, 400, "CMN-101"),
    ("nobody", body(to=[]), 400, "CMN-101"),
    ("1001 units", body("x" * 1001), 400, "CMN-101"),
    ("half of a surrogate pair", body("\ud83d"), 400, "CMN-101"),
    ("half of a pair in a number", body(to="+1415555010\ud83d"), 400, "CMN-101"),
    ("half of a pair in a name", body() | {"\ud83d": 1}, 400, "CMN-101"),
    ("501 emoji", body("😀" * 501), 400, "CMN-101"),
    ("words for a number", body(to="Alice"), 400, "CMN-101"),
    ("too short for a number", body(to="+1415555"), 400, "CMN-414"),
    ("impossible area", body(to="+19995550100"), 400, "CMN-414"),
    ("same number twice", body(to=[ALICE, ALICE.removeprefix("+")]), 400, "CMN-406"),
    ("as dialled at home", body(to="(415) 555-0100"), 400, "CMN-414"),
    ("without its country", body(to="4155550100"), 400, "CMN-414"),
    ("as a link", body(to=f"tel:{ALICE}"), 400, "CMN-414"),
    ("eleven recipients", body(to=MANY), 400, "MSG-381"),
    ("short number", body(to="72345"), 400, "MSG-247"),
    ("extension number", body(to="101"), 400, "MSG-246"),
    ("from an extension number", body(from_number="101"), 400, "MSG-246"),
    ("from a stranger's number", body(from_number=ALICE), 400, "MSG-245"),
    ("from a colleague's number", body(from_number=ELI_NUMBER), 400, "MSG-245"),
    ("from a number without SMS", body(from_number=MAIN_NUMBER), 403, "MSG-367"),
    ("from a fax number", body(from_number=FAX_NUMBER), 403, "MSG-241"),
    ("from a pending number", body(from_number=PENDING_NUMBER), 403, "MSG-242"),
    ("group without MMS", body(to=[ALICE, CAROL], from_number=QUEUE_NUMBER), 403, "MSG-380"),
    ("abroad", body(to=LONDON), 403, "MSG-240"),
    ("toll-free abroad", body(to=TORONTO, from_number=TOLL_FREE_NUMBER), 403, "MSG-403"),
    ("two countries", body() | {"country": {"id": "1", "isoCode": "US"}}, 400, "MSG-365"),
]


@pytest.mark.parametrize(("_what", "request_body", "status", "code"), REFUSED)
async def test_what_the_carrier_refuses_is_refused(
    _what: str, request_body: dict[str, Any], status: int, code: str
) -> None:
    """Each wrong request gets the carrier's status and code, and nothing is sent."""
    async with dana_at() as (simulator, api):
        refused = await api.call("POST", f"{EXTENSION}/sms", request_body)
        assert (refused.status_code, codes(refused)) == (status, [code])
        assert list(simulator.world.mailboxes) == []


ACCOUNT_STATES: list[tuple[str, Callable[[RingCentralSimulator], Any], str, str]] = [
    ("blocked", lambda s: s.account.blocked_numbers.add(ALICE), NUMBER, "MSG-243"),
    (
        "no toll-free SMS",
        lambda s: setattr(s.account, "toll_free_sms", False),
        TOLL_FREE_NUMBER,
        "MSG-397",
    ),
]


@pytest.mark.parametrize(("_what", "change", "from_number", "code"), ACCOUNT_STATES)
async def test_the_accounts_state_refuses(
    _what: str, change: Callable[[RingCentralSimulator], Any], from_number: str, code: str
) -> None:
    """Blocks and switched-off features of the account refuse with their own codes."""
    async with dana_at() as (simulator, api):
        change(simulator)
        assert codes(await api.send("Hi", from_number=from_number)) == [code]


async def test_limits_of_the_plan_refuse() -> None:
    """Without MMS in the plan a group is BIL-103; above the daily limit a text is MSG-384."""
    async with dana_at(daily_send_limit=1) as (simulator, api):
        simulator.account.mms = False
        assert codes(await api.send("Hi", to=[ALICE, CAROL])) == ["BIL-103"]
        assert (await api.send("Hi")).status_code == 200
        assert codes(await api.send("Hi")) == ["MSG-384"]
        simulator.clock.forward(86_401)
        async with logged_in(simulator) as next_day:
            assert (await next_day.send("Hi")).status_code == 200


async def test_nobody_sends_for_another_extension() -> None:
    """Not even a super admin texts as another extension: CMN-419."""
    async with dana_at() as (simulator, api):
        eli = simulator.account.extension("102").extension_id
        path = f"/restapi/v1.0/account/~/extension/{eli}/sms"
        assert codes(await api.call("POST", path, body(from_number=ELI_NUMBER))) == ["CMN-419"]


async def test_numbers_are_read_as_people_write_them() -> None:
    """E.164 without its plus is taken, and the record has it with the plus."""
    async with dana_at() as (_, api):
        sent = await api.call("POST", f"{EXTENSION}/sms", body(to="14155550100"))
        assert sent.json()["to"][0]["phoneNumber"] == ALICE


async def test_a_text_goes_from_queued_to_sent_to_delivered() -> None:
    """The answer is Queued; the phone has the text when the record is Sent, then Delivered."""
    async with dana_at(sent_after_seconds=5, delivered_after_seconds=5) as (simulator, api):
        sent = (await api.send("Hi")).json()
        assert (sent["messageStatus"], sent["smsSendingAttemptsCount"]) == ("Queued", 0)
        assert simulator.phone(ALICE).texts_received == []
        simulator.clock.forward(5)
        await simulator.phone(ALICE).wait_for_text("Hi")
        path = f"{EXTENSION}/message-store/{sent['id']}"
        assert (await api.get(path)).json()["messageStatus"] == "Sent"
        simulator.clock.forward(5)
        await simulator.settled()
        delivered = (await api.get(path)).json()
        assert delivered["messageStatus"] == "Delivered"
        assert "smsDeliveryTime" in delivered


@pytest.mark.parametrize(
    ("code", "status", "arrives"),
    [("SMS-UP-410", "SendingFailed", False), ("SMS-CAR-411", "DeliveryFailed", False)],
)
async def test_a_failing_phone_fails_later(code: str, status: str, arrives: bool) -> None:
    """A text the carriers cannot deliver is accepted first and fails afterwards, with its code."""
    async with dana_at() as (simulator, api):
        simulator.phone(ALICE).fails_with = code
        sent = await api.send("Hi")
        assert sent.status_code == 200
        await simulator.settled()
        record = (await api.get(f"{EXTENSION}/message-store/{sent.json()['id']}")).json()
        assert (record["messageStatus"], record["deliveryErrorCode"]) == (status, code)
        assert bool(simulator.phone(ALICE).received) is arrives


async def test_stop_and_start() -> None:
    """After STOP texts fail with SMS-RC-413 and do not arrive; after START they do again."""
    async with dana_at() as (simulator, api):
        alice = simulator.phone(ALICE)
        await alice.texts(" Stop ", to=NUMBER)
        assert [each.is_automatic for each in alice.received] == [True]
        refused = (await api.send("Are you there?")).json()
        await simulator.settled()
        record = simulator.messages(direction="Outbound")[0]
        assert (record["id"], record["deliveryErrorCode"]) == (refused["id"], "SMS-RC-413")
        assert record["messageStatus"] == "SendingFailed"
        await api.send("From another number", from_number=SITE_NUMBER)
        await alice.texts("START", to=NUMBER)
        await api.send("Welcome back")
        await alice.wait_for_text("Welcome back")
        texts = [each.text for each in alice.received if not each.is_automatic]
        assert texts == ["From another number", "Welcome back"]
        assert [each["subject"] for each in simulator.messages(direction="Inbound")] == [
            " Stop ",
            "START",
        ]


@pytest.mark.parametrize("number", [DISABLED_NUMBER, FROZEN_NUMBER])
async def test_disabled_and_frozen_extensions_swallow_texts(number: str) -> None:
    """A text to them is accepted, kept in the sender's store only, and never arrives."""
    async with dana_at() as (simulator, api):
        assert (await api.send("Hi", to=number)).status_code == 200
        await simulator.settled()
        assert [each["direction"] for each in simulator.messages()] == ["Outbound"]


async def test_a_text_to_a_colleague_arrives_in_their_store() -> None:
    """A text between two numbers of the company is a record on either side."""
    async with dana_at() as (simulator, api):
        await api.send("Lunch?", to=ELI_NUMBER)
        await simulator.settled()
        received = simulator.messages("102")
        assert [(each["direction"], each["subject"]) for each in received] == [
            ("Inbound", "Lunch?")
        ]


async def test_a_registration_that_is_not_confirmed_fails_later() -> None:
    """A number whose campaign is not confirmed takes texts and fails them with SMS-UP-414."""
    async with dana_at() as (simulator, api):
        simulator.account.number(NUMBER).campaign_status = "Submitted"
        await api.send("Hi")
        await simulator.settled()
        assert simulator.messages()[0]["deliveryErrorCode"] == "SMS-UP-414"


async def test_queue_texts_live_in_the_queues_store() -> None:
    """What Dana sends for the queue, and what it receives, is in the queue's store, with owner."""
    async with dana_at() as (simulator, api):
        sent = await api.send("Hello from the desk", from_number=QUEUE_NUMBER)
        assert sent.status_code == 200
        await simulator.phone(ALICE).texts("Hi desk", to=QUEUE_NUMBER)
        assert (await api.get(f"{EXTENSION}/message-store")).json()["records"] == []
        queue = simulator.account.extension("201").extension_id
        path = f"/restapi/v1.0/account/~/extension/{queue}/message-store"
        records = (await api.get(path)).json()["records"]
        assert {each["subject"] for each in records} == {"Hello from the desk", "Hi desk"}
        assert {each["owner"]["extensionType"] for each in records} == {"Department"}
        shared = (await api.get(f"{EXTENSION}/message-store", owner="Shared")).json()["records"]
        assert len(shared) == 2
        async with logged_in(simulator, JWT_ELI) as eli:
            assert codes(await eli.get(path)) == ["CMN-419"]


async def test_pictures_travel_both_ways() -> None:
    """Files arrive byte for byte on the phone, and from the phone at the content address."""
    async with dana_at() as (simulator, api):
        alice = simulator.phone(ALICE)
        assert (await api.send_files([PICTURE], text="Look")).status_code == 200
        assert (await api.send_files([PICTURE], text="Look", path="mms")).status_code == 200
        shown = await alice.wait_for_text("Look")
        assert [each.content for each in shown.attachments] == [PICTURE[1]]
        message = await alice.texts(
            "Mine", to=NUMBER, attachments=[("b.jpg", "image/jpeg", b"\xff\xd8\r\n--x")]
        )
        record = simulator.show(message)
        kinds = [each["type"] for each in record["attachments"]]
        assert (record["type"], kinds) == ("SMS", ["Text", "MmsAttachment"])
        file = record["attachments"][1]
        content = await api.get(file["uri"])
        assert (content.content, content.headers["Content-Type"]) == (
            b"\xff\xd8\r\n--x",
            "image/jpeg",
        )
        by_token = await api.http.get(file["uri"], params={"access_token": api.access_token})
        assert by_token.content == content.content
        part = await api.call("GET", file["uri"], headers={"Range": "bytes=2-3"})
        assert (part.status_code, part.content) == (206, b"\r\n")
        beyond = await api.call("GET", file["uri"], headers={"Range": "bytes=99-"})
        assert (beyond.status_code, codes(beyond)) == (416, ["CMN-107"])


MEDIA: list[tuple[str, list[File], int, str]] = [
    ("eleven files", [PICTURE] * 11, 400, "MSG-379"),
    ("too large together", [("a.png", bytes(750_001), "image/png")] * 2, 400, "MSG-376"),
    ("unsupported", [("a.heic", b"x", "image/heic")], 415, "MSG-348"),
    ("empty", [("a.png", b"", "image/png")], 400, "MSG-347"),
]


@pytest.mark.parametrize(("_what", "files", "status", "code"), MEDIA)
async def test_files_beyond_the_carriers_limits_are_refused(
    _what: str, files: list[File], status: int, code: str
) -> None:
    """Number, size and type of files are held to the carrier's limits."""
    async with dana_at() as (simulator, api):
        refused = await api.send_files(files, text="Look")
        assert (refused.status_code, codes(refused)) == (status, [code])
        assert simulator.sent == []


async def test_multipart_begins_with_its_json() -> None:
    """A multipart request whose first part is not the JSON is refused."""
    async with dana_at() as (_, api):
        refused = await api.http.post(
            f"{EXTENSION}/sms",
            files=[("attachment", PICTURE)],
            headers={"Authorization": f"Bearer {api.access_token}"},
        )
        assert codes(refused) == ["CMN-104"]
        no_json = await api.http.post(
            f"{EXTENSION}/sms",
            content=b"{",
            headers={
                "Authorization": f"Bearer {api.access_token}",
                "Content-Type": "application/json",
            },
        )
        assert codes(no_json) == ["CMN-103"]


async def test_a_huge_request_is_too_large() -> None:
    """Above 10 MB nothing is read: 413 in the shape of all errors."""
    async with dana_at() as (_, api):
        refused = await api.http.post(
            f"{EXTENSION}/sms",
            content=bytes(10 * 1024 * 1024 + 1),
            headers={"Authorization": f"Bearer {api.access_token}"},
        )
        assert (refused.status_code, codes(refused)) == (413, ["MSG-338"])


async def test_group_texts_are_one_conversation() -> None:
    """Several recipients are one record and one conversation; a reply to all joins it."""
    async with dana_at() as (simulator, api):
        sent = (await api.send("Hello both", to=[ALICE, CAROL])).json()
        await simulator.phone(CAROL).wait_for_text("Hello both")
        assert simulator.phone(ALICE).received[0].to_numbers == (ALICE, CAROL)
        await simulator.settled()
        statuses = [each["messageStatus"] for each in simulator.messages()[0]["to"]]
        assert statuses == ["Sent", "Sent"]
        reply = await simulator.phone(CAROL).texts("Hi all", to=[NUMBER, ALICE])
        shown = simulator.show(reply)
        assert shown["conversation"]["id"] == sent["conversation"]["id"]
        assert [each.get("target", False) for each in shown["to"]] == [True, False]
        assert simulator.phone(ALICE).texts_received == ["Hello both", "Hi all"]


async def test_texts_from_the_app_are_outbound_records() -> None:
    """What somebody sends in RingCentral's own app is in the store, but was not sent by the API."""
    async with dana_at() as (simulator, api):
        await simulator.app_sends("101", NUMBER, ALICE, "From my desk phone")
        await simulator.phone(ALICE).wait_for_text("From my desk phone")
        records = (await api.get(f"{EXTENSION}/message-store", direction="Outbound")).json()
        assert [each["subject"] for each in records["records"]] == ["From my desk phone"]
        assert simulator.sent == []


async def test_numbers_nobody_reads_receive_nothing() -> None:
    """A text to a number without a store reaches nobody, and the test that does it is told."""
    async with dana_at() as (simulator, _):
        with pytest.raises(LookupError):
            await simulator.phone(ALICE).texts("Hello?", to=MAIN_NUMBER)
        pending = await simulator.phone(ALICE).texts("Hello?", to=PENDING_NUMBER)
        assert pending.store_id == simulator.account.extension("101").extension_id
