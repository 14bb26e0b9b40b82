"""Media objects on a local disk.

    ab/cd/<28 more hex digits>   an object; its name is this path, random digits
    incoming/<32 hex digits>     an object being written or not yet settled, locked by its writer

An upload is written in `incoming`, then linked to its place; a link never replaces a file. Its name in
`incoming` stays until the database names the object. So what a crash leaves is found in `incoming`.

Each process puts a few hundred objects into one folder, then chooses another at random. So a new object
seldom needs a new folder, which would have to be made durable in those above it.
"""

import errno
import os
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

from earwitness.kernel.errors import Corrupt
from earwitness.media.flow import Bytes
from earwitness.media.stores.durable import make_folder, room, sync_folder
from earwitness.media.stores.incoming import Incoming, UploadMarker
from earwitness.media.stores.object_names import ObjectMissing, check_name, is_name

# The disk cannot read, a checksum is wrong, the file system is damaged, or a folder is in place of the file.
_DAMAGED = (errno.EIO, errno.EBADMSG, errno.EUCLEAN, errno.EISDIR)

_IN_ONE_FOLDER = 256


class _Folder:
    """The folder that new objects are put into, and whether those above it are known to name it durably."""

    def __init__(self) -> None:
        self.digits = secrets.token_hex(2)
        self.left = _IN_ONE_FOLDER
        self.is_durable = False


class DiskStore:
    """The objects of one account, below one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._incoming = Incoming(folder / "incoming")
        self._lock = threading.Lock()
        self._filled = _Folder()

    def new(self) -> "DiskUpload":
        with self._lock:
            if not self._filled.left:
                self._filled = _Folder()
            self._filled.left -= 1
            filled = self._filled
        return DiskUpload(self._folder, self._incoming.begin(filled.digits), filled)

    def open(self, name: str) -> "DiskObject":
        try:
            with _noticing_damage():
                return DiskObject(self._path(name))
        except (FileNotFoundError, NotADirectoryError):
            raise ObjectMissing(f"The media object {name} is missing.") from None

    def exists(self, name: str) -> bool:
        return is_name(name) and (self._folder / name).is_file()

    def delete(self, name: str) -> None:
        path = self._path(name)
        path.unlink(missing_ok=True)
        with suppress(FileNotFoundError):
            sync_folder(path.parent)

    def names(self) -> Iterator[str]:
        for outer in _listed(self._folder):
            if len(outer) == 2:
                for inner in _listed(self._folder / outer):
                    for rest in _listed(self._folder / outer / inner):
                        name = f"{outer}/{inner}/{rest}"
                        if is_name(name) and not self._incoming.holds(name):
                            yield name

    def sweep(self, is_known: Callable[[str], bool]) -> int:
        return sum(self._settle(marker, is_known) for marker in self._incoming.abandoned())

    def _settle(self, marker: UploadMarker, is_known: Callable[[str], bool]) -> bool:
        path = self._folder / marker.name
        kept = _is_same(path, marker.fd) and is_known(marker.name)
        if not kept:
            _remove_same(path, marker.fd)
        marker.remove()
        return not kept

    def _path(self, name: str) -> Path:
        return self._folder / check_name(name)


class DiskUpload:
    """A new object on the disk; see `ObjectUpload`."""

    def __init__(self, folder: Path, marker: UploadMarker, filled: _Folder) -> None:
        self.name = marker.name
        self._filled = filled
        self._marker = marker
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
                _remove_same(self._path, self._marker.fd)
                self._marker.remove()
        finally:
            self._marker.close()

    def write(self, data: Bytes, /) -> None:
        view = memoryview(data)
        with room():
            while view:
                view = view[os.write(self._marker.fd, view) :]

    def publish(self) -> None:
        inner = self._path.parent
        with room():
            os.fsync(self._marker.fd)
            # The name in `incoming` must be durable first: a power cut must not lose it and keep the other
            # name.
            sync_folder(self._marker.path.parent)
            make_folder(inner)
            os.link(self._marker.path, self._path)
            self._published = True
            sync_folder(inner)
            if not self._filled.is_durable:
                # Another process may have made the folders without having synced them yet.
                sync_folder(inner.parent)
                sync_folder(self._folder)
                self._filled.is_durable = True

    def keep(self) -> None:
        if not self._published:
            raise ValueError("only what is published can be kept")
        self._settled = True
        self._marker.remove()

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
        with _noticing_damage():
            return os.pread(self._fd, stop - start, start)

    def read_into(self, start: int, into: memoryview, /) -> int:
        with _noticing_damage():
            return os.preadv(self._fd, [into], start)

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


@contextmanager
def _noticing_damage() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _DAMAGED:
            raise Corrupt("The disk cannot read this media.") from error
        raise


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
    """Remove a name of the open file, unless it belongs to another file."""
    if _is_same(path, fd):
        path.unlink()
        sync_folder(path.parent)
