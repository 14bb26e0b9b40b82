"""What freeText and prefixes look for in people, endpoints and users: their texts, folded, and an index.

The tables of texts are alike on both databases. The index of trigrams, three characters in a row, is made in
the way of each database. SQLite: an FTS5 table without a copy of the texts, which triggers keep up to date.
PostgreSQL: rows of hashed trigrams. See `docs/decisions/0055-trigrams-of-people-endpoints-and-users.md`.
"""

from collections.abc import Iterator

from sqlalchemy import ARRAY, BigInteger, Column, ForeignKey, Integer, MetaData, Table, Text

from earwitness.archive.schema.columns import metadata
from earwitness.archive.schema.dialects import create_also


def _folded(name: str, of: str, *columns: Column[str]) -> Table:
    """A table with one row for each row of another one, which has the same id."""
    kind = BigInteger().with_variant(Integer, "sqlite")  # there it is the rowid, by which FTS5 looks
    whose = ForeignKey(f"{of}.id", ondelete="CASCADE")
    return Table(name, metadata, Column("id", kind, whose, primary_key=True, autoincrement=False), *columns)


folded_people = _folded(
    "folded_people",
    "people",
    Column("text", Text, nullable=False),
    Column("numbers", Text, nullable=False),
    Column("names", Text, nullable=False),
)
folded_endpoints = _folded(
    "folded_endpoints",
    "endpoints",
    Column("text", Text, nullable=False),
    Column("number", Text, nullable=False),
    Column("address", Text, nullable=False),
)
# The last three are what users are ordered by.
folded_users = _folded(
    "folded_users",
    "users",
    Column("text", Text, nullable=False),
    Column("username", Text, nullable=False),
    Column("full_name", Text, nullable=False),
    Column("email", Text),
)

# How far the texts are folded: one row for each of `people`, `endpoints` and `users`.
foldings = Table(
    "foldings",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("version", Integer, nullable=False),  # of the folding that wrote the texts
    Column("next_id", BigInteger),  # rows before it are folded by this version; null when all are
)

FOLDED = {"people": folded_people, "endpoints": folded_endpoints, "users": folded_users}

SEARCHED = {
    "people": ("text", "numbers", "names"),
    "endpoints": ("text", "number", "address"),
    "users": ("text",),
}
"""The columns of folded texts that a search looks into."""


def _on_sqlite(of: str, columns: tuple[str, ...]) -> Iterator[str]:
    table, texts = f"{of}_trigrams", f"folded_{of}"
    named, new, old = (", ".join(f"{prefix}{name}" for name in columns) for prefix in ("", "new.", "old."))
    add = f"INSERT INTO {table} (rowid, {named}) VALUES (new.id, {new});"  # noqa: S608 - names of ours
    remove = f"INSERT INTO {table} ({table}, rowid, {named}) VALUES ('delete', old.id, {old});"  # noqa: S608
    yield (
        f"CREATE VIRTUAL TABLE {table} USING fts5({named}, content = '{texts}', content_rowid = 'id',"
        " detail = none, tokenize = 'trigram case_sensitive 1')"
    )
    yield f"CREATE TRIGGER {texts}_added AFTER INSERT ON {texts} BEGIN {add} END"
    yield f"CREATE TRIGGER {texts}_deleted AFTER DELETE ON {texts} BEGIN {remove} END"
    yield f"CREATE TRIGGER {texts}_changed AFTER UPDATE ON {texts} BEGIN {remove} {add} END"


def _on_postgresql(of: str) -> Iterator[str]:
    table = f"{of}_trigrams"
    yield (
        f"CREATE TABLE {table} (id bigint PRIMARY KEY REFERENCES folded_{of} (id) ON DELETE CASCADE,"
        " trigrams integer[] NOT NULL)"
    )
    yield f"CREATE INDEX {table}_by_trigrams ON {table} USING gin (trigrams)"


for _of, _columns in SEARCHED.items():
    for _dialect, _statements in {
        "sqlite": _on_sqlite(_of, _columns),
        "postgresql": _on_postgresql(_of),
    }.items():
        for _statement in _statements:
            create_also(metadata, _dialect, _statement)


def _fts5(of: str) -> Table:
    """An FTS5 table for queries alone. MATCH is asked of its hidden column, which has the table's name."""
    name = f"{of}_trigrams"
    return Table(name, MetaData(), Column("rowid", Integer, primary_key=True), Column(name, Text))


def _arrays(of: str) -> Table:
    return Table(
        f"{of}_trigrams",
        MetaData(),
        Column("id", BigInteger, primary_key=True),
        Column("trigrams", ARRAY(Integer), nullable=False),
    )


TRIGRAMS_FTS5 = {of: _fts5(of) for of in SEARCHED}
TRIGRAMS_ARRAYS = {of: _arrays(of) for of in SEARCHED}
