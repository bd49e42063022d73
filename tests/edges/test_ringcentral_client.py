"""The door to RingCentral: rate limits, what never left, and each code's outcome."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from bridge.outbox.gates import REPLY, Gates, no_budget
from bridge.outbox.outcome import Outcome, Refused, TryLater, Unsure
from bridge.ringcentral.auth import Credentials, Tokens
from bridge.ringcentral.client import RingCentralClient
from bridge.ringcentral.door import Door, usage_group
from bridge.ringcentral.outcomes import outcome_of
from bridge.ringcentral.problems import AnswerLost, LoginRefused, NotSent, Problem, Refusal
from bridge.ringcentral.turns import Turns
from bridge.sandbox.ringcentral import CLIENT_ID, CLIENT_SECRET, JWT, NUMBER, RingCentralSimulator
from bridge.sandbox.ringcentral.clock import SimulatorClock
from storage import logins
from storage.database import Database

OWN = "/restapi/v1.0/account/~/extension/~"
SMS = f"{OWN}/sms"
NUMBERS = f"{OWN}/phone-number"
TEXT = {"from": {"phoneNumber": NUMBER}, "to": [{"phoneNumber": "+14155550100"}], "text": "Hello"}


@contextlib.asynccontextmanager
async def connected(database: Database, url: str) -> AsyncIterator[RingCentralClient]:
    """One process's client, whose gates know no budget: only RingCentral's refusals stop it."""
    login = await database.write(logins.get_or_add, "ringcentral")
    assert login.id is not None
    door = Door(url, login.id, Gates(database, no_budget))
    tokens = Tokens(door, database, Credentials(CLIENT_ID, CLIENT_SECRET, JWT), Turns(database))
    yield RingCentralClient(door, tokens)
    await tokens.close()
    await door.close()


@pytest.fixture
async def simulator() -> AsyncIterator[RingCentralSimulator]:
    """RingCentral, without its limits."""
    async with RingCentralSimulator(rate_limits=False) as running:
        yield running


@pytest.fixture
async def client(
    database: Database, simulator: RingCentralSimulator
) -> AsyncIterator[RingCentralClient]:
    """A client, logged in."""
    async with connected(database, simulator.url) as made:
        await made.ready()
        yield made


# Rate limits


def small_limits() -> RingCentralSimulator:
    """Five Light requests a second, and a penalty of a second behind them."""
    return RingCentralSimulator(
        rate_limits=True,
        rate_limit_scale=0.1,
        rate_limit_window_seconds=1.0,
        penalty_seconds=1.0,
    )


async def test_a_429_stops_the_whole_group_in_all_processes(database: Database) -> None:
    """The first refusal is the last request of its group before the penalty is over.

    Somebody else has used up the limit; two processes ask for different things of one group.
    """
    async with (
        small_limits() as simulator,
        connected(database, simulator.url) as first,
        connected(database, simulator.url) as second,
        httpx.AsyncClient(base_url=simulator.url) as other,
    ):
        await first.ready()
        token = (await database.read(logins.get, first.login_id)).access_token
        for _ in range(6):
            await other.get(OWN, headers={"Authorization": f"Bearer {token}"})
        with pytest.raises(Refusal):
            await first.request("GET", NUMBERS)
        refused = simulator.requests[-1]
        asked = [each.request("GET", OWN) for each in (first, second) for _ in range(2)]
        answers = await asyncio.wait_for(asyncio.gather(*asked), 10)
        assert len(answers) == 4
        assert refused.during_penalty
        assert [each for each in simulator.requests if each.during_penalty] == [refused]


async def test_a_used_up_window_is_waited_for(database: Database) -> None:
    """X-Rate-Limit-Remaining 0 closes the gate for the window: the limit is never run into."""
    async with (
        small_limits() as simulator,
        connected(database, simulator.url) as client,
    ):
        for _ in range(8):  # Light allows 5 here
            await client.request("GET", OWN)
        assert {each.status for each in simulator.requests} == {200}


async def test_a_permit_is_waited_for_as_long_as_the_caller_has(
    client: RingCentralClient, simulator: RingCentralSimulator
) -> None:
    """Who cannot wait for the end of a penalty is told so, and nothing leaves."""
    simulator.faults.add("status", path="/phone-number", status=429, headers={"Retry-After": "30"})
    with pytest.raises(Refusal):
        await client.request("GET", NUMBERS)
    seen = len(simulator.requests)
    with pytest.raises(NotSent) as problem:
        await asyncio.wait_for(client.request("GET", NUMBERS, patience_seconds=0.1), 5)
    assert problem.value.code == "rate_limited"
    assert len(simulator.requests) == seen


async def test_a_429_without_a_group_stops_all_groups(
    client: RingCentralClient, simulator: RingCentralSimulator
) -> None:
    """Without its headers it is no limit of ours: the account's, or our address's."""
    simulator.faults.add(
        "status",
        path="/phone-number",
        status=429,
        body={"errorCode": "CMN-310"},
        headers={"Retry-After": "1"},
    )
    with pytest.raises(Refusal):
        await client.request("GET", NUMBERS)
    with pytest.raises(Refusal) as refusal:
        await client.request("POST", SMS, permit=False, json=TEXT)
    assert refusal.value.status == 429
    assert refusal.value.retry_after_seconds is not None
    assert simulator.sent == []


async def test_a_claimed_send_never_enters_a_penalty(
    client: RingCentralClient, simulator: RingCentralSimulator
) -> None:
    """A permit given before the 429 does not count: the send comes back to be tried later."""
    simulator.faults.add(
        "status",
        path="/sms",
        status=429,
        body={"errorCode": "CMN-301"},
        headers={"Retry-After": "30", "X-Rate-Limit-Group": "medium"},
    )
    for _ in range(3):
        with pytest.raises(Refusal) as refusal:
            await client.request("POST", SMS, permit=False, json=TEXT)
        outcome = outcome_of(refusal.value)
        assert isinstance(outcome, TryLater)
        assert outcome.closes_gate
        assert outcome.after_seconds is not None
        assert 29 <= outcome.after_seconds <= 31
    assert sum(1 for each in simulator.requests if each.path.endswith("/sms")) == 1


def test_every_request_of_ours_has_its_group() -> None:
    """The groups are those of RingCentral's reference; an unknown path is a fault of ours."""
    own = "/restapi/v1.0/account/1/extension/2"
    assert usage_group("POST", f"{own}/sms") == "medium"
    assert usage_group("GET", f"{own}/message-store") == "light"
    assert usage_group("GET", f"{own}/message-sync") == "light"
    assert usage_group("PUT", f"{own}/message-store/1,2") == "medium"
    assert usage_group("GET", own) == "light"
    assert usage_group("GET", f"{own}/phone-number") == "light"
    assert usage_group("GET", "/restapi/v1.0/account/~/phone-number") == "heavy"
    assert usage_group("POST", "/restapi/v1.0/subscription") == "medium"
    assert usage_group("DELETE", "/restapi/v1.0/subscription/abc") == "medium"
    assert usage_group("GET", "/restapi/v1.0/subscription/abc") == "light"
    assert usage_group("POST", "/restapi/oauth/token") == "auth"
    with pytest.raises(ValueError, match="usage group"):
        usage_group("DELETE", f"{own}/message-store")


