"""What media flows through: where bytes come from, and where they go."""

from typing import Protocol

Bytes = bytes | bytearray | memoryview


class Source(Protocol):
    """`size` bytes, of which `read` gives those from `start` up to `stop`."""

    @property
    def size(self) -> int: ...

    def read(self, start: int, stop: int, /) -> bytes: ...


class Stored(Source, Protocol):
    """A source that can also be read into memory that is used again."""

    def read_into(self, start: int, into: memoryview, /) -> int: ...


class Sink(Protocol):
    """Takes bytes in. What it is given is only good until `write` returns."""

    def write(self, data: Bytes, /) -> object: ...
