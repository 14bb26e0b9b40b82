"""The text indexes of an account: the one there is or, while that is made, the one before it as well.

The older one has what was said and the rest in one, and is asked until the new one is whole. Which one a
transaction sees to answer is decided by the row of `text_rebuilds` in it, so that it changes for all at once.
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
    """An index as each database has it, the columns that FTS5 has."""

    fts5: Table
    parts: Table
    columns: Sequence[str]
    keeps_apart: bool
    """Whether what was said is kept apart from the rest, so that either can be asked."""
    reading: Reading
    """How documents were read, and so questions have to be."""


NEWER = TextIndex(recording_text_fts5, recording_text_parts, ("said", "rest"), True, Reading.SECOND)
OLDER = TextIndex(
    fts5_table("older_text", "tokens"), parts_table("older_text"), ("tokens",), False, Reading.FIRST
)


@dataclass(frozen=True, slots=True)
class Searched:
    """What words are looked for in: an index, and whether what was said is part of it."""

    index: TextIndex = NEWER
    said: bool = True

    @property
    def only_rest(self) -> bool:
        """Whether the index is asked for one of its columns, or weights, and not for all that it has."""
        return self.index.keeps_apart and not self.said

    @property
    def leaves_out_transcribed(self) -> bool:
        """Whether what was said cannot be told from the rest, so that no recording with any may be found."""
        return not (self.index.keeps_apart or self.said)

    def columns_of(self, table: FromClause) -> list[Any]:
        """The columns of FTS5's table that are read."""
        names = ("rest",) if self.only_rest else self.index.columns
        return [table.c[name] for name in names]


_STATE = select(text_rebuilds.c.whole_at)


def index_of(connection: Connection) -> TextIndex:
    """The index that answers in this transaction."""
    schema = connection.get_execution_options().get("schema_translate_map", {}).get(None)
    settled: set[str | None] = connection.info.setdefault(_SETTLED, set())
    if schema in settled:  # only an upgrade begins a rebuild, and no program has an account open then
        return NEWER
    row = connection.execute(_STATE).one_or_none()
    if row is None:
        settled.add(schema)
    return NEWER if row is None or row.whole_at is not None else OLDER
