"""Reading message stores: the login's own, and those of call queues it may read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bridge.ringcentral.client import RingCentralClient
from bridge.ringcentral.parse import parse_store


async def read_store(
    client: RingCentralClient,
    store: str,
    resource: str,
    params: Mapping[str, Any],
    priority: int,
) -> dict[str, Any]:
    """GET `message-store` or `message-sync` of a store; raises a Problem.

    A queue's store is read by the queue's own path, which is open to super admins and to managers
    of the queue. Not by `owner` on the login's store: that answers an empty list where the login
    may not read the queue, and an empty list looks like silence.
    """
    owner = parse_store(store)
    path = f"/restapi/v1.0/account/{owner.account_id}/extension/{owner.extension_id}/{resource}"
    return await client.request("GET", path, params=params, priority=priority)
