"""Parts of a file as files of their own. Nothing is copied: each byte is read from its place in the file."""

import io
import re
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

from earwitness.media.flow import File

Extent = tuple[int, int]
"""The offset of the first byte, and of the byte after the last."""


class Spliced:
    """A file made of some new bytes, followed by stretches of another file."""

    def __init__(self, file: File, extents: Sequence[Extent], beginning: bytes = b"") -> None:
        self._file = file
        self._beginning = beginning
        self._extents = extents
        lengths = (stop - start for start, stop in extents)
        self._starts = list(accumulate(lengths, initial=len(beginning)))
        self._position = 0

    @property
    def size(self) -> int:
        return self._starts[-1]

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes, none at the end."""
        at = self._position
        if at >= self.size:
            return b""
        if at < len(self._beginning):
            piece = self._beginning[at : at + size]
        else:
            number = bisect_right(self._starts, at) - 1
            start, stop = self._extents[number]
            offset = start + at - self._starts[number]
            self._file.seek(offset)
            piece = self._file.read(min(size, stop - offset))
        self._position += len(piece)
        return piece

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        begin = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}[whence]
        self._position = max(begin + offset, 0)
        return self._position

    def tell(self) -> int:
        return self._position


def size_of(file: File) -> int:
    here = file.tell()
    size = file.seek(0, io.SEEK_END)
    file.seek(here)
    return size


def read_at(file: File, offset: int, size: int) -> bytes:
    """`size` bytes from an offset; fewer only where the file ends."""
    file.seek(offset)
    taken = bytearray()
    while len(taken) < size and (piece := file.read(size - len(taken))):
        taken += piece
    return bytes(taken)


def find(file: File, pattern: re.Pattern[bytes], length: int, start: int, stop: int) -> int | None:
    """Where a pattern of `length` bytes is first found in a stretch of the file. Needs a few hundred KiB."""
    before = b""
    while start < stop and (piece := read_at(file, start, min(_AT_ONCE, stop - start))):
        held = before + piece
        if found := pattern.search(held):
            return start - len(before) + found.start()
        before = held[1 - length :]
        start += len(piece)
    return None


def is_zero(file: File, start: int, stop: int) -> bool:
    """Whether a stretch of the file has only zeros."""
    while start < stop and (piece := read_at(file, start, min(_AT_ONCE, stop - start))):
        if piece.count(0) < len(piece):
            return False
        start += len(piece)
    return True


_AT_ONCE = 256 * 1024
