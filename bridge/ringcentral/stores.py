"""Reading message stores: the login's own, and those of call queues it may read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bridge.ringcentral.client import RingCentralClient
from bridge.ringcentral.door import PERMIT_SECONDS
from bridge.ringcentral.parse import parse_store


def store_path(store: str, resource: str) -> str:
    """The path of something of a message store's owner."""
    owner = parse_store(store)
    return f"/restapi/v1.0/account/{owner.account_id}/extension/{owner.extension_id}/{resource}"


async def read_store(
    client: RingCentralClient,
    store: str,
    resource: str,
    params: Mapping[str, Any],
    priority: int,
    patience_seconds: float = PERMIT_SECONDS,
) -> dict[str, Any]:
    """GET `message-store` or `message-sync` of a store; raises a Problem.

    A queue's store is read by the queue's own path, which is open to super admins and to managers
    of the queue. Not by `owner` on the login's store: that answers an empty list where the login
    may not read the queue, and an empty list looks like silence.
    """
    path = store_path(store, resource)
    return await client.request(
        "GET", path, params=params, priority=priority, patience_seconds=patience_seconds
    )
