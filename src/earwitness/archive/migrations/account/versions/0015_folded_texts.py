"""Folded texts of people, endpoints and users

It makes empty tables, which takes the same time for any archive. Where there are people, endpoints or users,
background work fills them: about a minute for 100,000 people with 200,000 endpoints (`archive/upkeep/
folding.py`). It can be interrupted, and until it is done searches read the rows themselves.
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_VERSION = 1

_COLUMNS: dict[str, dict[str, bool]] = {
    "people": {"text": False, "numbers": False, "names": False},
    "endpoints": {"text": False, "number": False, "address": False},
    "users": {"text": False, "username": False, "full_name": False, "email": True},
}
"""The columns of each table, and whether they may be null."""

_SEARCHED = {
    "people": ("text", "numbers", "names"),
    "endpoints": ("text", "number", "address"),
    "users": ("text",),
}


def upgrade() -> None:
    connection = op.get_bind()
    foldings = op.create_table(
        "foldings",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("next_id", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("kind", name=op.f("foldings_pkey")),
    )
    for kind, columns in _COLUMNS.items():
        op.create_table(
            f"folded_{kind}",
            sa.Column(
                "id",
                sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
                autoincrement=False,
                nullable=False,
            ),
            *(sa.Column(name, sa.Text(), nullable=may_be_null) for name, may_be_null in columns.items()),
            sa.ForeignKeyConstraint(
                ["id"], [f"{kind}.id"], name=op.f(f"folded_{kind}_id_fkey"), ondelete="CASCADE"
            ),
            sa.PrimaryKeyConstraint("id", name=op.f(f"folded_{kind}_pkey")),
        )
        if connection.dialect.name == "sqlite":
            _index_on_sqlite(kind)
        else:
            _index_on_postgresql(kind)
        is_empty = connection.scalar(sa.text(f"SELECT 1 FROM {kind} LIMIT 1")) is None  # noqa: S608
        row = {"kind": kind, "version": _VERSION, "next_id": None if is_empty else 0}
        connection.execute(sa.insert(foldings).values(row))


def _index_on_sqlite(kind: str) -> None:
    table, texts, columns = f"{kind}_trigrams", f"folded_{kind}", _SEARCHED[kind]
    named, new, old = (", ".join(f"{prefix}{name}" for name in columns) for prefix in ("", "new.", "old."))
    add = f"INSERT INTO {table} (rowid, {named}) VALUES (new.id, {new});"  # noqa: S608 - names of ours
    remove = f"INSERT INTO {table} ({table}, rowid, {named}) VALUES ('delete', old.id, {old});"  # noqa: S608
    op.execute(
        f"CREATE VIRTUAL TABLE {table} USING fts5({named}, content = '{texts}', content_rowid = 'id',"
        " detail = none, tokenize = 'trigram case_sensitive 1')"
    )
    op.execute(f"CREATE TRIGGER {texts}_added AFTER INSERT ON {texts} BEGIN {add} END")
    op.execute(f"CREATE TRIGGER {texts}_deleted AFTER DELETE ON {texts} BEGIN {remove} END")
    op.execute(f"CREATE TRIGGER {texts}_changed AFTER UPDATE ON {texts} BEGIN {remove} {add} END")


def _index_on_postgresql(kind: str) -> None:
    table = f"{kind}_trigrams"
    op.execute(
        f"CREATE TABLE {table} (id bigint PRIMARY KEY REFERENCES folded_{kind} (id) ON DELETE CASCADE,"
        " trigrams integer[] NOT NULL)"
    )
    op.execute(f"CREATE INDEX {table}_by_trigrams ON {table} USING gin (trigrams)")
