"""The simulated message store and its sync: filters, windows, tokens, deletions, late records."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from bridge.sandbox.ringcentral import ELI_NUMBER, NUMBER, QUEUE_NUMBER
from bridge.sandbox.ringcentral.clock import to_iso
from tests.contracts.ringcentral_api import (
    ALICE,
    CAROL,
    EXTENSION,
    Api,
    ask_for_token,
    codes,
    dana_at,
)

STORE = f"{EXTENSION}/message-store"
SYNC = f"{EXTENSION}/message-sync"


async def texts_of(api: Api, **filters: Any) -> list[str]:
    response = await api.get(STORE, **filters)
    assert response.status_code == 200, response.text
    return [each["subject"] for each in response.json()["records"]]


async def test_lists_are_filtered() -> None:
    """Direction, number, conversation, read state and type each narrow the list."""
    async with dana_at() as (simulator, api):
        await simulator.phone(ALICE).texts("From Alice", to=NUMBER)
        await simulator.phone(CAROL).texts("From Carol", to=NUMBER)
        sent = (await api.send("To Alice")).json()
        assert await texts_of(api) == ["To Alice", "From Carol", "From Alice"]
        assert await texts_of(api, direction="Inbound") == ["From Carol", "From Alice"]
        assert await texts_of(api, direction=["Inbound", "Outbound"], phoneNumber=ALICE) == [
            "To Alice",
            "From Alice",
        ]
        conversation = sent["conversation"]["id"]
        assert len(await texts_of(api, conversationId=conversation)) == 2
        assert await texts_of(api, readStatus="Unread") == ["From Carol", "From Alice"]
        assert await texts_of(api, messageType="VoiceMail") == []
        assert await texts_of(api, distinctConversations="true") == ["To Alice", "From Carol"]
        assert codes(await api.get(STORE, direction="Sideways")) == ["CMN-101"]
        assert codes(await api.get(STORE, direction="Inbound,Outbound")) == ["CMN-101"]
        assert codes(await api.get(STORE, dateFrom="yesterday")) == ["CMN-101"]
        assert codes(await api.get(STORE, page=0)) == ["CMN-101"]


async def test_the_default_window_is_a_day() -> None:
    """Without dateFrom only the last 24 hours are listed; both ends of a window are inclusive."""
    async with dana_at() as (simulator, api):
        old = await simulator.phone(ALICE).texts("Friday evening", to=NUMBER)
        simulator.clock.forward(3 * 86_400)
        token = (await ask_for_token(api.http)).json()["access_token"]
        api = Api(api.http, token)
        assert await texts_of(api) == []
        since = to_iso(old.created_at - timedelta(seconds=1))
        until = to_iso(old.created_at + timedelta(seconds=1))
        assert await texts_of(api, dateFrom=since, dateTo=until) == ["Friday evening"]
        until = to_iso(old.created_at - timedelta(milliseconds=500))
        assert await texts_of(api, dateFrom=since, dateTo=until) == []


async def test_pages_lead_through_everything() -> None:
    """Following nextPage shows each record once; perPage above 1000 is made 1000."""
    async with dana_at(rate_limits=False) as (simulator, api):
        simulator.fill(2500)
        seen: list[int] = []
        url = f"{STORE}?perPage=5000"
        while url:
            page = (await api.get(url)).json()
            assert page["paging"]["perPage"] == 1000
            seen += [each["id"] for each in page["records"]]
            url = page["navigation"].get("nextPage", {}).get("uri", "")
        assert len(seen) == len(set(seen)) == 2500
        assert page["paging"]["totalElements"] == 2500


async def test_a_large_store_answers_without_totals() -> None:
    """With very many candidates totals are left out, and paging goes on all the same."""
    async with dana_at(rate_limits=False) as (simulator, api):
        simulator.fill(20_000)
        page = (await api.get(STORE, perPage=10)).json()
        assert "totalElements" not in page["paging"]
        assert "nextPage" in page["navigation"]
        assert len(page["records"]) == 10


async def test_read_marks_are_set_one_by_one_and_in_bulk() -> None:
    """readStatus can be changed for one id, for several, and for up to 1000 in a body."""
    async with dana_at() as (simulator, api):
        alice = simulator.phone(ALICE)
        ids = [(await alice.texts(text, to=NUMBER)).message_id for text in "abc"]
        one = await api.call("PUT", f"{STORE}/{ids[0]}", {"readStatus": "Read"})
        assert one.json()["readStatus"] == "Read"
        body = [{"resourceId": str(each), "body": {"readStatus": "Read"}} for each in ids]
        bulk = await api.call(
            "PUT",
            f"{STORE}/*",
            body,
            headers={"Content-Type": "application/vnd.ringcentral.multipart+json"},
        )
        assert [entry["status"] for entry in bulk.json()] == [200, 200, 200]
        assert await texts_of(api, readStatus="Unread") == []
        wrong = await api.call("PUT", f"{STORE}/{ids[0]}", {"readStatus": "Seen"})
        assert codes(wrong) == ["CMN-101"]


async def test_deleted_records_can_come_back_until_they_are_purged() -> None:
    """DELETE hides, PATCH brings back, a second DELETE is for ever; a whole mailbox is guarded."""
    async with dana_at() as (simulator, api):
        message = await simulator.phone(ALICE).texts("Oops", to=NUMBER)
        path = f"{STORE}/{message.message_id}"
        assert (await api.call("DELETE", path)).status_code == 204
        assert await texts_of(api) == []
        assert await texts_of(api, availability="Deleted") == ["Oops"]
        await api.call("PATCH", path, {"availability": "Alive"})
        assert await texts_of(api) == ["Oops"]
        await api.call("DELETE", path)
        await api.call("DELETE", path)
        assert codes(await api.get(path)) == ["CMN-102"]
        assert codes(await api.call("DELETE", STORE)) == ["CMN-101"]


async def test_the_stores_of_others_are_closed() -> None:
    """A record of another store is not found in one's own; a queue's is, when it is asked for."""
    async with dana_at() as (simulator, api):
        elis = await simulator.phone(ALICE).texts("For Eli", to=ELI_NUMBER)
        assert codes(await api.get(f"{STORE}/{elis.message_id}")) == ["CMN-102"]
        await simulator.phone(ALICE).texts("For the desk", to=QUEUE_NUMBER)
        queue_id = simulator.account.extension("201").extension_id
        assert await texts_of(api) == []
        assert await texts_of(api, owner=str(queue_id)) == ["For the desk"]
        assert await texts_of(api, owner="Any", ownerExtensionType="User") == []


# Sync


async def full_sync(api: Api, **filters: Any) -> dict[str, Any]:
    body: dict[str, Any] = (await api.get(SYNC, syncType="FSync", **filters)).json()
    return body


async def sync_since(api: Api, token: str) -> dict[str, Any]:
    response = await api.get(SYNC, syncType="ISync", syncToken=token)
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    return body


async def test_sync_returns_what_is_new_and_changed() -> None:
    """After the token only new and changed records come; deleted ones have an id and no more."""
    async with dana_at() as (simulator, api):
        alice = simulator.phone(ALICE)
        first = await alice.texts("First", to=NUMBER)
        second = await alice.texts("Second", to=NUMBER)
        simulator.clock.forward(60)
        full = await full_sync(api)
        assert [each["subject"] for each in full["records"]] == ["Second", "First"]
        assert full["syncInfo"]["olderRecordsExist"] is False
        token = full["syncInfo"]["syncToken"]
        assert (await sync_since(api, token))["records"] == []
        await alice.texts("Third", to=NUMBER)
        await api.call("PUT", f"{STORE}/{first.message_id}", {"readStatus": "Read"})
        simulator.delete(second.message_id)
        changed = (await sync_since(api, token))["records"]
        assert changed[0]["subject"] == "Third"
        assert changed[1] == {"id": second.message_id, "availability": "Deleted"}
        assert (changed[2]["id"], changed[2]["readStatus"]) == (first.message_id, "Read")


async def test_sync_overlaps_by_five_seconds() -> None:
    """What changed up to 5 s before the token comes again: repeats are by design."""
    async with dana_at() as (simulator, api):
        await simulator.phone(ALICE).texts("Hi", to=NUMBER)
        token = (await full_sync(api))["syncInfo"]["syncToken"]
        again = await sync_since(api, token)
        assert [each["subject"] for each in again["records"]] == ["Hi"]
        simulator.clock.forward(6)
        later = await sync_since(api, again["syncInfo"]["syncToken"])
        assert [each["subject"] for each in later["records"]] == ["Hi"]
        assert (await sync_since(api, later["syncInfo"]["syncToken"]))["records"] == []


async def test_filters_are_baked_into_the_token() -> None:
    """An incremental sync keeps the direction of its full sync without being told again."""
    async with dana_at() as (simulator, api):
        token = (await full_sync(api, direction="Inbound"))["syncInfo"]["syncToken"]
        await api.send("Out")
        await simulator.phone(ALICE).texts("In", to=NUMBER)
        assert [each["subject"] for each in (await sync_since(api, token))["records"]] == ["In"]


async def test_the_first_start_bounds_all_that_follows() -> None:
    """A record from before the full sync's dateFrom stays unseen however it changes."""
    async with dana_at() as (simulator, api):
        old = await simulator.phone(ALICE).texts("Old", to=NUMBER)
        simulator.clock.forward(60)
        since = to_iso(old.created_at + timedelta(seconds=30))
        token = (await full_sync(api, dateFrom=since))["syncInfo"]["syncToken"]
        for _ in range(2):  # also by the token that the first incremental sync gave
            await api.call("PUT", f"{STORE}/{old.message_id}", {"readStatus": "Read"})
            again = await sync_since(api, token)
            assert again["records"] == []
            token = again["syncInfo"]["syncToken"]


