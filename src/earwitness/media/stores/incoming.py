"""Markers of uploads. After a crash, the next sweep finds by them what was left.

    incoming/<32 hex digits>     a file of this name, locked by the process that uploads the object

A marker is durable before any byte of its object is stored. It is removed when the database names the object,
or when the object is removed. A marker that no process has locked belongs to a process that died.
"""

import fcntl
import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from earwitness.media.stores.durable import make_folder, room
from earwitness.media.stores.object_names import name_of

_DIGITS = re.compile(r"[0-9a-f]{32}", re.ASCII)


@dataclass(frozen=True, slots=True)
class UploadMarker:
    """The marker of one upload: its path, and its open, locked file."""

    path: Path
    fd: int

    @property
    def name(self) -> str:
        """The name of the object."""
        return name_of(self.path.name)

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)

    def touch(self) -> None:
        """Record that the upload goes on."""
        os.utime(self.fd)

    def idle_seconds(self) -> float:
        """The seconds since it was made or touched."""
        return time.time() - os.fstat(self.fd).st_mtime

    def close(self) -> None:
        """Unlock it. If it was not removed, the next sweep finds it."""
        os.close(self.fd)


class Incoming:
    """The markers of one store, in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def begin(self, first_digits: str = "") -> UploadMarker:
        """Make a marker with a new random name, but do not sync its folder yet. Raises StorageFull.

        The name begins with `first_digits`; the others are random.
        """
        with room():
            make_folder(self._folder)
            while True:
                marker = self._create(first_digits)
                try:
                    fcntl.flock(marker.fd, fcntl.LOCK_EX)
                    if marker.path.exists():
                        return marker
                except BaseException:
                    marker.close()
                    raise
                # Between the two steps a sweep took it for the marker of a dead process, and removed it.
                marker.close()

    def holds(self, name: str) -> bool:
        """Whether an object is being uploaded, or was left by a process that died."""
        return (self._folder / name.replace("/", "")).exists()

    def abandoned(self) -> Iterator[UploadMarker]:
        """The markers of processes that died. Each is locked until the next is taken."""
        for digits in self._listed():
            with suppress(FileNotFoundError):
                marker = self._opened(digits)
                try:
                    fcntl.flock(marker.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    # Its writer may have removed it between the listing and the lock.
                    if marker.path.exists():
                        yield marker
                except BlockingIOError:
                    continue
                finally:
                    marker.close()

    def has_abandoned(self) -> bool:
        return any(True for _ in self.abandoned())

    def _create(self, first_digits: str) -> UploadMarker:
        path = self._folder / (first_digits + secrets.token_hex(16)[len(first_digits) :])
        return UploadMarker(path, os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))

    def _opened(self, digits: str) -> UploadMarker:
        path = self._folder / digits
        return UploadMarker(path, os.open(path, os.O_RDONLY | os.O_CLOEXEC))

    def _listed(self) -> list[str]:
        try:
            return sorted(filter(_DIGITS.fullmatch, (entry.name for entry in self._folder.iterdir())))
        except FileNotFoundError:
            return []
