"""Phone numbers in any grouping of their digits: reading them, and finding them in texts.

Sources write a number as `+44 7700 900123`, `0044 (0)7700-900123` or `447700900123`, and people search for it
in yet another way. So the text index holds all digits of a number as one token, beside its groups, and a
query of groups is asked as one token, too. See `docs/decisions/0017-phone-numbers-as-one-token.md`.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache

FEWEST_DIGITS, MOST_DIGITS = 7, 15
"""Fewer digits are seldom a phone number; more never are (ITU-T E.164, 6.1)."""

COMPLETE_DIGITS = 10
"""A group of this many digits is the end of its number."""

_MOST_IN_ALL = len("00") + MOST_DIGITS

# From Unicode 15.1: the general category Pd, the hyphen bullet, the minus signs, and the Japanese long
# vowel mark, which is typed for a dash.
DASHES = (
    r"\-\u058a\u05be\u1400\u1806\u2010-\u2015\u2043\u207b\u208b\u2212\u2e17\u2e1a\u2e3a\u2e3b\u2e40\u2e5d"
    r"\u301c\u3030\u30a0\u30fc\ufe31\ufe32\ufe58\ufe63\uff0d"
)
SEPARATORS = rf"().{DASHES}/\u2044\u2215\u00b7\u2022\u2027\u2219\u22c5"
"""What may stand between the digits of a number, besides spaces, as part of a character class."""

_GROUP = re.compile(rf"([0-9](?<![0-9a-z].)[0-9]*)(?![0-9a-z])(?:[{SEPARATORS}]|[^\S\n\r]){{0,5}}")
_EXIT_CODE = re.compile("00(?=[1-9])")  # no calling code begins with 0

Group = tuple[str, bool]
"""Digits without anything between them, and whether they are in parentheses."""


def groups_in(text: str) -> list[Group]:
    """The groups of digits of a number, or of a part of one, that is written in the digits 0 to 9."""
    found = ((match[0], *match.span()) for match in re.finditer("[0-9]+", text))
    return [(digits, _is_bracketed(text, start, end)) for digits, start, end in found]


def in_one(groups: Iterable[Group]) -> str:
    """The digits of a number without their grouping."""
    number = ""
    for group in groups:
        number = _longer(number, group)
    return number


def without_exit_code(digits: str) -> str:
    """The digits without the `00` that is dialled to reach another country."""
    return _EXIT_CODE.sub("", digits, count=1) if _EXIT_CODE.match(digits) else digits


def calling_code_of(number: str) -> str | None:
    """The calling code that a number begins with, or None. No calling code begins with another one."""
    return next((number[:length] for length in (1, 2, 3) if number[:length] in _calling_codes()), None)


def _longer(number: str, group: Group) -> str:
    """A number and one more group, without a `(0)` after a calling code: it is for calls within a country."""
    digits, is_bracketed = group
    is_trunk = is_bracketed and digits == "0" and without_exit_code(number) in _calling_codes()
    return number if is_trunk else number + digits


def _is_bracketed(text: str, start: int, end: int) -> bool:
    return text[start - 1 : start] == "(" and text[end : end + 1] == ")"


@cache
def _calling_codes() -> frozenset[str]:
    """All calling codes. The import takes 45 ms, and few numbers have a `(0)`, so it is done when needed."""
    from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

    return frozenset(map(str, COUNTRY_CODE_TO_REGION_CODE))


def phone_numbers(folded: str) -> Sequence[tuple[str, int, int]]:
    """Find possible phone numbers of several groups, or after `00`: digits and [start, end), each once.

    A number begins with the first of adjacent groups of digits, or with the latest group that begins with 0
    after a space or a bracket. It ends with any group after which its number of digits is possible. `00`,
    and `(0)` after a calling code, are left out. So a list of figures gives at most two for each figure.
    """
    for digit in "0123456789":  # the quickest test: most texts have no digit
        if digit in folded:
            return list(_found_in(folded))
    return ()


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
        read = digits, _is_bracketed(text, start, end)
        begun = [(_longer(before, read), first) for before, first in begun if len(before) < _MOST_IN_ALL]
        for written, first in begun:
            number = without_exit_code(written)
            if FEWEST_DIGITS <= len(number) <= MOST_DIGITS and number != digits and number not in found:
                found.add(number)
                yield number, first, end
        reached = group.end() if len(digits) < COMPLETE_DIGITS else -1
