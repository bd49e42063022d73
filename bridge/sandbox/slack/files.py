"""Files: what people and apps upload, and what may be read of them."""

from __future__ import annotations

import mimetypes
import secrets
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from bridge.sandbox.slack.clock import SlackClock
from bridge.sandbox.slack.errors import Json
from bridge.sandbox.slack.people import TEAM_ID, TEAM_URL

LOGIN_PAGE = (
    "<!DOCTYPE html><html><head><title>Slack</title></head>"
    "<body><form>Sign in to your workspace</form></body></html>"
)


@dataclass(slots=True, eq=False)
class StoredFile:
    """One file; `shares` holds (channel id, is private, ts, thread_ts) of each message with it."""

    file_id: str
    name: str
    mimetype: str
    data: bytes
    user_id: str
    created: int
    team_id: str = TEAM_ID
    title: str = ""
    alt_txt: str = ""
    is_deleted: bool = False
    shares: list[tuple[str, bool, str, str | None]] = field(default_factory=list)

    def as_json(self, base_url: str) -> Json:
        """The file object; other organisations' files only say that there is one to look up."""
        if self.team_id != TEAM_ID:
            return {"id": self.file_id, "mode": "file_access", "file_access": "check_file_info"}
        return self.full_json(base_url)

    def full_json(self, base_url: str) -> Json:
        if self.is_deleted:
            return {"id": self.file_id, "mode": "tombstone"}
        extension = PurePosixPath(self.name).suffix.lstrip(".").lower()
        path = f"{self.team_id}-{self.file_id}"
        shown: Json = {
            "id": self.file_id,
            "created": self.created,
            "timestamp": self.created,
            "name": self.name,
            "title": self.title or self.name,
            "mimetype": self.mimetype,
            "filetype": extension or "binary",
            "pretty_type": extension.upper(),
            "user": self.user_id,
            "user_team": self.team_id,
            "editable": False,
            "size": len(self.data),
            "mode": "hosted",
            "is_external": False,
            "external_type": "",
            "is_public": any(not private for _, private, _, _ in self.shares),
            "public_url_shared": False,
            "display_as_bot": False,
            "username": "",
            "url_private": f"{base_url}/files-pri/{path}/{self.name}",
            "url_private_download": f"{base_url}/files-pri/{path}/download/{self.name}",
            "permalink": f"{TEAM_URL}files/{self.user_id}/{self.file_id}/{self.name}",
            "media_display_type": "unknown",
            "has_rich_preview": False,
            "file_access": "visible",
        }
        if self.alt_txt:
            shown["alt_txt"] = self.alt_txt
        return shown

    def shares_json(self) -> Json:
        shares: Json = {}
        for channel_id, is_private, ts, thread_ts in self.shares:
            entry: Json = {"ts": ts, "source": "UNKNOWN", "is_silent_share": False}
            if thread_ts:
                entry["thread_ts"] = thread_ts
            family = shares.setdefault("private" if is_private else "public", {})
            family.setdefault(channel_id, []).append(entry)
        return shares


@dataclass(slots=True)
class Ticket:
    """An upload that was asked for; `data` stays None until the bytes came."""

    file_id: str
    name: str
    length: int
    alt_txt: str
    data: bytes | None = None


class FileStore:
    def __init__(self, clock: SlackClock) -> None:
        self._clock = clock
        self.made_ids = 0
        self.by_id: dict[str, StoredFile] = {}
        self.tickets: dict[str, Ticket] = {}

    def open_ticket(self, name: str, length: int, alt_txt: str) -> tuple[str, Ticket]:
        key = secrets.token_urlsafe(16)
        ticket = self.tickets[key] = Ticket(self._next_id(), name, length, alt_txt)
        return key, ticket

    def ticket_of(self, file_id: str) -> tuple[str, Ticket] | None:
        for key, ticket in self.tickets.items():
            if ticket.file_id == file_id:
                return key, ticket
        return None

    def keep(
        self,
        name: str,
        data: bytes,
        user_id: str,
        mimetype: str | None = None,
        team_id: str = TEAM_ID,
        file_id: str | None = None,
    ) -> StoredFile:
        file = StoredFile(
            file_id=file_id or self._next_id(),
            name=name,
            mimetype=mimetype or mimetypes.guess_type(name)[0] or "application/octet-stream",
            data=data,
            user_id=user_id,
            created=int(self._clock.now()),
            team_id=team_id,
        )
        self.by_id[file.file_id] = file
        return file

    def _next_id(self) -> str:
        self.made_ids += 1
        return f"F{self.made_ids:010d}"
