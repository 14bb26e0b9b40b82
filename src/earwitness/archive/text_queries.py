"""How SQLite and PostgreSQL are asked what `freeText` asks, and what PostgreSQL is given of a long text."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Generic, TypeAlias, TypeVar

from sqlalchemy import CompoundSelect, Select, except_, intersect, union

from earwitness.archive.common_words import in_pairs
from earwitness.archive.free_text import MOST_TOKENS, All, Either, Node, Not, Phrase

PART_TOKENS, PART_BYTES, PART_REPEATS = 8_000, 500_000, 250
"""What one tsvector is given. PostgreSQL's own limits (12.11, "Limitations"): positions up to 16,383,
256 of them for a lexeme, 1 MB in all; beyond them it forgets or refuses."""

T = TypeVar("T")
Positions: TypeAlias = Select[int] | CompoundSelect[int]


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
        return f'"{" ".join(_asked(phrase))}"' + (" *" if phrase.prefix else "")

    def narrow(within: list[str], without: list[str]) -> str:
        # NOT binds tighter than AND. Without parentheses of its own it spares the parser's stack.
        first = " NOT ".join([within[0], *without])
        return _grouped(" AND ", [first, *within[1:]], len(within) + len(without) > 1)

    def widen(any_of: list[str]) -> str:
        return _grouped(" OR ", any_of, len(any_of) > 1)

    return _settle(node, leaf, narrow, widen)


def _grouped(operator: str, operands: list[str], several: bool) -> str:
    return f"({operator.join(operands)})" if several else operands[0]


def positions(node: Node, leaf: Callable[[Phrase], Select[int]]) -> Hits[Positions]:
    """Combine the positions at which each phrase stands into those at which a query does.

    Phrases are looked up one by one, since the words of an AND may stand in different parts of a text.
    `leaf` selects one column; it may name a position twice, and where it is the whole query so does
    the answer.
    """

    def narrow(within: list[Positions], without: list[Positions]) -> Positions:
        common = intersect(*within) if len(within) > 1 else within[0]
        return except_(common, *without) if without else common

    def widen(any_of: list[Positions]) -> Positions:
        return union(*any_of) if len(any_of) > 1 else any_of[0]

    return _settle(node, leaf, narrow, widen)


def _settle(
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
            inner = _settle(part, leaf, narrow, widen)
            return Hits(inner.found, not inner.complement)
        case All(parts) | Either(parts):
            settled = [_settle(part, leaf, narrow, widen) for part in parts]
            plain = [hits.found for hits in settled if not hits.complement]
            negative = [hits.found for hits in settled if hits.complement]
            if isinstance(node, All):
                return Hits(narrow(plain, negative), False) if plain else Hits(widen(negative), True)
            return Hits(narrow(negative, plain), True) if negative else Hits(widen(plain), False)


def parts(document: Sequence[str]) -> Iterator[Sequence[str]]:
    """Cut a document into what one tsvector can hold.

    Neighbours share MOST_TOKENS tokens, so every phrase lies whole in a part.
    """
    start = end = 0
    while end < len(document):
        end = _part_end(document, start)
        yield document[start:end]
        start = end - MOST_TOKENS


def _part_end(document: Sequence[str], start: int) -> int:
    # A part has at least PART_REPEATS tokens or is the last, so the next one begins further on.
    if len(document) - start <= PART_REPEATS:
        return len(document)
    furthest = min(len(document), start + PART_TOKENS)
    times: Counter[str] = Counter()
    size_bytes = 0
    for at in range(start, furthest):
        token = document[at]
        times[token] += 1
        size_bytes += len(token.encode())
        if times[token] > PART_REPEATS or size_bytes > PART_BYTES:
            return at
    return furthest


def tsvector_literal(part: Sequence[str]) -> str:
    """Write a part as the text of a tsvector, positions from 1."""
    return " ".join(f"{_lexeme(token)}:{place}" for place, token in enumerate(part, start=1))


def leaf_tsquery(phrase: Phrase) -> str:
    """Write a phrase as the text of a tsquery."""
    return " <-> ".join(map(_lexeme, _asked(phrase))) + (":*" if phrase.prefix else "")


def _asked(phrase: Phrase) -> Sequence[str]:
    return phrase.tokens if phrase.prefix else in_pairs(phrase.tokens)


@lru_cache(10_000)
def _lexeme(token: str) -> str:
    doubled = token.replace("\\", "\\\\").replace("'", "''")
    return f"'{doubled}'"
