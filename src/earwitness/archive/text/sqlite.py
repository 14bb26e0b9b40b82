"""How a database is asked what `freeText` asks; `text_parts.py` has what is PostgreSQL's own."""

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
    """Where a query is true: at what is `found` or, with `complement`, everywhere but there."""

    found: T
    complement: bool


def fts5(node: Node) -> Hits[str]:
    """Write a query as one FTS5 MATCH expression, over a table with `tokenize='ascii'`, `detail=full`.

    FTS5 can take one set from another but not from all there is, hence `complement`.
    """

    def leaf(phrase: Phrase) -> str:
        return f'"{" ".join(asked_tokens(phrase))}"' + (" *" if phrase.prefix else "")

    def narrow(within: list[str], without: list[str]) -> str:
        # NOT binds tighter than AND. Without parentheses of its own it spares the parser's stack.
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
    """Bring a tree to one set or its complement (De Morgan), never needing the set of everything.

    `narrow` makes what is in every set of its first list (never empty) and none of its second.
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


_DEEPEST_IN_SQL = 10  # One takes up to 6 of the 100 places that the parser of SQLite has.


def can_be_read(node: Node) -> bool:
    """Whether `stands_in` can be asked of SQLite, for the ANDs and ORs inside one another."""
    return height(node) <= _DEEPEST_IN_SQL


def stands_in(columns: Sequence[ColumnElement[str]], node: Node) -> ColumnElement[bool]:
    """Whether a query is true of one document's columns of tokens, as FTS5 keeps them beside its index.

    They are read as one text, in which no phrase reaches from one into the next: SQLite takes only so many
    conditions.

    To read the few documents that something else found is quicker than to look each up in the index.
    """
    match node:
        case Phrase():
            wanted = " ".join(["", *asked_tokens(node), *([] if node.prefix else [""])])
            first, *others = columns
            tokens = " " + first
            for column in others:
                tokens = tokens + f" {SEPARATOR} " + column
            return func.instr(tokens + " ", wanted) > 0
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
    """Whether a query is true of the document at a position, of a query around this."""
    read = _being_read(searched.index.fts5)
    inner = select(1).where(read.c.rowid == position, stands_in(searched.columns_of(read), node))
    return exists(inner.correlate_except(read))


def asked_tokens(phrase: Phrase) -> Sequence[str]:
    """The tokens that a phrase is looked up by."""
    return phrase.tokens if phrase.prefix else in_pairs(phrase.tokens)
