"""The tables, one class each. Ids from outside are text; times are aware UTC.

The product's words are in the names: an inbox pairs a number with a channel, a conversation is an
inbox and the outside numbers it texts with, a thread shows it, a message is one text, a delivery
is something owed to one side, an attempt is one try at it.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from pydantic_core import PydanticUndefined
from sqlalchemy import JSON, BigInteger, Column, Index, Integer, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from storage.types import Encrypted, UtcDateTime

BIG_ID = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows itself only in INTEGER
OPEN_STATES = ("waiting", "claimed", "started", "unsure")
UNSETTLED_STATES = (*OPEN_STATES, "parked")
UNSETTLED = "state IN ('waiting', 'claimed', 'started', 'unsure', 'parked')"

# SQLite keeps no name of its own for a constraint, and one without a name cannot be migrated
SQLModel.metadata.naming_convention = {
    "pk": "%(table_name)s_pkey",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
    "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
    "ck": "%(table_name)s_%(constraint_name)s_check",
    "ix": "%(table_name)s_%(column_0_N_name)s_idx",
}


def _id() -> Any:
    return Field(default=None, sa_column=Column(BIG_ID, primary_key=True, autoincrement=True))


def _reference(target: str, *, optional: bool = False, index: bool = False) -> Any:
    default: Any = None if optional else ...
    return Field(
        default=default,
        foreign_key=target,
        index=index,
        nullable=optional,
        sa_type=BIG_ID,
    )


def _time(*, optional: bool = False) -> Any:
    default: Any = None if optional else ...
    return Field(default=default, nullable=optional, sa_type=UtcDateTime)


class Row(SQLModel):
    """A row of a table, new or read."""

    if not TYPE_CHECKING:  # its signature is that of each table's fields

        def __init__(self, **values: Any) -> None:
            # SQLModel hands each field through three layers of attributes, which took a quarter of
            # all it takes to record a text; nothing is to be told of a row that is only being made
            row = self.__dict__
            for name, field in type(self).model_fields.items():
                if name in values:
                    row[name] = values.pop(name)
                elif field.default is not PydanticUndefined:
                    row[name] = field.default
                elif field.default_factory is not None:
                    row[name] = field.default_factory()
            if values:
                raise TypeError(f"{type(self).__name__} has no {', '.join(values)}.")


class Workspace(Row, table=True):
    """A Slack workspace the app is installed in, with its bot's token."""

    team_id: str = Field(primary_key=True)
    name: str
    url: str
    bot_user_id: str
    bot_id: str
    bot_token: str = Field(sa_type=Encrypted)
    administrator_ids: Any = Field(default_factory=list, sa_type=JSON)  # named in the settings
    revoked_at: datetime | None = _time(optional=True)


class SlackPerson(Row, table=True):
    """What Slack last said of a person: the name, and whether they may send.

    `standing` is member, guest, stranger (another organisation), robot or deactivated.
    """

    __tablename__ = "slack_person"

    team_id: str = Field(primary_key=True)
    user_id: str = Field(primary_key=True)
    name: str
    standing: str
    is_administrator: bool = False
    read_at: datetime = _time()


class Login(Row, table=True):
    """A RingCentral login and its token; `generation` counts the tokens it has had."""

    id: int | None = _id()
    name: str = Field(unique=True)
    credentials_digest: str | None = None  # whose JWT the token was bought with
    account_id: str | None = None
    extension_id: str | None = None
    generation: int = 0
    access_token: str | None = Field(default=None, sa_type=Encrypted)
    refresh_token: str | None = Field(default=None, sa_type=Encrypted)
    access_expires_at: datetime | None = _time(optional=True)
    refresh_expires_at: datetime | None = _time(optional=True)
    scopes: str | None = None  # what the app may do, as the token's answer listed it


class Lease(Row, table=True):
    """Work that one process does at a time; `until_at` is machine time."""

    name: str = Field(primary_key=True)
    holder: str
    until_at: datetime = _time()


