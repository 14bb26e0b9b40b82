"""What a search asks of folded texts: that they contain parts.

The index of trigrams gives the few rows that may contain a part, and each is compared with it. For a part of
one or two characters the texts are read; they are short, and stand beside each other in a table of their own.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import (
    ARRAY,
    Column,
    ColumnElement,
    Connection,
    Integer,
    ScalarSelect,
    and_,
    func,
    literal,
    or_,
    select,
)

from earwitness.archive.schema.folded import FOLDED, TRIGRAMS_ARRAYS, TRIGRAMS_FTS5
from earwitness.archive.spelling.addresses import digits_of
from earwitness.archive.substrings.folded import BEGINS
from earwitness.archive.substrings.trigrams import LENGTH, covering, number_of

_MOST_LOOKED_UP = 16
"""Parts of one search that the index is asked for; the rows that it gives are compared with all parts."""

_MOST_TOGETHER = 100
"""Conditions in one query. SQLite takes some hundreds beside each other, but any number of queries."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of what is asked, and the column that has to contain it."""

    column: Column[str]
    text: str


def holding(
    connection: Connection, kind: str, id_: ColumnElement[int], asked: Sequence[Sequence[Part]]
) -> ColumnElement[bool]:
    """The condition that the row of this id has, of each of `asked`, at least one part."""
    texts = FOLDED[kind]
    contains = func.instr if connection.dialect.name == "sqlite" else func.strpos
    conditions = [or_(*(contains(one.column, one.text) > 0 for one in parts)) for parts in asked]
    looked_up = list(filter(can_be_looked_up, ([one.text for one in parts] for parts in asked)))
    narrowed: list[ColumnElement[bool]] = []
    if looked_up:
        narrowed.append(texts.c.id.in_(candidates(connection, kind, looked_up[:_MOST_LOOKED_UP])))
    every = [conditions[at : at + _MOST_TOGETHER] for at in range(0, len(conditions), _MOST_TOGETHER)]
    return and_(*(id_.in_(select(texts.c.id).where(*narrowed, *some)) for some in every))


def can_be_looked_up(ways: Sequence[str]) -> bool:
    """Whether the index can be asked: each text has a trigram."""
    return all(len(way) >= LENGTH for way in ways)


def word_or_number(text: Column[str], numbers: Column[str], word: str) -> list[Part]:
    """Where a word of a freeText may be: in a text or, in any spelling, in a phone number."""
    digits = digits_of(word)
    if digits is None:
        return [Part(text, word)]
    whole = digits.removeprefix("00") or digits
    return [Part(text, word), Part(numbers, digits), Part(numbers, BEGINS + whole)]


def candidates(connection: Connection, kind: str, asked: Sequence[Sequence[str]]) -> ScalarSelect[int]:
    """The ids of the rows that may have, of each of `asked`, at least one text: they have its trigrams."""
    if connection.dialect.name == "sqlite":
        index = TRIGRAMS_FTS5[kind]
        matches = index.c[index.name].match(" AND ".join(map(_fts5, asked)))
        return select(index.c.rowid).where(matches).scalar_subquery()
    arrays = TRIGRAMS_ARRAYS[kind].c
    has = (or_(*(arrays.trigrams.bool_op("@>")(_array(way)) for way in ways)) for ways in asked)
    return select(arrays.id).where(*has).scalar_subquery()


def _fts5(ways: Sequence[str]) -> str:
    return "(" + " OR ".join(" AND ".join(map(_quoted, covering(way))) for way in ways) + ")"


def _quoted(trigram: str) -> str:
    doubled = trigram.replace('"', '""')
    return f'"{doubled}"'


def _array(way: str) -> ColumnElement[list[int]]:
    return literal([number_of(one) for one in covering(way)], ARRAY(Integer))
