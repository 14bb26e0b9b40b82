"""Words in PostgreSQL: how documents are written as `tsvector`s, and how queries are asked.

A `tsvector` has limits, so a long document is several rows of `recording_text`, its parts.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial
from typing import Any, TypeAlias

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    CompoundSelect,
    Select,
    and_,
    cast,
    except_,
    exists,
    intersect,
    or_,
    select,
    union,
)

from earwitness.archive.schema.dialects import TSQUERY
from earwitness.archive.spelling.tokens import SEPARATOR
from earwitness.archive.text.query import MOST_TOKENS, Node, Phrase
from earwitness.archive.text.sqlite import Hits, asked_tokens, settle

PART_TOKENS, PART_BYTES, PART_REPEATS = 8_000, 500_000, 250
"""The most that one part has. PostgreSQL's own limits (12.11, "Limitations"): positions up to 16,383,
256 of them for a lexeme, 1 MB in all; beyond them it drops positions or fails."""

_LONGEST_TSQUERY = 100_000
"""Characters; PostgreSQL takes fewer than 32,768 words and operators."""

Positions: TypeAlias = Select[int] | CompoundSelect[int]


# Writing documents


def parts(document: Sequence[str]) -> Iterator[Sequence[str]]:
    """Cut a document into parts, each of which fits into one tsvector.

    Neighbours share MOST_TOKENS tokens, so every phrase is whole in one part.
    """
    start = end = 0
    while end < len(document):
        end = _part_end(document, start)
        yield document[start:end]
        start = end - MOST_TOKENS


def _part_end(document: Sequence[str], start: int) -> int:
    # A part has at least PART_REPEATS tokens, more than parts share, or is the last: so this ends.
    if len(document) - start <= PART_REPEATS:
        return len(document)
    furthest = min(len(document), start + PART_TOKENS)
    times: Counter[str] = Counter()
    size_bytes = 0
    for at in range(start, furthest):
        token = document[at]
        times[token] += token != SEPARATOR  # no query asks for its positions
        size_bytes += len(token.encode())
        if times[token] > PART_REPEATS or size_bytes > PART_BYTES:
            return at
    return furthest


def tsvectors(said: Sequence[str], rest: Sequence[str] = ()) -> Iterator[str]:
    """Write a document as the texts of tsvectors, one for each part, positions from 1.

    What was said has the weight A. No phrase reaches from it into the rest.
    """
    both = [*said, SEPARATOR, *rest] if said and rest else said or rest
    ends = len(said)  # where what was said ends in this part
    for part in parts(both):
        yield " ".join(
            f"{_lexeme(token)}:{place}{'A' if place <= ends else ''}"
            for place, token in enumerate(part, start=1)
        )
        ends -= len(part) - MOST_TOKENS


# Asking queries


Asked: TypeAlias = str | BindParameter[str]
"""The text of a tsquery, or a parameter for it."""


def says(table: Any, asked: Asked) -> ColumnElement[bool]:
    """The condition that a part matches a tsquery."""
    condition: ColumnElement[bool] = table.c.document.op("@@")(cast(asked, TSQUERY))
    return condition


def says_first(table: Any, asked: Asked) -> ColumnElement[bool]:
    """The condition that a part is the first of its document that matches: so no document is found twice.

    Nearly all documents have one part. Removing duplicates from the result would cost more than finding it.
    """
    earlier = table.alias()
    before = and_(earlier.c.position == table.c.position, earlier.c.part < table.c.part)
    said_before = exists(select(1).where(before, says(earlier, asked)).correlate(table))
    return and_(says(table, asked), or_(table.c.part == 0, ~said_before))


def found_in(table: Any, node: Node, *, only_rest: bool = False) -> Hits[list[Positions]]:
    """Where a query is true, as disjoint selections of positions from a table of parts.

    A document of one part is matched with the whole query. In a document of several parts, the words of an
    AND may be in different parts, so each phrase is looked up by itself. There are few such documents.
    """

    ask = partial(tsquery_of, only_rest=only_rest)

    def positions_with(phrase: Phrase) -> Select[int]:
        return select(table.c.position).where(says(table, ask(phrase)))

    whole = settle(node, ask, _narrow, _widen)
    if len(whole.found) > _LONGEST_TSQUERY:
        sets = _sets(node, positions_with)
        return Hits([sets.found], sets.complement)
    second = table.alias()
    is_long = table.c.position.in_(select(second.c.position).where(second.c.part == 1))
    short = select(table.c.position).where(says(table, whole.found), table.c.part == 0, ~is_long)
    long = _sets(node, lambda phrase: positions_with(phrase).where(is_long).distinct()).found
    return Hits([short, long], whole.complement)


def _sets(node: Node, leaf: Callable[[Phrase], Select[int]]) -> Hits[Positions]:
    """Combine the positions of each phrase into those of a query.

    `leaf` selects one column. It may select a position twice; if it is the whole query, so does the result.
    """

    def narrow(within: list[Positions], without: list[Positions]) -> Positions:
        common = intersect(*within) if len(within) > 1 else within[0]
        return except_(common, *without) if without else common

    def widen(any_of: list[Positions]) -> Positions:
        return union(*any_of) if len(any_of) > 1 else any_of[0]

    return settle(node, leaf, narrow, widen)


def tsquery_of(phrase: Phrase, *, only_rest: bool = False) -> str:
    """Write a phrase as a tsquery, for all words or only for those that were not said.

    For all words the index alone answers. For a weight, every row that the index finds is read.
    """
    *head, last = map(_lexeme, asked_tokens(phrase))
    weight = "D" if only_rest else ""  # D is PostgreSQL's default weight
    label = f":{weight}" if weight else ""
    end = f":*{weight}" if phrase.prefix else label
    return " <-> ".join([*(f"{lexeme}{label}" for lexeme in head), f"{last}{end}"])


def _narrow(within: list[str], without: list[str]) -> str:
    return " & ".join([f"({one})" for one in within] + [f"!({one})" for one in without])


def _widen(any_of: list[str]) -> str:
    return " | ".join(f"({one})" for one in any_of)


@lru_cache(10_000)
def _lexeme(token: str) -> str:
    doubled = token.replace("\\", "\\\\").replace("'", "''")
    return f"'{doubled}'"
