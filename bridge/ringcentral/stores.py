"""Reading message stores: the login's own, and those of call queues it may read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bridge.ringcentral.client import Refusal, RingCentralClient
from bridge.ringcentral.parse import parse_store

# A queue's store opens to super admins and to managers with full access by its own path; to a
# recipient of the queue's texts (CallQueueSmsRecipient) only through `owner` on their own store.
_NOT_BY_PATH = (403, 404)


async def read_store(
    client: RingCentralClient,
    store: str,
    resource: str,
    params: Mapping[str, Any],
    priority: int,
) -> dict[str, Any]:
    """GET `message-store` or `message-sync` of a store; raises a Problem."""
    owner = parse_store(store)
    path = f"/restapi/v1.0/account/{owner.account_id}/extension/{owner.extension_id}/{resource}"
    try:
        return await client.request("GET", path, params=params, priority=priority)
    except Refusal as refusal:
        own = await client.identity()
        if refusal.status not in _NOT_BY_PATH or own == owner:
            raise
        path = f"/restapi/v1.0/account/{own.account_id}/extension/{own.extension_id}/{resource}"
        # A sync token has its filters in it, and goes alone.
        shared = params if "syncToken" in params else {**params, "owner": owner.extension_id}
        return await client.request("GET", path, params=shared, priority=priority)