class Subscription(Row, table=True):
    """RingCentral's webhook subscription of a login."""

    login_id: int = Field(primary_key=True, foreign_key="login.id", sa_type=BIG_ID)
    ringcentral_subscription_id: str
    address: str
    verification_token: str = Field(sa_type=Encrypted)
    expires_at: datetime = _time()


class Inbox(Row, table=True):
    """One of our numbers, paired with one Slack channel while `disconnected_at` is null."""

    __table_args__ = (
        Index(
            "inbox_number_connected",
            "phone_number",
            unique=True,
            sqlite_where=text("disconnected_at IS NULL"),
            postgresql_where=text("disconnected_at IS NULL"),
        ),
        Index(
            "inbox_channel_connected",
            "team_id",
            "channel_id",
            unique=True,
            sqlite_where=text("disconnected_at IS NULL"),
            postgresql_where=text("disconnected_at IS NULL"),
        ),
    )

    id: int | None = _id()
    phone_number: str
    region: str
    login_id: int = _reference("login.id")
    store: str  # account id "/" id of the extension whose message store holds its texts
    owner_name: str
    team_id: str
    channel_id: str
    hold_seconds: float = 5.0
    connected_by: str
    connected_at: datetime = _time()
    disconnected_at: datetime | None = _time(optional=True)


class Contact(Row, table=True):
    """An outside number with a name."""

    phone_number: str = Field(primary_key=True)
    name: str | None = None


class Conversation(Row, table=True):
    """An inbox and the outside numbers it texts with; `participants_key` joins them, sorted."""

    __table_args__ = (UniqueConstraint("inbox_id", "participants_key"),)

    id: int | None = _id()
    inbox_id: int = _reference("inbox.id")
    participants_key: str
    opened_at: datetime = _time()
    last_text_at: datetime | None = _time(optional=True)


class RingCentralConversation(Row, table=True):
    """RingCentral's id of a conversation in one message store; many may name one conversation."""

    __tablename__ = "ringcentral_conversation"

    store: str = Field(primary_key=True)
    ringcentral_conversation_id: str = Field(primary_key=True)
    conversation_id: int = _reference("conversation.id", index=True)


class Thread(Row, table=True):
    """The Slack thread that shows a conversation; `ts` is null until its card is posted."""

    __table_args__ = (
        UniqueConstraint("team_id", "channel_id", "ts"),
        Index(
            "thread_current",
            "conversation_id",
            unique=True,
            sqlite_where=text("is_current"),
            postgresql_where=text("is_current"),
        ),
    )

    id: int | None = _id()
    conversation_id: int = _reference("conversation.id", index=True)
    team_id: str
    channel_id: str
    ts: str | None = None
    is_current: bool = True
    opened_at: datetime = _time()


class Message(Row, table=True):
    """One text.

    `direction` is in or out. `origin` is phone, slack (a reply), command, or ringcentral_app.
    `status`: received; or, outbound: queued (the carrier has not been asked or not answered),
    accepted, failed (it was not sent, or did not arrive), unsure (a person must decide),
    cancelled. `sent_at` is the provider's time. `markup` is Slack's text as it was written, until
    the names in it are known; `body` is what a phone shows.
    """

    __table_args__ = (Index("message_by_time", "conversation_id", "sent_at"),)

    id: int | None = _id()
    conversation_id: int = _reference("conversation.id")
    thread_id: int = _reference("thread.id")
    direction: str
    origin: str
    status: str
    body: str
    markup: str | None = None
    author_id: str | None = None  # the Slack user who wrote it
    author_number: str | None = None  # the phone that wrote it, in a group
    sent_at: datetime = _time()
    carrier_status: str | None = None  # RingCentral's messageStatus, as last seen
    failure: str | None = None  # a code of bridge.relay.reasons, the provider's or our own
    attachment_notes: Any = Field(default=None, sa_type=JSON)  # [{content_type, size, name}]


