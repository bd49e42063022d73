"""What the edge tests of the RingCentral side stand on: rows, settings, and a web server."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import uvicorn
from sqlmodel import Session, select
from starlette.applications import Starlette
from starlette.routing import Route

from bridge.settings import Settings
from storage import logins, secrets
from storage.tables import Inbox, KeptEvent, Message, Notice, Subscription, Workspace

T = TypeVar("T")

TEAM_ID, CHANNEL_ID, ADMINISTRATOR_ID = "T0001", "C0001", "U0ADA"
VERIFICATION_TOKEN = "a-secret-of-the-tests"
CONNECTED_AT = datetime(2026, 11, 1, tzinfo=UTC)


def settings_for(url: str, **changes: Any) -> Settings:
    """Settings that point at a simulator."""
    values: dict[str, Any] = {
        "secret_keys": secrets.new_key(),
        "slack_bot_token": "unused",
        "ringcentral_client_id": "sandbox-client",
        "ringcentral_client_secret": "sandbox-secret",
        "ringcentral_jwt": "sandbox-jwt",
        "ringcentral_url": url,
        "sync_seconds": 30.0,
        **changes,
    }
    return Settings(_env_file=None, **values)


def put_inbox(
    session: Session,
    phone_number: str,
    store: str,
    *,
    channel_id: str = CHANNEL_ID,
    connected_at: datetime = CONNECTED_AT,
) -> int:
    """A connected inbox of the login, in a workspace with one administrator; returns its id."""
    login = logins.get_or_add(session, "ringcentral")
    assert login.id is not None
    session.merge(
        Workspace(
            team_id=TEAM_ID,
            name="Bakery",
            url="https://bakery.example.com/",
            bot_user_id="U0BOT",
            bot_id="B0BOT",
            bot_token="unused",
            administrator_ids=[ADMINISTRATOR_ID],
        )
    )
    inbox = Inbox(
        phone_number=phone_number,
        region="US",
        login_id=login.id,
        store=store,
        owner_name="Dana",
        team_id=TEAM_ID,
        channel_id=channel_id,
        hold_seconds=0.0,
        connected_by=ADMINISTRATOR_ID,
        connected_at=connected_at,
    )
    session.add(inbox)
    session.flush()
    assert inbox.id is not None
    return inbox.id


def put_subscription(session: Session, address: str, token: str = VERIFICATION_TOKEN) -> None:
    """A subscription on file, with a secret that the test knows."""
    login = logins.get_or_add(session, "ringcentral")
    assert login.id is not None
    session.merge(
        Subscription(
            login_id=login.id,
            ringcentral_subscription_id="sub-1",
            address=address,
            verification_token=token,
            expires_at=datetime(2027, 11, 1, tzinfo=UTC),
        )
    )


def find_messages(session: Session) -> list[Message]:
    """All texts on file."""
    return list(session.exec(select(Message).order_by(Message.id)))  # type: ignore[arg-type]  # a column, to SQLAlchemy


def find_kept(session: Session) -> list[KeptEvent]:
    """All kept events."""
    return list(session.exec(select(KeptEvent)))


def find_notices(session: Session) -> list[Notice]:
    """All words the bridge owes."""
    return list(session.exec(select(Notice)))


def listen() -> tuple[socket.socket, str]:
    """A port of our own on loopback, and its address; for a server that starts later."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    return listener, f"http://127.0.0.1:{listener.getsockname()[1]}"


@contextlib.asynccontextmanager
async def serving(
    routes: Sequence[Route], listener: socket.socket | None = None
) -> AsyncIterator[str]:
    """A real web server on loopback with these routes; gives its address."""
    listener = listener or listen()[0]
    config = uvicorn.Config(Starlette(routes=list(routes)), log_level="warning", lifespan="off")
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        async with asyncio.timeout(5):
            while not server.started:  # noqa: ASYNC110 -- uvicorn tells it by a flag only
                await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await asyncio.wait_for(task, 5)
        listener.close()


async def eventually(look: Callable[[], Awaitable[T]], timeout_seconds: float = 5.0) -> T:
    """The first truthy answer to `look`; raises TimeoutError."""
    async with asyncio.timeout(timeout_seconds):
        while not (seen := await look()):  # noqa: ASYNC110 -- what is looked at has no event
            await asyncio.sleep(0.02)
    return seen
