"""What media flows through: where bytes come from, and where they go."""

from typing import Protocol

Bytes = bytes | bytearray | memoryview


class Source(Protocol):
    """`size` bytes, of which `read` gives those from `start` up to `stop`."""

    @property
    def size(self) -> int: ...

    def read(self, start: int, stop: int, /) -> bytes: ...


class Sink(Protocol):
    """Takes bytes in. What it is given is only good until `write` returns."""

    def write(self, data: Bytes, /) -> object: ...
