"""The text index in two: what was said, and the rest

The existing index stays under another name, and searches use it until background work has written the new
one: see `archive/upkeep/text_rebuild.py`. An archive without recordings gets the new index alone.
"""

import time

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_FIRST_POSITION = -(2**63)
_RENAMED = (
    "TABLE recording_text RENAME TO older_text",
    "TABLE older_text RENAME CONSTRAINT recording_text_pkey TO older_text_pkey",
    "TABLE older_text RENAME CONSTRAINT recording_text_position_fkey TO older_text_position_fkey",
    "INDEX recording_text_by_document RENAME TO older_text_by_document",
    "INDEX recording_text_long RENAME TO older_text_long",
)


def upgrade() -> None:
    connection = op.get_bind()
    op.create_table(
        "text_rebuilds",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.Identity(always=False),
            nullable=False,
        ),
        sa.Column("queued_at", sa.BigInteger(), nullable=False),
        sa.Column("next_position", sa.BigInteger(), nullable=False),
        sa.Column("whole_at", sa.BigInteger(), nullable=True),
        sa.Column("leased_by", sa.Text(), nullable=True),
        sa.Column("leased_until", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("text_rebuilds_pkey")),
        sqlite_autoincrement=True,
    )
    is_empty = connection.scalar(sa.text("SELECT 1 FROM recordings LIMIT 1")) is None
    if connection.dialect.name == "sqlite":
        _begin_on_sqlite(is_empty=is_empty)
    elif not is_empty:
        _begin_on_postgresql()
    if not is_empty:
        row = {"queued_at": time.time_ns() // 1_000_000, "next_position": _FIRST_POSITION}
        columns = (sa.column("queued_at", sa.BigInteger), sa.column("next_position", sa.BigInteger))
        connection.execute(sa.insert(sa.table("text_rebuilds", *columns)).values(row))


def _begin_on_sqlite(*, is_empty: bool) -> None:
    op.execute("DROP TABLE recording_text" if is_empty else f"ALTER {_RENAMED[0]}")
    op.execute("CREATE VIRTUAL TABLE recording_text USING fts5(said, rest, tokenize = 'ascii')")
    op.execute("INSERT INTO recording_text (recording_text, rank) VALUES ('hashsize', 33554432)")


def _begin_on_postgresql() -> None:
    for renamed in _RENAMED:
        op.execute(f"ALTER {renamed}")
    op.execute(
        "CREATE TABLE recording_text ("
        "position bigint NOT NULL REFERENCES recordings (position) ON DELETE CASCADE,"
        " part integer NOT NULL, document tsvector NOT NULL, PRIMARY KEY (position, part))"
    )
    op.execute("CREATE INDEX recording_text_by_document ON recording_text USING gin (document)")
    op.execute("CREATE INDEX recording_text_long ON recording_text (position) WHERE part = 1")