# What became of a POST


async def outcome_of_post(client: RingCentralClient) -> Outcome:
    """What a POST /sms that failed was."""
    with pytest.raises(Problem) as problem:
        await client.request("POST", SMS, priority=REPLY, permit=False, json=TEXT)
    return outcome_of(problem.value)


REFUSED = [
    *[(400, code) for code in ("CMN-101", "CMN-406", "CMN-414", "MSG-243", "MSG-245", "MSG-246")],
    *[(400, code) for code in ("MSG-247", "MSG-365", "MSG-376", "MSG-379", "MSG-381")],
    *[(403, code) for code in ("BIL-103", "CMN-401", "CMN-408", "CMN-419", "MSG-240", "MSG-241")],
    *[(403, code) for code in ("MSG-242", "MSG-314", "MSG-367", "MSG-380", "MSG-383", "MSG-384")],
    *[(403, code) for code in ("MSG-388", "MSG-397", "MSG-403")],
    (404, "CMN-102"),
    (415, "MSG-348"),
    *[(400, code) for code in ("MSG-304", "MSG-309", "MSG-310", "MSG-324", "MSG-331")],
    *[(400, code) for code in ("MSG-337", "MSG-338", "MSG-347", "MSG-427")],
    (400, "MSG-999"),  # one that nobody has documented: RingCentral itself said no
]


@pytest.mark.parametrize(("status", "code"), REFUSED)
async def test_codes_that_refuse(status: int, code: str) -> None:
    """What RingCentral refuses in its own words was certainly not sent."""
    assert outcome_of(Refusal(status, [code, "InvalidParameter"])) == Refused(code)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (429, "MSG-305"),
        (429, "CMN-301"),
        (429, "CMN-302"),
        (429, "CMN-303"),
        (429, "CMN-310"),
        (429, "HTTP-429"),
    ],
)
async def test_codes_that_close_the_gate(status: int, code: str) -> None:
    """A rate limit: not sent, later, and nothing else goes through the gate."""
    codes = [] if code.startswith("HTTP") else [code]
    assert outcome_of(Refusal(status, codes, 60.0)) == TryLater(code, 60.0, closes_gate=True)


