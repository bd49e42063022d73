"""Message sync: a full picture with a token, then what changed since the token."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import islice

from bridge.sandbox.ringcentral.api.records import newest_of_each_conversation, read_query
from bridge.sandbox.ringcentral.api.whose import readable_store
from bridge.sandbox.ringcentral.calls import Answer, Call, Json
from bridge.sandbox.ringcentral.clock import to_iso
from bridge.sandbox.ringcentral.errors import Refusal
from bridge.sandbox.ringcentral.mailboxes import Query
from bridge.sandbox.ringcentral.messages import Message
from bridge.sandbox.ringcentral.world import World


@dataclasses.dataclass(frozen=True, slots=True)
class SyncToken:
    """What a token carries: when it was made, and the filters of the full sync it came from."""

    made_at: datetime
    path_store_id: int
    store_ids: list[int]
    date_from: datetime | None
    direction: list[str]
    types: list[str]
    conversation_id: int | None

    def write(self) -> str:
        values = dataclasses.asdict(self)
        text = json.dumps(values, default=datetime.isoformat, separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def read(cls, text: str) -> SyncToken:
        """Raises CMN-101 for what is no token of ours."""
        try:
            values = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
            values["made_at"] = datetime.fromisoformat(values["made_at"])
            if values["date_from"] is not None:
                values["date_from"] = datetime.fromisoformat(values["date_from"])
            return cls(**values)
        except (binascii.Error, ValueError, TypeError, KeyError):
            raise Refusal("CMN-101", parameter="syncToken") from None

    def query(self) -> Query:
        return Query(
            store_ids=self.store_ids,
            date_from=self.date_from,
            availability=frozenset({"Alive", "Deleted", "Purged"}),
            direction=frozenset(self.direction),
            types=frozenset(self.types),
            conversation_id=self.conversation_id,
        )


async def sync(world: World, call: Call) -> Answer:
    """FSync unless ISync is asked for; ISync takes its filters from the token alone."""
    sync_type = call.query.get("syncType", "FSync")
    if sync_type == "FSync":
        return _full(world, call)
    if sync_type == "ISync":
        return _incremental(world, call)
    raise Refusal("CMN-101", parameter="syncType")


def _full(world: World, call: Call) -> Answer:
    store = readable_store(world, call)
    record_count = call.number("recordCount", 0) if "recordCount" in call.query else None
    now, query = world.clock.now(), read_query(world, call)
    found: Iterable[Message] = world.mailboxes.newest_first(query)
    if call.flag("distinctConversations"):
        found = newest_of_each_conversation(found)
    # One more than asked for tells whether older ones exist.
    shown = list(found if record_count is None else islice(found, record_count + 1))
    has_older = record_count is not None and len(shown) > record_count
    shown = shown[:record_count]
    token = SyncToken(
        made_at=now,
        path_store_id=store.extension_id,
        store_ids=query.store_ids,
        date_from=query.date_from,
        direction=sorted(query.direction),
        types=sorted(query.types),
        conversation_id=query.conversation_id,
    )
    return Answer(_body(world, call, shown, "FSync", token, older=has_older))


def _incremental(world: World, call: Call) -> Answer:
    """New, changed and deleted records; the last seconds before the token come again."""
    text = call.query.get("syncToken")
    if not text:
        raise Refusal("CMN-101", parameter="syncToken")
    token, now = SyncToken.read(text), world.clock.now()
    if token.path_store_id != readable_store(world, call).extension_id:
        raise Refusal("CMN-101", parameter="syncToken")
    life = timedelta(seconds=world.settings.sync_token_seconds)
    good_from = world.sync_tokens_good_from
    if token.made_at + life < now or (good_from is not None and token.made_at <= good_from):
        raise Refusal("MSG-333")
    query = token.query()
    since = token.made_at - timedelta(seconds=world.settings.sync_overlap_seconds)
    changed = [
        message
        for message in world.mailboxes.changed_since(token.store_ids, since)
        if query.covers(message.created_at) and query.wants(message)
    ]
    renewed = dataclasses.replace(token, made_at=now)
    return Answer(_body(world, call, changed, "ISync", renewed))


def _body(
    world: World,
    call: Call,
    messages: list[Message],
    sync_type: str,
    token: SyncToken,
    *,
    older: bool | None = None,
) -> Json:
    info: Json = {
        "syncType": sync_type,
        "syncToken": token.write(),
        "syncTime": to_iso(token.made_at),
    }
    if older is not None:
        info["olderRecordsExist"] = older
    return {
        "uri": f"{world.base_url}{call.path}",
        "records": [world.renderer.rest(message) for message in messages],
        "syncInfo": info,
    }
