"""The full-text index, which each database keeps in its own way; both are fed the same tokens.

SQLite: an FTS5 table whose rowid is the position. PostgreSQL: rows of `tsvector`, several where a
document is longer than one can hold.
"""

from sqlalchemy import DDL, BigInteger, Column, Integer, MetaData, Table, Text, event
from sqlalchemy.dialects.postgresql import TSVECTOR

from earwitness.archive.schema.columns import metadata

# What FTS5 gathers in memory before it writes a segment of its index: 1 MiB unless told (`nHashSize` in
# fts5_config.c), which many recordings of one transaction are more than, and each segment is merged later.
_GATHER_MORE = "INSERT INTO recording_text (recording_text, rank) VALUES ('hashsize', 33554432)"

STATEMENTS = {
    "sqlite": ("CREATE VIRTUAL TABLE recording_text USING fts5(tokens, tokenize = 'ascii')", _GATHER_MORE),
    "postgresql": (
        "CREATE TABLE recording_text ("
        "position bigint NOT NULL REFERENCES recordings (position) ON DELETE CASCADE,"
        " part integer NOT NULL, document tsvector NOT NULL, PRIMARY KEY (position, part))",
        "CREATE INDEX recording_text_by_document ON recording_text USING gin (document)",
        "CREATE INDEX recording_text_long ON recording_text (position) WHERE part = 1",
    ),
}

# For queries alone: the statements above make the table.
_queried = MetaData()

recording_text_fts5 = Table(
    "recording_text",
    _queried,
    Column("rowid", Integer, primary_key=True),
    Column("tokens", Text),
    Column("recording_text", Text),  # FTS5's hidden column of the table's name: what MATCH is said of
)
recording_text_parts = Table(
    "recording_text",
    MetaData(),
    Column("position", BigInteger, primary_key=True),
    Column("part", Integer, primary_key=True),
    Column("document", TSVECTOR),
)

for _dialect, _statements in STATEMENTS.items():
    for _statement in _statements:
        event.listen(metadata, "after_create", DDL(_statement).execute_if(dialect=_dialect))  # type: ignore[no-untyped-call]
