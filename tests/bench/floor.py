"""What the bridge is held against: `python -m tests.bench.floor starlette|bolt DATABASE_URL`.

Both commit one row of one column through the bridge's own database seam and answer after the
commit, on uvicorn with uvloop and httptools, as the bridge does.

- starlette: a route that reads the body and looks at nothing.
- bolt: AsyncApp with `process_before_response=True` behind Bolt's own Starlette adapter, verifying
  signatures itself, authorised from memory, one listener for messages.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import signal
import socket
from collections.abc import Iterator

import uvicorn
import uvloop
from slack_bolt.adapter.starlette.async_handler import AsyncSlackRequestHandler
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from sqlmodel import Session
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from bridge.sandbox.slack import BOT_ID, BOT_TOKEN, BOT_USER_ID, SIGNING_SECRET, TEAM_ID
from bridge.sandbox.supervisor import LOOPBACK, free_port
from storage.database import Database, insert_ignore
from storage.tables import Contact

PATH = "/floor"


def commit_row(session: Session, key: str) -> None:
    """One row, in a table of two columns."""
    insert_ignore(session, Contact, {"phone_number": key})


def starlette_app(database: Database) -> ASGIApp:
    """One route that commits and answers."""
    numbers = itertools.count()

    async def receive(request: Request) -> Response:
        await request.body()
        await database.write(commit_row, f"floor-{next(numbers)}")
        return Response()

    return Starlette(routes=[Route(PATH, receive, methods=["POST"])])


def bolt_app(database: Database) -> ASGIApp:
    """Bolt as its documentation sets it up, but for the order of commit and acknowledgement."""
    numbers = itertools.count()
    authorized = AuthorizeResult(
        enterprise_id=None,
        team_id=TEAM_ID,
        bot_id=BOT_ID,
        bot_user_id=BOT_USER_ID,
        bot_token=BOT_TOKEN,
    )

    async def authorize() -> AuthorizeResult:
        return authorized

    app = AsyncApp(signing_secret=SIGNING_SECRET, process_before_response=True, authorize=authorize)

    async def receive_message() -> None:
        await database.write(commit_row, f"bolt-{next(numbers)}")

    app.event("message")(receive_message)
    handler = AsyncSlackRequestHandler(app)
    return Starlette(routes=[Route(PATH, handler.handle, methods=["POST"])])


APPS = {"starlette": starlette_app, "bolt": bolt_app}


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to `serve`, which closes the database after the last answer."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Tell the address once it is listened on."""
        await super().startup(sockets)
        print(f"http://{LOOPBACK}:{self.config.port}{PATH}", flush=True)


async def serve(name: str, database_url: str) -> None:
    """Serve until told to stop; prints its address first."""
    database = await Database.open(database_url)
    config = uvicorn.Config(
        APPS[name](database),
        host=LOOPBACK,
        port=free_port(),
        log_config=None,
        access_log=False,
        server_header=False,
    )
    server = _Server(config)

    def stop() -> None:
        server.should_exit = True

    for each in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(each, stop)
    await server.serve()
    await database.close()


def main() -> None:
    parser = argparse.ArgumentParser(description="What the bridge is held against.")
    parser.add_argument("app", choices=sorted(APPS))
    parser.add_argument("database_url")
    options = parser.parse_args()
    uvloop.run(serve(options.app, options.database_url))


if __name__ == "__main__":
    main()
