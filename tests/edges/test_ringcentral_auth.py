"""Logging in: few logins, renewed in time, one holder, and what a refused login says."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update
from sqlmodel import Session

from bridge.clock import machine_now
from bridge.outbox.gates import Gates
from bridge.ringcentral.auth import Credentials, Tokens, refresh_at
from bridge.ringcentral.client import RingCentralClient
from bridge.ringcentral.door import Door
from bridge.ringcentral.problems import LoginRefused, NotSent
from bridge.ringcentral.turns import Turns
from bridge.sandbox.ringcentral import CLIENT_ID, CLIENT_SECRET, JWT, JWT_ELI, RingCentralSimulator
from storage import leases, logins
from storage.database import Database
from storage.liveness import Liveness
from storage.tables import Login

OWN = "/restapi/v1.0/account/~/extension/~"


@pytest.fixture
async def simulator() -> AsyncIterator[RingCentralSimulator]:
    """RingCentral, without its limits."""
    async with RingCentralSimulator(rate_limits=False) as running:
        yield running


@contextlib.asynccontextmanager
async def logging_in(
    database: Database, url: str, jwt: str = JWT, secret: str = CLIENT_SECRET
) -> AsyncIterator[tuple[RingCentralClient, Tokens]]:
    """One process's way to RingCentral."""
    login = await database.write(logins.get_or_add, "ringcentral")
    assert login.id is not None
    door = Door(url, login.id, Gates(database))
    credentials = Credentials(CLIENT_ID, secret, jwt)
    tokens = Tokens(door, database, credentials, Turns(database), spare_seconds=1.0)
    yield RingCentralClient(door, tokens), tokens
    await tokens.close()
    await door.close()


def logins_seen(simulator: RingCentralSimulator) -> int:
    """How many requests for tokens RingCentral has seen."""
    return sum(1 for each in simulator.requests if each.path == "/restapi/oauth/token")


def end_life(session: Session) -> None:
    """The token on file runs out."""
    session.execute(update(Login).values(access_expires_at=machine_now()))


async def test_two_processes_log_in_once(
    database: Database, database_url: str, simulator: RingCentralSimulator
) -> None:
    """However many ask at once, in two processes, RingCentral sees one login."""
    other = await Database.open(database_url)
    async with (
        logging_in(database, simulator.url) as (first, _),
        logging_in(other, simulator.url) as (second, _),
    ):
        asked = [client.request("GET", OWN) for client in (first, second) for _ in range(8)]
        answers = await asyncio.gather(*asked)
    await other.close()
    assert {answer["extensionNumber"] for answer in answers} == {"101"}
    assert logins_seen(simulator) == 1


async def test_who_tires_of_waiting_does_not_end_the_login(
    database: Database, simulator: RingCentralSimulator
) -> None:
    """A slow login is finished for the others, although the one who began it has given up."""
    simulator.faults.add("slow", path="/oauth/token", seconds=0.5)
    async with logging_in(database, simulator.url) as (client, tokens):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(tokens.token(), 0.1)
        await client.request("GET", OWN)
    assert logins_seen(simulator) == 1


async def test_a_stored_token_that_died_is_no_dead_end(
    database: Database, simulator: RingCentralSimulator
) -> None:
    """The identity is asked for with a token that RingCentral has ended meanwhile."""
    async with logging_in(database, simulator.url) as (_, tokens):
        await tokens.token()
    simulator.expire_access_tokens()
    async with logging_in(database, simulator.url) as (_, tokens):
        assert (await tokens.identity()).account_id


async def test_a_restart_uses_the_stored_token(
    database: Database, simulator: RingCentralSimulator
) -> None:
    """A token that has life left is used by the next process: no login."""
    for _ in ("before", "after"):
        async with logging_in(database, simulator.url) as (client, _):
            await client.request("GET", OWN)
    assert logins_seen(simulator) == 1


async def test_the_token_is_encrypted_at_rest(
    database: Database, simulator: RingCentralSimulator
) -> None:
    """The database holds no token that could be used."""
    async with logging_in(database, simulator.url) as (_, tokens):
        token = await tokens.token()

    def raw(session: Session) -> str:
        connection = session.connection()
        stored = connection.exec_driver_sql("SELECT access_token FROM login").scalar_one()
        return str(stored)

    assert token.access_token not in await database.read(raw)


async def test_a_refused_token_is_replaced_once_and_the_request_repeated(
    database: Database, simulator: RingCentralSimulator
) -> None:
    """A 401 did nothing: all who got one share one new token, and ask again."""
    async with logging_in(database, simulator.url) as (client, _):
        await client.request("GET", OWN)
        simulator.expire_access_tokens()
        answers = await asyncio.gather(*[client.request("GET", OWN) for _ in range(8)])
    assert len(answers) == 8
    assert logins_seen(simulator) == 2


async def test_another_process_learns_the_new_token_from_the_database(
    database: Database, simulator: RingCentralSimulator
) -> None:
    """Refreshing kills the old token at once; whoever held it reads the new one."""
    async with (
        logging_in(database, simulator.url) as (first, tokens),
        logging_in(database, simulator.url) as (second, _),
    ):
        await second.request("GET", OWN)
        await tokens.renew(await tokens.token())
        await second.request("GET", OWN)
        await first.request("GET", OWN)
    assert logins_seen(simulator) == 2


