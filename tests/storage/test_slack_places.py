"""People and workspaces of Slack on file, on both engines."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlmodel import Session

from storage import contacts, people, workspaces
from storage.database import Database
from storage.tables import Contact, SlackPerson, Workspace

NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)


def make_person(**changes: Any) -> SlackPerson:
    values: dict[str, Any] = {
        "team_id": "T1",
        "user_id": "U1",
        "name": "Bea",
        "standing": "member",
        "read_at": NOW,
    }
    return SlackPerson(**(values | changes))


def make_workspace(**changes: Any) -> Workspace:
    values: dict[str, Any] = {
        "team_id": "T1",
        "name": "Front desk",
        "url": "https://example.slack.com/",
        "bot_user_id": "U0",
        "bot_id": "B0",
        "bot_token": "xoxb-1",
    }
    return Workspace(**(values | changes))


async def test_a_person_is_what_slack_said_last(database: Database) -> None:
    """A person put twice is one person, as last seen."""
    await database.write(people.put, make_person())
    await database.write(people.put, make_person(standing="guest", read_at=NOW + timedelta(1)))
    await database.write(people.put, make_person(user_id="U2", name="Carl"))
    person = await database.read(people.get, "T1", "U1")
    assert person is not None
    assert (person.standing, person.read_at) == ("guest", NOW + timedelta(1))
    found = await database.read(people.find, "T1", ["U1", "U2", "U3"])
    assert sorted(each.user_id for each in found) == ["U1", "U2"]
    assert await database.read(people.get, "T2", "U1") is None


async def test_a_workspace_comes_back_after_a_revocation(database: Database) -> None:
    """A revoked workspace is not used; installed again it is the same one with its new token."""
    heard: list[str] = []
    database.on_signal("workspaces", lambda: heard.append("workspaces"))
    await database.write(workspaces.put, make_workspace())
    assert await database.write(workspaces.revoke, "T1", NOW)
    assert not await database.write(workspaces.revoke, "T1", NOW)
    assert await database.read(workspaces.find_installed) == []
    await database.write(workspaces.put, make_workspace(bot_token="xoxb-2"))
    installed = await database.read(workspaces.find_installed)
    assert [(each.team_id, each.bot_token) for each in installed] == [("T1", "xoxb-2")]
    assert heard


async def test_contacts_without_a_name_have_none(database: Database) -> None:
    """Only numbers with a name are named."""
    await database.write(_add_contacts)
    numbers = ["+14155550100", "+14155550101", "+14155550102"]
    assert await database.read(contacts.names_of, numbers) == {"+14155550100": "Alice"}


def _add_contacts(session: Session) -> None:
    session.add(Contact(phone_number="+14155550100", name="Alice"))
    session.add(Contact(phone_number="+14155550101", name=None))
