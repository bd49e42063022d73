"""The command line: `sms-bridge`, or `python -m bridge`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
import uvloop

from bridge import logs
from bridge.errors import BridgeError, StartRefused
from bridge.settings import Settings, SettingsWrong, load

WRONG_SETTINGS = 2
ROLES = {"up": ["web", "worker"], "web": ["web"], "worker": ["worker"]}

app = typer.Typer(
    name="sms-bridge",
    help="Text customers from Slack: the bridge between Slack and SMS on RingCentral.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.command()
def up() -> None:
    """Run everything in one process, after bringing the database up to date."""
    settings = _settings()
    _migrate(settings)
    _run(_serve(settings, "up"))


@app.command()
def web() -> None:
    """Answer Slack and RingCentral; any number of these share one PostgreSQL database."""
    _run(_serve(_settings(), "web"))


@app.command()
def worker() -> None:
    """Deliver what is owed; any number of these share one PostgreSQL database."""
    _run(_serve(_settings(), "worker"))


@app.command()
def migrate() -> None:
    """Bring the database to this version's schema."""
    _migrate(_settings())
    typer.echo("The database is up to date.")


@app.command()
def numbers() -> None:
    """List the numbers this RingCentral login may send from, with owner and inbox."""
    from bridge.listing import list_numbers

    typer.echo(_run(list_numbers(_settings())))


@app.command()
def doctor() -> None:
    """Look for what needs mending, and say how.

    Tokens, scopes, numbers, channels, notifications, limits, clocks, the database and its disk.

    It changes nothing and may run beside the bridge.

    Ends with 1 where something is to be mended, else with 0.
    """
    from bridge.checkup import examine_installation, findings_of, show
    from bridge.findings import count

    try:
        settings = load()
    except SettingsWrong as wrong:
        found = findings_of(wrong)
    else:
        logs.configure(settings.log_format, quiet=True)
        found = _run(examine_installation(settings))
    show(found)
    raise typer.Exit(1 if count(found, "bad") else 0)


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="Where the copy is to be.")],
    force: Annotated[bool, typer.Option(help="Replace a file of that name.")] = False,
) -> None:
    """Copy the SQLite database while the bridge runs, verified before it is there."""
    from bridge.clock import machine_now
    from storage.backup import BackupRefused, back_up

    url = _settings().database_url
    try:
        size = back_up(url, file.absolute(), machine_now(), replaces=force)
    except BackupRefused as refusal:
        _refuse(str(refusal))
    else:
        typer.echo(f"The backup is whole: {file} ({size:,} bytes).")
        typer.echo("Keep BRIDGE_SECRET_KEYS too, elsewhere: without them its secrets stay unread.")


@app.command("new-key")
def new_key() -> None:
    """Print a new key for BRIDGE_SECRET_KEYS."""
    from storage.secrets import new_key

    typer.echo(new_key())


@app.command("rotate-key")
def rotate_key() -> None:
    """Put every stored secret under the first key of BRIDGE_SECRET_KEYS."""
    typer.echo(_run(_rotate_key(_settings())))


@app.command()
def sandbox(
    data: Annotated[Path, typer.Option(help="Folder to keep the sandbox in.")] = Path("var"),
    port: Annotated[int, typer.Option(help="Port of the page; 0 picks a free one.")] = 0,
    fresh: Annotated[bool, typer.Option(help="Forget what was kept and begin anew.")] = False,
    once: Annotated[
        bool, typer.Option(help="Begin anew, play the whole conversation, and stop.")
    ] = False,
) -> None:
    """Run the bridge with simulated Slack, RingCentral and phones in a browser: no accounts."""
    from bridge.sandbox.supervisor import run

    raise typer.Exit(asyncio.run(run(data, port=port, fresh=fresh, once=once)))


def main() -> None:
    """What the program `sms-bridge` calls."""
    app()


def _settings() -> Settings:
    try:
        settings = load()
    except SettingsWrong as wrong:
        typer.echo("The bridge cannot start. These settings need attention:", err=True)
        for problem in wrong.problems:
            typer.echo(f"  {problem.name} {problem.remedy}", err=True)
        raise typer.Exit(WRONG_SETTINGS) from None
    logs.configure(settings.log_format)
    return settings


def _migrate(settings: Settings) -> None:
    from storage import migrate
    from storage.errors import SchemaMismatch

    with _database_told():
        try:
            migrate.upgrade(settings.database_url)
        except SchemaMismatch as mismatch:
            _refuse(str(mismatch))
        except OSError as error:
            _refuse(f"The database cannot be made ({error.strerror}). Check DATABASE_URL.")


@contextlib.contextmanager
def _database_told() -> Iterator[None]:
    """A database that cannot be opened is a setting to mend, not a traceback."""
    from sqlalchemy.exc import OperationalError

    try:
        yield
    except OperationalError as error:
        reason = str(error.orig).strip().splitlines()[0]
        _refuse(f"The database cannot be opened ({reason}). Check DATABASE_URL.")


async def _serve(settings: Settings, command: str) -> None:
    from bridge.serve import serve

    await serve(settings, frozenset(ROLES[command]))


async def _rotate_key(settings: Settings) -> str:
    from storage.database import Database
    from storage.rotation import rotate_stored
    from storage.secrets import SecretUnreadable, use_keys
    from storage.tables import Delivery

    use_keys(settings.secret_key_list)
    database = await Database.open(settings.database_url)
    try:
        count = await database.write(rotate_stored, Delivery.metadata)
    except SecretUnreadable as unreadable:
        raise StartRefused(str(unreadable)) from unreadable
    finally:
        await database.close()
    return f"{count} secrets are under the first key now; the other keys can be removed."


def _run(work: Coroutine[Any, Any, Any]) -> Any:
    try:
        with _database_told():
            return uvloop.run(work)
    except BridgeError as error:
        _refuse(str(error))


def _refuse(sentence: str) -> None:
    typer.echo(sentence, err=True)
    raise typer.Exit(WRONG_SETTINGS)


if __name__ == "__main__":
    main()
