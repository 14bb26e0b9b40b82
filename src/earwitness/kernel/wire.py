"""The base of everything that travels as JSON, and the kinds of value that recur in it."""

import difflib
import re
from collections.abc import Iterator
from functools import cache
from typing import Annotated, Any, ClassVar, TypeGuard, TypeVar

import msgspec
from msgspec import Meta
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

from earwitness.kernel.clock import EARLIEST_MS, LATEST_MS, parse_ms
from earwitness.kernel.errors import BadRequest, Fault
from earwitness.kernel.strict_json import MAX_INTEGER, printable

T = TypeVar("T")


class Wire(msgspec.Struct, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """One JSON object. Its fields are the documentation's, in snake case."""


class Moment(int):
    """A moment, in milliseconds since 1970 UTC; it travels as RFC 3339."""

    __slots__ = ()


class Bound(Moment):
    """A moment that others are held against: it may lie outside the years that there are recordings of."""

    __slots__ = ()


class Direction(str):
    """`In` or `Out`; clients send it in any case."""

    __slots__ = ()

    ALL: ClassVar = ("In", "Out")

    @classmethod
    def of(cls, text: str) -> "Direction":
        """Raises ValueError."""
        for known in cls.ALL:
            if text.casefold() == known.casefold():
                return cls(known)
        raise ValueError("expected " + " or ".join(cls.ALL))


Id = Annotated[int, Meta(ge=1, le=MAX_INTEGER)]
Ids = Annotated[list[Id], Meta(max_length=10_000)]
Names = Annotated[list[str], Meta(max_length=10_000)]

LONGEST_WORD = 512
"""Characters of a name, an address or another's id. They lie in indexes, and PostgreSQL's take 2,704 bytes:
four for each, and room for a second column."""

Word = Annotated[str, Meta(min_length=1, max_length=LONGEST_WORD)]
WordOrNothing = Annotated[str, Meta(max_length=LONGEST_WORD)]
Page = Annotated[int, Meta(ge=1, le=MAX_INTEGER)]
PageSize = Annotated[int, Meta(ge=1, le=1000)]
TEN_YEARS = Meta(ge=0, le=315_576_000)
"""Of seconds, from 0 on."""

Seconds = Annotated[float, TEN_YEARS]
# In Python alone `$` also matches before a last line break.
CommunicationType = Annotated[
    str,
    Meta(
        pattern=r"^[a-z][a-z0-9_-]*$(?!\n)",
        max_length=64,
        description="A word in lower case, as phone or sms",
    ),
]


def learn(*others: type) -> None:
    """Have msgspec read the fields of everything that travels, and of these dataclasses, before threads do.

    It notes a type before it has read all of it (0.22): a second thread that meets it crashes the process.
    """
    for known in (*_below(Wire), *others):
        msgspec.json.Decoder(known)


def _below(struct: type[Wire]) -> Iterator[type[Wire]]:
    for one in struct.__subclasses__():
        yield one
        yield from _below(one)


def convert(value: Any, expected: type[T]) -> T:
    """Read plain values as a type. A member that is null counts as absent, unless its field may be unset.

    Raises BadRequest with a fault for each field that does not fit.
    """
    if isinstance(value, dict) and _is_struct(expected):
        absent = _absent_when_null(expected)
        value = {name: member for name, member in value.items() if member is not None or name not in absent}
    try:
        return msgspec.convert(value, expected, dec_hook=_read_ours)
    except msgspec.ValidationError:
        faults = _faults_by_field(value, expected) or _first_fault(value, expected)
    raise BadRequest.of(*faults)


def canonical(value: Any) -> bytes:
    """The one JSON of a value, keys in order: what digests are made over."""
    return msgspec.json.encode(value, order="sorted", enc_hook=plain)


def plain(value: Any) -> int | str:
    """A moment or a direction, as JSON and drivers take it."""
    return str(value) if isinstance(value, str) else int(value)


def _is_struct(expected: Any) -> TypeGuard[type[msgspec.Struct]]:
    return isinstance(expected, type) and issubclass(expected, msgspec.Struct)


@cache
def _absent_when_null(expected: type[msgspec.Struct]) -> frozenset[str]:
    return frozenset(
        field.encode_name for field in msgspec.structs.fields(expected) if field.default is not msgspec.UNSET
    )


def _read_ours(expected: type, value: Any) -> Any:
    if issubclass(expected, Direction):
        return expected.of(value if isinstance(value, str) else "")
    if not issubclass(expected, Moment):
        raise NotImplementedError(f"no reading of {expected}")
    if not isinstance(value, str):
        raise ValueError("expected a time like 2026-05-12T10:30:00.000Z")
    moment = parse_ms(value)
    if expected is Moment and not EARLIEST_MS <= moment <= LATEST_MS:
        raise ValueError("expected a time from 1970 to 2199")
    return expected(moment)


def _faults_by_field(value: Any, expected: Any) -> list[Fault]:
    if not (isinstance(value, dict) and _is_struct(expected)):
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
        faults += _first_fault(value[name], field.type, name)
    return faults


def _first_fault(value: Any, expected: Any, field: str = "") -> list[Fault]:
    try:
        msgspec.convert(_without_backticks(value), expected, dec_hook=_read_ours)
    except msgspec.ValidationError as error:
        return [_fault(error, field, expected)]
    return []


def _without_backticks(value: Any) -> Any:
    """The same, with a NUL for each backtick in a name.

    msgspec puts names and places between backticks: a name that holds one could pass for a place.
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
    """What may stand at a place, `.members[0].name`, in what is expected."""
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
    """What msgspec expected: of which kind, or within which bounds, or of which pattern."""
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
