"""Waveforms by channel"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # For existing recordings it stays empty until they are measured again.
    if op.get_bind().dialect.name == "postgresql":
        op.add_column("waveforms", sa.Column("channels", sa.LargeBinary), if_not_exists=True)
    elif "channels" not in {column["name"] for column in sa.inspect(op.get_bind()).get_columns("waveforms")}:
        op.add_column("waveforms", sa.Column("channels", sa.LargeBinary))