async def test_half_characters_of_a_phone_do_not_break_the_store() -> None:
    """What a phone sent is listed as it came, in JSON's escapes where it has no other form."""
    async with dana_at() as (simulator, api):
        await simulator.phone(ALICE).texts("Cut \ud83d", to=NUMBER)
        assert await texts_of(api) == ["Cut \ud83d"]


async def test_a_record_count_leaves_older_ones_for_later() -> None:
    """With recordCount the newest come, and olderRecordsExist says that there are more."""
    async with dana_at() as (simulator, api):
        simulator.fill(30)
        full = await full_sync(api, recordCount=10)
        assert (len(full["records"]), full["syncInfo"]["olderRecordsExist"]) == (10, True)
        older = await full_sync(api, dateTo=full["records"][-1]["creationTime"], recordCount=50)
        ids = {each["id"] for each in (*full["records"], *older["records"])}
        assert len(ids) >= 29


async def test_useless_tokens_ask_for_a_full_sync() -> None:
    """Unreadable, missing and foreign tokens are CMN-101, an expired one is MSG-333."""
    async with dana_at() as (simulator, api):
        token = (await full_sync(api))["syncInfo"]["syncToken"]
        for parameters in ({"syncToken": "garbage"}, {}):
            refused = await api.get(SYNC, syncType="ISync", **parameters)
            assert (refused.status_code, codes(refused)) == (400, ["CMN-101"])
        queue_id = simulator.account.extension("201").extension_id
        foreign = await api.get(
            SYNC.replace("extension/~", f"extension/{queue_id}"), syncType="ISync", syncToken=token
        )
        assert codes(foreign) == ["CMN-101"]
        simulator.expire_sync_tokens()
        assert codes(await api.get(SYNC, syncType="ISync", syncToken=token)) == ["MSG-333"]
        assert codes(await api.get(SYNC, syncType="Sometimes")) == ["CMN-101"]


