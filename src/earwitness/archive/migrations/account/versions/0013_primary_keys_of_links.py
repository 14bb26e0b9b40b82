"""Primary keys of tables that belong to a recording

Each of the three tables had a unique index on the same columns, so no row is there twice; the primary key
replaces it. SQLite cannot add a primary key to a table, so the table is written anew, in the order of its
key.
"""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_KEYS = {
    "recording_endpoints": ("position", "ordinal"),
    "recording_tags": ("position", "tag_id"),
    "recording_data_groups": ("position", "name"),
}
_INDEXES = {
    "recording_endpoints": {
        "recording_endpoints_by_endpoint": ["endpoint_id", "position"],
        "recording_endpoints_by_person": ["person_id", "position"],
        "recording_endpoints_by_user": ["user_folded", "position"],
    },
    "recording_tags": {"recording_tags_by_tag": ["tag_id", "position"]},
    "recording_data_groups": {"recording_data_groups_by_value": ["name", "value", "position"]},
}


def upgrade() -> None:
    connection = op.get_bind()
    for table, key in _KEYS.items():
        if sa.inspect(connection).get_pk_constraint(table)["constrained_columns"]:
            continue
        if connection.dialect.name == "postgresql":
            # The existing index cannot be used: on Citus, its shards have it under other names.
            op.create_primary_key(f"{table}_pkey", table, list(key))
            op.drop_index(f"{table}_pk", table)
        else:
            _write_anew(table, key)


def _write_anew(table: str, key: tuple[str, ...]) -> None:
    older = f"older_{table}"
    op.execute(f"DROP INDEX {table}_pk")
    for index in _INDEXES[table]:
        op.execute(f"DROP INDEX {index}")
    op.execute(f"ALTER TABLE {table} RENAME TO {older}")
    op.create_table(table, *_columns(table), sqlite_with_rowid=False)
    columns = ", ".join(f'"{name}"' for name in ("position", *_OWN_COLUMNS[table]))
    kept = f"SELECT {columns} FROM {older} ORDER BY {', '.join(key)}"  # noqa: S608 - names of ours
    op.execute(f"INSERT INTO {table} ({columns}) {kept}")
    op.execute(f"DROP TABLE {older}")
    for index, indexed in _INDEXES[table].items():
        op.create_index(index, table, indexed)


def _columns(table: str) -> Iterator[sa.schema.SchemaItem]:
    """All columns and constraints, made in the order in which they are written."""
    yield sa.Column("position", sa.BigInteger(), nullable=False)
    for name, (kind, is_nullable) in _OWN_COLUMNS[table].items():
        yield sa.Column(name, kind, autoincrement=False, nullable=is_nullable)
    yield sa.PrimaryKeyConstraint(*_KEYS[table], name=f"{table}_pkey")
    yield sa.ForeignKeyConstraint(
        ["position"], ["recordings.position"], name=f"{table}_position_fkey", ondelete="CASCADE"
    )
    for column, named in _NAMED[table].items():
        yield sa.ForeignKeyConstraint([column], [named], name=f"{table}_{column}_fkey")


_OWN_COLUMNS: dict[str, dict[str, tuple[Any, bool]]] = {
    "recording_endpoints": {
        "ordinal": (sa.Integer, False),
        "endpoint_id": (sa.BigInteger, False),
        "person_id": (sa.BigInteger, True),
        "user": (sa.Text, False),
        "user_folded": (sa.Text, False),
        "is_originator": (sa.Boolean, False),
        "is_recording_subject": (sa.Boolean, False),
    },
    # The key's columns come first: else the check of SQLite 3.40 reports a NULL that is not there.
    "recording_tags": {"tag_id": (sa.BigInteger, False), "ordinal": (sa.Integer, False)},
    "recording_data_groups": {"name": (sa.Text, False), "value": (sa.Text, False)},
}
_NAMED: dict[str, dict[str, str]] = {
    "recording_endpoints": {"endpoint_id": "endpoints.id", "person_id": "people.id"},
    "recording_tags": {"tag_id": "tags.id"},
    "recording_data_groups": {},
}
