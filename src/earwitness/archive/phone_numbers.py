"""Phone numbers in what was said or written, however their digits are grouped.

Sources write a number as `+44 7700 900123`, `0044 (0)7700-900123` or `447700900123`, and people ask in yet
another way. So the index has the digits of a number in one, as a token of their own beside its groups; and
a question of groups asks for them in one too. See `docs/decisions/0017-phone-numbers-in-one.md`.
"""

import re
from collections.abc import Iterator, Sequence

FEWEST_DIGITS, MOST_DIGITS = 7, 15
"""Fewer are seldom a number; more never (ITU-T E.164, 6.1)."""

TRUNK = "(0)"
"""The digit that is dialled within a country alone: `+44 (0)7700 900123`."""

_MOST_IN_ALL = len("00") + MOST_DIGITS

# Of a folded text: NFKD has made plain digits, spaces, pluses and hyphens of the others.
_TRUNK = re.compile(r"(?<=[0-9])([^\S\n\r]?)\(0\)")
_GROUP = re.compile(r"([0-9](?<![0-9a-z].)[0-9]*)(?![0-9a-z])(?:[().\-/‐–−]|[^\S\n\r]){0,5}")


def phone_numbers(folded: str) -> Sequence[tuple[str, int, int]]:
    """Find what may be phone numbers, of several groups or after `00`: the digits, [start, end).

    One begins where groups of digits begin to stand beside each other, or with a group that begins with 0,
    and ends with any group that leaves a number of digits that it may have. `00` and `(0)` are no part of it.
    """
    for digit in "0123456789":  # most texts have none, and nothing else says so as quickly
        if digit in folded:
            return list(_found_in(_TRUNK.sub(r"\1   ", folded) if TRUNK in folded else folded))
    return ()


def _found_in(text: str) -> Iterator[tuple[str, int, int]]:
    begun: list[tuple[str, int]] = []
    reached = -1
    for group in _GROUP.finditer(text):
        digits, (start, end) = group[1], group.span(1)
        follows = start == reached
        begun = [
            (before + digits, first) for before, first in begun if follows and len(before) < _MOST_IN_ALL
        ]
        if not follows or digits[0] == "0":
            begun.append((digits, start))
        for written, first in begun:
            number = written.removeprefix("00")
            if FEWEST_DIGITS <= len(number) <= MOST_DIGITS and number != digits:
                yield number, first, end
        reached = group.end()
