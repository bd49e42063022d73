"""A backup is taken while texts pass, and a bridge restored from it loses and repeats nothing."""

from __future__ import annotations

import asyncio
import itertools
import json
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from bridge.clock import machine_now
from bridge.sandbox.ringcentral import NUMBER
from storage.backup import BackupRefused, back_up
from storage.database import parse_url
from storage.sqlite import writing_engine
from tests.chaos.test_kills import CHANNEL, Rig, rig

PHONES = [f"+1415555010{number}" for number in range(6)]


async def _texts_and_replies(made: Rig, sent_in: list[str], sent_out: list[str]) -> None:
    """Customers text, and are answered, without a pause."""
    for number in itertools.count():
        phone = PHONES[number % len(PHONES)]
        sent_in.append(f"question {number}")
        await made.ringcentral.phone(phone).texts(sent_in[-1], to=NUMBER)
        threads = made.slack.channel(CHANNEL).threads
        if threads:
            sent_out.append(f"answer {number}")
            root = threads[number % len(threads)]
            await made.slack.say("Bea", CHANNEL, sent_out[-1], thread_ts=root.ts)
        await asyncio.sleep(0.03)


def _acknowledged(made: Rig) -> set[str]:
    """The customers' texts that the bridge has answered with 200."""
    bodies = [
        each.body if isinstance(each.body, dict) else json.loads(each.body)
        for each in made.ringcentral.notifications
        if each.status == 200
    ]
    return {each["body"]["subject"] for each in bodies if "subject" in each.get("body", {})}


def _texts_in(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as copy:
        assert copy.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert not copy.execute("PRAGMA foreign_key_check").fetchall()
        return {row[0] for row in copy.execute("SELECT body FROM message")}


async def test_a_backup_under_load_is_restored(sqlite_url: str, tmp_path: Path) -> None:
    """It holds every text acknowledged before it began; restored, it sends none a second time."""
    copy = tmp_path / "copy.db"
    sent_in: list[str] = []
    sent_out: list[str] = []
    async with rig(sqlite_url, tmp_path) as made:
        load = asyncio.create_task(_texts_and_replies(made, sent_in, sent_out))
        await made.until(lambda: len(_acknowledged(made)) > 20, "texts")
        acknowledged = _acknowledged(made)
        assert await made.bridge.run_command("backup", str(copy)) == 0
        await made.until(lambda: len(_acknowledged(made) - acknowledged) > 5, "texts meanwhile")
        load.cancel()
        await asyncio.gather(load, return_exceptions=True)
        await made.until_all(sent_in, sent_out)
        await made.bridge.kill()
        assert acknowledged <= _texts_in(copy)
        assert stat.S_IMODE(copy.stat().st_mode) == 0o600
        restored = tmp_path / "restored" / "bridge.db"
        restored.parent.mkdir()
        copy.rename(restored)
        made.bridge.environment = {
            **made.bridge.environment,
            "DATABASE_URL": f"sqlite:///{restored}",
        }
        await made.restart()
        await made.ringcentral.phone(PHONES[0]).texts("are you back?", to=NUMBER)
        await made.until_all(["are you back?"], [])
        await made.until(lambda: not _owed(restored), "nothing owed to phones")
        doubled = {text: count for text, count in made.texted().items() if count > 1}
        assert not doubled
        assert set(sent_out) <= set(made.texted())


def _owed(path: Path) -> int:
    states = "('waiting', 'claimed', 'started', 'unsure')"
    with closing(sqlite3.connect(path)) as restored:
        query = f"SELECT count(*) FROM delivery WHERE side = 'ringcentral' AND state IN {states}"
        return int(restored.execute(query).fetchone()[0])


# What it refuses


def test_a_file_that_is_there_is_kept(sqlite_url: str, tmp_path: Path) -> None:
    """Nothing is overwritten unless that was asked for, and nothing half made is left."""
    copy = tmp_path / "copies" / "copy.db"
    copy.parent.mkdir()
    copy.write_text("older")
    with pytest.raises(BackupRefused, match="--force"):
        back_up(sqlite_url, copy, machine_now())
    assert copy.read_text() == "older"
    back_up(sqlite_url, copy, machine_now(), replaces=True)
    assert "connected" not in _texts_in(copy)
    assert [each.name for each in copy.parent.iterdir()] == ["copy.db"]


@pytest.mark.parametrize(
    ("url", "target", "sentence"),
    [
        ("postgresql://bridge@host/bridge", "copy.db", "pg_dump"),
        ("sqlite:///{folder}/nowhere.db", "copy.db", "no database"),
        ("sqlite:///{folder}/bridge.db", "missing/copy.db", "make it first"),
        ("sqlite:///{folder}/bridge.db", ".", "name a file in it"),
        ("sqlite:///{folder}/bridge.db", "bridge.db", "the database itself"),
    ],
)
@pytest.mark.usefixtures("sqlite_url")
def test_what_cannot_be_backed_up_is_said(
    tmp_path: Path, url: str, target: str, sentence: str
) -> None:
    """Each refusal names its remedy."""
    with pytest.raises(BackupRefused, match=sentence):
        back_up(url.format(folder=tmp_path), tmp_path / target, machine_now(), replaces=True)


def test_a_damaged_database_makes_no_backup(sqlite_url: str, tmp_path: Path) -> None:
    """A copy that does not pass its check is not left behind as if it were one."""
    path = tmp_path / "bridge.db"
    writing_engine(parse_url(sqlite_url)).dispose()
    with path.open("r+b") as file:
        file.seek(3 * 4096)
        file.write(b"\xff" * 8192)
    with pytest.raises(BackupRefused, match=r"damaged|could not be made"):
        back_up(sqlite_url, tmp_path / "copy.db", machine_now())
    assert not (tmp_path / "copy.db").exists()
