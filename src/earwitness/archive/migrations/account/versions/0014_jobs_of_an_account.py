"""Jobs of an account

Two new tables, both empty: it takes no longer for ten million recordings than for none.
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    big_id = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "account_jobs",
        sa.Column("id", big_id, sa.Identity(), nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("ordered_by", sa.BigInteger),
        sa.Column("username", sa.Text, nullable=False),
        sa.Column("ordered_at", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("what", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("cursor", sa.JSON(none_as_null=True)),
        sa.Column("batches", sa.Integer, nullable=False),
        sa.Column("done", sa.BigInteger, nullable=False),
        sa.Column("total", sa.BigInteger, nullable=False),
        sa.Column("error", sa.Text),
        sa.Column("audit_header_id", sa.BigInteger),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("run_at", sa.BigInteger, nullable=False),
        sa.Column("leased_by", sa.Text),
        sa.Column("leased_until", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="account_jobs_pkey"),
        sa.ForeignKeyConstraint(
            ["audit_header_id"], ["audit_headers.id"], name="account_jobs_audit_header_id_fkey"
        ),
        sqlite_autoincrement=True,
        if_not_exists=True,
    )
    op.create_index("account_jobs_by_state", "account_jobs", ["state", "kind", "id"], if_not_exists=True)
    op.create_table(
        "account_job_positions",
        sa.Column("job_id", sa.BigInteger, nullable=False),
        sa.Column("chunk", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("first_position", sa.BigInteger, nullable=False),
        sa.Column("last_position", sa.BigInteger, nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("positions", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("job_id", "chunk", name="account_job_positions_pkey"),
        sa.ForeignKeyConstraint(["job_id"], ["account_jobs.id"], name="account_job_positions_job_id_fkey"),
        if_not_exists=True,
    )
