"""What a search asks of folded texts: that they contain parts.

The index of trigrams gives the few rows that may contain a part, and each is compared with it. For a part of
one or two characters the texts are read; they are short, and stand beside each other in a table of their own.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Integer,
    and_,
    false,
    func,
    literal,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY

from earwitness.archive.schema.folded import FOLDED, TRIGRAMS_ARRAYS, TRIGRAMS_FTS5
from earwitness.archive.spelling.addresses import digits_of
from earwitness.archive.substrings.folded import BEGINS
from earwitness.archive.substrings.trigrams import LENGTH, covering, number_of

_MOST_LOOKED_UP = 16
"""Parts of one search that the index is asked for; the rows that it gives are compared with all parts."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of what is asked, and the column that has to contain it."""

    column: Column[str]
    part: str
    also: ColumnElement[bool] | None = None
    """What else must hold of the row."""


def holding(
    connection: Connection, kind: str, id_: ColumnElement[int], asked: Sequence[Sequence[Part]]
) -> ColumnElement[bool]:
    """The condition that the row of this id has, of each of `asked`, at least one part."""
    texts = FOLDED[kind]
    looked_up = list(filter(can_be_looked_up, asked))[:_MOST_LOOKED_UP]
    conditions = [or_(false(), *(_contains(connection, one) for one in parts)) for parts in asked]
    if looked_up:
        conditions.insert(0, texts.c.id.in_(_candidates(connection, kind, looked_up)))
    return id_.in_(select(texts.c.id).where(*conditions))


def can_be_looked_up(parts: Sequence[Part]) -> bool:
    """Whether the index can be asked: each part has a trigram."""
    return all(len(one.part) >= LENGTH for one in parts)


def word_or_number(text: Column[str], numbers: Column[str], word: str) -> list[Part]:
    """Where a word of a freeText may be: in a text or, in any spelling, in a phone number."""
    digits = digits_of(word)
    if digits is None:
        return [Part(text, word)]
    whole = digits.removeprefix("00") or digits
    return [Part(text, word), Part(numbers, digits), Part(numbers, BEGINS + whole)]


def _contains(connection: Connection, asked: Part) -> ColumnElement[bool]:
    place = func.instr if connection.dialect.name == "sqlite" else func.strpos
    contains = place(asked.column, asked.part) > 0
    return contains if asked.also is None else and_(contains, asked.also)


def _candidates(connection: Connection, kind: str, asked: Sequence[Sequence[Part]]) -> ColumnElement[int]:
    """The ids of the rows that have the trigrams of at least one part of each."""
    if connection.dialect.name == "sqlite":
        index = TRIGRAMS_FTS5[kind]
        rowids = select(index.c.rowid).where(index.c[index.name].match(" AND ".join(map(_fts5, asked))))
        return rowids.scalar_subquery()
    arrays = TRIGRAMS_ARRAYS[kind].c
    has = (or_(*(arrays.trigrams.contains(_array(one)) for one in parts)) for parts in asked)
    return select(arrays.id).where(*has).scalar_subquery()


def _fts5(parts: Sequence[Part]) -> str:
    return "(" + " OR ".join(" AND ".join(map(_quoted, covering(one.part))) for one in parts) + ")"


def _quoted(trigram: str) -> str:
    doubled = trigram.replace('"', '""')
    return f'"{doubled}"'


def _array(asked: Part) -> ColumnElement[list[int]]:
    return literal([number_of(one) for one in covering(asked.part)], ARRAY(Integer))
