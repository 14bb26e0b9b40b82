"""Retention groups that ended, whose people are still leaving them

One column is added, and no row is written: it takes no longer for ten million recordings than for none.
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("retention_groups", sa.Column("ended_at", sa.BigInteger()))
