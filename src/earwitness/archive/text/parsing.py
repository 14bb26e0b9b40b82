"""Parsing `freeText` into a tree.

    query  = group
    group  = all *( "OR" all )
    all    = 1*( ["-"] ( word ["*"] / DQUOTE phrase DQUOTE / "(" group ")" ) )

A word, a phrase and a word with punctuation inside are the same thing: tokens side by side. A long one is
cut into pieces. What has no token (`&`, `""`) is skipped, unless there is nothing else. Words of digits may
be a phone number: `number_words.py`. A `tel:` or `sip:` address and a number with an extension are asked as
they are written, or as `spelling/addresses.py` reads them.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NoReturn, TypeVar

from earwitness.archive.spelling.addresses import EXTENSION, number_in
from earwitness.archive.spelling.phone_numbers import MOST_DIGITS, groups_in
from earwitness.archive.spelling.tokens import NEWEST, Reading, fold, query_tokens, spans
from earwitness.archive.text.number_words import DigitWord, number, with_numbers
from earwitness.archive.text.query import MOST_TOKENS, All, Either, Node, Not, Phrase, height, joined, negated
from earwitness.kernel.errors import BadRequest, Fault
from earwitness.kernel.wire import LONGEST_WORD

MOST_TERMS = 256
"""Words and phrases in a query."""

LONGEST_PHRASE = 512
"""Tokens in a phrase: a sentence without spaces has as many as characters."""

DEEPEST = 32
"""Nested parentheses, and nested ANDs and ORs: one takes up to 3 of the 100 places that FTS5's parser has."""

_BESIDE_DIGITS = re.compile(r"[^\W\d_]|[#@]")
"""What an address of a number has besides digits, as in `tel:` and `ext.`; other text is read as words."""

_EXCLUSION = re.compile(r"(?:^|\s)-")

_LEXEME = re.compile(
    r"""(?P<digits>\([+＋]?\d+\))|(?P<open>-?\()|(?P<close>\))|(?P<phrase>-?"[^"]*"?)|(?P<or>OR(?![^\s()"]))
    |(?P<word>[^\s()"]+)""",
    re.VERBOSE,
)

N = TypeVar("N", bound=Node | None)


def parse(text: str, reading: Reading = NEWEST) -> Node | None:
    """Parse a query, with its words read as those of the documents were; None where it is blank.

    Raises BadRequest with a fault at `freeText` whose position is the character's index. A query of signs
    alone is refused too: it would find everything.
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
                terms += _count_pieces(part)
                if terms > MOST_TERMS:
                    _refuse(at, f"expected at most {MOST_TERMS} words and phrases")
                groups[-1].add(part)
    if len(groups) > 1:
        _refuse(groups[-1].opened_at, "expected a closing parenthesis for this one")
    node = _or_number(groups[0].close(), text)
    if node is None and (signs := _LEXEME.search(text)):
        _refuse(signs.start(), "expected a word or a number")
    return node


@dataclass(slots=True)
class _Group:
    """The inside of two parentheses, or the whole query: the sides of an OR, each the parts of an AND."""

    opened_at: int
    negated: bool = False
    sides: list[list[Node | DigitWord]] = field(default_factory=lambda: [[]])
    or_at: int | None = None
    expects_word: bool = True

    @property
    def is_blank(self) -> bool:
        return self.expects_word and self.or_at is None

    def add(self, part: Node | DigitWord | None) -> None:
        self.expects_word = False
        if part is not None:
            self.sides[-1].append(part)

    def branch(self, at: int) -> None:
        if self.expects_word:
            _refuse(at, "expected a word before OR")
        self.sides.append([])
        self.or_at, self.expects_word = at, True

    def close(self) -> Node | None:
        if self.expects_word and self.or_at is not None:
            _refuse(self.or_at, "expected a word after OR")
        sides = [joined(All, list(with_numbers(parts))) for parts in self.sides if parts]
        if not sides:
            return None
        node = joined(Either, sides)
        if height(node) > DEEPEST:
            _refuse(self.opened_at, f"expected at most {DEEPEST} ANDs and ORs inside one another")
        return negated(node, self.negated)


def _term(written: str, at: int, reading: Reading, *, quoted: bool) -> Node | DigitWord | None:
    """A word or a phrase, with the minus before it; None where it has no token."""
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
    # In `jane@*` the star is a word of its own, which may be any word.
    prefix = prefix or (starred and max(end for _, _, end in spans(body, reading)) == len(body))
    pieces = joined(All, list(_pieces(found, prefix, body_at)))
    if not starred and (node := _or_number(pieces, body, body_at)) is not pieces:
        return negated(node, minus)
    if len(found) <= MOST_DIGITS and all(token.isascii() and token.isdigit() for token in found):
        plain = fold(body, reading)
        after_plus = plain.lstrip('(" ').startswith("+")
        digits = DigitWord(Phrase(tuple(found), prefix, body_at), minus, after_plus, groups_in(plain))
        return number([digits]) if quoted else digits
    return negated(pieces, minus)


def _or_number(node: N, text: str, at: int = 0) -> N | Node:
    """The same node, or also the number, where the whole text is the address of one."""
    if node is None or len(text) > LONGEST_WORD or not any(map(str.isdecimal, text)):
        return node
    if _EXCLUSION.search(text) or not _BESIDE_DIGITS.search(text):
        return node
    address = number_in(text.strip().strip('"'))
    if address is None:
        return node
    digits, _, extension = address.partition(EXTENSION)
    asked: list[Node] = [Phrase((digits,), position=at)]
    if extension:
        asked.append(Either((Phrase((extension,), position=at), Phrase((f"x{extension}",), position=at))))
    return joined(Either, [node, joined(All, asked)])


def _count_pieces(part: Node | DigitWord | None) -> int:
    match part:
        case All(pieces) | Not(All(pieces)):
            return len(pieces)
        case _:
            return 1


def _pieces(found: Sequence[str], prefix: bool, at: int) -> Iterator[Phrase]:
    """A phrase or, of a long one, pieces that each share half with the next.

    Only a text that repeats itself can have all pieces without having the whole phrase.
    """
    start = 0
    while len(found) - start > MOST_TOKENS:
        yield Phrase(tuple(found[start : start + MOST_TOKENS]), position=at)
        start += MOST_TOKENS // 2
    yield Phrase(tuple(found[start:]), prefix, at)


def _refuse(position: int, message: str) -> NoReturn:
    raise BadRequest.of(Fault("freeText", message, position))
