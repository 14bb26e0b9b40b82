"""Strict JSON (RFC 8259): what two JSON parsers could read differently is refused.

Refused are duplicate keys, NUL characters, lone surrogates, nesting over 32, integers beyond 2^53 − 1, and
numbers that are not finite. Each fault is named with its path.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from earwitness.kernel.errors import BadRequest, Fault

MAX_DEPTH = 32
MAX_INTEGER = 2**53 - 1

_NESTING = (dict, list)

# In JSON that is valid UTF-8, only such an escape can give a NUL or a lone surrogate.
_ESCAPED = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")


def loads(body: bytes) -> Any:
    """Read a body. Raises BadRequest that names each fault."""
    value, is_plain, faults = _parse(body)
    return _checked(value, is_plain, faults)


def loads_mending(body: bytes) -> tuple[Any, list[str]]:
    """Read a body, replace each NUL and lone surrogate by U+FFFD, and name the paths where that was done.

    Raises BadRequest for all other faults.
    """
    value, is_plain, faults = _parse(body)
    mended: list[str] = []
    if not is_plain:
        value = _mend(value, "", mended, 1)
    return _checked(value, is_plain, faults), mended


def _parse(body: bytes) -> tuple[Any, bool, list[Fault]]:
    """Read a value. Also say whether it certainly has no unsafe part, and name the faults that were found."""
    watcher = _Watcher()
    try:
        text = body.decode()
        value = json.loads(
            text,
            object_pairs_hook=watcher.members,
            parse_int=watcher.integer,
            parse_float=watcher.fraction,
            parse_constant=_no_constant,
        )
    except UnicodeDecodeError as error:
        raise BadRequest.of(Fault("", f"expected UTF-8, which the byte at {error.start} is not")) from None
    except json.JSONDecodeError as error:
        raise BadRequest.of(Fault("", f"expected JSON: {error.msg}", error.pos)) from None
    except RecursionError:
        raise BadRequest.of(Fault("", f"nested deeper than {MAX_DEPTH}")) from None
    except ValueError as error:
        raise BadRequest.of(Fault("", f"expected JSON: {str(error).split(';')[0]}")) from None
    is_plain = not (watcher.too_large or _ESCAPED.search(text) or _is_deep(value))
    return value, is_plain, [Fault(printable(key), "given twice in one object") for key in watcher.duplicates]


class _Watcher:
    """Callbacks for the json module, which note the faults that it does not report itself."""

    def __init__(self) -> None:
        self.duplicates: list[str] = []
        self.too_large = False

    def members(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        members = dict(pairs)
        if len(members) < len(pairs):
            times = Counter(key for key, _ in pairs)
            self.duplicates.extend(key for key, count in times.items() if count > 1)
        return members

    def integer(self, digits: str) -> int:
        number = int(digits)
        self.too_large |= abs(number) > MAX_INTEGER
        return number

    def fraction(self, digits: str) -> float:
        number = float(digits)
        self.too_large |= math.isinf(number)
        return number


def _checked(value: Any, is_plain: bool, faults: list[Fault]) -> Any:
    if not is_plain:
        faults = [*faults, *_unsafe(value, "", 1)]
    if faults:
        raise BadRequest.of(*faults[:20])
    return value


def _is_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        members = (item.values() if type(item) is dict else item for item in level if type(item) in _NESTING)
        level = [item for inner in members for item in inner if type(item) in _NESTING]
        if not level:
            return False
    return True


def _mend(value: Any, path: str, mended: list[str], depth: int) -> Any:
    if depth > MAX_DEPTH + 1:
        return value
    match value:
        case str() if _unsafe_text(value):
            mended.append(path)
            return "".join("\N{REPLACEMENT CHARACTER}" if _unsafe_text(char) else char for char in value)
        case dict():
            return {
                _mend(key, path, mended, depth): _mend(
                    member, f"{path}.{printable(key)}".lstrip("."), mended, depth + 1
                )
                for key, member in value.items()
            }
        case list():
            return [_mend(item, f"{path}[{index}]", mended, depth + 1) for index, item in enumerate(value)]
        case _:
            return value


def printable(text: str, most: int = 80) -> str:
    """The text as an answer may repeat it: short, without surrogates, controls or marks of direction."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text[:most])


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


def _unsafe(value: Any, path: str, depth: int) -> Iterator[Fault]:
    match value:
        case str():
            if fault := _unsafe_text(value):
                yield Fault(path, fault)
        case bool() | None:
            return
        case int() if abs(value) > MAX_INTEGER:
            yield Fault(path, "expected an integer from −(2^53 − 1) to 2^53 − 1")
        case float() if value in (float("inf"), float("-inf")):
            yield Fault(path, "this number is too large")
        case dict() | list() if depth > MAX_DEPTH:
            yield Fault(path, f"nested deeper than {MAX_DEPTH}")
        case dict():
            for key, member in value.items():
                if fault := _unsafe_text(key):
                    yield Fault(path, f"a key: {fault}")
                yield from _unsafe(member, f"{path}.{printable(key)}" if path else printable(key), depth + 1)
        case list():
            for index, item in enumerate(value):
                if type(item) is not int or abs(item) > MAX_INTEGER:
                    yield from _unsafe(item, f"{path}[{index}]", depth + 1)


def _unsafe_text(text: str) -> str | None:
    if text.isascii():
        return "NUL characters are not taken" if "\0" in text else None
    if "\0" in text:
        return "NUL characters are not taken"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "a surrogate stands alone"
    return None