class SlackOriginal(Row, table=True):
    """A Slack message written by a person in a thread of ours, with the newest edit seen.

    A deletion that came before its message has `message_id` null and `deleted` true: the message
    is stillborn.
    """

    __tablename__ = "slack_original"

    team_id: str = Field(primary_key=True)
    channel_id: str = Field(primary_key=True)
    ts: str = Field(primary_key=True)
    message_id: int | None = _reference("message.id", optional=True, index=True)
    edit_ts: str | None = None
    markup: str | None = None
    deleted: bool = False


class Copy(Row, table=True):
    """A message as one side knows it. What makes every repeat harmless.

    `side` is ringcentral or slack; `scope` is the store (account "/" extension) or
    team "/" channel; `external_id` the record's id or the message's ts.
    """

    side: str = Field(primary_key=True)
    scope: str = Field(primary_key=True)
    external_id: str = Field(primary_key=True)
    message_id: int = _reference("message.id", index=True)
    part: int = 0


class KeptRecord(Row, table=True):
    """An outbound record seen while one of our own attempts could have made it: kept, not shown."""

    __tablename__ = "kept_record"

    store: str = Field(primary_key=True)
    record_id: str = Field(primary_key=True)
    conversation_id: int | None = _reference("conversation.id", optional=True)
    record: str = Field(sa_type=Encrypted)
    kept_at: datetime = _time()


class Delivery(Row, table=True):
    """Something owed to one side.

    State: waiting (due at `due_at`, product time), claimed (leased until `lease_until_at`, machine
    time; no byte has left), started (bytes may have left), unsure (being looked up at
    `look_at`), then one of accepted, refused, parked (a person decides), cancelled.
    The first four are open and hold up their lane. `priority` is 0 page, 1 reply, 2 automatic,
    or 3 bulk. `source` is whose it is (an inbox, a channel): those who share a gate that has too
    few permits take turns. `due_since` is when it was first due as it is, whatever it was put off
    to since; null where it is older than that column.
    `version` counts the states a display delivery was asked to show; `shown_version` is the one
    shown.
    """

    __table_args__ = (
        UniqueConstraint("subject_type", "subject_id", "side", "kind", "part"),
        Index(
            "delivery_lane",
            "lane",
            "lane_order",
            "id",
            sqlite_where=text(UNSETTLED),
            postgresql_where=text(UNSETTLED),
        ),
        Index(
            "delivery_due",
            "state",
            "due_at",
            sqlite_where=text(UNSETTLED),
            postgresql_where=text(UNSETTLED),
        ),
    )

    id: int | None = _id()
    subject_type: str
    subject_id: int = Field(sa_type=BigInteger)
    side: str
    kind: str
    part: int = 0
    marker: str
    lane: str
    lane_order: str
    gate: str
    source: str = Field(default="", sa_column_kwargs={"server_default": text("''")})
    priority: int = 1
    state: str = "waiting"
    due_at: datetime = _time()
    due_since: datetime | None = _time(optional=True)
    attempts: int = 0
    claim: str | None = None
    lease_until_at: datetime | None = _time(optional=True)
    look_at: datetime | None = _time(optional=True)
    looks: int = 0
    looks_unanswered: int = 0
    version: int = 1
    shown_version: int = 0
    external_id: str | None = None
    reason: str | None = None
    created_at: datetime = _time()
    settled_at: datetime | None = _time(optional=True)


class Attempt(Row, table=True):
    """One try at a delivery; `started_at` (machine time) is committed before the first byte leaves.

    `provider_started_at` is the same moment by the provider's clock, where its sender knew that:
    whoever looks for what it made may have a clock that is wrong in another way.

    `outcome` is null while it is in flight, then accepted, later, refused, or unsure.
    `reported` is true where the sender itself lived to tell the outcome.
    """

    id: int | None = _id()
    delivery_id: int = _reference("delivery.id", index=True)
    worker: str
    started_at: datetime = _time()
    provider_started_at: datetime | None = _time(optional=True)
    deadline_at: datetime = _time()
    outcome: str | None = None
    reported: bool = False
    detail: str | None = None
    external_id: str | None = None
    settled_at: datetime | None = _time(optional=True)


