"""how far each channel has been read, and when Slack was last heard

Revision ID: 0007
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

from storage import types

revision = "0007"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "channel_cursor",
        sa.Column("team_id", sa.String(), nullable=False),
        sa.Column("channel_id", sa.String(), nullable=False),
        sa.Column("read_to", sa.String(), nullable=False),
        sa.Column("looked_at", types.UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("team_id", "channel_id", name=op.f("channel_cursor_pkey")),
    )
    op.create_table(
        "sign",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("seen_at", types.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("sign_pkey")),
    )
