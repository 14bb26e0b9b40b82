"""What `freeText` asks, and where a phrase of it stands in a document.

`text_queries.py` asks SQLite, and `text_parts.py` PostgreSQL.

    query  = group
    group  = all *( "OR" all )
    all    = 1*( ["-"] ( word ["*"] / DQUOTE phrase DQUOTE / "(" group ")" ) )

A word, a phrase and a word with punctuation inside are the same thing: tokens side by side; a long one is
asked in pieces. What has no token (`&`, `""`) is passed over beside what has. Words of digits beside each
other may be a phone number: they are asked as they are written, or as all their digits in one, as
`phone_numbers.py` has them. A number that is no words of digits, as a `tel:` or `sip:` address or one with an
extension, is asked as it is written, or as `addresses.py` has it.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NoReturn, TypeAlias, TypeVar

from earwitness.archive.spelling.addresses import EXTENSION, number_in
from earwitness.archive.spelling.phone_numbers import (
    COMPLETE_DIGITS,
    FEWEST_DIGITS,
    MOST_DIGITS,
    Group,
    groups_in,
    in_one,
    without_exit_code,
)
from earwitness.archive.spelling.tokens import NEWEST, Reading, fold, query_tokens, spans
from earwitness.kernel.errors import BadRequest, Fault
from earwitness.kernel.wire import LONGEST_WORD

MOST_TERMS = 256
"""Words and phrases in a query."""

MOST_TOKENS = 64
"""Tokens that are looked up side by side: what the parts of a long text overlap by, so that one holds all."""

LONGEST_PHRASE = 512
"""Tokens in a phrase: a sentence without spaces has as many as characters."""

DEEPEST = 32
"""Parentheses inside one another, and ANDs and ORs: one takes up to 3 of the 100 places FTS5's parser has."""

