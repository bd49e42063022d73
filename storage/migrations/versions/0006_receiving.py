"""since when an inbox cannot receive, and what is to be marked as read

Revision ID: 0006
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op

from storage import types

revision = "0006"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("cursor", sa.Column("read_at", types.UtcDateTime(), nullable=True))
    op.add_column("cursor", sa.Column("deaf_since_at", types.UtcDateTime(), nullable=True))
    op.add_column("cursor", sa.Column("failure_code", sa.String(), nullable=True))
    op.add_column(
        "cursor",
        sa.Column("caught_up", sa.JSON(), nullable=False, server_default=sa.text("'{}'")),
    )
    op.create_table(
        "read_owed",
        sa.Column("store", sa.String(), nullable=False),
        sa.Column("record_id", sa.String(), nullable=False),
        sa.Column("owed_at", types.UtcDateTime(), nullable=False),
        sa.Column("due_at", types.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("store", "record_id", name=op.f("read_owed_pkey")),
    )
