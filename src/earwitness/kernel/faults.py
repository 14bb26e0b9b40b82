"""What is wrong in a value that does not fit its type: each fault with its path, in words.

msgspec stops at the first fault, and describes it in a sentence. To name every wrong field, each field of a
struct is read on its own. The sentences are taken apart, to get paths and plain words. Their wording may
change with any version of msgspec, so `pyproject.toml` keeps it below the next one.
`tests/kernel/test_wire.py` shows whether a new version fits.
"""

import difflib
import re
from collections.abc import Callable, Iterator
from typing import Any, TypeGuard

import msgspec
from msgspec.inspect import (
    DictType,
    ListType,
    LiteralType,
    Metadata,
    StrType,
    StructType,
    Type,
    UnionType,
    type_info,
)

from earwitness.kernel.errors import Fault
from earwitness.kernel.strict_json import printable

ReadOurs = Callable[[type, Any], Any]
"""Reads a value as one of our own types (msgspec's `dec_hook`)."""


def is_struct(expected: Any) -> TypeGuard[type[msgspec.Struct]]:
    return isinstance(expected, type) and issubclass(expected, msgspec.Struct)


def faults_in(value: Any, expected: Any, read_ours: ReadOurs) -> list[Fault]:
    """Everything that is wrong in a value: one fault for each field of a struct, else the first."""
    return _faults_by_field(value, expected, read_ours) or _first_fault(value, expected, read_ours)


def _faults_by_field(value: Any, expected: Any, read_ours: ReadOurs) -> list[Fault]:
    if not (isinstance(value, dict) and is_struct(expected)):
        return []
    known = {field.encode_name: field for field in msgspec.structs.fields(expected)}
    faults = [
        Fault(printable(name), "unknown" + nearest(name, list(known)))
        for name in value
        if name not in known and expected.__struct_config__.forbid_unknown_fields
    ]
    for name, field in known.items():
        if name not in value:
            if field.required:
                faults.append(Fault(name, "required"))
            continue
        faults += _first_fault(value[name], field.type, read_ours, name)
    return faults


def _first_fault(value: Any, expected: Any, read_ours: ReadOurs, field: str = "") -> list[Fault]:
    try:
        msgspec.convert(_without_backticks(value), expected, dec_hook=read_ours)
    except msgspec.ValidationError as error:
        return [_fault(error, field, expected)]
    return []


def _without_backticks(value: Any) -> Any:
    """The same value, with a NUL for each backtick in a name.

    msgspec writes names and places between backticks: a name with a backtick could be taken for a place.
    """
    match value:
        case dict():
            return {name.replace("`", "\0"): _without_backticks(member) for name, member in value.items()}
        case list():
            return [_without_backticks(item) for item in value]
        case _:
            return value


_PLACE = re.compile(r" - at `(?:key` in `)?\$([^`]*)`\Z")
_STEP = re.compile(r"\w+|\[\d*\]")


def _fault(error: msgspec.ValidationError, field: str, expected: Any) -> Fault:
    """The fault that a sentence of msgspec reports: `Expected `int`, got `str` - at `$.members[0].name``."""
    text, place = (*_PLACE.split(str(error)), "")[:2]
    place = place.replace("[...]", "[]")
    path, types = field + place, _types_at(place, expected)
    if text.startswith("Object contains unknown field `"):
        name = text.split("`")[1].replace("\0", "`")
        path, text = f"{path}.{printable(name)}", "unknown" + nearest(name, _member_names(types))
    elif text.startswith("Object missing required field `"):
        name = text.split("`")[1]
        path, text = f"{path}.{name}", "required"
    elif text.startswith("Invalid enum value"):
        text = "expected " + " or ".join(_literal_names(types))
    elif text.startswith("Expected `"):
        text = "expected " + _in_words(text, types)
    return Fault(path.lstrip("."), text)


def _types_at(place: str, expected: Any) -> list[Type]:
    """The types that a value may have at a place, such as `.members[0].name`, of an expected type."""
    types = list(_alternatives(type_info(expected)))
    for step in _STEP.findall(place):
        types = [one for outer in types for inner in _inside(outer, step) for one in _alternatives(inner)]
    return types


def _alternatives(info: Type) -> Iterator[Type]:
    yield info
    match info:
        case UnionType(types=types):
            for one in types:
                yield from _alternatives(one)
        case Metadata(type=inner):
            yield from _alternatives(inner)
        case _:
            pass


def _inside(info: Type, step: str) -> Iterator[Type]:
    match info:
        case StructType(fields=fields):
            yield from (field.type for field in fields if field.encode_name == step)
        case ListType(item_type=inner) | DictType(value_type=inner):
            yield inner
        case _:
            pass


def _member_names(types: list[Type]) -> list[str]:
    return [field.encode_name for info in types if isinstance(info, StructType) for field in info.fields]


def _literal_names(types: list[Type]) -> list[str]:
    return [str(value) for info in types if isinstance(info, LiteralType) for value in info.values]


_KINDS = {
    "int": "an integer",
    "float": "a number",
    "str": "a string",
    "bool": "a boolean",
    "array": "an array",
    "object": "an object",
}
_PARTS = {"array": "item", "str": "character", "object": "member"}
_BOUNDS = {"<=": "at most", ">=": "at least"}


def _in_words(text: str, types: list[Type]) -> str:
    """What msgspec expected, in plain words: a kind of value, a bound or a pattern."""
    _, kind, constraint, *got = text.split("`", 4)[:4]
    of_kind = " or ".join(_KINDS.get(one, one) for one in kind.split(" | "))
    if got:
        return f"{of_kind}, got {_KINDS.get(got[0], got[0])}"
    if " matching regex " in constraint:
        return next(_descriptions(types, constraint), f"{of_kind} of another form")
    sign, number = constraint.removesuffix(".0").split()[-2:]
    if "length" not in constraint:
        return f"{of_kind} of {_BOUNDS[sign]} {number}"
    return f"{_BOUNDS[sign]} {number} {_PARTS[kind]}{'' if number == '1' else 's'}"


def _descriptions(types: list[Type], constraint: str) -> Iterator[str]:
    for info in types:
        match info:
            case Metadata(type=StrType(pattern=pattern), extra_json_schema={"description": words}) if (
                constraint.endswith(repr(pattern))
            ):
                yield words[0].lower() + words[1:]
            case _:
                pass


def nearest(name: str, known: list[str]) -> str:
    """`: did you mean …?` where one of the known names is close."""
    close = difflib.get_close_matches(name.lower(), [k.lower() for k in known], 1, 0.6)
    return next((f": did you mean {k}?" for k in known if close and k.lower() == close[0]), "")
