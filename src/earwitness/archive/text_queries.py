"""How a database is asked what `freeText` asks; `text_parts.py` has what is PostgreSQL's own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from sqlalchemy import ColumnElement, and_, exists, func, not_, or_, select

from earwitness.archive.common_words import in_pairs
from earwitness.archive.free_text import All, Either, Node, Not, Phrase, height
from earwitness.archive.schema.text import recording_text_fts5

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


_TEXT = recording_text_fts5.alias("read")
_DEEPEST_IN_SQL = 10  # One takes up to 6 of the 100 places that the parser of SQLite has.


def can_be_read(node: Node) -> bool:
    """Whether `stands_in` can be asked of SQLite, for the ANDs and ORs inside one another."""
    return height(node) <= _DEEPEST_IN_SQL


def stands_in(tokens: ColumnElement[str], node: Node) -> ColumnElement[bool]:
    """Whether a query is true of one document's tokens, as FTS5 keeps them beside its index.

    To read the few documents that something else found is quicker than to look each up in the index.
    """
    match node:
        case Phrase():
            wanted = " ".join(["", *asked_tokens(node), *([] if node.prefix else [""])])
            return func.instr(" " + tokens + " ", wanted) > 0
        case Not(part):
            return not_(stands_in(tokens, part))
        case All(parts):
            return and_(*(stands_in(tokens, part) for part in parts))
        case Either(parts):
            return or_(*(stands_in(tokens, part) for part in parts))


def is_read_in(position: ColumnElement[int], node: Node) -> ColumnElement[bool]:
    """Whether a query is true of the document at a position, of a query around this."""
    inner = select(1).where(_TEXT.c.rowid == position, stands_in(_TEXT.c.tokens, node))
    return exists(inner.correlate_except(_TEXT))


def asked_tokens(phrase: Phrase) -> Sequence[str]:
    """The tokens that a phrase is looked up by."""
    return phrase.tokens if phrase.prefix else in_pairs(phrase.tokens)
