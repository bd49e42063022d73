"""Request bodies, bounded in size and in time."""

from __future__ import annotations

import asyncio

from starlette.datastructures import Headers
from starlette.types import Receive


class BodyRefused(Exception):
    """The request ends here, with `status`; `reason` is for the log."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


async def read_body(
    headers: Headers, receive: Receive, *, most_bytes: int, seconds: float
) -> bytes:
    """The whole body.

    Raises BodyRefused: 413 for one that is too large, which is not read to its end, 408 for one
    that takes longer, 400 for a length that is no number, and where the peer went away.
    """
    declared = headers.get("content-length", "0")
    if not (declared.isascii() and declared.isdigit()):
        raise BodyRefused(400, "length_malformed")
    if int(declared[:12]) > most_bytes:
        raise BodyRefused(413, "too_large")
    try:
        async with asyncio.timeout(seconds):
            return await _read_chunks(receive, most_bytes)
    except TimeoutError:
        raise BodyRefused(408, "too_slow") from None


async def _read_chunks(receive: Receive, most_bytes: int) -> bytes:
    chunks: list[bytes] = []
    size_bytes = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise BodyRefused(400, "disconnected")
        chunks.append(message.get("body", b""))
        size_bytes += len(chunks[-1])
        if size_bytes > most_bytes:
            raise BodyRefused(413, "too_large")
        if not message.get("more_body", False):
            return b"".join(chunks)
