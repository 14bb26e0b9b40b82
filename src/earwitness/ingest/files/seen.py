"""A file that was seen in a watched folder, and opening that very file."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import PurePosixPath

from earwitness.ingest.files.folders import Folder
from earwitness.ingest.files.regular_files import NotRegular
from earwitness.kernel.clock import now_ms
from earwitness.kernel.errors import BadRequest

_GIVES_UP_AFTER_MS = 60_000


class Waits(Exception):
    """A recording is not taken yet; its text is why."""


class Unreadable(BadRequest):
    """File cannot be read."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A file by its path in a folder, and what tells whether it has changed since."""

    folder: Folder = field(repr=False, compare=False)
    path: PurePosixPath
    device: int
    inode: int
    size: int
    mtime_ns: int

    @classmethod
    def of(cls, folder: Folder, path: PurePosixPath, status: os.stat_result) -> "Seen":
        return cls(folder, path, status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)

    def check(self, status: os.stat_result, says: str) -> None:
        """Raises Waits, which `says` why, if that is the status of another file, or of this one changed."""
        if Seen.of(self.folder, self.path, status) != self:
            raise Waits(says)

    @property
    def written_at(self) -> int:
        """When it last was, in ms since 1970."""
        return self.mtime_ns // 1_000_000

    @property
    def is_fresh(self) -> bool:
        return now_ms() - self.written_at < _GIVES_UP_AFTER_MS


@contextmanager
def opened(one: Seen) -> Iterator[BufferedReader]:
    """Open the very file that was seen. Raises Waits if it is another one by now, Unreadable."""
    try:
        file = one.folder.open(one.path)
    except (FileNotFoundError, NotADirectoryError, NotRegular):
        raise Waits("it is gone") from None
    except OSError as error:
        raise Unreadable(f"It cannot be read: {error.strerror}.") from None
    with file:
        one.check(os.fstat(file.fileno()), "it may still be written")
        yield file
