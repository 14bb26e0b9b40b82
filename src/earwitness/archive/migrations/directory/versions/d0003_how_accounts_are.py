"""The states of accounts, and which program made which tables"""

import sqlalchemy as sa
from alembic import op

revision = "d0003"
down_revision = "d0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "account_states",
        sa.Column("client_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("overview", sa.JSON(none_as_null=True)),
        sa.Column("looked_at", sa.BigInteger()),
        sa.Column("reason", sa.Text()),
        sa.Column("sentence", sa.Text()),
        sa.Column("refused_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("client_id"),
    )
    op.create_table(
        "table_revisions",
        sa.Column("revision", sa.Text(), nullable=False),
        sa.Column("program", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("revision"),
    )
