"""The Web API, a file per family; importing this package fills the table of methods."""

from bridge.sandbox.slack.methods import (
    apps,
    chat,
    conversations,
    files,
    pins,
    reactions,
    users,
    views,
)
from bridge.sandbox.slack.methods.registry import METHODS, Call, Method

__all__ = [
    "METHODS",
    "Call",
    "Method",
    "apps",
    "chat",
    "conversations",
    "files",
    "pins",
    "reactions",
    "users",
    "views",
]
