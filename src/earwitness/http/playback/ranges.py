"""Conditions and ranges of a request for media (RFC 9110, sections 13 and 14)."""

import re
from dataclasses import dataclass
from typing import Any

from litestar import Request

from earwitness.kernel.errors import RangeUnsatisfiable

# More digits than these are no position in any file.
_RANGE = re.compile(r"(\d{1,4000})-(\d{0,4000})|-(\d{1,4000})", re.ASCII)
_ENTITY_TAG = re.compile(r'(?:W/)?("[^"]*")')


@dataclass(frozen=True, slots=True)
class Part:
    """The bytes from `start` up to `stop`, of `size`."""

    start: int
    stop: int
    size: int

    @property
    def content_range(self) -> str:
        return f"bytes {self.start}-{self.stop - 1}/{self.size}"


@dataclass(frozen=True, slots=True)
class RequestConditions:
    """The headers of a request for media that say which part the caller asks for, and what it has already."""

    range: str | None = None
    if_range: str | None = None
    if_none_match: str | None = None

    @classmethod
    def of(cls, request: Request[Any, Any, Any]) -> "RequestConditions":
        headers = request.headers
        # Ranges are defined for GET alone.
        range_ = headers.get("range") if request.method == "GET" else None
        return cls(range_, headers.get("if-range"), headers.get("if-none-match"))

    def knows(self, etag: str) -> bool:
        """Whether the caller has the representation with this strong entity tag."""
        if self.if_none_match is None:
            return False
        return self.if_none_match.strip() == "*" or etag in _ENTITY_TAG.findall(self.if_none_match)

    def part_of(self, size: int, etag: str) -> Part | None:
        """The part to send; None for the whole. Raises RangeUnsatisfiable.

        The whole is sent for no range, for several ranges, and for a range that is not understood.
        """
        if self.range is None or (self.if_range is not None and self.if_range.strip() != etag):
            return None
        unit, _, listed = self.range.partition("=")
        ranges = [one.strip() for one in listed.split(",") if one.strip()]
        found = _RANGE.fullmatch(ranges[0]) if len(ranges) == 1 else None
        # An empty object has no parts. A player that always asks for `bytes=0-` gets the empty whole.
        if unit.strip().lower() != "bytes" or found is None or size == 0:
            return None
        first, last, suffix = found.groups()
        if suffix:
            start, stop = max(size - int(suffix), 0), size
        else:
            start, stop = int(first), int(last) + 1 if last else size
            if last and stop <= start:
                return None
        if start >= size:
            raise RangeUnsatisfiable(
                f"The media has {size} bytes.", headers={"Content-Range": f"bytes */{size}"}
            )
        return Part(start, min(stop, size), size)
