"""The query of `freeText` as a tree, and where a phrase of it is in a document.

`parsing.py` makes the tree of a text. `sqlite.py` and `postgresql.py` ask their databases for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

MOST_TOKENS = 64
"""Tokens of one phrase. The parts of a long document overlap by as many, so that one part holds all of it."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """Tokens side by side in one field."""

    tokens: tuple[str, ...]
    prefix: bool = False
    """Whether the last token may be the beginning of a longer one."""
    position: int = field(default=0, compare=False)
    """The index of its first character in the query."""


@dataclass(frozen=True, slots=True)
class All:
    """AND."""

    parts: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Either:
    """OR."""

    parts: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Not:
    part: "Node"


Node: TypeAlias = Phrase | All | Either | Not


def joined(kind: type[All] | type[Either], nodes: Sequence[Node]) -> Node:
    """One node for one or more, flat: programs write ((a OR b) OR c) OR d."""
    flat = [part for node in nodes for part in (node.parts if isinstance(node, kind) else (node,))]
    return flat[0] if len(flat) == 1 else kind(tuple(flat))


def negated(node: Node, is_negated: bool) -> Node:
    return Not(node) if is_negated else node


def height(node: Node) -> int:
    """How deeply ANDs and ORs are nested."""
    match node:
        case Phrase():
            return 0
        case Not(part):
            return height(part)
        case All(parts) | Either(parts):
            return 1 + max(map(height, parts))


def place(phrase: Phrase, document: Sequence[str]) -> int | None:
    """The index of the token at which a phrase begins in a document, if it is there."""
    *head, last = phrase.tokens
    for at, end in enumerate(document[len(head) :]):
        is_last = end.startswith(last) if phrase.prefix else end == last
        if is_last and [*document[at : at + len(head)]] == head:
            return at
    return None
