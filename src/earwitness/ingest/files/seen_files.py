"""A file that was seen in a watched folder, and how exactly that file is opened."""

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

_FRESH_MS = 60_000


class MustWait(Exception):
    """A recording cannot be taken yet; the text says why."""


class Unreadable(BadRequest):
    """File cannot be read."""


@dataclass(frozen=True, slots=True)
class SeenFile:
    """A file: its path in a folder, and the attributes that show whether it has changed since."""

    folder: Folder = field(repr=False, compare=False)
    path: PurePosixPath
    device: int
    inode: int
    size: int
    mtime_ns: int

    @classmethod
    def of(cls, folder: Folder, path: PurePosixPath, status: os.stat_result) -> "SeenFile":
        return cls(folder, path, status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)

    def check(self, status: os.stat_result, why: str) -> None:
        """Raises MustWait, with the text `why`, if this status is of another file or of a changed one."""
        if SeenFile.of(self.folder, self.path, status) != self:
            raise MustWait(why)

    @property
    def written_at(self) -> int:
        """When it was last written, in ms since 1970."""
        return self.mtime_ns // 1_000_000

    @property
    def is_fresh(self) -> bool:
        """Whether it was written in the last minute: then it may be incomplete, and gets more time."""
        return now_ms() - self.written_at < _FRESH_MS


@contextmanager
def open_seen(one: SeenFile) -> Iterator[BufferedReader]:
    """Open exactly the file that was seen. Raises MustWait if another file has its name, Unreadable."""
    try:
        file = one.folder.open(one.path)
    except (FileNotFoundError, NotADirectoryError, NotRegular):
        raise MustWait("it is gone") from None
    except OSError as error:
        raise Unreadable(f"It cannot be read: {error.strerror}.") from None
    with file:
        one.check(os.fstat(file.fileno()), "it may still be written")
        yield file
