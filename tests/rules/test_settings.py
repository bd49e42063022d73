"""What is wrong with the settings is named at once, each with its remedy."""

import pytest

from bridge.settings import SettingsWrong, load
from bridge.slack.guard import SlackGuard
from storage.secrets import new_key

WORKING = {
    "BRIDGE_SECRET_KEYS": new_key(),
    "SLACK_BOT_TOKEN": "xoxb-1",
    "SLACK_APP_TOKEN": "xapp-1",
    "RINGCENTRAL_CLIENT_ID": "id",
    "RINGCENTRAL_CLIENT_SECRET": "secret",
    "RINGCENTRAL_JWT": "jwt",
}


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in WORKING.items():
        monkeypatch.setenv(name, value)


def problems() -> set[str]:
    """The names of the settings that are refused."""
    try:
        load()
    except SettingsWrong as wrong:
        return {each.name for each in wrong.problems if each.remedy}
    return set()


def test_what_is_needed_is_enough() -> None:
    """The required settings alone start a bridge."""
    assert problems() == set()


@pytest.mark.parametrize("name", [name for name in WORKING if name != "SLACK_APP_TOKEN"])
@pytest.mark.parametrize("blank", ["", "  "])
def test_a_blank_setting_is_a_missing_one(
    name: str, blank: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name without a value, as `.env` files have them, is told as missing."""
    monkeypatch.setenv(name, blank)
    assert problems() == {name}


def test_an_empty_signing_secret_opens_no_door(monkeypatch: pytest.MonkeyPatch) -> None:
    """Anybody could sign with an empty secret: it counts as none, and the guard takes none."""
    monkeypatch.setenv("SLACK_SIGNING_SECRET", "")
    assert load().slack_signing_secret is None
    with pytest.raises(ValueError, match="empty"):
        SlackGuard(lambda _text, _headers: None, " ")  # type: ignore[arg-type, misc]  # never called


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "mysql://host/name"),
        ("DATABASE_URL", "nonsense"),
        ("DATABASE_URL", "sqlite:///:memory:"),
        ("BRIDGE_SECRET_KEYS", "not-a-key"),
        ("BRIDGE_LOOK_SECONDS", "1..2"),
        ("BRIDGE_SEND_SECONDS", "60"),
        ("BRIDGE_PUBLIC_URL", "http://bridge.example.com"),
        ("BRIDGE_COMMAND", "sms"),
        ("BRIDGE_HOLD_SECONDS", "31"),
        ("PORT", "http"),
    ],
)
def test_a_wrong_value_is_refused(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot work is refused at the start, not found out later."""
    monkeypatch.setenv(name, value)
    assert problems() == {name}


def test_all_that_is_wrong_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """One start tells everything that needs attention."""
    monkeypatch.setenv("PORT", "x")
    monkeypatch.setenv("RINGCENTRAL_JWT", "")
    monkeypatch.setenv("SLACK_APP_TOKEN", "")
    monkeypatch.setenv("BRIDGE_PUBLIC_URL", "http://bridge.example.com")
    assert problems() == {"PORT", "RINGCENTRAL_JWT", "SLACK_APP_TOKEN", "BRIDGE_PUBLIC_URL"}
