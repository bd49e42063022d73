"""A request and its answer, the same whether they came over HTTP or inside a WebSocket frame."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from multidict import CIMultiDict, MultiDict, MultiMapping

from bridge.sandbox.ringcentral.account import App, Extension
from bridge.sandbox.ringcentral.errors import Refusal

Json = dict[str, Any]


@dataclasses.dataclass(slots=True)
class Part:
    """One part of a multipart request."""

    name: str
    file_name: str
    content_type: str
    content: bytes


@dataclasses.dataclass(slots=True)
class Call:
    """One request. `app`, `caller` and `params` are filled in before its endpoint sees it."""

    method: str
    path: str
    query: MultiMapping[str] = dataclasses.field(default_factory=MultiDict)
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    body: bytes = b""
    parts: list[Part] | None = None
    params: dict[str, str] = dataclasses.field(default_factory=dict)
    websocket_id: str = ""
    _app: App | None = None
    _caller: Extension | None = None
    session_id: str = ""

    @property
    def app(self) -> App:
        if self._app is None:
            raise Refusal("OAU-151")
        return self._app

    @property
    def caller(self) -> Extension:
        if self._caller is None:
            raise Refusal("CMN-405")
        return self._caller

    def identify(self, app: App, caller: Extension, session_id: str) -> None:
        self._app, self._caller, self.session_id = app, caller, session_id

    @property
    def content_type(self) -> str:
        return self.headers.get("Content-Type", "").split(";")[0].strip().lower()

    def json(self) -> Any:
        """The body as JSON; raises CMN-103 when it is none, CMN-101 for half characters in it."""
        return read_json(self.body)

    def json_object(self) -> Json:
        read = self.json()
        if not isinstance(read, dict):
            raise Refusal("CMN-103")
        return read

    def number(self, name: str, default: int) -> int:
        """A positive whole number of the query; raises CMN-101 for anything else."""
        text = self.query.get(name)
        if text is None:
            return default
        if not text.isdecimal() or int(text) < 1:
            raise Refusal("CMN-101", parameter=name)
        return int(text)

    def flag(self, name: str) -> bool:
        return self.query.get(name, "false").lower() == "true"

    def values(self, name: str) -> list[str]:
        """All values of a repeated parameter; commas do not separate."""
        return [value for value in self.query.getall(name, []) if value]


@dataclasses.dataclass(slots=True)
class Answer:
    """A status with JSON (or bytes of `content_type`); `body=None` is an empty answer."""

    body: Any = None
    status: int = 200
    headers: CIMultiDict[str] = dataclasses.field(default_factory=CIMultiDict)
    content_type: str = "application/json"

    def payload(self) -> bytes:
        if self.body is None:
            return b""
        if isinstance(self.body, bytes):
            return self.body
        return write_json(self.body)


def read_json(written: bytes) -> Any:
    """What a request says in JSON.

    JSON can name half of a surrogate pair, which is no character: refused as any value that its
    parameter cannot have.
    """
    try:
        read = json.loads(written)
    except ValueError:
        raise Refusal("CMN-103") from None
    members = read if isinstance(read, dict) else {"": read}
    for name, value in members.items():
        if not _is_whole([name, value]):
            raise Refusal("CMN-101", parameter=name.encode(errors="replace").decode())
    return read


def write_json(value: Any) -> bytes:
    """UTF-8, or escapes throughout where it holds half characters, as a phone can send them."""
    return json.dumps(value, ensure_ascii=not _is_whole(value)).encode()


def _is_whole(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def paging(page: int, per_page: int, total: int, shown: int) -> Json:
    """The `paging` member; pageStart and pageEnd count from 0 and are left out of empty pages."""
    start = (page - 1) * per_page
    numbers: Json = {"page": page, "perPage": per_page}
    if shown:
        numbers |= {"pageStart": start, "pageEnd": start + shown - 1}
    numbers |= {"totalPages": -(-total // per_page), "totalElements": total}
    return numbers


def navigation(call: Call, base_url: str, page: int, last_page: int) -> Json:
    """The `navigation` member: the same request with other page numbers."""

    def link(number: int) -> Json:
        query = MultiDict(call.query)
        query["page"] = str(number)
        text = "&".join(f"{name}={value}" for name, value in query.items())
        return {"uri": f"{base_url}{call.path}?{text}"}

    links = {"firstPage": link(1), "lastPage": link(max(1, last_page))}
    if page > 1:
        links["previousPage"] = link(page - 1)
    if page < last_page:
        links["nextPage"] = link(page + 1)
    return links
