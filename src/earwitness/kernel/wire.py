"""The base of everything that travels as JSON, and the kinds of value that recur in it."""

from collections.abc import Iterator
from functools import cache
from typing import Annotated, Any, ClassVar, TypeVar

import msgspec
from msgspec import Meta

from earwitness.kernel.clock import EARLIEST_MS, LATEST_MS, parse_ms
from earwitness.kernel.errors import BadRequest
from earwitness.kernel.faults import faults_in, is_struct
from earwitness.kernel.strict_json import MAX_INTEGER

T = TypeVar("T")


class Wire(msgspec.Struct, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """One JSON object. Its fields are the documentation's, in snake case."""


class Moment(int):
    """A moment, in milliseconds since 1970 UTC; it travels as RFC 3339."""

    __slots__ = ()


MomentText = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
"""A moment as answers hold it: already written as text."""


class Bound(Moment):
    """A moment that others are compared with. It may be earlier or later than any recording can be."""

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
"""Most characters of a name, an address or an id of another system. An entry of PostgreSQL's indexes has room
for 2,704 bytes: at four bytes a character, this leaves room for a second column."""

Word = Annotated[str, Meta(min_length=1, max_length=LONGEST_WORD)]
WordOrNothing = Annotated[str, Meta(max_length=LONGEST_WORD)]
Page = Annotated[int, Meta(ge=1, le=MAX_INTEGER)]
PageSize = Annotated[int, Meta(ge=1, le=1000)]
TEN_YEARS = Meta(ge=0, le=315_576_000)
"""Seconds, from 0 to ten years."""

Seconds = Annotated[float, TEN_YEARS]
# Python's `$` also matches before a line break at the end; the look-ahead excludes that.
CommunicationType = Annotated[
    str,
    Meta(
        pattern=r"^[a-z][a-z0-9_-]*$(?!\n)",
        max_length=64,
        description="A word in lower case, such as phone or sms",
    ),
]


def learn(*others: type) -> None:
    """Have msgspec read the fields of every `Wire` struct and of these types, before threads start.

    msgspec 0.22 registers a type before it has read all its fields. A second thread that uses the type in
    between crashes the process.
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
    if isinstance(value, dict) and is_struct(expected):
        absent = _absent_when_null(expected)
        value = {name: member for name, member in value.items() if member is not None or name not in absent}
    try:
        return msgspec.convert(value, expected, dec_hook=_read_ours)
    except msgspec.ValidationError:
        faults = faults_in(value, expected, _read_ours)
    raise BadRequest.of(*faults)


def canonical(value: Any) -> bytes:
    """A value as JSON in one form, with sorted keys. Digests are made of it."""
    return msgspec.json.encode(value, order="sorted", enc_hook=plain)


def plain(value: Any) -> int | str:
    """A moment or a direction, as JSON and drivers take it."""
    return str(value) if isinstance(value, str) else int(value)


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
