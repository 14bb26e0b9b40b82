"""Phone numbers in what was said or written, however their digits are grouped.

Sources write a number as `+44 7700 900123`, `0044 (0)7700-900123` or `447700900123`, and people ask in yet
another way. So the index has the digits of a number in one, as a token of their own beside its groups; and
a question of groups asks for them in one too. See `docs/decisions/0017-phone-numbers-in-one.md`.
"""

import re
from collections.abc import Iterator, Sequence

FEWEST_DIGITS, MOST_DIGITS = 7, 15
"""Fewer are seldom a number; more never (ITU-T E.164, 6.1)."""

COMPLETE_DIGITS = 10
"""A group of so many has nothing after it that is of the same number."""

_MOST_IN_ALL = len("00") + MOST_DIGITS

# The digit that is dialled within a country alone: `+44 (0)7700 900123`. Of a folded text: NFKD has made
# plain digits, spaces, pluses and hyphens of the others.
_TRUNK = re.compile(r"(?<=[0-9])([^\S\n\r]?)\(0\)")
_GROUP = re.compile(r"([0-9](?<![0-9a-z].)[0-9]*)(?![0-9a-z])(?:[().\-/‐–−]|[^\S\n\r]){0,5}")


def phone_numbers(folded: str) -> Sequence[tuple[str, int, int]]:
    """Find what may be phone numbers, of several groups or after `00`: the digits, [start, end), each once.

    One begins where groups of digits begin to stand beside each other, or with the latest word or bracket
    that begins with 0, and ends with any group that leaves a number of digits that it may have. `00` and
    `(0)` are no part of it. A list of figures has so at most two for each.
    """
    for digit in "0123456789":  # most texts have none, and nothing else says so as quickly
        if digit in folded:
            return list(_found_in(_TRUNK.sub(r"\1   ", folded) if "(0)" in folded else folded))
    return ()


def without_trunk(folded: str) -> str:
    """The digits of what was written of a number, without a `(0)` in it; of `(0)` itself none."""
    return "" if folded == "(0)" else "".join(re.findall("[0-9]", _TRUNK.sub("", folded)))


def _found_in(text: str) -> Iterator[tuple[str, int, int]]:
    found: set[str] = set()
    begun: list[tuple[str, int]] = []
    reached = -1
    for group in _GROUP.finditer(text):
        digits, (start, end) = group[1], group.span(1)
        if start != reached:
            begun = [("", start)]
        elif digits[0] == "0" and len(digits) > 1 and (text[start - 1].isspace() or text[start - 1] == "("):
            begun = [*begun[:1], ("", start)]
        begun = [(before + digits, first) for before, first in begun if len(before) < _MOST_IN_ALL]
        for written, first in begun:
            number = written.removeprefix("00")
            if FEWEST_DIGITS <= len(number) <= MOST_DIGITS and number != digits and number not in found:
                found.add(number)
                yield number, first, end
        reached = group.end() if len(digits) < COMPLETE_DIGITS else -1
