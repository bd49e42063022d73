"""whose turn it is at a gate

Revision ID: 0005
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

from storage import types

revision = "0005"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "gate_turn",
        sa.Column("gate", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("served_at", types.UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("gate", "source", name=op.f("gate_turn_pkey")),
    )
    op.add_column(
        "delivery", sa.Column("source", sa.String(), nullable=False, server_default=sa.text("''"))
    )
