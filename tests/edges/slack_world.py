"""A Slack side on the simulated Slack, served over real HTTP, with a carrier that takes all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import uvicorn
from pydantic import SecretStr
from sqlmodel import Session, select
from starlette.types import ASGIApp

from bridge import arrivals
from bridge.clock import Clock
from bridge.outbox.gates import Gates, no_budget
from bridge.outbox.outcome import Accepted, Claimed, Finding, Outcome, Ready, Refused, TryLater
from bridge.outbox.settling import Timing
from bridge.outbox.worker import Worker
from bridge.relay import inboxes
from bridge.relay.inboxes import Pairing
from bridge.relay.settled import ON_SETTLED, tell_stuck
from bridge.relay.texts import CarrierRecord, OwnNumber
from bridge.sandbox.slack import APP_TOKEN, BOT_TOKEN, SIGNING_SECRET, SlackSimulator
from bridge.settings import Settings
from bridge.slack.side import SlackSide, build_slack
from storage import messages
from storage.database import Database
from storage.liveness import Liveness
from storage.secrets import new_key
from storage.tables import Inbox, Login, Message

OUR_NUMBER = "+16505550101"
ALICE = "+14155550100"
STORE = "1/101"


def make_settings(slack: SlackSimulator, mode: str, **changes: Any) -> Settings:
    """Settings against the simulated Slack; RingCentral's are never used."""
    values: dict[str, Any] = {
        "secret_keys": SecretStr(new_key()),
        "hold_seconds": 0,
        "administrators": "",
        "slack_bot_token": SecretStr(BOT_TOKEN),
        "slack_signing_secret": SecretStr(SIGNING_SECRET) if mode == "http" else None,
        "slack_app_token": SecretStr(APP_TOKEN) if mode == "socket" else None,
        "slack_api_url": slack.api_url,
        "ringcentral_client_id": "unused",
        "ringcentral_client_secret": SecretStr("unused"),
        "ringcentral_jwt": SecretStr("unused"),
    }
    return Settings(_env_file=None, **(values | changes))


@dataclass
class Carrier:
    """The other side's hands: what it was given to send, and what it answers."""

    phone_text_of: Any = None
    sent: list[str] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def repeats(self, kind: str) -> bool:  # noqa: ARG002 -- the protocol's signature
        return False

    def load(self, session: Session, delivery: Claimed) -> Message:
        return messages.get(session, delivery.subject_id)

    async def prepare(self, delivery: Claimed, loaded: object) -> Ready | Refused | TryLater:  # noqa: ARG002 -- the protocol's signature
        assert isinstance(loaded, Message)
        body = await self.phone_text_of(loaded.markup or "", "", loaded.author_id)
        return body if isinstance(body, Refused | TryLater) else Ready(body)

    async def send(self, delivery: Claimed, content: object) -> Outcome:  # noqa: ARG002 -- the protocol's signature
        if self.outcomes:
            outcome = self.outcomes.pop(0)
            if not isinstance(outcome, Accepted):
                return outcome
        self.sent.append(str(content))
        return Accepted(external_id=str(1000 + len(self.sent)), scope=STORE)

    async def look(self, delivery: Claimed, content: object) -> Finding:  # noqa: ARG002 -- the protocol's signature
        return self.findings.pop(0)


@dataclass(frozen=True)
class OwnNumbers:
    """What the other side knows of our numbers."""

    known: list[OwnNumber]

    async def numbers(self) -> Sequence[OwnNumber]:
        return self.known

    async def number(self, phone_number: str) -> OwnNumber | None:
        return next((each for each in self.known if each.phone_number == phone_number), None)