class Gate(Row, table=True):
    """One budget a provider counts. `grants`: permits given, by second of machine time."""

    key: str = Field(primary_key=True)
    closed_until_at: datetime | None = _time(optional=True)
    grants: Any = Field(default_factory=dict, sa_type=JSON)


class GateTurn(Row, table=True):
    """When a source was last let through a gate that had fewer permits than were wanted."""

    __tablename__ = "gate_turn"

    gate: str = Field(primary_key=True)
    source: str = Field(primary_key=True)
    served_at: datetime = _time()


class Answer(Row, table=True):
    """A private answer owed to the person who typed a command."""

    id: int | None = _id()
    kind: str
    team_id: str
    channel_id: str
    user_id: str
    response_url: str = Field(sa_type=Encrypted)
    payload: Any = Field(default_factory=dict, sa_type=JSON)
    asked_at: datetime = _time()


class Notice(Row, table=True):
    """Words the bridge itself posts: into a thread, a channel, or to an administrator.

    `key` makes a repeat of the same cause one notice.
    """

    id: int | None = _id()
    key: str = Field(unique=True)
    kind: str
    team_id: str
    channel_id: str
    thread_id: int | None = _reference("thread.id", optional=True)
    message_id: int | None = _reference("message.id", optional=True)
    payload: Any = Field(default_factory=dict, sa_type=JSON)
    noticed_at: datetime = _time()


class KeptEvent(Row, table=True):
    """Something authentic that was not understood, kept whole for an administrator."""

    __tablename__ = "kept_event"

    id: int | None = _id()
    side: str
    key: str = Field(unique=True)
    reason: str
    body: str = Field(sa_type=Encrypted)
    received_at: datetime = _time()


class Cursor(Row, table=True):
    """How far one message store has been read.

    While `gap_open` the store's live texts are recorded, but wait for the gap to be staged.
    `read_at` is when it was last read to its end, and `failure_code` (of bridge.relay.reasons) why
    it has not been since. `deaf_since_at` is set while its inboxes' channels have been told that
    texts may be missing since then. `caught_up` counts by our number the texts that were. `read_at`
    and `deaf_since_at` are machine time, `synced_at` and `since_at` RingCentral's.
    """

    store: str = Field(primary_key=True)
    login_id: int = _reference("login.id")
    sync_token: str | None = None
    since_at: datetime = _time()
    synced_at: datetime | None = _time(optional=True)
    gap_open: bool = False
    due_at: datetime = _time()
    read_at: datetime | None = _time(optional=True)
    deaf_since_at: datetime | None = _time(optional=True)
    failure_code: str | None = None
    caught_up: Any = Field(
        default_factory=dict, sa_type=JSON, sa_column_kwargs={"server_default": text("'{}'")}
    )


class ReadOwed(Row, table=True):
    """A record that was shown in Slack and is to be marked as read at RingCentral.

    It is tried at `due_at` and given up a day after `owed_at`, product time.
    """

    __tablename__ = "read_owed"

    store: str = Field(primary_key=True)
    record_id: str = Field(primary_key=True)
    owed_at: datetime = _time()
    due_at: datetime = _time()


class ChannelCursor(Row, table=True):
    """How far an inbox's channel has been read for replies that no event told of.

    `read_to` is the ts of the newest message seen, `looked_at` machine time.
    """

    __tablename__ = "channel_cursor"

    team_id: str = Field(primary_key=True)
    channel_id: str = Field(primary_key=True)
    read_to: str
    looked_at: datetime | None = _time(optional=True)


class Sign(Row, table=True):
    """When any process last saw something happen, to some seconds of machine time."""

    name: str = Field(primary_key=True)
    seen_at: datetime = _time()


class AuditEntry(Row, table=True):
    """What an administrator or a person's decision changed."""

    __tablename__ = "audit_entry"

    id: int | None = _id()
    at: datetime = _time()
    actor: str
    act: str
    subject: str
    detail: Any = Field(default_factory=dict, sa_type=JSON)
