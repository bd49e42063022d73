"""Rate limits of the simulated RingCentral: groups, headers, and the penalty that starts again."""

from __future__ import annotations

import pytest

from bridge.sandbox.ringcentral import JWT_ELI
from tests.contracts.ringcentral_api import EXTENSION, ask_for_token, codes, dana_at, logged_in

ACCOUNT = "/restapi/v1.0/account/~"


async def test_headers_count_down() -> None:
    """Every answer names its group, the limit, what remains, and the window."""
    async with dana_at() as (_, api):
        headers = (await api.send("Hi")).headers
        assert headers["X-Rate-Limit-Group"] == "medium"
        assert headers["X-Rate-Limit-Limit"] == "40"
        assert headers["X-Rate-Limit-Remaining"] == "39"
        assert headers["X-Rate-Limit-Window"] == "60"
        assert (await api.get(EXTENSION)).headers["X-Rate-Limit-Group"] == "light"
        assert (await api.get("/restapi")).headers.get("X-Rate-Limit-Group") is None


@pytest.mark.parametrize(
    ("path", "limit"),
    [(EXTENSION, 50), (f"{EXTENSION}/features", 40), (f"{ACCOUNT}/phone-number", 10)],
)
async def test_each_group_has_its_limit(path: str, limit: int) -> None:
    """Light takes 50 a minute, Medium 40, Heavy 10; one more is a 429 with Retry-After."""
    async with dana_at() as (_, api):
        for _request in range(limit):
            assert (await api.get(path)).status_code == 200
        refused = await api.get(path)
        assert (refused.status_code, codes(refused)) == (429, ["CMN-301"])
        assert refused.headers["Retry-After"] == "60"
        assert refused.headers["X-Rate-Limit-Remaining"] == "0"


async def test_logins_are_limited_to_five() -> None:
    """The sixth login within a minute is refused, whichever grant it is."""
    async with dana_at() as (_, api):
        for _login in range(4):
            assert (await ask_for_token(api.http)).status_code == 200
        assert (await ask_for_token(api.http)).status_code == 429
        assert (await api.call("POST", "/restapi/oauth/wstoken")).status_code == 429


async def test_the_penalty_starts_again_with_each_request() -> None:
    """A request 59 s into the penalty makes the wait 60 s again; patience ends it."""
    async with dana_at(rate_limit_scale=0.05) as (simulator, api):
        for _text in range(2):
            assert (await api.send("Hi")).status_code == 200
        assert (await api.send("Hi")).status_code == 429
        simulator.clock.forward(59)
        assert (await api.send("Hi")).status_code == 429
        simulator.clock.forward(59)
        assert (await api.send("Hi")).status_code == 429
        simulator.clock.forward(61)
        assert (await api.send("Hi")).status_code == 200
        flags = [each.during_penalty for each in simulator.requests if each.group == "Medium"]
        assert flags == [False, False, False, True, True, False]


async def test_the_penalty_closes_one_group_of_one_user_only() -> None:
    """Another group, and another user of the same app, go on."""
    async with dana_at(rate_limit_scale=0.1) as (simulator, api):
        for _text in range(5):
            await api.send("Hi")
        assert (await api.send("Hi")).status_code == 429
        assert (await api.get(EXTENSION)).status_code == 200
        async with logged_in(simulator, JWT_ELI) as eli:
            assert (await eli.send("Hi", from_number="+16505550102")).status_code == 200


async def test_the_window_slides() -> None:
    """A minute after the first request its place is free again, without any penalty."""
    async with dana_at(rate_limit_scale=0.05) as (simulator, api):
        await api.send("Hi")
        simulator.clock.forward(40)
        assert (await api.send("Hi")).headers["X-Rate-Limit-Remaining"] == "0"
        simulator.clock.forward(21)
        assert (await api.send("Hi")).headers["X-Rate-Limit-Remaining"] == "0"


async def test_limits_can_be_off() -> None:
    """With limits off nothing is counted and no header promises anything."""
    async with dana_at(rate_limits=False) as (_, api):
        for _text in range(60):
            sent = await api.send("Hi")
        assert sent.status_code == 200
        assert "X-Rate-Limit-Limit" not in sent.headers


async def test_every_request_is_on_record() -> None:
    """Tests can see each request with its user, group and answer."""
    async with dana_at() as (simulator, api):
        await api.send("Hi")
        await api.get(f"{EXTENSION}/message-store/1")
        seen = [(each.method, each.status, each.group) for each in simulator.requests]
        assert seen == [("POST", 200, "Auth"), ("POST", 200, "Medium"), ("GET", 404, "Light")]
        dana = str(simulator.account.extension("101").extension_id)
        assert {each.extension_id for each in simulator.requests} == {dana}
        assert {each.app_id for each in simulator.requests} == {"sandbox-client"}
