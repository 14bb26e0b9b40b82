"""The text indexes of an account: the newer one and, while that is being filled, the older one.

The older one has what was said and the rest in one column. It answers until the newer one is complete. A
transaction knows which one answers from its row of `text_rebuilds`, so all change over at the same moment.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, FromClause, Table, select

from earwitness.archive.schema.text import (
    fts5_table,
    parts_table,
    recording_text_fts5,
    recording_text_parts,
    text_rebuilds,
)
from earwitness.archive.spelling.tokens import Reading

_SETTLED = "earwitness_text_is_rebuilt"


@dataclass(frozen=True, slots=True, eq=False)
class TextIndex:
    """An index: its table on each database, and the columns of that of FTS5."""

    fts5: Table
    parts: Table
    columns: Sequence[str]
    keeps_apart: bool
    """Whether what was said is apart from the rest, so that either can be searched alone."""
    reading: Reading
    """How its documents were read into tokens. Queries are read in the same way."""


NEWER = TextIndex(recording_text_fts5, recording_text_parts, ("said", "rest"), True, Reading.SECOND)
OLDER = TextIndex(
    fts5_table("older_text", "tokens"), parts_table("older_text"), ("tokens",), False, Reading.FIRST
)


@dataclass(frozen=True, slots=True)
class Searched:
    """What is searched for words: an index, with or without what was said."""

    index: TextIndex = NEWER
    said: bool = True

    @property
    def only_rest(self) -> bool:
        """Whether the rest is searched alone: one column of FTS5, one weight of a `tsvector`."""
        return self.index.keeps_apart and not self.said

    @property
    def leaves_out_transcribed(self) -> bool:
        """Whether recordings with a transcript are left out: what was said is not apart from the rest."""
        return not (self.index.keeps_apart or self.said)

    def columns_of(self, table: FromClause) -> list[Any]:
        """The columns of the FTS5 table that are searched."""
        names = ("rest",) if self.only_rest else self.index.columns
        return [table.c[name] for name in names]


_STATE = select(text_rebuilds.c.whole_at)


def index_of(connection: Connection) -> TextIndex:
    """The index that answers in this transaction."""
    schema = connection.get_execution_options().get("schema_translate_map", {}).get(None)
    settled: set[str | None] = connection.info.setdefault(_SETTLED, set())
    if schema in settled:  # only an upgrade starts a rebuild, and then no program has the account open
        return NEWER
    row = connection.execute(_STATE).one_or_none()
    if row is None:
        settled.add(schema)
    return NEWER if row is None or row.whole_at is not None else OLDER
