"""The log of actions: leaves, tree, checkpoints, and what each action changed

The new tables are empty, and the new columns have no value in old rows. The one index over rows that are
there, of the audit log by header, takes about a second for each million rows. Digests of the recordings and
of all else are not made here: workers do that afterwards, in batches.
"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_BIG_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_JSON = sa.JSON(none_as_null=True)


def upgrade() -> None:
    _columns()
    _changes()
    _digests()
    _tree()
    _daily_checks()
    op.execute("INSERT INTO counters (name, value) VALUES ('ledger beginning', 0)")


def _columns() -> None:
    op.add_column("audit_headers", sa.Column("ordered_by_header_id", sa.BigInteger))
    op.add_column(
        "audit_headers", sa.Column("is_pending", sa.Boolean, nullable=False, server_default=sa.false())
    )
    op.add_column("audit_headers", sa.Column("salts", sa.LargeBinary))
    op.add_column("audit_rows", sa.Column("seal", sa.LargeBinary))
    op.create_index(
        "audit_headers_pending",
        "audit_headers",
        ["id"],
        sqlite_where=sa.text("is_pending = 1"),
        postgresql_where=sa.text("is_pending"),
    )
    of_batches = sa.text("ordered_by_header_id IS NOT NULL")
    op.create_index(
        "audit_headers_of_batches",
        "audit_headers",
        ["ordered_by_header_id"],
        sqlite_where=of_batches,
        postgresql_where=of_batches,
    )
    op.create_index("audit_rows_by_header", "audit_rows", ["audit_header_id", "id"])


def _changes() -> None:
    op.create_table(
        "audit_changes",
        sa.Column("audit_row_id", _BIG_ID, autoincrement=False, nullable=False),
        sa.Column("parts", _JSON, nullable=False),
        sa.Column("before", _JSON, nullable=False),
        sa.Column("before_digests", sa.LargeBinary, nullable=False),
        sa.Column("after_digests", sa.LargeBinary, nullable=False),
        sa.Column("record_digest", sa.LargeBinary),
        sa.Column("seen_by", _JSON),
        sa.Column("sequence", sa.BigInteger),
        sa.PrimaryKeyConstraint("audit_row_id", name="audit_changes_pkey"),
        sa.ForeignKeyConstraint(["audit_row_id"], ["audit_rows.id"], name="audit_changes_audit_row_id_fkey"),
        sa.UniqueConstraint("sequence", name="audit_changes_unique_sequence"),
    )
    without = sa.text("sequence IS NULL")
    op.create_index(
        "audit_changes_without_sequence",
        "audit_changes",
        ["audit_row_id"],
        sqlite_where=without,
        postgresql_where=without,
    )


def _digests() -> None:
    op.create_table(
        "recording_digests",
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("salt", sa.LargeBinary, nullable=False),
        sa.Column("digests", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("position", name="recording_digests_pkey"),
        sa.ForeignKeyConstraint(
            ["position"],
            ["recordings.position"],
            name="recording_digests_position_fkey",
            ondelete="CASCADE",
        ),
    )
    op.create_table(
        "entity_states",
        sa.Column("entity_name", sa.Text, nullable=False),
        sa.Column("entity_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("salt", sa.LargeBinary, nullable=False),
        sa.Column("value", _JSON),
        sa.Column("digest", sa.LargeBinary),
        sa.PrimaryKeyConstraint("entity_name", "entity_id", name="entity_states_pkey"),
    )


def _tree() -> None:
    op.create_table(
        "ledger_leaves",
        sa.Column("leaf_index", _BIG_ID, autoincrement=False, nullable=False),
        sa.Column("audit_header_id", sa.BigInteger, nullable=False),
        sa.Column("leaf", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("leaf_index", name="ledger_leaves_pkey"),
        sa.ForeignKeyConstraint(
            ["audit_header_id"], ["audit_headers.id"], name="ledger_leaves_audit_header_id_fkey"
        ),
        sa.UniqueConstraint("audit_header_id", name="ledger_leaves_unique_audit_header_id"),
    )
    op.create_table(
        "ledger_tiles",
        sa.Column("tree", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("level", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("hashes", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("tree", "level", "number", name="ledger_tiles_pkey"),
    )
    op.create_table(
        "ledger_checkpoints",
        sa.Column("size", _BIG_ID, autoincrement=False, nullable=False),
        sa.Column("root", sa.LargeBinary, nullable=False),
        sa.Column("signed_at", sa.BigInteger, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("given_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("size", name="ledger_checkpoints_pkey"),
    )
    given = sa.text("given_at IS NOT NULL")
    op.create_index(
        "ledger_checkpoints_given",
        "ledger_checkpoints",
        ["size"],
        sqlite_where=given,
        postgresql_where=given,
    )
    op.create_table(
        "ledger_attestations",
        sa.Column("size", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("size", "kind", "name", name="ledger_attestations_pkey"),
    )
    op.create_table(
        "ledger_asked",
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("asked_at", sa.BigInteger, nullable=False),
        sa.Column("trouble", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("kind", "name", name="ledger_asked_pkey"),
    )


def _daily_checks() -> None:
    op.create_table(
        "daily_checks",
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("due_at", sa.BigInteger, nullable=False),
        sa.Column("cursors", _JSON, nullable=False),
        sa.Column("progress", _JSON),
        sa.Column("leased_by", sa.Text),
        sa.Column("leased_until", sa.BigInteger),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("checked", sa.BigInteger),
        sa.Column("differing", sa.BigInteger),
        sa.PrimaryKeyConstraint("kind", name="daily_checks_pkey"),
    )
