"""The message stores, indexed by what is asked of them: id, time, number, conversation, change."""

from __future__ import annotations

import bisect
import dataclasses
import heapq
import itertools
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime

from bridge.sandbox.ringcentral.clock import SimulatorClock
from bridge.sandbox.ringcentral.messages import Message

Stamp = tuple[datetime, int]


@dataclasses.dataclass(slots=True)
class Query:
    """What a list or a full sync asks for; empty sets and None ask for everything."""

    store_ids: list[int]
    date_from: datetime | None = None
    date_to: datetime | None = None
    availability: frozenset[str] = frozenset({"Alive"})
    direction: frozenset[str] = frozenset()
    read_status: frozenset[str] = frozenset()
    types: frozenset[str] = frozenset()
    phone_number: str | None = None
    conversation_id: int | None = None

    def wants(self, message: Message) -> bool:
        """Everything but the dates, which the index has already looked at."""
        return (
            message.availability in self.availability
            and (not self.direction or message.direction in self.direction)
            and (not self.read_status or message.read_status in self.read_status)
            and (not self.types or "SMS" in self.types)
            and (self.phone_number is None or self.phone_number in message.other_numbers)
            and (self.conversation_id is None or message.conversation_id == self.conversation_id)
        )

    def covers(self, moment: datetime) -> bool:
        after_start = self.date_from is None or moment >= self.date_from
        return after_start and (self.date_to is None or moment <= self.date_to)


@dataclasses.dataclass(slots=True)
class Mailbox:
    """One extension's store; the lists are in order of time, newest last."""

    created: list[Stamp] = dataclasses.field(default_factory=list)
    changed: list[Stamp] = dataclasses.field(default_factory=list)
    by_phone: defaultdict[str, list[Stamp]] = dataclasses.field(
        default_factory=lambda: defaultdict(list)
    )
    by_conversation: defaultdict[int, list[Stamp]] = dataclasses.field(
        default_factory=lambda: defaultdict(list)
    )


def _backwards(stamps: list[Stamp], low: int, high: int) -> Iterator[Stamp]:
    return (stamps[index] for index in range(high - 1, low - 1, -1))


class Mailboxes:
    """All stores of the account."""

    def __init__(self, clock: SimulatorClock, first_id: int) -> None:
        self._clock = clock
        self._ids = itertools.count(first_id)
        self._by_id: dict[int, Message] = {}
        self._boxes: defaultdict[int, Mailbox] = defaultdict(Mailbox)

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[Message]:
        return iter(self._by_id.values())

    def begin_after(self, message_id: int) -> None:
        """Make only ids above this one."""
        self._ids = itertools.count(message_id // 1000 + 1)

    def next_id(self) -> int:
        return next(self._ids) * 1000 + 4

    def add(self, message: Message) -> None:
        box = self._boxes[message.store_id]
        stamp = (message.created_at, message.message_id)
        self._by_id[message.message_id] = message
        bisect.insort(box.created, stamp)
        bisect.insort(box.by_conversation[message.conversation_id], stamp)
        for number in message.other_numbers:
            bisect.insort(box.by_phone[number], stamp)
        self._note_change(message)

    def _note_change(self, message: Message) -> None:
        # A record that is shown late counts as changed when it becomes visible: otherwise an
        # incremental sync that ran in between could never return it.
        noted_at = max(message.modified_at, message.visible_at)
        bisect.insort(self._boxes[message.store_id].changed, (noted_at, message.message_id))

    def touch(self, message: Message) -> None:
        """Note that a record has changed, now."""
        message.modified_at = self._clock.now()
        self._note_change(message)

    def get(self, message_id: int, *, hidden: bool = False) -> Message | None:
        message = self._by_id.get(message_id)
        if message is None or (not hidden and message.visible_at > self._clock.now()):
            return None
        return message

    def newest_first(self, query: Query) -> Iterator[Message]:
        """The matching, visible records by creation, lazily."""
        now = self._clock.now()
        for _, message_id in self._stamps(query):
            message = self._by_id[message_id]
            if message.visible_at <= now and query.wants(message):
                yield message

    def candidates(self, query: Query) -> int:
        """How many records the dates and the best index leave to look at."""
        return sum(high - low for stamps, low, high in self._slices(query))

    def _stamps(self, query: Query) -> Iterator[Stamp]:
        parts = [_backwards(*each) for each in self._slices(query)]
        return parts[0] if len(parts) == 1 else heapq.merge(*parts, reverse=True)

    def _slices(self, query: Query) -> list[tuple[list[Stamp], int, int]]:
        slices = []
        for store_id in query.store_ids:
            stamps = self._best_index(self._boxes[store_id], query)
            low = bisect.bisect_left(stamps, (query.date_from, 0)) if query.date_from else 0
            high = len(stamps)
            if query.date_to:
                high = bisect.bisect_right(stamps, (query.date_to, 2**63))
            slices.append((stamps, low, max(low, high)))
        return slices

    @staticmethod
    def _best_index(box: Mailbox, query: Query) -> list[Stamp]:
        if query.conversation_id is not None:
            return box.by_conversation.get(query.conversation_id, [])
        if query.phone_number is not None:
            return box.by_phone.get(query.phone_number, [])
        return box.created

    def changed_since(self, store_ids: list[int], since: datetime) -> list[Message]:
        """Records new, changed or deleted since then, each once, newest creation first."""
        now, found = self._clock.now(), {}
        for store_id in store_ids:
            changed = self._boxes[store_id].changed
            for noted_at, message_id in changed[bisect.bisect_left(changed, (since, 0)) :]:
                if noted_at <= now:
                    found[message_id] = self._by_id[message_id]
        return sorted(
            found.values(), key=lambda each: (each.created_at, each.message_id), reverse=True
        )
