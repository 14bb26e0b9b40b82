"""What a search asks of folded texts: that they contain parts.

The index of trigrams gives the few rows that may contain a part, and each is compared with it. For a part of
one or two characters the texts are read; they are short, and stand beside each other in a table of their own.
However many parts are asked for, each text is read once, and the statement does not grow beyond some of them.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import (
    ARRAY,
    CTE,
    JSON,
    Column,
    ColumnElement,
    Connection,
    Integer,
    ScalarSelect,
    Text,
    cast,
    exists,
    func,
    literal,
    not_,
    or_,
    select,
)

from earwitness.archive.database.in_list import as_list
from earwitness.archive.schema.folded import FOLDED, TRIGRAMS_ARRAYS, TRIGRAMS_FTS5
from earwitness.archive.spelling.addresses import digits_of
from earwitness.archive.substrings.folded import BEGINS
from earwitness.archive.substrings.trigrams import LENGTH, covering, number_of

_MOST_APART = 16
"""Parts of one search that have a condition of their own, and that the index is asked for."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of what is asked, and the column that has to contain it."""

    column: Column[str]
    text: str


def holding(
    connection: Connection, kind: str, id_: ColumnElement[int], asked: Sequence[Sequence[Part]]
) -> ColumnElement[bool]:
    """The condition that the row of this id has, of each of `asked`, at least one part."""
    texts, dialect = FOLDED[kind], connection.dialect.name
    longest_first = sorted(asked, key=_shortest, reverse=True)  # these are in the fewest rows
    apart, others = longest_first[:_MOST_APART], longest_first[_MOST_APART:]
    looked_up = list(filter(can_be_looked_up, ([one.text for one in parts] for parts in apart)))
    conditions: list[ColumnElement[bool]] = []
    if looked_up:
        conditions.append(texts.c.id.in_(candidates(connection, kind, looked_up)))
    conditions += (or_(*(_contains(dialect, one.column, one.text) for one in parts)) for parts in apart)
    alike: dict[tuple[str, ...], list[Sequence[Part]]] = defaultdict(list)
    for parts in others:
        alike[tuple(one.column.name for one in parts)].append(parts)
    conditions += (_has_each(dialect, these) for these in alike.values())
    return id_.in_(select(texts.c.id).where(*conditions))


def _shortest(parts: Sequence[Part]) -> int:
    return min(len(one.text) for one in parts)


def _contains(
    dialect: str, column: ColumnElement[str], text: ColumnElement[str] | str
) -> ColumnElement[bool]:
    return (func.instr if dialect == "sqlite" else func.strpos)(column, text) > 0


def _has_each(dialect: str, asked: Sequence[Sequence[Part]]) -> ColumnElement[bool]:
    """The condition that a row has, of each of `asked`, one part, where all are asked of the same columns."""
    columns = [one.column for one in asked[0]]
    listed = _listed(dialect, [[one.text for one in parts] for parts in asked], len(columns))
    has = (_contains(dialect, *one) for one in zip(columns, listed.c, strict=True))
    return not_(exists(select(1).select_from(listed).where(not_(or_(*has)))))


def _listed(dialect: str, rows: Sequence[Sequence[str]], width: int) -> CTE:
    """A table of these rows. They are one parameter, and are read once."""
    written = literal(as_list(rows), Text)
    if dialect == "sqlite":
        row = func.json_each(written).table_valued("value").c.value
        items = [func.json_extract(row, f"$[{at}]") for at in range(width)]
    else:
        row = func.json_array_elements(cast(written, JSON)).table_valued("value").c.value
        items = [func.json_extract_path_text(row, str(at)) for at in range(width)]
    named = (item.label(f"item_{at}") for at, item in enumerate(items))
    return select(*named).cte().prefix_with("MATERIALIZED")


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
