"""Logins to the simulated RingCentral: tokens, their ends, and how many sessions may live."""

from __future__ import annotations

import httpx
import pytest

from bridge.sandbox.ringcentral import CLIENT_ID, CLIENT_SECRET, RingCentralSimulator
from tests.contracts.ringcentral_api import (
    EXTENSION,
    Api,
    ask_for_token,
    check_response,
    codes,
    dana_at,
)


async def test_a_login_gives_a_pair_of_tokens() -> None:
    """A JWT and the app's secret give tokens that say whose they are and how long they live."""
    async with dana_at() as (simulator, api):
        info = (await ask_for_token(api.http, access_token_ttl="600")).json()
        assert info["owner_id"] == str(simulator.account.extension("101").extension_id)
        assert (info["token_type"], info["expires_in"]) == ("bearer", 599)
        assert info["refresh_token_expires_in"] == 604_799
        assert "SMS" in info["scope"].split()


@pytest.mark.parametrize(
    ("client", "form", "error", "code"),
    [
        ((CLIENT_ID, "wrong"), {}, "invalid_client", "OAU-146"),
        (("wrong", CLIENT_SECRET), {}, "invalid_client", "OAU-146"),
        ((CLIENT_ID, CLIENT_SECRET), {"assertion": "unknown"}, "invalid_grant", "OAU-213"),
        (
            (CLIENT_ID, CLIENT_SECRET),
            {"grant_type": "refresh_token", "refresh_token": "unknown"},
            "invalid_grant",
            "OAU-213",
        ),
        ((CLIENT_ID, CLIENT_SECRET), {"grant_type": "password"}, "unauthorized_client", "OAU-112"),
        ((CLIENT_ID, CLIENT_SECRET), {"grant_type": "magic"}, "unsupported_grant_type", "OAU-125"),
        ((CLIENT_ID, CLIENT_SECRET), {"access_token_ttl": "10"}, "invalid_request", "CMN-101"),
    ],
)
async def test_wrong_logins_are_refused_as_oauth_says(
    client: tuple[str, str], form: dict[str, str], error: str, code: str
) -> None:
    """Each wrong grant is a 400 with RFC 6749's word and RingCentral's code."""
    async with (
        RingCentralSimulator() as simulator,
        httpx.AsyncClient(base_url=simulator.url) as http,
    ):
        refused = await ask_for_token(http, client=client, **form)
        assert (refused.status_code, refused.json()["error"]) == (400, error)
        assert codes(refused) == [code]


async def test_a_disabled_user_cannot_log_in_or_stay() -> None:
    """Disabling an extension ends its access and refuses its next login."""
    async with dana_at() as (simulator, api):
        simulator.account.extension("101").status = "Disabled"
        assert (await api.get(EXTENSION)).status_code == 401
        assert codes(await ask_for_token(api.http)) == ["OAU-141"]


async def test_the_sixth_session_ends_the_oldest() -> None:
    """About five sessions of a user and app live side by side; one more ends the oldest: 401."""
    async with dana_at(rate_limits=False) as (_, first):
        others = [
            Api(first.http, (await ask_for_token(first.http)).json()["access_token"])
            for _ in range(4)
        ]
        assert (await first.get(EXTENSION)).status_code == 200
        sixth = Api(first.http, (await ask_for_token(first.http)).json()["access_token"])
        assert (await first.get(EXTENSION)).status_code == 401
        for api in (*others, sixth):
            assert (await api.get(EXTENSION)).status_code == 200


async def test_a_refresh_ends_the_old_access_token_at_once() -> None:
    """The new pair works, the old access token does not."""
    async with dana_at() as (_, api):
        login = (await ask_for_token(api.http)).json()
        old = Api(api.http, login["access_token"])
        pair = await ask_for_token(
            api.http, grant_type="refresh_token", refresh_token=login["refresh_token"]
        )
        assert codes(await old.get(EXTENSION)) == ["OAU-213"]
        new = Api(api.http, pair.json()["access_token"])
        assert (await new.get(EXTENSION)).status_code == 200


async def test_a_refresh_token_is_good_once_with_a_short_grace() -> None:
    """Repeating a refresh gives the same pair; ten seconds after its first use it is refused."""
    async with dana_at(rate_limits=False) as (simulator, api):
        login = (await ask_for_token(api.http)).json()
        grant = {"grant_type": "refresh_token", "refresh_token": login["refresh_token"]}
        pair = (await ask_for_token(api.http, **grant)).json()
        simulator.clock.forward(600)
        again = (await ask_for_token(api.http, **grant)).json()
        assert again["refresh_token"] == pair["refresh_token"]
        assert again["access_token"] == pair["access_token"]
        await Api(api.http, pair["access_token"]).get(EXTENSION)
        assert (await ask_for_token(api.http, **grant)).status_code == 200
        simulator.clock.forward(11)
        assert codes(await ask_for_token(api.http, **grant)) == ["OAU-213"]


async def test_tokens_end_with_their_time() -> None:
    """An access token is over after its hour (OAU-128), a refresh token after its week."""
    async with dana_at() as (simulator, api):
        login = (await ask_for_token(api.http)).json()
        simulator.clock.forward(3601)
        assert codes(await api.get(EXTENSION)) == ["OAU-128"]
        simulator.clock.forward(604_800)
        refused = await ask_for_token(
            api.http, grant_type="refresh_token", refresh_token=login["refresh_token"]
        )
        assert refused.json()["error"] == "invalid_grant"


async def test_revoking_ends_the_whole_session() -> None:
    """After a revocation neither token of the session works."""
    async with dana_at() as (_, api):
        login = (await ask_for_token(api.http)).json()
        revoked = await api.http.post(
            "/restapi/oauth/revoke",
            data={"token": login["access_token"]},
            auth=(CLIENT_ID, CLIENT_SECRET),
        )
        check_response(revoked, None)
        assert revoked.status_code == 200
        refused = await ask_for_token(
            api.http, grant_type="refresh_token", refresh_token=login["refresh_token"]
        )
        assert refused.json()["error"] == "invalid_grant"
        assert (await Api(api.http, login["access_token"]).get(EXTENSION)).status_code == 401


async def test_strange_tokens_are_refused() -> None:
    """No token, a made-up token and an unreadable one are 401, each with its code."""
    async with dana_at() as (_, api):
        bare = await api.http.get(EXTENSION)
        assert (bare.status_code, codes(bare)) == (401, ["OAU-151"])
        assert codes(await Api(api.http, "access-made-up").get(EXTENSION)) == ["OAU-213"]
        assert codes(await Api(api.http, "garbage").get(EXTENSION)) == ["OAU-149"]


async def test_an_app_without_refresh_tokens_gets_none() -> None:
    """Where the app is not set to issue refresh tokens the answer has none."""
    async with dana_at() as (simulator, api):
        simulator.apps[0].issues_refresh_tokens = False
        assert "refresh_token" not in (await ask_for_token(api.http)).json()


async def test_the_carriers_date_can_be_off() -> None:
    """The Date header is the carrier's own time, so a client can see the difference."""
    async with dana_at() as (simulator, api):
        before = (await api.get(EXTENSION)).headers["Date"]
        simulator.clock.forward(60)
        assert (await api.get(EXTENSION)).headers["Date"] != before
