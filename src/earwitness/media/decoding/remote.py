"""The recording and the output as files. This reads from and sends to the process that started this one."""

import functools
import io

from earwitness.media.decoding.wire import DATA, OUTPUT, RANGE, READ, Channel, Closed
from earwitness.media.flow import Bytes

_BLOCK_SIZE = 256 * 1024
_BLOCKS_KEPT = 8
_FIRST_OUTPUT_SIZE = 4 * 1024
_OUTPUT_SIZE = 64 * 1024


class RemoteFile:
    """The recording, to read and to seek in. Only a few blocks of it are held."""

    def __init__(self, channel: Channel, size: int) -> None:
        self._channel = channel
        self._size = size
        self._position = 0
        # Several blocks, since readers alternate between distant places: sound and picture, or an index at
        # the end.
        self._block = functools.lru_cache(maxsize=_BLOCKS_KEPT)(self._fetch)

    def read(self, size: int) -> bytes:
        """At most `size` bytes; none at the end."""
        number, offset = divmod(self._position, _BLOCK_SIZE)
        if self._position >= self._size:
            return b""
        piece = bytes(self._block(number)[offset : offset + size])
        self._position += len(piece)
        return piece

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        begin = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(begin + offset, 0)
        return self._position

    def tell(self) -> int:
        return self._position

    def _fetch(self, number: int) -> memoryview:
        start = number * _BLOCK_SIZE
        self._channel.send(READ, RANGE.pack(start, min(start + _BLOCK_SIZE, self._size)))
        kind, block = self._channel.receive()
        if kind != DATA:
            raise Closed
        return memoryview(block)


class Output:
    """The rendition. Small writes are sent in larger pieces; the first piece is small, to arrive soon."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._pending = bytearray()
        self._enough = _FIRST_OUTPUT_SIZE

    def write(self, data: Bytes, /) -> None:
        self._pending += data
        if len(self._pending) >= self._enough:
            self.flush()
            self._enough = min(self._enough * 2, _OUTPUT_SIZE)

    def flush(self) -> None:
        if self._pending:
            self._channel.send(OUTPUT, self._pending)
            self._pending.clear()
