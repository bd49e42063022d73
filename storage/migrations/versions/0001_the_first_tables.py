"""the first tables

Revision ID: 0001
Revises: nothing
"""

import sqlalchemy as sa
from alembic import op

from storage import types

revision = "0001"
down_revision = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UNSETTLED = sa.text("state IN ('waiting', 'claimed', 'started', 'unsure', 'parked')")


def upgrade() -> None:
    op.create_table(
        "answer",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("team_id", sa.String(), nullable=False),
        sa.Column("channel_id", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("response_url", types.Encrypted(), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("asked_at", types.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("answer_pkey")),
    )
    op.create_table(
        "audit_entry",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("at", types.UtcDateTime(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("act", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("audit_entry_pkey")),
    )
    op.create_table(
        "contact",
        sa.Column("phone_number", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("phone_number", name=op.f("contact_pkey")),
    )
    op.create_table(
        "delivery",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("subject_type", sa.String(), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), nullable=False),
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("marker", sa.String(), nullable=False),
        sa.Column("lane", sa.String(), nullable=False),
        sa.Column("lane_order", sa.String(), nullable=False),
        sa.Column("gate", sa.String(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("due_at", types.UtcDateTime(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("claim", sa.String(), nullable=True),
        sa.Column("lease_until_at", types.UtcDateTime(), nullable=True),
        sa.Column("look_at", types.UtcDateTime(), nullable=True),
        sa.Column("looks", sa.Integer(), nullable=False),
        sa.Column("looks_unanswered", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("shown_version", sa.Integer(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("created_at", types.UtcDateTime(), nullable=False),
        sa.Column("settled_at", types.UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("delivery_pkey")),
        sa.UniqueConstraint(
            "subject_type",
            "subject_id",
            "side",
            "kind",
            "part",
            name=op.f("delivery_subject_type_subject_id_side_kind_part_key"),
        ),
    )
    op.create_index(
        "delivery_due",
        "delivery",
        ["state", "due_at"],
        sqlite_where=UNSETTLED,
        postgresql_where=UNSETTLED,
    )
    op.create_index(
        "delivery_lane",
        "delivery",
        ["lane", "lane_order", "id"],
        sqlite_where=UNSETTLED,
        postgresql_where=UNSETTLED,
    )

    op.create_table(
        "gate",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("closed_until_at", types.UtcDateTime(), nullable=True),
        sa.Column("grants", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("gate_pkey")),
    )
    op.create_table(
        "kept_event",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("body", types.Encrypted(), nullable=False),
        sa.Column("received_at", types.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("kept_event_pkey")),
        sa.UniqueConstraint("key", name=op.f("kept_event_key_key")),
    )
    op.create_table(
        "lease",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("holder", sa.String(), nullable=False),
        sa.Column("until_at", types.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("lease_pkey")),
    )
    op.create_table(
        "login",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("credentials_digest", sa.String(), nullable=True),
        sa.Column("account_id", sa.String(), nullable=True),
        sa.Column("extension_id", sa.String(), nullable=True),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("access_token", types.Encrypted(), nullable=True),
        sa.Column("refresh_token", types.Encrypted(), nullable=True),
        sa.Column("access_expires_at", types.UtcDateTime(), nullable=True),
        sa.Column("refresh_expires_at", types.UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("login_pkey")),
        sa.UniqueConstraint("name", name=op.f("login_name_key")),
    )
    op.create_table(
        "slack_person",
        sa.Column("team_id", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("standing", sa.String(), nullable=False),
        sa.Column("is_administrator", sa.Boolean(), nullable=False),
        sa.Column("read_at", types.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("team_id", "user_id", name=op.f("slack_person_pkey")),
    )
    op.create_table(
        "workspace",
        sa.Column("team_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("bot_user_id", sa.String(), nullable=False),
        sa.Column("bot_id", sa.String(), nullable=False),
        sa.Column("bot_token", types.Encrypted(), nullable=False),
        sa.Column("administrator_ids", sa.JSON(), nullable=False),
        sa.Column("revoked_at", types.UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("team_id", name=op.f("workspace_pkey")),
    )
    op.create_table(
        "attempt",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("delivery_id", BIG_ID, nullable=False),
        sa.Column("worker", sa.String(), nullable=False),
        sa.Column("started_at", types.UtcDateTime(), nullable=False),
        sa.Column("provider_started_at", types.UtcDateTime(), nullable=True),
        sa.Column("deadline_at", types.UtcDateTime(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.Column("reported", sa.Boolean(), nullable=False),
        sa.Column("detail", sa.String(), nullable=True),
        sa.Column("external_id", sa.String(), nullable=True),
        sa.Column("settled_at", types.UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["delivery_id"], ["delivery.id"], name=op.f("attempt_delivery_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("attempt_pkey")),
    )
    op.create_index(op.f("attempt_delivery_id_idx"), "attempt", ["delivery_id"])

    op.create_table(
        "cursor",
        sa.Column("store", sa.String(), nullable=False),
        sa.Column("login_id", BIG_ID, nullable=False),
        sa.Column("sync_token", sa.String(), nullable=True),
        sa.Column("since_at", types.UtcDateTime(), nullable=False),
        sa.Column("synced_at", types.UtcDateTime(), nullable=True),
        sa.Column("gap_open", sa.Boolean(), nullable=False),
        sa.Column("due_at", types.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["login_id"], ["login.id"], name=op.f("cursor_login_id_fkey")),
        sa.PrimaryKeyConstraint("store", name=op.f("cursor_pkey")),
    )
    op.create_table(
        "inbox",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("phone_number", sa.String(), nullable=False),
        sa.Column("region", sa.String(), nullable=False),
        sa.Column("login_id", BIG_ID, nullable=False),
        sa.Column("store", sa.String(), nullable=False),
        sa.Column("owner_name", sa.String(), nullable=False),
        sa.Column("team_id", sa.String(), nullable=False),
        sa.Column("channel_id", sa.String(), nullable=False),
        sa.Column("hold_seconds", sa.Float(), nullable=False),
        sa.Column("connected_by", sa.String(), nullable=False),
        sa.Column("connected_at", types.UtcDateTime(), nullable=False),
        sa.Column("disconnected_at", types.UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["login_id"], ["login.id"], name=op.f("inbox_login_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("inbox_pkey")),
    )
    op.create_index(
        "inbox_channel_connected",
        "inbox",
        ["team_id", "channel_id"],
        unique=True,
        sqlite_where=sa.text("disconnected_at IS NULL"),
        postgresql_where=sa.text("disconnected_at IS NULL"),
    )
    op.create_index(
        "inbox_number_connected",
        "inbox",
        ["phone_number"],
        unique=True,
        sqlite_where=sa.text("disconnected_at IS NULL"),
        postgresql_where=sa.text("disconnected_at IS NULL"),
    )

    op.create_table(
        "subscription",
        sa.Column("login_id", BIG_ID, nullable=False),
        sa.Column("ringcentral_subscription_id", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("verification_token", types.Encrypted(), nullable=False),
        sa.Column("expires_at", types.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["login_id"], ["login.id"], name=op.f("subscription_login_id_fkey")
        ),
        sa.PrimaryKeyConstraint("login_id", name=op.f("subscription_pkey")),
    )
    op.create_table(
        "conversation",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("inbox_id", BIG_ID, nullable=False),
        sa.Column("participants_key", sa.String(), nullable=False),
        sa.Column("opened_at", types.UtcDateTime(), nullable=False),
        sa.Column("last_text_at", types.UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["inbox_id"], ["inbox.id"], name=op.f("conversation_inbox_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("conversation_pkey")),
        sa.UniqueConstraint(
            "inbox_id", "participants_key", name=op.f("conversation_inbox_id_participants_key_key")
        ),
    )
    op.create_table(
        "kept_record",
        sa.Column("store", sa.String(), nullable=False),
        sa.Column("record_id", sa.String(), nullable=False),
        sa.Column("conversation_id", BIG_ID, nullable=True),
        sa.Column("record", types.Encrypted(), nullable=False),
        sa.Column("kept_at", types.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversation.id"], name=op.f("kept_record_conversation_id_fkey")
        ),
        sa.PrimaryKeyConstraint("store", "record_id", name=op.f("kept_record_pkey")),
    )
    op.create_table(
        "ringcentral_conversation",
        sa.Column("store", sa.String(), nullable=False),
        sa.Column("ringcentral_conversation_id", sa.String(), nullable=False),
        sa.Column("conversation_id", BIG_ID, nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversation.id"],
            name=op.f("ringcentral_conversation_conversation_id_fkey"),
        ),
        sa.PrimaryKeyConstraint(
            "store", "ringcentral_conversation_id", name=op.f("ringcentral_conversation_pkey")
        ),
    )
    op.create_index(
        op.f("ringcentral_conversation_conversation_id_idx"),
        "ringcentral_conversation",
        ["conversation_id"],
    )

    op.create_table(
        "thread",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("conversation_id", BIG_ID, nullable=False),
        sa.Column("team_id", sa.String(), nullable=False),
        sa.Column("channel_id", sa.String(), nullable=False),
        sa.Column("ts", sa.String(), nullable=True),
        sa.Column("is_current", sa.Boolean(), nullable=False),
        sa.Column("opened_at", types.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversation.id"], name=op.f("thread_conversation_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("thread_pkey")),
        sa.UniqueConstraint(
            "team_id", "channel_id", "ts", name=op.f("thread_team_id_channel_id_ts_key")
        ),
    )
    op.create_index(op.f("thread_conversation_id_idx"), "thread", ["conversation_id"])
    op.create_index(
        "thread_current",
        "thread",
        ["conversation_id"],
        unique=True,
        sqlite_where=sa.text("is_current"),
        postgresql_where=sa.text("is_current"),
    )

    op.create_table(
        "message",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("conversation_id", BIG_ID, nullable=False),
        sa.Column("thread_id", BIG_ID, nullable=False),
        sa.Column("direction", sa.String(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("markup", sa.String(), nullable=True),
        sa.Column("author_id", sa.String(), nullable=True),
        sa.Column("author_number", sa.String(), nullable=True),
        sa.Column("sent_at", types.UtcDateTime(), nullable=False),
        sa.Column("carrier_status", sa.String(), nullable=True),
        sa.Column("failure", sa.String(), nullable=True),
        sa.Column("attachment_notes", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversation.id"], name=op.f("message_conversation_id_fkey")
        ),
        sa.ForeignKeyConstraint(["thread_id"], ["thread.id"], name=op.f("message_thread_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("message_pkey")),
    )
    op.create_index("message_by_time", "message", ["conversation_id", "sent_at"])

    op.create_table(
        "copy",
        sa.Column("side", sa.String(), nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=False),
        sa.Column("message_id", BIG_ID, nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["message_id"], ["message.id"], name=op.f("copy_message_id_fkey")),
        sa.PrimaryKeyConstraint("side", "scope", "external_id", name=op.f("copy_pkey")),
    )
    op.create_index(op.f("copy_message_id_idx"), "copy", ["message_id"])

    op.create_table(
        "notice",
        sa.Column("id", BIG_ID, autoincrement=True, nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("team_id", sa.String(), nullable=False),
        sa.Column("channel_id", sa.String(), nullable=False),
        sa.Column("thread_id", BIG_ID, nullable=True),
        sa.Column("message_id", BIG_ID, nullable=True),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("noticed_at", types.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["message_id"], ["message.id"], name=op.f("notice_message_id_fkey")
        ),
        sa.ForeignKeyConstraint(["thread_id"], ["thread.id"], name=op.f("notice_thread_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("notice_pkey")),
        sa.UniqueConstraint("key", name=op.f("notice_key_key")),
    )
    op.create_table(
        "slack_original",
        sa.Column("team_id", sa.String(), nullable=False),
        sa.Column("channel_id", sa.String(), nullable=False),
        sa.Column("ts", sa.String(), nullable=False),
        sa.Column("message_id", BIG_ID, nullable=True),
        sa.Column("edit_ts", sa.String(), nullable=True),
        sa.Column("markup", sa.String(), nullable=True),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["message_id"], ["message.id"], name=op.f("slack_original_message_id_fkey")
        ),
        sa.PrimaryKeyConstraint("team_id", "channel_id", "ts", name=op.f("slack_original_pkey")),
    )
    op.create_index(op.f("slack_original_message_id_idx"), "slack_original", ["message_id"])
