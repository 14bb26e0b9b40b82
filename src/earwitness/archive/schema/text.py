"""The full-text index, which each database keeps in its own way. Both get the same tokens.

SQLite: an FTS5 table whose rowid is the position, with a column for what was said and one for the rest.
PostgreSQL: rows of `tsvector`, several for a document that is longer than one can hold. Places of what was
said have the weight A, and other places none. For the older index see `archive/text/indexes.py`.
"""

from sqlalchemy import BigInteger, Column, Integer, MetaData, Table, Text

from earwitness.archive.schema.columns import identity, metadata
from earwitness.archive.schema.dialects import TSVECTOR, create_also

# How much FTS5 gathers in memory before it writes a segment of its index. Its default is 1 MiB (`nHashSize`
# in fts5_config.c): a transaction with many recordings has more, and each extra segment has to be merged
# later.
_GATHER_MORE = "INSERT INTO recording_text (recording_text, rank) VALUES ('hashsize', 33554432)"

STATEMENTS = {
    "sqlite": (
        "CREATE VIRTUAL TABLE recording_text USING fts5(said, rest, tokenize = 'ascii')",
        _GATHER_MORE,
    ),
    "postgresql": (
        "CREATE TABLE recording_text ("
        "position bigint NOT NULL REFERENCES recordings (position) ON DELETE CASCADE,"
        " part integer NOT NULL, document tsvector NOT NULL, PRIMARY KEY (position, part))",
        "CREATE INDEX recording_text_by_document ON recording_text USING gin (document)",
        "CREATE INDEX recording_text_long ON recording_text (position) WHERE part = 1",
    ),
}


def fts5_table(name: str, *columns: str) -> Table:
    """An FTS5 table for queries alone. MATCH is asked of its hidden column, which has the table's name."""
    kept = [Column(column, Text) for column in columns]
    return Table(name, MetaData(), Column("rowid", Integer, primary_key=True), *kept, Column(name, Text))


def parts_table(name: str) -> Table:
    """A table of `tsvector`s for queries alone."""
    return Table(
        name,
        MetaData(),
        Column("position", BigInteger, primary_key=True),
        Column("part", Integer, primary_key=True),
        Column("document", TSVECTOR),
    )


recording_text_fts5 = fts5_table("recording_text", "said", "rest")
recording_text_parts = parts_table("recording_text")

for _dialect, _statements in STATEMENTS.items():
    for _statement in _statements:
        create_also(metadata, _dialect, _statement)

# No row, or one: the index is being rebuilt, or the older one is not all deleted yet.
text_rebuilds = Table(
    "text_rebuilds",
    metadata,
    identity(),
    Column("queued_at", BigInteger, nullable=False),
    Column("next_position", BigInteger, nullable=False),  # recordings before it are in the new index
    Column("whole_at", BigInteger),  # when searches began to use the new index
    Column("leased_by", Text),
    Column("leased_until", BigInteger),
    sqlite_autoincrement=True,
)
