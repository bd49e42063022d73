"""Files of other people, given to a browser so that nothing in them can run or be guessed at."""

from __future__ import annotations

from aiohttp import web

PICTURES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp"})


def foreign_content(data: bytes, content_type: str) -> web.Response:
    """The bytes as an answer: pictures to be seen, anything else to be saved."""
    is_picture = content_type in PICTURES
    return web.Response(
        body=data,
        content_type=content_type if is_picture else "application/octet-stream",
        headers={
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "sandbox; default-src 'none'",
            "Content-Disposition": "inline" if is_picture else "attachment",
            "Cache-Control": "private, max-age=3600",
        },
    )