_FEWEST_AFTER_PLUS = 3
"""Digits: fewer are a country, or `+10`."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """Tokens side by side in one field; with `prefix` the last is the beginning of a token.

    `position` is where the query has it, as a character's index.
    """

    tokens: tuple[str, ...]
    prefix: bool = False
    position: int = field(default=0, compare=False)


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
N = TypeVar("N", bound=Node | None)


@dataclass(frozen=True, slots=True)
class _Digits:
    """A word of digits alone: a phone number or, with those beside it, a part of one.

    `groups` are its digits, and whether parentheses stand around them, as around the zero of `+44 (0)20`.
    """

    phrase: Phrase
    negated: bool
    after_plus: bool
    groups: Sequence[Group]

    @property
    def digits(self) -> str:
        return "".join(self.phrase.tokens)


# Reading a query

_BESIDE_DIGITS = re.compile(r"[^\W\d_]|[#@]")
"""Letters, as in `tel:` and `ext.`; without, it is words of digits, which are read as they come."""

_LEAVES_OUT = re.compile(r"(?:^|\s)-")

_LEXEME = re.compile(
    r"""(?P<digits>\([+＋]?\d+\))|(?P<open>-?\()|(?P<close>\))|(?P<phrase>-?"[^"]*"?)|(?P<or>OR(?![^\s()"]))
    |(?P<word>[^\s()"]+)""",
    re.VERBOSE,
)


def parse(text: str, reading: Reading = NEWEST) -> Node | None:
    """Read a query, as the documents that it asks were read; None where it is blank.

    One of signs alone is refused: it would find everything.

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
                part = _term(lexeme[0], at, reading, quoted=kind == "phrase")
                terms += _pieces_of(part)
                if terms > MOST_TERMS:
                    _refuse(at, f"expected at most {MOST_TERMS} words and phrases")
                groups[-1].add(part)
    if len(groups) > 1:
        _refuse(groups[-1].opened_at, "expected a closing parenthesis for this one")
    node = _or_address(groups[0].close(), text)
    if node is None and (signs := _LEXEME.search(text)):
        _refuse(signs.start(), "expected a word or a number")
    return node


@dataclass(slots=True)
class _Group:
    """What stands between two parentheses, or the whole query: alternatives, each a list of parts."""

    opened_at: int
    negated: bool = False
    ways: list[list[Node | _Digits]] = field(default_factory=lambda: [[]])
    or_at: int | None = None
    expectant: bool = True

    @property
    def is_blank(self) -> bool:
        return self.expectant and self.or_at is None

    def add(self, part: Node | _Digits | None) -> None:
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
        ways = [joined(All, list(_with_numbers(way))) for way in self.ways if way]
        if not ways:
            return None
        node = joined(Either, ways)
        if height(node) > DEEPEST:
            _refuse(self.opened_at, f"expected at most {DEEPEST} ANDs and ORs inside one another")
        return _negated(node, self.negated)


def joined(kind: type[All] | type[Either], nodes: Sequence[Node]) -> Node:
    """One node of some, at least one. What is alike is made one: programs write ((a OR b) OR c) OR d."""
    flat = [part for node in nodes for part in (node.parts if isinstance(node, kind) else (node,))]
    return flat[0] if len(flat) == 1 else kind(tuple(flat))


def height(node: Node) -> int:
    """How many ANDs and ORs stand inside one another."""
    match node:
        case Phrase():
            return 0
        case Not(part):
            return height(part)
        case All(parts) | Either(parts):
            return 1 + max(map(height, parts))


def _with_numbers(way: Iterable[Node | _Digits]) -> Iterator[Node]:
    """Read words of digits that stand beside each other as phone numbers, where they may be one."""
    run: list[_Digits] = []
    for part in way:
        if run and not (isinstance(part, _Digits) and _goes_on(run, part)):
            yield _number(run)
            run = []
        if isinstance(part, _Digits):
            run.append(part)
        else:
            yield part
    if run:
        yield _number(run)


def _goes_on(run: Sequence[_Digits], word: _Digits) -> bool:
    first, last = run[0], run[-1]
    if word.negated or word.after_plus or last.phrase.prefix or len(last.digits) >= COMPLETE_DIGITS:
        return False
    if first.negated and not first.after_plus:  # `-2025 1234567` leaves out 2025, and no number
        return False
    return len(_in_one([*run, word])) <= MOST_DIGITS


def _in_one(run: Iterable[_Digits]) -> str:
    return without_exit_code("".join(word.digits for word in run))


def _trunkless(run: Iterable[_Digits]) -> str:
    """The same without a `(0)` after a calling code."""
    return without_exit_code(in_one(group for word in run for group in word.groups))


def _number(run: Sequence[_Digits]) -> Node:
    """Words of digits as they are written or, where they may be a phone number, as its digits in one."""
    ways = dict.fromkeys([_written(run), *_numbers_in(run)])
    only = run[0].phrase
    if replace(only, prefix=True) in ways and not only.prefix:
        ways.pop(only, None)
    return _negated(joined(Either, list(ways)), run[0].negated)


def _written(run: Sequence[_Digits]) -> Node:
    """The words as they stand; after a plus, those of a number as a phrase."""
    words = [word.phrase for word in run]
    if run[0].after_plus:
        ends = range(1, len(run) + 1)
        end = next((end for end in ends if len(_in_one(run[:end])) >= FEWEST_DIGITS), len(run))
        tokens = tuple(token for word in words[:end] for token in word.tokens)
        words[:end] = [Phrase(tokens, words[end - 1].prefix, words[0].position)]
    return joined(All, words)


def _numbers_in(run: Sequence[_Digits]) -> Iterator[Node]:
    """The number in one with which words begin, and those after it, whichever of them it ends with."""
    first = run[0]
    before = ""
    for end, last in enumerate(run, start=1):
        trunkless = _trunkless(run[:end])
        if trunkless == before:  # it ends with a (0), which belongs to what follows
            continue
        before = trunkless
        rest = [word.phrase for word in run[end:]]
        fewest = _FEWEST_AFTER_PLUS if first.after_plus and not rest else FEWEST_DIGITS
        # Endpoints of earlier versions have the (0) among their digits: nothing tells how they were written.
        for form in dict.fromkeys([trunkless, _in_one(run[:end])]):
            if fewest <= len(form) <= MOST_DIGITS:
                is_begun = len(form) >= FEWEST_DIGITS or end > 1 or len(first.phrase.tokens) > 1
                may_go_on = is_begun and (first.after_plus or first.digits.startswith("00"))
                number = Phrase((form,), may_go_on or last.phrase.prefix, first.phrase.position)
                yield joined(All, [number, *rest])


def _term(written: str, at: int, reading: Reading, *, quoted: bool) -> Node | _Digits | None:
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
    found, prefix = query_tokens(body, reading)
    if len(found) > LONGEST_PHRASE:
        _refuse(body_at, f"expected a phrase of at most {LONGEST_PHRASE} words")
    if not found:
        return None
    # In `jane@*` the star stands for a word of its own, whatever it be.
    prefix = prefix or (starred and max(end for _, _, end in spans(body, reading)) == len(body))
    pieces = joined(All, list(_pieces(found, prefix, body_at)))
    if not starred and (node := _or_address(pieces, body, body_at)) is not pieces:
        return _negated(node, minus)
    if len(found) <= MOST_DIGITS and all(token.isascii() and token.isdigit() for token in found):
        plain = fold(body, reading)
        after_plus = plain.lstrip('(" ').startswith("+")
        digits = _Digits(Phrase(tuple(found), prefix, body_at), minus, after_plus, groups_in(plain))
        return _number([digits]) if quoted else digits
    return _negated(pieces, minus)


def _or_address(node: N, text: str, at: int = 0) -> N | Node:
    """What was read of a text or, where all of it is the address of a number, that number."""
    if node is None or len(text) > LONGEST_WORD or not any(map(str.isdecimal, text)):
        return node
    is_read = _LEAVES_OUT.search(text) or not _BESIDE_DIGITS.search(text)
    number = None if is_read else number_in(text.strip().strip('"'))
    if number is None:
        return node
    digits, _, extension = number.partition(EXTENSION)
    asked: list[Node] = [Phrase((digits,), position=at)]
    if extension:
        asked.append(Either((Phrase((extension,), position=at), Phrase((f"x{extension}",), position=at))))
    return joined(Either, [node, joined(All, asked)])


def _pieces_of(part: Node | _Digits | None) -> int:
    match part:
        case All(pieces) | Not(All(pieces)):
            return len(pieces)
        case _:
            return 1


def _pieces(found: Sequence[str], prefix: bool, at: int) -> Iterator[Phrase]:
    """A phrase or, of a long one, pieces that each share half with the next.

    Only a text that says the same in several places can hold them all and not the whole.
    """
    start = 0
    while len(found) - start > MOST_TOKENS:
        yield Phrase(tuple(found[start : start + MOST_TOKENS]), position=at)
        start += MOST_TOKENS // 2
    yield Phrase(tuple(found[start:]), prefix, at)


def _negated(part: Node, negated: bool) -> Node:
    return Not(part) if negated else part


def _refuse(position: int, message: str) -> NoReturn:
    raise BadRequest.of(Fault("freeText", message, position))


def place(phrase: Phrase, document: Sequence[str]) -> int | None:
    """The index of the token at which a phrase begins in a document, if it is there."""
    *head, last = phrase.tokens
    for at, end in enumerate(document[len(head) :]):
        is_last = end.startswith(last) if phrase.prefix else end == last
        if is_last and [*document[at : at + len(head)]] == head:
            return at
    return None
