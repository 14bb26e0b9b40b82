"""Where the bytes of media come from, and where they go."""

from typing import Protocol

Bytes = bytes | bytearray | memoryview


class Source(Protocol):
    """Media of `size` bytes. `read` gives the bytes from `start` up to `stop`."""

    @property
    def size(self) -> int: ...

    def read(self, start: int, stop: int, /) -> bytes: ...


class Stored(Source, Protocol):
    """A source that can also be read into memory that the caller reuses."""

    def read_into(self, start: int, into: memoryview, /) -> int: ...


class Sink(Protocol):
    """Takes bytes. It may not use them after `write` has returned."""

    def write(self, data: Bytes, /) -> object: ...


class File(Protocol):
    """A recording as a file to read."""

    def read(self, size: int, /) -> bytes: ...
    def seek(self, offset: int, whence: int = 0, /) -> int: ...
    def tell(self) -> int: ...
