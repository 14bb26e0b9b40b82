"""Several readers of one file, each with a position of its own."""

import io

from earwitness.media.flow import File


class Reader:
    """A file with a position of its own, while others read the same file."""

    def __init__(self, file: File) -> None:
        self._file = file
        self._position = 0

    def read(self, size: int) -> bytes:
        self._file.seek(self._position)
        piece = self._file.read(size)
        self._position += len(piece)
        return piece

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        begin = self._position if whence == io.SEEK_CUR else 0
        self._position = self._file.seek(offset, whence) if whence == io.SEEK_END else max(begin + offset, 0)
        return self._position

    def tell(self) -> int:
        return self._position
