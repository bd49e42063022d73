"""since when a text is due

Revision ID: 0003
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op

from storage import types

revision = "0003"
down_revision = "0006"


def upgrade() -> None:
    op.add_column("delivery", sa.Column("due_since", types.UtcDateTime(), nullable=True))
    op.execute("UPDATE delivery SET due_since = due_at")
