"""JSON as RFC 8259 means it, and no more: what one reader takes and another takes otherwise is refused.

Refused: duplicate keys, NUL characters, lone surrogates, nesting over 32, integers beyond 2^53 − 1,
numbers that are not finite. Everything that is wrong in it is named by its path.
"""

import json
import math
from collections import Counter
from collections.abc import Iterator
from typing import Any

from earwitness.kernel.errors import BadRequest, Fault

MAX_DEPTH = 32
MAX_INTEGER = 2**53 - 1


def loads(body: bytes) -> Any:
    """Read a body. Raises BadRequest with a fault for each thing that is wrong."""
    return _checked(*_parse(body))


def loads_mending(body: bytes) -> tuple[Any, list[str]]:
    """Read a body, replacing each NUL and lone surrogate by U+FFFD, and name the paths where that was done.

    Raises BadRequest for all else that is wrong.
    """
    value, faults = _parse(body)
    mended: list[str] = []
    if not _is_plain(value, 1):
        value = _mend(value, "", mended, 1)
    return _checked(value, faults), mended


def _parse(body: bytes) -> tuple[Any, list[Fault]]:
    duplicates: list[str] = []

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        members = dict(pairs)
        if len(members) < len(pairs):
            times = Counter(key for key, _ in pairs)
            duplicates.extend(key for key, count in times.items() if count > 1)
        return members

    try:
        value = json.loads(body.decode(), object_pairs_hook=unique, parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise BadRequest.of(Fault("", f"expected UTF-8, got another byte at {error.start}")) from None
    except json.JSONDecodeError as error:
        raise BadRequest.of(Fault("", f"expected JSON: {error.msg}", error.pos)) from None
    except RecursionError:
        raise BadRequest.of(Fault("", f"nested deeper than {MAX_DEPTH}")) from None
    except ValueError as error:
        raise BadRequest.of(Fault("", f"expected JSON: {str(error).split(';')[0]}")) from None
    return value, [Fault(printable(key), "given twice in one object") for key in duplicates]


def _checked(value: Any, faults: list[Fault]) -> Any:
    if not _is_plain(value, 1):
        faults = [*faults, *_unsafe(value, "", 1)]
    if faults:
        raise BadRequest.of(*faults[:20])
    return value


def _is_plain(value: Any, depth: int) -> bool:
    """Whether nothing is wrong with a value. Most often it is so, and to name what is wrong takes longer."""
    match value:
        case str():
            return _unsafe_text(value) is None
        case bool() | None:
            return True
        case int():
            return abs(value) <= MAX_INTEGER
        case float():
            return math.isfinite(value)
        case dict():
            return depth <= MAX_DEPTH and all(
                _unsafe_text(key) is None and _is_plain(member, depth + 1) for key, member in value.items()
            )
        case _:
            return depth <= MAX_DEPTH and all(_is_plain(item, depth + 1) for item in value)


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


def printable(text: str) -> str:
    """What can be repeated in an answer: no lone surrogates, no controls, no more than 80 characters."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text[:80])


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def _unsafe(value: Any, path: str, depth: int) -> Iterator[Fault]:
    match value:
        case str():
            if fault := _unsafe_text(value):
                yield Fault(path, fault)
        case bool() | None:
            return
        case int() if abs(value) > MAX_INTEGER:
            yield Fault(path, "integers go from −(2^53 − 1) to 2^53 − 1")
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