async def test_a_queue_is_synced_on_its_own() -> None:
    """A manager syncs the queue's store by its id; the own store's sync does not have its texts."""
    async with dana_at() as (simulator, api):
        await simulator.phone(ALICE).texts("For the desk", to=QUEUE_NUMBER)
        queue_id = simulator.account.extension("201").extension_id
        path = SYNC.replace("extension/~", f"extension/{queue_id}")
        assert [each["subject"] for each in (await api.get(path)).json()["records"]] == [
            "For the desk"
        ]
        assert (await full_sync(api))["records"] == []


@pytest.mark.parametrize("late_seconds", [8.0])
async def test_the_store_can_be_late(late_seconds: float) -> None:
    """A record accepted now may be shown only later, and no incremental sync misses it."""
    async with dana_at(visible_after_seconds=late_seconds) as (simulator, api):
        token = (await full_sync(api))["syncInfo"]["syncToken"]
        sent = (await api.send("Hi")).json()
        await simulator.settled()
        assert await texts_of(api) == []
        assert codes(await api.get(f"{STORE}/{sent['id']}")) == ["CMN-102"]
        simulator.clock.forward(6)
        between = await sync_since(api, token)
        assert between["records"] == []
        simulator.clock.forward(3)
        assert await texts_of(api) == ["Hi"]
        after = await sync_since(api, between["syncInfo"]["syncToken"])
        assert [each["id"] for each in after["records"]] == [sent["id"]]
