"""Media objects on a local disk.

    ab/cd/<28 more hex digits>   an object; its name is this path, 128 random bits
    incoming/<32 hex digits>     an object being written or not yet settled, locked by its writer

An upload is written in `incoming`, then linked to its place, which never replaces anything. The name
in `incoming` stays until the database names the object, so what a crash leaves is found there, and
nowhere else.
"""

import errno
import fcntl
import os
import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from earwitness.kernel.errors import Corrupt
from earwitness.media.durable import make_folder, room, sync_folder
from earwitness.media.flow import Bytes

_NAME = re.compile(r"[0-9a-f]{2}/[0-9a-f]{2}/[0-9a-f]{28}", re.ASCII)
_FLAT_NAME = re.compile(r"[0-9a-f]{32}", re.ASCII)


class ObjectMissing(Corrupt):
    """Stored media is not where it was put."""


class DiskStore:
    """The objects of one account, below one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._incoming = folder / "incoming"

    def new(self) -> "DiskUpload":
        with room():
            make_folder(self._incoming)
            return DiskUpload(self._folder, self._incoming)

    def open(self, name: str) -> "DiskObject":
        try:
            return DiskObject(_path(self._folder, name))
        except FileNotFoundError:
            raise ObjectMissing(f"The media object {name} is missing.") from None

    def exists(self, name: str) -> bool:
        return _NAME.fullmatch(name) is not None and (self._folder / name).is_file()

    def delete(self, name: str) -> None:
        path = _path(self._folder, name)
        path.unlink(missing_ok=True)
        with suppress(FileNotFoundError):
            sync_folder(path.parent)

    def names(self) -> Iterator[str]:
        for outer in _listed(self._folder):
            if len(outer) == 2:
                for inner in _listed(self._folder / outer):
                    for rest in _listed(self._folder / outer / inner):
                        yield f"{outer}/{inner}/{rest}"

    def sweep(self, is_known: Callable[[str], bool]) -> int:
        removed = 0
        for flat in filter(_FLAT_NAME.fullmatch, _listed(self._incoming)):
            marker = self._incoming / flat
            try:
                fd = os.open(marker, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                continue
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # Its writer may have settled it between the listing and the lock.
                if marker.exists():
                    removed += self._settle(marker, fd, is_known)
            except BlockingIOError:
                continue
            finally:
                os.close(fd)
        return removed

    def _settle(self, marker: Path, fd: int, is_known: Callable[[str], bool]) -> bool:
        path = self._folder / _name(marker.name)
        kept = _is_same(path, fd) and is_known(_name(marker.name))
        if not kept:
            _remove_same(path, fd)
        marker.unlink()
        return not kept


class DiskUpload:
    """A new object on the disk; see `Upload`."""

    def __init__(self, folder: Path, incoming: Path) -> None:
        self._marker, self._fd = _create_locked(incoming)
        self.name = _name(self._marker.name)
        self._folder = folder
        self._path = folder / self.name
        self._published = self._settled = False

    def __enter__(self) -> "DiskUpload":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if not self._settled:
                _remove_same(self._path, self._fd)
                self._marker.unlink(missing_ok=True)
        finally:
            os.close(self._fd)

    def write(self, data: Bytes, /) -> None:
        view = memoryview(data)
        with room():
            while view:
                view = view[os.write(self._fd, view) :]

    def publish(self) -> None:
        inner = self._path.parent
        with room():
            os.fsync(self._fd)
            # The name in `incoming` must not be lost in a power cut that keeps the other one.
            sync_folder(self._marker.parent)
            make_folder(inner)
            os.link(self._marker, self._path)
            self._published = True
            # The folders may have been made by another process that has not synced them yet.
            for folder in (inner, inner.parent, self._folder):
                sync_folder(folder)

    def keep(self) -> None:
        if not self._published:
            raise ValueError("only what is published can be kept")
        self._settled = True
        self._marker.unlink()

    def leave(self) -> None:
        self._settled = True


class DiskObject:
    """An object on the disk, open to be read; see `StoredObject`. Safe to read from several threads."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self.size = os.fstat(self._fd).st_size

    def __enter__(self) -> "DiskObject":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def read(self, start: int, stop: int, /) -> bytes:
        try:
            return os.pread(self._fd, stop - start, start)
        except OSError as error:
            if error.errno == errno.EIO:
                raise Corrupt("The disk cannot read this media.") from error
            raise

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def _create_locked(incoming: Path) -> tuple[Path, int]:
    while True:
        marker = incoming / secrets.token_hex(16)
        fd = os.open(marker, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            if marker.exists():
                return marker, fd
        except BaseException:
            os.close(fd)
            raise
        # A sweep came between the two steps and took it for a dead process's.
        os.close(fd)


def _name(flat: str) -> str:
    return f"{flat[:2]}/{flat[2:4]}/{flat[4:]}"


def _path(folder: Path, name: str) -> Path:
    if not _NAME.fullmatch(name):
        raise ObjectMissing("That is no name of a media object.")
    return folder / name


def _listed(folder: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []


def _is_same(path: Path, fd: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(fd))
    except FileNotFoundError:
        return False


def _remove_same(path: Path, fd: int) -> None:
    """Remove a name of the open file; a name that belongs to another file is left alone."""
    if _is_same(path, fd):
        path.unlink()
        sync_folder(path.parent)