@pytest.mark.parametrize(
    ("problem", "outcome"),
    [
        (Refusal(503, ["MSG-290"], 4.0), TryLater("MSG-290", 4.0)),
        (Refusal(401, ["OAU-213"]), TryLater("OAU-213", 1.0)),
        (Refusal(401, []), TryLater("HTTP-401", 1.0)),
        (Refusal(429, ["CMN-304"]), Unsure("CMN-304")),
        (Refusal(500, ["CMN-201"]), Unsure("CMN-201")),
        (Refusal(502, []), Unsure("HTTP-502")),
        (Refusal(503, []), Unsure("HTTP-503")),
        (Refusal(504, []), Unsure("HTTP-504")),
        (Refusal(408, ["CMN-100"]), Unsure("CMN-100")),
        (Refusal(403, []), Unsure("HTTP-403")),  # not RingCentral's words: a proxy's
        (AnswerLost("", "ReadTimeout"), Unsure("ReadTimeout")),
        (NotSent("", "ConnectError"), TryLater("ConnectError")),
        (NotSent("", "token_awaited", 5.0), TryLater("token_awaited", 5.0)),
        (LoginRefused("", "invalid_grant"), TryLater("invalid_grant", patient=True)),
    ],
)
def test_other_problems(problem: Problem, outcome: Outcome) -> None:
    """Not sent for certain waits; whatever may have been sent is Unsure."""
    assert outcome_of(problem) == outcome


@pytest.mark.parametrize(
    ("fault", "was_sent"),
    [
        ({"kind": "drop_before"}, 0),
        ({"kind": "drop_after"}, 1),
        ({"kind": "status", "status": 500}, 0),
        ({"kind": "status_after", "status": 502}, 1),
        ({"kind": "status_after", "status": 200, "body": "<html>"}, 1),
        ({"kind": "status_after", "status": 302}, 1),
    ],
)
async def test_a_lost_answer_is_unsure(
    client: RingCentralClient,
    simulator: RingCentralSimulator,
    fault: dict[str, Any],
    was_sent: int,
) -> None:
    """From here a text that was sent and one that was not look the same: both are Unsure."""
    simulator.faults.add(method="POST", path="/sms", **fault)
    assert isinstance(await outcome_of_post(client), Unsure)
    assert len(simulator.sent) == was_sent


async def test_a_connection_that_was_never_made_is_certain(database: Database) -> None:
    """A port where nobody listens: no byte left, so it may be tried again."""
    async with RingCentralSimulator(rate_limits=False) as simulator:
        async with connected(database, simulator.url) as client:
            await client.ready()
        url = simulator.url
    async with connected(database, url) as client:
        outcome = await outcome_of_post(client)
    assert outcome == TryLater("ConnectError")


async def test_a_server_that_hangs_up_after_the_bytes_is_unsure(database: Database) -> None:
    """A listener that reads and closes without a word may have taken the text."""
    async with (
        RingCentralSimulator(rate_limits=False) as simulator,
        connected(database, simulator.url) as client,
    ):
        await client.ready()

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0, family=socket.AF_INET)
    async with server:
        port = server.sockets[0].getsockname()[1]
        async with connected(database, f"http://127.0.0.1:{port}") as client:
            assert isinstance(await outcome_of_post(client), Unsure)


async def test_a_refused_token_costs_a_claimed_send_its_turn(
    client: RingCentralClient, simulator: RingCentralSimulator
) -> None:
    """The claim paid for one request: a 401 buys the token, and the next claim sends."""
    simulator.expire_access_tokens()
    assert isinstance(await outcome_of_post(client), TryLater)
    record = await client.request("POST", SMS, permit=False, json=TEXT)
    assert record["subject"] == "Hello"
    assert len(simulator.sent) == 1


@pytest.mark.parametrize("skew_seconds", [-75, 0, 90])
async def test_ringcentrals_clock_is_known(database: Database, skew_seconds: int) -> None:
    """Its Date header tells how far its clock is from ours, to about a second."""
    clock = SimulatorClock(skew_seconds=skew_seconds)
    async with (
        RingCentralSimulator(rate_limits=False, clock=clock) as simulator,
        connected(database, simulator.url) as client,
    ):
        offset = await client.server_clock()
    assert abs(offset.total_seconds() - skew_seconds) < 1.0


async def test_ids_above_2_53_survive_exactly(
    client: RingCentralClient, simulator: RingCentralSimulator
) -> None:
    """A conversation's id is the same to the last digit here and there."""
    record = await client.request("POST", SMS, permit=False, json=TEXT)
    assert record["conversation"]["id"] == str(simulator.sent[0].conversation_id)
    assert int(record["conversation"]["id"]) > 2**53
