"""Ids we give away: opaque, so that they tell nothing of how many or when."""

import secrets


def new_marker() -> str:
    """A random id of 20 URL-safe characters (120 bits), without any time in it."""
    return secrets.token_urlsafe(15)
