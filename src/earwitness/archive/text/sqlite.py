"""Asking SQLite for a query of words, in the FTS5 index or in documents; and what PostgreSQL shares."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Generic, TypeVar

from sqlalchemy import ColumnElement, Table, and_, exists, func, not_, or_, select
from sqlalchemy.sql.selectable import NamedFromClause

from earwitness.archive.spelling.tokens import SEPARATOR
from earwitness.archive.text.common_words import in_pairs
from earwitness.archive.text.indexes import Searched
from earwitness.archive.text.query import All, Either, Node, Not, Phrase, height

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Hits(Generic[T]):
    """Where a query is true: in what is `found` or, with `complement`, everywhere else."""

    found: T
    complement: bool


def fts5(node: Node) -> Hits[str]:
    """Write a query as one FTS5 MATCH expression, over a table with `tokenize='ascii'`, `detail=full`.

    FTS5 can subtract a set from another one, but not from the set of everything. So there is `complement`.
    """

    def leaf(phrase: Phrase) -> str:
        return f'"{" ".join(asked_tokens(phrase))}"' + (" *" if phrase.prefix else "")

    def narrow(within: list[str], without: list[str]) -> str:
        # NOT binds tighter than AND. Without parentheses it uses less of the parser's stack.
        first = " NOT ".join([within[0], *without])
        return _grouped(" AND ", [first, *within[1:]], len(within) + len(without) > 1)

    def widen(any_of: list[str]) -> str:
        return _grouped(" OR ", any_of, len(any_of) > 1)

    return settle(node, leaf, narrow, widen)


def _grouped(operator: str, operands: list[str], several: bool) -> str:
    return f"({operator.join(operands)})" if several else operands[0]


def settle(
    node: Node,
    leaf: Callable[[Phrase], T],
    narrow: Callable[[list[T], list[T]], T],
    widen: Callable[[list[T]], T],
) -> Hits[T]:
    """Turn a tree into one set or its complement (De Morgan). The set of everything is never needed.

    `narrow` makes the set of what is in every set of its first list (never empty) and in none of its second.
    """
    match node:
        case Phrase():
            return Hits(leaf(node), complement=False)
        case Not(part):
            inner = settle(part, leaf, narrow, widen)
            return Hits(inner.found, not inner.complement)
        case All(parts) | Either(parts):
            settled = [settle(part, leaf, narrow, widen) for part in parts]
            plain = [hits.found for hits in settled if not hits.complement]
            negative = [hits.found for hits in settled if hits.complement]
            if isinstance(node, All):
                return Hits(narrow(plain, negative), False) if plain else Hits(widen(negative), True)
            return Hits(narrow(negative, plain), True) if negative else Hits(widen(plain), False)


_DEEPEST_IN_SQL = 10  # each level takes up to 6 of the 100 places that SQLite's parser has


def can_be_read(node: Node) -> bool:
    """Whether a query is not nested too deeply for `stands_in`."""
    return height(node) <= _DEEPEST_IN_SQL


def stands_in(columns: Sequence[ColumnElement[str]], node: Node) -> ColumnElement[bool]:
    """The condition that a query is true of a document, whose columns of tokens are read.

    The columns are read as one text, since SQLite limits the number of conditions. No phrase reaches from
    one column into the next. Reading a few documents is quicker than looking each of them up in the index.
    """
    match node:
        case Phrase():
            asked = " ".join(["", *asked_tokens(node), *([] if node.prefix else [""])])
            first, *others = columns
            tokens = " " + first
            for column in others:
                tokens = tokens + f" {SEPARATOR} " + column
            return func.instr(tokens + " ", asked) > 0
        case Not(part):
            return not_(stands_in(columns, part))
        case All(parts):
            return and_(*(stands_in(columns, part) for part in parts))
        case Either(parts):
            return or_(*(stands_in(columns, part) for part in parts))


@cache  # an alias copies every column
def _being_read(table: Table) -> NamedFromClause:
    return table.alias("read")


def is_read_in(position: ColumnElement[int], node: Node, searched: Searched) -> ColumnElement[bool]:
    """The condition that a query is true of the document at a position of the surrounding SQL query."""
    read = _being_read(searched.index.fts5)
    inner = select(1).where(read.c.rowid == position, stands_in(searched.columns_of(read), node))
    return exists(inner.correlate_except(read))


def asked_tokens(phrase: Phrase) -> Sequence[str]:
    """The tokens by which the index is asked for a phrase."""
    return phrase.tokens if phrase.prefix else in_pairs(phrase.tokens)
