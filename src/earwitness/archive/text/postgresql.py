"""Text in PostgreSQL: what it is given of a long document, and how it is asked for all of it.

A `tsvector` holds only so much, so a long document is several rows of `recording_text`, its parts.
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
from sqlalchemy.dialects.postgresql import TSQUERY

from earwitness.archive.spelling.tokens import SEPARATOR
from earwitness.archive.text.query import MOST_TOKENS, Node, Phrase
from earwitness.archive.text.sqlite import Hits, asked_tokens, settle

PART_TOKENS, PART_BYTES, PART_REPEATS = 8_000, 500_000, 250
"""What one tsvector is given. PostgreSQL's own limits (12.11, "Limitations"): positions up to 16,383,
256 of them for a lexeme, 1 MB in all; beyond them it forgets or refuses."""

_LONGEST_TSQUERY = 100_000
"""Characters; PostgreSQL takes fewer than 32,768 words and operators."""

Positions: TypeAlias = Select[int] | CompoundSelect[int]


# What it is given


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
        times[token] += token != SEPARATOR  # nobody asks where that is
        size_bytes += len(token.encode())
        if times[token] > PART_REPEATS or size_bytes > PART_BYTES:
            return at
    return furthest


def tsvectors(said: Sequence[str], rest: Sequence[str] = ()) -> Iterator[str]:
    """Write a document as the texts of tsvectors, one for each part, positions from 1.

    What was said has the weight A; a phrase does not reach from it into the rest.
    """
    both = [*said, SEPARATOR, *rest] if said and rest else said or rest
    begins = len(said)  # the rest, in this part
    for part in parts(both):
        yield " ".join(
            f"{_lexeme(token)}:{place}{'A' if place <= begins else ''}"
            for place, token in enumerate(part, start=1)
        )
        begins -= len(part) - MOST_TOKENS


# How it is asked


Asked: TypeAlias = str | BindParameter[str]
"""What `tsquery_of` writes, or a parameter for it."""


def says(table: Any, asked: Asked) -> ColumnElement[bool]:
    """The condition that a part says what is asked."""
    condition: ColumnElement[bool] = table.c.document.op("@@")(cast(asked, TSQUERY))
    return condition


def says_first(table: Any, asked: Asked) -> ColumnElement[bool]:
    """The condition that a part says it, and no earlier part of the same document: none is found twice.

    Nearly all documents are one part, and to sort out what is there twice would cost more than to find it.
    """
    earlier = table.alias()
    before = and_(earlier.c.position == table.c.position, earlier.c.part < table.c.part)
    said_before = exists(select(1).where(before, says(earlier, asked)).correlate(table))
    return and_(says(table, asked), or_(table.c.part == 0, ~said_before))


def found_in(table: Any, node: Node, *, only_rest: bool = False) -> Hits[list[Positions]]:
    """Where a query is true, as selections of positions from a table of parts; none is in two of them.

    A document of one part is asked the whole query at once. In one of several parts the words of an AND
    may stand in different ones: there, each phrase is looked up by itself. Of those there are few.
    """

    ask = partial(tsquery_of, only_rest=only_rest)

    def standing(phrase: Phrase) -> Select[int]:
        return select(table.c.position).where(says(table, ask(phrase)))

    whole = settle(node, ask, _narrow, _widen)
    if len(whole.found) > _LONGEST_TSQUERY:
        sets = _sets(node, standing)
        return Hits([sets.found], sets.complement)
    second = table.alias()
    is_long = table.c.position.in_(select(second.c.position).where(second.c.part == 1))
    short = select(table.c.position).where(says(table, whole.found), table.c.part == 0, ~is_long)
    long = _sets(node, lambda phrase: standing(phrase).where(is_long).distinct()).found
    return Hits([short, long], whole.complement)


def _sets(node: Node, leaf: Callable[[Phrase], Select[int]]) -> Hits[Positions]:
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

    return settle(node, leaf, narrow, widen)


def tsquery_of(phrase: Phrase, *, only_rest: bool = False) -> str:
    """Write a phrase as PostgreSQL asks for it: anywhere, or only where no weight says that it was said.

    The index answers what is asked anywhere; of what has a weight every row that it finds is read.
    """
    *head, last = map(_lexeme, asked_tokens(phrase))
    weight = "D" if only_rest else ""  # what places without a weight have
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
