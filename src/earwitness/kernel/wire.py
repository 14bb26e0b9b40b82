"""The base of everything that travels as JSON, and the kinds of value that recur in it."""

import difflib
from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Annotated, Any, TypeGuard, TypeVar

import msgspec
from msgspec import Meta

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
        return msgspec.convert(value, expected, dec_hook=_read_moment)
    except msgspec.ValidationError as error:
        first = error
    faults = _faults_by_field(value, expected) or [_fault(first)]
    raise BadRequest.of(*faults)


def canonical(value: Any) -> bytes:
    """The one JSON of a value, keys in order: what digests are made over."""
    return msgspec.json.encode(value, order="sorted", enc_hook=int)


def _is_struct(expected: Any) -> TypeGuard[type[msgspec.Struct]]:
    return isinstance(expected, type) and issubclass(expected, msgspec.Struct)


@cache
def _absent_when_null(expected: type[msgspec.Struct]) -> frozenset[str]:
    return frozenset(
        field.encode_name for field in msgspec.structs.fields(expected) if field.default is not msgspec.UNSET
    )


def _read_moment(expected: type, value: Any) -> Any:
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
        try:
            msgspec.convert(value[name], field.type, dec_hook=_read_moment)
        except msgspec.ValidationError as error:
            faults.append(_fault(error, name, field.type))
    return faults


def _names_in(expected: Any, names_of: Callable[[msgspec.inspect.Type], Iterator[str]]) -> list[str]:
    """The names that a type, and the types within it, speak of."""
    return [] if expected is None else list(_within(msgspec.inspect.type_info(expected), names_of))


def _within(
    info: msgspec.inspect.Type, names_of: Callable[[msgspec.inspect.Type], Iterator[str]]
) -> Iterator[str]:
    yield from names_of(info)
    match info:
        case msgspec.inspect.StructType(fields=fields):
            for field in fields:
                yield from _within(field.type, names_of)
        case msgspec.inspect.ListType(item_type=item) | msgspec.inspect.Metadata(type=item):
            yield from _within(item, names_of)
        case msgspec.inspect.UnionType(types=types):
            for part in types:
                yield from _within(part, names_of)
        case _:
            pass


def _member_names(info: msgspec.inspect.Type) -> Iterator[str]:
    if isinstance(info, msgspec.inspect.StructType):
        yield from (field.encode_name for field in info.fields)


def _literal_names(info: msgspec.inspect.Type) -> Iterator[str]:
    if isinstance(info, msgspec.inspect.LiteralType):
        yield from map(str, info.values)


def _fault(error: msgspec.ValidationError, field: str = "", expected: Any = None) -> Fault:
    text, _, at = str(error).partition(" - at `")
    path = field + at.rstrip("`").removeprefix("key` in `").removeprefix("$").replace("[...]", "[]")
    if text.startswith("Object contains unknown field `"):
        name = text.split("`")[1]
        path, text = f"{path}.{name}", "unknown" + nearest(name, _names_in(expected, _member_names))
    elif text.startswith("Object missing required field `"):
        name = text.split("`")[1]
        path, text = f"{path}.{name}", "required"
    elif text.startswith("Invalid enum value"):
        text = "expected " + " or ".join(_names_in(expected, _literal_names))
    elif text.startswith("Expected `"):
        text = "expected " + _in_words(text, expected)
    return Fault(path.lstrip("."), text)


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


def _in_words(text: str, expected: Any) -> str:
    """What msgspec expected: of which kind, or within which bounds, or of which pattern."""
    _, kind, constraint, *got = text.split("`", 4)[:4]
    of_kind = " or ".join(_KINDS.get(one, one) for one in kind.split(" | "))
    if got:
        return f"{of_kind}, got {_KINDS.get(got[0], got[0])}"
    if " matching regex " in constraint:
        described = _names_in(expected, partial(_descriptions, constraint))
        return described[0] if described else f"{of_kind} of another form"
    sign, number = constraint.removesuffix(".0").split()[-2:]
    if "length" not in constraint:
        return f"{of_kind} of {_BOUNDS[sign]} {number}"
    return f"{_BOUNDS[sign]} {number} {_PARTS[kind]}{'' if number == '1' else 's'}"


def _descriptions(constraint: str, info: msgspec.inspect.Type) -> Iterator[str]:
    match info:
        case msgspec.inspect.Metadata(
            type=msgspec.inspect.StrType(pattern=pattern), extra_json_schema={"description": words}
        ) if constraint.endswith(repr(pattern)):
            yield words[0].lower() + words[1:]
        case _:
            pass


def nearest(name: str, known: list[str]) -> str:
    """`: did you mean …?` where one of the known names is close."""
    close = difflib.get_close_matches(name.lower(), [k.lower() for k in known], 1, 0.6)
    return next((f": did you mean {k}?" for k in known if close and k.lower() == close[0]), "")