async def test_a_token_is_renewed_before_it_expires(
    database: Database, simulator: RingCentralSimulator
) -> None:
    """The keeper buys a new one while the old one still works: nobody meets a 401."""
    async with logging_in(database, simulator.url) as (client, tokens):
        await client.request("GET", OWN)
        soon = machine_now() + timedelta(seconds=3)

        def shorten(session: Session) -> None:
            session.execute(update(Login).values(access_expires_at=soon))

        await database.write(shorten)
        tokens.look_again()
        await tokens.token()
        keeper = asyncio.create_task(tokens.keep_fresh())
        async with asyncio.timeout(5):
            while (await database.read(logins.get, 1)).generation < 2:  # noqa: ASYNC110 -- in another process
                await asyncio.sleep(0.05)
        keeper.cancel()
        await client.request("GET", OWN)
    assert {each.status for each in simulator.requests} == {200}


async def test_a_token_at_its_end_is_not_used(
    database: Database, simulator: RingCentralSimulator
) -> None:
    """An expired token on file is refreshed first, rather than tried."""
    async with logging_in(database, simulator.url) as (client, _):
        await client.request("GET", OWN)
    await database.write(end_life)
    async with logging_in(database, simulator.url) as (client, _):
        await client.request("GET", OWN)
    assert [each.status for each in simulator.requests if each.path == OWN] == [200, 200]
    assert logins_seen(simulator) == 2


async def test_a_lost_refresh_answer_costs_no_session(
    database: Database, simulator: RingCentralSimulator
) -> None:
    """The answer to a refresh is lost: a little later the same refresh token still helps."""
    async with logging_in(database, simulator.url) as (client, _):
        await client.request("GET", OWN)
    await database.write(end_life)
    simulator.faults.add("drop_after", method="POST", path="/oauth/token")
    async with logging_in(database, simulator.url) as (client, _):
        with pytest.raises(NotSent):
            await client.request("GET", OWN)
    async with logging_in(database, simulator.url) as (client, _):
        await client.request("GET", OWN)


async def test_a_dead_refresh_token_leads_to_the_jwt(
    database: Database, simulator: RingCentralSimulator
) -> None:
    """Where the refresh token is refused, the JWT buys a new session."""
    async with logging_in(database, simulator.url) as (client, _):
        await client.request("GET", OWN)

        def spoil(session: Session) -> None:
            session.execute(update(Login).values(refresh_token="worn out"))

        await database.write(spoil)
        simulator.expire_access_tokens()
        await client.request("GET", OWN)
    assert logins_seen(simulator) == 3


async def test_another_jwt_speaks_for_another_user_at_once(
    database: Database, simulator: RingCentralSimulator
) -> None:
    """A changed JWT makes the stored token and identity void."""
    async with logging_in(database, simulator.url) as (_, tokens):
        dana = await tokens.identity()
    async with logging_in(database, simulator.url, jwt=JWT_ELI) as (_, tokens):
        eli = await tokens.identity()
    assert dana.account_id == eli.account_id
    assert dana.extension_id != eli.extension_id
    login = await database.read(logins.get, 1)
    assert login.extension_id == eli.extension_id


@pytest.mark.parametrize(
    ("jwt", "secret", "setting"),
    [
        ("forged", CLIENT_SECRET, "RINGCENTRAL_JWT"),
        (JWT, "forged", "RINGCENTRAL_CLIENT_SECRET"),
    ],
)
async def test_a_refused_login_says_what_to_do_and_is_not_hammered(
    database: Database, simulator: RingCentralSimulator, jwt: str, secret: str, setting: str
) -> None:
    """The remedy names the setting; asking again at once does not reach RingCentral."""
    async with logging_in(database, simulator.url, jwt, secret) as (client, _):
        for _ in range(5):
            with pytest.raises(LoginRefused, match=setting) as refused:
                await client.request("GET", OWN)
            assert refused.value.after_seconds is not None
            assert refused.value.after_seconds > 50
    assert logins_seen(simulator) == 1


async def test_an_unreachable_ringcentral_is_not_a_refused_login(database: Database) -> None:
    """Nothing was sent, and it is not the installer's fault."""
    async with logging_in(database, "http://127.0.0.1:9") as (client, _):
        with pytest.raises(NotSent) as problem:
            await client.request("GET", OWN)
    assert not isinstance(problem.value, LoginRefused)


async def test_a_holder_that_died_does_not_stop_the_others(
    database: Database, simulator: RingCentralSimulator
) -> None:
    """The lease of a dead process runs out, and the next one logs in."""
    login = await database.write(logins.get_or_add, "ringcentral")
    lease = f"ringcentral-token:{login.id}"
    assert await database.write(leases.take, lease, "dead", machine_now(), 0.5)
    async with logging_in(database, simulator.url) as (client, _):
        await client.request("GET", OWN)
    assert logins_seen(simulator) == 1


async def test_a_dead_processs_turn_is_free_at_once(database: Database) -> None:
    """A process that died in the middle of its turn is not waited for; a living one is."""
    living, mine = await Liveness.hold(database), await Liveness.hold(database)
    dead = Liveness()  # a name that nobody holds
    turns = Turns(database, mine)
    assert await database.write(leases.take, "of the dead", dead.name, machine_now(), 60.0)
    assert await database.write(leases.take, "of the living", living.name, machine_now(), 60.0)
    async with (
        turns.turn("of the dead", 60.0) as first,
        turns.turn("of the living", 60.0) as second,
    ):
        assert (first, second) == (True, False)
    await living.release()
    async with turns.turn("of the living", 60.0) as is_ours:
        assert is_ours
    await mine.release()


@pytest.mark.parametrize(
    ("life_seconds", "after_seconds"), [(3600, 2880), (7200, 5760), (600, 300), (100, 50)]
)
def test_when_to_refresh(life_seconds: int, after_seconds: int) -> None:
    """At 80 % of its life, or 5 minutes before its end, whichever is sooner."""
    bought_at = datetime(2026, 11, 1, tzinfo=UTC)
    due_at = refresh_at(bought_at, bought_at + timedelta(seconds=life_seconds))
    assert due_at - bought_at == timedelta(seconds=after_seconds)
