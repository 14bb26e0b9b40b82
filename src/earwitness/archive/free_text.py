"""What `freeText` asks, and how SQLite, PostgreSQL and plain Python answer it.

    query  = group
    group  = all *( "OR" all )
    all    = 1*( ["-"] ( word ["*"] / DQUOTE phrase DQUOTE / "(" group ")" ) )

A word, a phrase and a word with punctuation inside are the same thing: tokens side by side. What has no
token (`&`, `""`) asks for nothing and is passed over.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from typing import Generic, NoReturn, TypeAlias, TypeVar

from sqlalchemy import CompoundSelect, Select, except_, intersect, union

from earwitness.archive.text import cuts, query_tokens, spans, tokens
from earwitness.kernel.errors import BadRequest, Fault

MOST_TERMS = 256
"""Words and phrases in a query."""

MOST_TOKENS = 64
"""Tokens in one phrase: what the parts of a long text overlap by, so that one of them holds it whole."""

DEEPEST = 32
"""Parentheses inside one another, and ANDs and ORs: one takes up to 3 of the 100 places FTS5's parser has."""

PART_TOKENS, PART_BYTES, PART_REPEATS = 8_000, 500_000, 250
"""What one tsvector is given. PostgreSQL's own limits (12.11, "Limitations"): positions up to 16,383,
256 of them for a lexeme, 1 MB in all; beyond them it forgets or refuses."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """Tokens side by side in one field; with `prefix` the last is the beginning of a token."""

    tokens: tuple[str, ...]
    prefix: bool = False


@dataclass(frozen=True, slots=True)
class All:
    parts: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Either:
    parts: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Not:
    part: "Node"


Node: TypeAlias = Phrase | All | Either | Not


# Reading a query

_LEXEME = re.compile(
    r"""(?P<open>-?\()|(?P<close>\))|(?P<phrase>-?"[^"]*"?)|(?P<or>OR(?![^\s()"]))|(?P<word>[^\s()"]+)"""
)


def parse(text: str) -> Node | None:
    """Read a query; None where it asks for nothing, as a blank one.

    Raises BadRequest with a fault at `freeText` whose position is the character's index.
    """
    groups = [_Group(0)]
    terms = 0
    for lexeme in _LEXEME.finditer(text):
        at = lexeme.start()
        match lexeme.lastgroup:
            case "open":
                opened_at = lexeme.end() - 1
                if len(groups) > DEEPEST:
                    _refuse(opened_at, f"expected at most {DEEPEST} parentheses inside one another")
                groups.append(_Group(opened_at, negated=opened_at > at))
            case "close" if len(groups) == 1:
                _refuse(at, "expected an opening parenthesis before this closing one")
            case "close":
                inner = groups.pop()
                if inner.is_blank:
                    _refuse(inner.opened_at, "expected a word inside the parentheses")
                groups[-1].add(inner.close())
            case "or":
                groups[-1].branch(at)
            case kind:
                terms += 1
                if terms > MOST_TERMS:
                    _refuse(at, f"expected at most {MOST_TERMS} words and phrases")
                groups[-1].add(_term(lexeme[0], at, quoted=kind == "phrase"))
    if len(groups) > 1:
        _refuse(groups[-1].opened_at, "expected a closing parenthesis for this one")
    return groups[0].close()


@dataclass(slots=True)
class _Group:
    """What stands between two parentheses, or the whole query: alternatives, each a list of parts."""

    opened_at: int
    negated: bool = False
    ways: list[list[Node]] = field(default_factory=lambda: [[]])
    or_at: int | None = None
    expectant: bool = True

    @property
    def is_blank(self) -> bool:
        return self.expectant and self.or_at is None

    def add(self, part: Node | None) -> None:
        self.expectant = False
        if part is not None:
            self.ways[-1].append(part)

    def branch(self, at: int) -> None:
        if self.expectant:
            _refuse(at, "expected a word before OR")
        self.ways.append([])
        self.or_at, self.expectant = at, True

    def close(self) -> Node | None:
        if self.expectant and self.or_at is not None:
            _refuse(self.or_at, "expected a word after OR")
        ways = [_joined(All, way) for way in self.ways if way]
        if not ways:
            return None
        node = _joined(Either, ways)
        if _height(node) > DEEPEST:
            _refuse(self.opened_at, f"expected at most {DEEPEST} ANDs and ORs inside one another")
        return _negated(node, self.negated)


def _joined(kind: type[All] | type[Either], nodes: list[Node]) -> Node:
    # What is alike is made one: programs write ((a OR b) OR c) OR d.
    flat = [part for node in nodes for part in (node.parts if isinstance(node, kind) else (node,))]
    return flat[0] if len(flat) == 1 else kind(tuple(flat))


def _height(node: Node) -> int:
    match node:
        case Phrase():
            return 0
        case Not(part):
            return _height(part)
        case All(parts) | Either(parts):
            return 1 + max(map(_height, parts))


def _term(written: str, at: int, *, quoted: bool) -> Node | None:
    minus = written[0] == "-"
    body, body_at = written[minus:], at + minus
    starred = False
    if quoted:
        if len(body) == 1 or body[-1] != '"':
            _refuse(body_at, "expected a closing quote for this one")
    elif minus and body[:1] in ("", "-"):
        _refuse(at, 'expected a word, a phrase or "(" right after -')
    else:
        starred = body[-1] == "*"
        body = body.rstrip("*")
        if not body:
            _refuse(body_at, "expected the beginning of a word before *")
    found, prefix = query_tokens(body)
    if len(found) > MOST_TOKENS:
        _refuse(body_at, f"expected a phrase of at most {MOST_TOKENS} words")
    if not found:
        return None
    # In `jane@*` the star stands for a word of its own, whatever it be.
    prefix = prefix or (starred and max(end for _, _, end in spans(body)) == len(body))
    return _negated(Phrase(tuple(found), prefix), minus)


def _negated(part: Node, negated: bool) -> Node:
    return Not(part) if negated else part


def _refuse(position: int, message: str) -> NoReturn:
    raise BadRequest.of(Fault("freeText", message, position))


# Answering in plain Python


def matches(node: Node, document: Sequence[str]) -> bool:
    """Say whether a document's tokens answer a query: what both databases must say."""
    match node:
        case Phrase():
            return _place(node, document) is not None
        case All(parts):
            return all(matches(part, document) for part in parts)
        case Either(parts):
            return any(matches(part, document) for part in parts)
        case Not(part):
            return not matches(part, document)


def _place(phrase: Phrase, document: Sequence[str]) -> int | None:
    *head, last = phrase.tokens
    for at, end in enumerate(document[len(head) :]):
        is_last = end.startswith(last) if phrase.prefix else end == last
        if is_last and [*document[at : at + len(head)]] == head:
            return at
    return None


# Answering in a database

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
        return f'"{" ".join(phrase.tokens)}"' + (" *" if phrase.prefix else "")

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
    return " <-> ".join(map(_lexeme, phrase.tokens)) + (":*" if phrase.prefix else "")


def _lexeme(token: str) -> str:
    doubled = token.replace("\\", "\\\\").replace("'", "''")
    return f"'{doubled}'"


# Showing what was found


def snippet(text: str, node: Node | None, limit: int = 200) -> str:
    """Show the first passage that a word or phrase of the query is found at, else the opening.

    At most `limit` characters (20 or more), white space collapsed, cut between words; `…` marks a cut.
    """
    flat = " ".join(text.split())
    if len(flat) <= limit:
        return flat
    start, end = (_passage(flat, node) if node else None) or (0, 0)
    end = min(end, start + limit // 2)
    first = max(0, min((start + end - limit) // 2, len(flat) - limit))
    last = first + limit
    opening = closing = ""
    if last < len(flat):
        space = flat.rfind(" ", end, last)
        last, closing = space if space > 0 else max(cuts(flat, end, last)), "…"
    if first > 0:
        space = flat.find(" ", first + 1, start + 1)
        first, opening = space if space > 0 else min(cuts(flat, first + 1, start + 1)), "…"
    return f"{opening}{flat[first:last].strip()}{closing}"


def _passage(text: str, node: Node) -> tuple[int, int] | None:
    if text.isascii() and (pattern := _plain_pattern(node)):
        hit = pattern.search(text)
        if hit is not None:
            return hit.span()
    document = tokens(text)
    found = [
        (at, len(phrase.tokens)) for phrase in _wanted(node) if (at := _place(phrase, document)) is not None
    ]
    if not found:
        return None
    at, length = min(found)
    passage = list(islice(spans(text), at, at + length))
    return passage[0][1], passage[-1][2]


@lru_cache(64)
def _plain_pattern(node: Node) -> re.Pattern[str] | None:
    """The same in a regular expression, for plain text: a page of snippets is made with one query."""
    phrases = list(_wanted(node))
    if not phrases or not all(token.isascii() for phrase in phrases for token in phrase.tokens):
        return None
    words = "|".join(
        "[^0-9A-Za-z]+".join(phrase.tokens) + ("[0-9A-Za-z]*" if phrase.prefix else "") for phrase in phrases
    )
    return re.compile(f"(?<![0-9A-Za-z])(?:{words})(?![0-9A-Za-z])", re.IGNORECASE | re.ASCII)


def _wanted(node: Node, wanted: bool = True) -> Iterator[Phrase]:
    match node:
        case Phrase():
            if wanted:
                yield node
        case Not(part):
            yield from _wanted(part, not wanted)
        case All(parts) | Either(parts):
            for part in parts:
                yield from _wanted(part, wanted)
