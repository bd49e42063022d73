"""What this workspace refuses: the Web API to apps, and Slack's own client to people."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


class ApiError(Exception):
    """The Web API answers `ok: false` with this error string and these further fields."""

    def __init__(self, error: str, **fields: Any) -> None:
        super().__init__(error)
        self.error = error
        self.fields: Json = fields

    def body(self) -> Json:
        return {"ok": False, "error": self.error, **self.fields}


class ClientRefused(Exception):
    """Slack's own client would not let the person do this."""


def invalid_arguments(*messages: str) -> ApiError:
    """Arguments that do not fit the method, each message as Slack words it."""
    return ApiError(
        "invalid_arguments",
        response_metadata={"messages": [f"[ERROR] {message}" for message in messages]},
    )
