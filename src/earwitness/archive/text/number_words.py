"""Words of digits in a query: they may be one phone number, written in groups.

They are asked as they are written, or as all their digits in one token, as the index has phone numbers too:
`spelling/phone_numbers.py`, decision 0017.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from earwitness.archive.spelling.phone_numbers import (
    COMPLETE_DIGITS,
    FEWEST_DIGITS,
    MOST_DIGITS,
    Group,
    in_one,
    without_exit_code,
)
from earwitness.archive.text.query import All, Either, Node, Phrase, joined, negated

_FEWEST_AFTER_PLUS = 3
"""Digits: fewer are a country, or `+10`."""


@dataclass(frozen=True, slots=True)
class DigitWord:
    """A word of digits alone: a phone number or, with the words beside it, a part of one."""

    phrase: Phrase
    negated: bool
    after_plus: bool
    groups: Sequence[Group]
    """Its digits, and whether they stand in parentheses, like the zero of `+44 (0)20`."""

    @property
    def digits(self) -> str:
        return "".join(self.phrase.tokens)


def with_numbers(parts: Iterable[Node | DigitWord]) -> Iterator[Node]:
    """The parts of an AND. Words of digits side by side are read as phone numbers, where they can be one."""
    run: list[DigitWord] = []
    for part in parts:
        if run and not (isinstance(part, DigitWord) and _may_continue(run, part)):
            yield number(run)
            run = []
        if isinstance(part, DigitWord):
            run.append(part)
        else:
            yield part
    if run:
        yield number(run)


def number(run: Sequence[DigitWord]) -> Node:
    """Words of digits as they are written or, where they may be a phone number, as its digits in one."""
    ways = dict.fromkeys([_as_written(run), *_as_numbers(run)])
    only = run[0].phrase
    if replace(only, prefix=True) in ways and not only.prefix:
        ways.pop(only, None)
    return negated(joined(Either, list(ways)), run[0].negated)


def _may_continue(run: Sequence[DigitWord], word: DigitWord) -> bool:
    """Whether a word may belong to the same number as those before it."""
    first, last = run[0], run[-1]
    if word.negated or word.after_plus or last.phrase.prefix or len(last.digits) >= COMPLETE_DIGITS:
        return False
    if first.negated and not first.after_plus:  # `-2025 1234567` leaves out 2025, and no number
        return False
    return len(_digits_of([*run, word])) <= MOST_DIGITS


def _digits_of(run: Iterable[DigitWord]) -> str:
    return without_exit_code("".join(word.digits for word in run))


def _digits_without_trunk(run: Iterable[DigitWord]) -> str:
    """The digits without a `(0)` after a calling code."""
    return without_exit_code(in_one(group for word in run for group in word.groups))


def _as_written(run: Sequence[DigitWord]) -> Node:
    """The words as they stand; those of a number after a plus as one phrase."""
    words = [word.phrase for word in run]
    if run[0].after_plus:
        ends = range(1, len(run) + 1)
        end = next((end for end in ends if len(_digits_of(run[:end])) >= FEWEST_DIGITS), len(run))
        tokens = tuple(token for word in words[:end] for token in word.tokens)
        words[:end] = [Phrase(tokens, words[end - 1].prefix, words[0].position)]
    return joined(All, words)


def _as_numbers(run: Sequence[DigitWord]) -> Iterator[Node]:
    """Each number that the first words may be, as one token, with the words that follow it."""
    first = run[0]
    before = ""
    for end, last in enumerate(run, start=1):
        without_trunk = _digits_without_trunk(run[:end])
        if without_trunk == before:  # the last word is a (0), which belongs to the next
            continue
        before = without_trunk
        rest = [word.phrase for word in run[end:]]
        fewest = _FEWEST_AFTER_PLUS if first.after_plus and not rest else FEWEST_DIGITS
        # Endpoints of earlier versions have the (0) among their digits, and nothing shows which do.
        for digits in dict.fromkeys([without_trunk, _digits_of(run[:end])]):
            if fewest <= len(digits) <= MOST_DIGITS:
                is_begun = len(digits) >= FEWEST_DIGITS or end > 1 or len(first.phrase.tokens) > 1
                may_go_on = is_begun and (first.after_plus or first.digits.startswith("00"))
                in_one_token = Phrase((digits,), may_go_on or last.phrase.prefix, first.phrase.position)
                yield joined(All, [in_one_token, *rest])
