"""Every endpoint of the simulated RingCentral answers as the carrier's OpenAPI says."""

from __future__ import annotations

import pytest

from bridge.sandbox.ringcentral import NUMBER, QUEUE_NUMBER, SITE_NUMBER, TOLL_FREE_NUMBER
from bridge.sandbox.ringcentral.routes import ROUTES
from tests.contracts.openapi import ContractBroken, check_exchange, description
from tests.contracts.ringcentral_api import ALICE, CAROL, EXTENSION, codes, dana_at

ACCOUNT = "/restapi/v1.0/account/~"
CONSENTS = "/restapi/v2/accounts/~/sms/consents"


def test_groups_and_permissions_are_the_described_ones() -> None:
    """Each endpoint has the usage group, app scope and user permission the OpenAPI gives it."""
    for route in ROUTES:
        spec = (
            description()
            .operation(route.method, route.template.replace("{", "").replace("}", ""))
            .spec
        )
        assert spec["x-throttling-group"] == route.group, route.template
        assert spec.get("x-app-permission", "") == route.scope, route.template
        if route.template.endswith("{attachmentId}"):
            continue  # the description leaves out ReadMessageContent, the guide has it
        assert spec.get("x-user-permission", "") == route.permission, route.template


def test_the_judge_sees_what_is_wrong() -> None:
    """A misspelt member, a wrong type and an unknown parameter are each found."""
    url = f"https://platform.ringcentral.com{EXTENSION}/sms"
    request = {"from": {"phoneNumber": NUMBER}, "to": [{"phoneNumber": ALICE}], "text": "Hi"}
    check_exchange("POST", url, request, 200, {"id": 1})
    with pytest.raises(ContractBroken, match="text"):
        check_exchange("POST", url, {k: v for k, v in request.items() if k != "text"}, 200, {})
    with pytest.raises(ContractBroken, match="body is not described"):
        check_exchange("POST", url, request | {"body": "Hi"}, 200, {})
    with pytest.raises(ContractBroken, match="integer"):
        check_exchange("POST", url, request, 200, {"id": "1"})
    with pytest.raises(ContractBroken, match="not a parameter"):
        check_exchange("GET", f"{url.removesuffix('sms')}message-store?from=x", None, 200, {})
    with pytest.raises(ContractBroken, match="has no"):
        check_exchange("POST", f"{url}s", request, 200, {})


async def test_messages_are_described_as_the_carrier_does() -> None:
    """Sent, received and group texts, lists, single records and several all fit the OpenAPI."""
    async with dana_at(delivered_after_seconds=0.01) as (simulator, api):
        alice = simulator.phone(ALICE)
        sent = await api.send("Your table is ready")
        assert sent.status_code == 200
        group = await api.send("Hello both", to=[ALICE, CAROL])
        assert group.status_code == 200
        received = await alice.texts(
            "Thanks", to=NUMBER, attachments=[("a.png", "image/png", b"x")]
        )
        await alice.texts("To the desk", to=QUEUE_NUMBER)
        await simulator.settled()
        listed = await api.get(f"{EXTENSION}/message-store", owner="Any", messageType="SMS")
        assert len(listed.json()["records"]) == 4
        one = await api.get(f"{EXTENSION}/message-store/{sent.json()['id']}")
        assert one.json()["messageStatus"] == "Delivered"
        both = f"{sent.json()['id']},{received.message_id},1"
        several = await api.get(f"{EXTENSION}/message-store/{both}")
        assert several.status_code == 207
        assert [entry["status"] for entry in several.json()] == [200, 200, 404]


async def test_large_numbers_stay_exact_in_the_string_id() -> None:
    """conversationId is above 2**53 and conversation.id is the same number as text."""
    async with dana_at() as (_, api):
        record = (await api.send("Hi")).json()
        assert record["conversationId"] > 2**53
        assert record["conversation"]["id"] == str(record["conversationId"])
        assert (await api.send("Again")).json()["conversationId"] == record["conversationId"]
        assert (await api.send("Both", to=[ALICE, CAROL])).json()["conversation"]["id"] not in {
            record["conversation"]["id"]
        }