@dataclass
class SlackWorld:
    """Everything a test of the Slack side may touch."""

    slack: SlackSimulator
    side: SlackSide
    database: Database
    clock: Clock
    worker: Worker
    carrier: Carrier
    numbers: list[OwnNumber]
    base_url: str

    async def connect(self, channel: str = "front-desk", number: str = OUR_NUMBER) -> Inbox:
        """Pair a number with a channel, as an administrator did before the test."""
        inbox = await self.database.write(
            _connect, self.slack.channel(channel).channel_id, number, self.clock.now()
        )
        await self.side.installation.refresh()
        return inbox

    async def text_in(self, body: str, record_id: str = "1", number: str = ALICE) -> None:
        """A text arrives from a phone, as the other side would record it."""
        record = CarrierRecord(
            store=STORE,
            record_id=record_id,
            ringcentral_conversation_id="9007199254740993",
            direction="in",
            own_number=OUR_NUMBER,
            outside_numbers=(number,),
            author_number=number,
            body=body,
            sent_at=self.clock.now(),
            status="Received",
        )
        await self.database.write(arrivals.receive_record, record, self.clock.now())

    async def thread(self, containing: str, channel: str = "front-desk") -> Any:
        """The thread whose replies hold these words, once it is there."""

        def found() -> Any:
            for root in self.slack.channel(channel).threads:
                if any(containing in reply.shown for reply in root.replies):
                    return root
            return None

        return await self.slack.wait_for(found)


def _connect(session: Session, channel_id: str, number: str, now: datetime) -> Inbox:
    login = session.exec(select(Login)).first()
    if login is None:
        login = Login(name="default", account_id="1", extension_id="101")
        session.add(login)
        session.flush()
    assert login.id is not None
    pairing = Pairing(
        phone_number=number,
        region="US",
        login_id=login.id,
        store=STORE,
        owner_name="Dana",
        team_id=SlackSimulator.team_id,
        channel_id=channel_id,
        hold_seconds=0,
        by_user_id="U0ADA",
    )
    inbox = inboxes.connect(session, pairing, now)
    assert isinstance(inbox, Inbox)
    return inbox


@asynccontextmanager
async def open_world(
    database: Database,
    *,
    mode: str = "http",
    works: bool = True,
    simulator: SlackSimulator | None = None,
    **changes: Any,
) -> AsyncIterator[SlackWorld]:
    """A running Slack side; `works` drains its outbox too."""
    simulator = simulator or SlackSimulator(
        rate_limits=False, retry_delays_seconds=(0.05, 0.1, 0.2)
    )
    async with simulator as slack:
        clock, carrier, numbers = Clock(), Carrier(), list[OwnNumber]()
        side = build_slack(make_settings(slack, mode, **changes), database, _gates(database), clock)
        carrier.phone_text_of = side.phone_text_of
        side.use_numbers(OwnNumbers(numbers))
        async with serving(side.asgi) as base_url:
            slack.install(request_url=f"{base_url}/slack/events", mode=mode)  # type: ignore[arg-type]  # a literal by its callers
            await side.start()
            liveness = await Liveness.hold(database)
            worker = make_worker(database, clock, liveness, side, carrier)
            try:
                if works:
                    await worker.start()
                yield SlackWorld(slack, side, database, clock, worker, carrier, numbers, base_url)
            finally:
                await worker.stop()
                await side.stop()
                await liveness.release()


def make_worker(
    database: Database, clock: Clock, liveness: Liveness, side: SlackSide, carrier: Carrier
) -> Worker:
    """A worker that looks soon."""
    return Worker(
        database,
        clock,
        liveness,
        {"slack": side.sender, "ringcentral": carrier},
        ON_SETTLED,
        on_stuck=tell_stuck,
        budget_of=no_budget,
        timing=Timing(send_seconds=2.0, looks_after_seconds=(0.05, 0.1, 0.2)),
    )


def _gates(database: Database) -> Gates:
    return Gates(database, no_budget)


@asynccontextmanager
async def serving(app: ASGIApp | None) -> AsyncIterator[str]:
    """Serve an application on a free loopback port; without one there is no address."""
    if app is None:
        yield ""
        return
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, lifespan="off")
    )
    task = asyncio.create_task(server.serve())
    async with asyncio.timeout(5):
        while not server.started:  # noqa: ASYNC110 -- uvicorn has a flag, no event
            await asyncio.sleep(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await task
