"""The people of the workspace, and what `users.info` tells about each."""

from __future__ import annotations

from dataclasses import dataclass, field

from bridge.sandbox.slack.errors import Json

TEAM_ID = "T0FRONTDESK"
OTHER_TEAM_ID = "T0OTHERORGA"
TEAM_DOMAIN = "sandbox-front-desk"
TEAM_NAME = "Front Desk"
TEAM_URL = f"https://{TEAM_DOMAIN}.slack.com/"
COLOR = "9f69e7"


@dataclass(slots=True, eq=False)
class Person:
    """Somebody (or some bot) with an account; `team_id` differs for people of other workspaces."""

    user_id: str
    name: str
    real_name: str
    team_id: str = TEAM_ID
    email: str = ""
    tz: str = "America/Los_Angeles"
    tz_offset_seconds: int = -28_800
    is_admin: bool = False
    is_owner: bool = False
    is_restricted: bool = False
    is_ultra_restricted: bool = False
    is_bot: bool = False
    is_deleted: bool = False
    bot_id: str | None = None
    app_id: str | None = None
    updated: int = 0
    open_views: list[str] = field(default_factory=list)

    @property
    def handle(self) -> str:
        return self.name.lower().replace(" ", ".")

    @property
    def is_stranger(self) -> bool:
        return self.team_id != TEAM_ID

    def profile(self) -> Json:
        first_name, _, last_name = self.real_name.partition(" ")
        profile: Json = {
            "avatar_hash": "0",
            "display_name": self.name,
            "display_name_normalized": self.name,
            "real_name": self.real_name,
            "real_name_normalized": self.real_name,
            "first_name": first_name,
            "last_name": last_name,
            "title": "",
            "phone": "",
            "skype": "",
            "status_text": "",
            "status_emoji": "",
            "status_expiration": 0,
            "team": self.team_id,
        }
        if self.bot_id:
            profile |= {"bot_id": self.bot_id, "api_app_id": self.app_id or ""}
        return profile

    def as_json(self, with_email: bool = False) -> Json:
        """The user object; the address only shows to apps with `users:read.email`."""
        profile = self.profile()
        if with_email and self.email and not self.is_stranger:
            profile["email"] = self.email
        user: Json = {
            "id": self.user_id,
            "team_id": self.team_id,
            "name": self.handle,
            "deleted": self.is_deleted,
            "profile": profile,
            "is_bot": self.is_bot,
            "is_app_user": False,
            "updated": self.updated,
        }
        if self.is_deleted:
            return user
        user |= {
            "color": COLOR,
            "real_name": self.real_name,
            "tz": self.tz,
            "tz_label": self.tz,
            "tz_offset": self.tz_offset_seconds,
            "is_admin": self.is_admin,
            "is_owner": self.is_owner,
            "is_primary_owner": self.is_owner,
            "is_restricted": self.is_restricted,
            "is_ultra_restricted": self.is_ultra_restricted,
            "is_email_confirmed": True,
            "who_can_share_contact_card": "EVERYONE",
        }
        if self.is_stranger:
            user["is_stranger"] = True
        return user


def user_id_for(name: str) -> str:
    letters = "".join(letter for letter in name.upper() if letter.isascii() and letter.isalnum())
    return "U" + letters.rjust(10, "0")


def make_person(name: str, real_name: str = "", **flags: object) -> Person:
    """A person whose id and address follow from the name."""
    person = Person(
        user_id=user_id_for(name),
        name=name,
        real_name=real_name or name,
        email=f"{name.lower().replace(' ', '.')}@front-desk.example",
    )
    for flag, value in flags.items():
        if flag not in Person.__dataclass_fields__:
            raise TypeError(f"a person has no {flag}")
        setattr(person, flag, value)
    return person


def the_cast() -> list[Person]:
    return [
        make_person("Bea", "Bea Brook"),
        make_person("Carl", "Carl Cole"),
        make_person("Ada", "Ada Archer", is_admin=True),
        make_person("Olga", "Olga Olsen", is_admin=True, is_owner=True),
        make_person("Gus", "Gus Gale", is_restricted=True),
        make_person("Sam", "Sam Stone", is_restricted=True, is_ultra_restricted=True),
        make_person("Otto", "Otto Orr", team_id=OTHER_TEAM_ID),
        make_person("Dora", "Dora Dale", is_deleted=True),
        make_person("Relay", "Relay", is_bot=True, bot_id="B0000RELAY0", app_id="A0000RELAY0"),
    ]
