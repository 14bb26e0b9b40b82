"""Waveforms by channel"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Of the recordings that are there it stays empty until they are measured anew.
    op.add_column("waveforms", sa.Column("channels", sa.LargeBinary))