async def test_numbers_tell_owner_and_features() -> None:
    """The extension's list says who owns each number and from which it may text."""
    async with dana_at() as (simulator, api):
        records = (await api.get(f"{EXTENSION}/phone-number", perPage=100)).json()["records"]
        by_number = {record["phoneNumber"]: record for record in records}
        may_send = {number for number, each in by_number.items() if "SmsSender" in each["features"]}
        assert may_send == {NUMBER, QUEUE_NUMBER, SITE_NUMBER, TOLL_FREE_NUMBER}
        assert by_number[QUEUE_NUMBER]["extension"]["type"] == "Department"
        assert by_number[SITE_NUMBER]["extension"]["type"] == "Site"
        assert "extension" not in by_number[TOLL_FREE_NUMBER]
        page = (await api.get(f"{EXTENSION}/phone-number", perPage=2, page=2)).json()
        assert page["paging"]["pageStart"] == 2
        assert "nextPage" in page["navigation"]
        direct = await api.get(
            f"{EXTENSION}/phone-number", usageType="DirectNumber", status="Normal"
        )
        assert {each["phoneNumber"] for each in direct.json()["records"]} == {NUMBER, QUEUE_NUMBER}
        number_id = by_number[NUMBER]["id"]
        configuration = await api.get(f"{EXTENSION}/phone-number/{number_id}/sms-configuration")
        assert configuration.json()["smsCampaignInfo"]["status"] == "Confirmed"
        simulator.account.number(NUMBER).campaign_status = None
        unlinked = await api.get(f"{EXTENSION}/phone-number/{number_id}/sms-configuration")
        assert "smsCampaignInfo" not in unlinked.json()
        queue_id = simulator.account.extension("201").extension_id
        recipients = await api.get(f"{ACCOUNT}/extension/{queue_id}/sms-recipients")
        assert [each["name"] for each in recipients.json()["smsRecipients"]] == ["Dana"]
        assert "features" not in (await api.get(f"{ACCOUNT}/phone-number")).json()["records"][0]


async def test_the_company_is_described_as_the_carrier_does() -> None:
    """Account, extensions, directory and features fit the OpenAPI, and filters work."""
    async with dana_at() as (_, api):
        assert (await api.get("/restapi")).status_code == 200
        assert (await api.get(ACCOUNT)).json()["status"] == "Confirmed"
        me = (await api.get(EXTENSION)).json()
        assert (me["extensionNumber"], me["type"]) == ("101", "User")
        listed = (await api.get(f"{ACCOUNT}/extension", status="Disabled")).json()["records"]
        assert [each["extensionNumber"] for each in listed] == ["103"]
        entries = (await api.get(f"{ACCOUNT}/directory/entries")).json()["records"]
        states = {each["extensionNumber"]: each["status"] for each in entries}
        assert (states["103"], states["104"]) == ("Disabled", "Frozen")
        assert all(isinstance(each["id"], str) for each in entries)
        assert (await api.get(f"{ACCOUNT}/directory/entries", perPage="all")).status_code == 200
        refused = await api.get(f"{ACCOUNT}/directory/entries", perPage=2001)
        assert codes(refused) == ["ADG-121"]
        features = (await api.get(f"{EXTENSION}/features", featureId="MessageThreads")).json()
        assert [each["available"] for each in features["records"]] == [False]


async def test_consents_are_described_as_the_carrier_does() -> None:
    """Consents are listed, searched and changed; a bad record is told without stopping others."""
    async with dana_at() as (simulator, api):
        await simulator.phone(ALICE).texts("stop", to=NUMBER)
        found = await api.call("POST", f"{CONSENTS}/search", {"from": [NUMBER], "to": [ALICE]})
        record = found.json()["records"][0]
        assert (record["optStatus"], record["source"]) == ("OptOut", "Recipient")
        good = {"from": NUMBER, "to": ALICE, "optStatus": "OptIn", "source": "Api"}
        good["coverage"] = "PhoneNumber"
        changed = await api.call("PATCH", CONSENTS, {"records": [good]})
        assert changed.json() == {}
        assert (await api.get(CONSENTS)).json()["records"] == []
        simulator.opt_out(NUMBER, ALICE)
        simulator.opt_out(NUMBER, CAROL)
        first = (await api.get(CONSENTS, perPage=1)).json()
        rest = await api.get(CONSENTS, perPage=1, pageToken=first["paging"]["nextPageToken"])
        assert [each["to"] for each in (*first["records"], *rest.json()["records"])] == [
            ALICE,
            CAROL,
        ]


async def test_strange_addresses_are_refused() -> None:
    """Unknown paths, accounts, extensions and records get 404 with the carrier's codes."""
    async with dana_at() as (_, api):
        assert codes(await api.get("/restapi/v1.0/account/1/extension/~")) == ["CMN-102"]
        assert codes(await api.get("/restapi/v1.0/account/~/extension/1")) == ["CMN-102"]
        assert codes(await api.get(f"{EXTENSION}/message-store/1")) == ["CMN-102"]
        unknown = await api.http.get(
            "/restapi/v1.0/nothing", headers={"Authorization": f"Bearer {api.access_token}"}
        )
        assert (unknown.status_code, codes(unknown)) == (404, ["CMN-120"])


async def test_missing_scope_and_missing_permission_are_told_apart() -> None:
    """What the app lacks is CMN-401, what the user lacks CMN-408, both with the name."""
    async with dana_at() as (simulator, api):
        simulator.apps[0].scopes.discard("SMS")
        lacking_app = await api.send("Hi")
        assert (lacking_app.status_code, codes(lacking_app)) == (403, ["CMN-401"])
        assert lacking_app.json()["permissionName"] == "SMS"
        simulator.apps[0].scopes.add("SMS")
        simulator.account.extension("101").permissions.discard("OutboundSMS")
        lacking_user = await api.send("Hi")
        assert codes(lacking_user) == ["CMN-408"]
        assert lacking_user.json()["permissionName"] == "OutboundSMS"
        assert simulator.sent == []
