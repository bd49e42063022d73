"""what a login may do

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("login", sa.Column("scopes", sa.String(), nullable=True))
