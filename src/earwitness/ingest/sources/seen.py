"""A file that was seen in a watched folder, and opening that very file."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

from earwitness.kernel.clock import now_ms
from earwitness.kernel.errors import BadRequest

_GIVES_UP_AFTER_MS = 60_000


class Waits(Exception):
    """A recording is not taken yet; its text is why."""


class Unreadable(BadRequest):
    """File cannot be read."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A file, and what tells whether it has changed since."""

    path: Path
    device: int
    inode: int
    size: int
    mtime_ns: int

    @classmethod
    def of(cls, path: Path, status: os.stat_result) -> "Seen":
        return cls(path, status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)

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
        descriptor = os.open(one.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise Waits("it is gone") from None
    except OSError as error:
        raise Unreadable(f"It cannot be read: {os.strerror(error.errno or 0)}.") from None
    with os.fdopen(descriptor, "rb") as file:
        if Seen.of(one.path, os.fstat(descriptor)) != one:
            raise Waits("it may still be written")
        yield file
