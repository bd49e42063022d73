"""`sms-bridge doctor`: everything looked at once, in a terminal."""

from __future__ import annotations

import shutil
import sys
import tempfile
import textwrap
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import typer
from sqlalchemy.exc import DBAPIError

from bridge.app import Bridge, open_bridge
from bridge.doctor import database_away, disk_finding, schema_finding
from bridge.findings import Finding, Level, summary, worst_first
from bridge.settings import Settings, SettingsWrong
from storage import migrate
from storage.condition import file_condition, read_secrets
from storage.database import Database, parse_url
from storage.errors import DATABASE_AWAY, SchemaMismatch
from storage.secrets import SecretUnreadable, new_key, use_keys
from storage.sqlite import database_file

LEVEL_WORDS: dict[Level, str] = {"bad": "MEND", "warn": "LOOK", "ok": "ok"}
COLOURS: dict[Level, str] = {"bad": "red", "warn": "yellow", "ok": "green"}
WIDEST = 100
NOT_LOOKED_AT = "What is kept in the database (numbers, channels, what waits) was not looked at."


async def examine_installation(settings: Settings) -> list[Finding]:
    """All findings; a database that cannot be used does not keep the providers from being asked."""
    found = await _of_database(settings)
    if not found:
        try:
            async with _opened(settings) as bridge:
                return await bridge.examine()
        except (*DATABASE_AWAY, DBAPIError, OSError) as error:  # it can be read, but not written
            found = [database_away("Database", error), *_of_disk(settings)]
    async with _without_database(settings) as bridge:
        told = [each for each in await bridge.examine() if each.check in PROVIDER_CHECKS]
    return [*found, Finding("Database", "warn", NOT_LOOKED_AT, "Mend the above first."), *told]


# What can be asked without knowing any inbox.
PROVIDER_CHECKS = frozenset(
    {
        "Slack token",
        "Slack scopes",
        "Slack clock",
        "Socket Mode",
        "Slack over HTTP",
        "RingCentral login",
        "RingCentral permissions",
        "RingCentral clock",
    }
)


async def _of_database(settings: Settings) -> list[Finding]:
    """What keeps the database from being used at all."""
    use_keys(settings.secret_key_list)
    try:
        migrate.check(settings.database_url)
        database = await Database.open(settings.database_url)
        try:
            await database.read(read_secrets)
        finally:
            await database.close()
    except SchemaMismatch as mismatch:
        return [schema_finding(mismatch)]
    except SecretUnreadable as unreadable:
        words, _, remedy = str(unreadable).partition(". ")
        return [Finding("Secret keys", "bad", f"{words}.", remedy)]
    except (*DATABASE_AWAY, DBAPIError, OSError) as error:
        return [database_away("Database", error)]
    return []


def _of_disk(settings: Settings) -> list[Finding]:
    url = parse_url(settings.database_url)
    if url.get_backend_name() != "sqlite":
        return []
    return [disk_finding(file_condition(database_file(url)).free)]


@asynccontextmanager
async def _without_database(settings: Settings) -> AsyncIterator[Bridge]:
    """A bridge on an empty database of its own: its login is asked for anew, and forgotten."""
    with tempfile.TemporaryDirectory(prefix="sms-bridge-doctor-") as folder:
        changes = {
            "database_url": f"sqlite:///{Path(folder) / 'empty.db'}",
            "secret_keys": type(settings.secret_keys)(new_key()),
        }
        empty = settings.model_copy(update=changes)
        migrate.upgrade(empty.database_url)
        async with _opened(empty) as bridge:
            yield bridge


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[Bridge]:
    """A bridge that answers and delivers nothing."""
    bridge = await open_bridge(settings, roles=frozenset())
    try:
        await bridge.slack.open()
        await bridge.ringcentral.open()
        yield bridge
    finally:
        await bridge.stop()


def findings_of(wrong: SettingsWrong) -> list[Finding]:
    """Each setting that is missing or wrong."""
    return [
        Finding("Settings", "bad", f"{each.name} {state}.", f"{remedy[:1].upper()}{remedy[1:]}.")
        for each in wrong.problems
        for state, _, remedy in [each.remedy.partition(": ")]
    ]


def written(findings: Sequence[Finding], *, width: int, is_coloured: bool) -> str:
    """The findings as a terminal shows them, worst first, with a line that sums them up."""
    names = max((len(each.check) for each in findings), default=0)
    lines = [_written_one(each, names, width, is_coloured) for each in worst_first(findings)]
    return "\n".join([*lines, "", summary(findings)])


def _written_one(finding: Finding, names: int, width: int, is_coloured: bool) -> str:
    word = LEVEL_WORDS[finding.level].ljust(4)
    indent = " " * (len(word) + names + 4)
    shown = typer.style(word, fg=COLOURS[finding.level], bold=True) if is_coloured else word
    first = f"{shown}  {finding.check.ljust(names)}  "
    said = _wrapped(finding.sentence, width - len(indent))
    told = _wrapped(f"→ {finding.remedy}", width - len(indent)) if finding.remedy else []
    return first + f"\n{indent}".join([*said, *told])


def _wrapped(words: str, width: int) -> list[str]:
    return textwrap.wrap(words, max(30, width), break_long_words=False, break_on_hyphens=False)


def show(findings: Sequence[Finding]) -> None:
    """Print the findings, with colours on a terminal only."""
    is_terminal = sys.stdout.isatty()
    width = min(WIDEST, shutil.get_terminal_size((WIDEST, 24)).columns)
    typer.echo(written(findings, width=width, is_coloured=is_terminal))
