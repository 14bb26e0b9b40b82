"""A folder in which others write. Everything below it is opened step by step, and never through a link.

Anybody who may write there can replace anything with a link, a pipe or another folder, at any moment. So the
folder is held open, each folder below it is opened from the one above, and no link is followed (`openat` with
O_NOFOLLOW). Only new files are written (O_EXCL), and only regular files are read.
"""

import errno
import fcntl
import os
import stat
import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader, BufferedWriter
from pathlib import Path, PurePosixPath

from earwitness.ingest.files.regular_files import (
    are_hard_links_safe,
    check_regular,
    open_regular,
)
from earwitness.ingest.files.shown_names import shown
from earwitness.kernel.settings import Settings

TOP = PurePosixPath()
DEEPEST = 256
"""How many levels of folders are searched. Each is opened from the top, so more would take long."""

_STEP = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC
_LIST = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_LOCK = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

Identity = tuple[int, int]


class Folder:
    """A folder that is held open as long as this object exists. All paths are relative to it.

    The archive's folders, `own`, are never entered. Files with several names (hard links) are read only with
    `takes_hard_links`; None means that they are read if that is safe on this system. All methods raise
    OSError with a `strerror`.
    """

    def __init__(self, path: Path, own: Iterable[Path] = (), *, takes_hard_links: bool | None = None) -> None:
        self.path = path
        self._own = {_identity(one.stat()) for one in own if one.exists()}
        self._takes_hard_links = are_hard_links_safe() if takes_hard_links is None else takes_hard_links
        self._top = os.open(path, _STEP)
        weakref.finalize(self, os.close, self._top)

    def is_in_place(self) -> bool:
        """Whether its path still leads to this folder. True if the disk does not answer."""
        try:
            return _identity(self.path.stat()) == _identity(os.fstat(self._top))
        except OSError as error:
            return error.errno not in (errno.ENOENT, errno.ENOTDIR)

    def status(self, path: PurePosixPath) -> os.stat_result:
        """The status of a file or folder; of a link, its own."""
        with self._at(path.parent) as at:
            return os.stat(path.name or ".", dir_fd=at, follow_symlinks=False)

    def exists(self, path: PurePosixPath) -> bool:
        """Whether a file, folder or link has this name, even a broken link."""
        with suppress(OSError):
            self.status(path)
            return True
        return False

    def walk(
        self, below: PurePosixPath = TOP, without: Iterable[PurePosixPath] = ()
    ) -> Iterator[tuple[PurePosixPath, os.stat_result]]:
        """Everything below a folder, except what is hidden, cannot be read, or is too deep."""
        folders, left_out = [below], set(without)
        while folders:
            for path, status in self._listed(folders.pop()):
                if path in left_out:
                    continue
                if stat.S_ISDIR(status.st_mode) and len(path.parts) <= DEEPEST:
                    folders.append(path)
                yield path, status

    def open(self, path: PurePosixPath) -> BufferedReader:
        """Open a file to read it. Raises NotRegular."""
        with self._at(path.parent) as at:
            file = open_regular(path.name or ".", os.O_NOFOLLOW, dir_fd=at)
        if not self._takes_hard_links and os.fstat(file.fileno()).st_nlink > 1:
            file.close()
            raise PermissionError(
                errno.EPERM, "it has another name (a hard link), and may be anybody's: copy it"
            )
        return file

    def create(self, path: PurePosixPath) -> BufferedWriter:
        """Create a file, and the folders above it. Raises FileExistsError if the name is taken."""
        with self._at(path.parent, makes=True) as at:
            return os.fdopen(os.open(path.name, _NEW, 0o666, dir_fd=at), "wb")

    def make(self, path: PurePosixPath) -> None:
        """Make a folder unless it exists."""
        with self._at(path, makes=True):
            pass

    def move(self, path: PurePosixPath, to: PurePosixPath) -> None:
        """Rename a file, and make the folders above its new name."""
        with self._at(path.parent) as here, self._at(to.parent, makes=True) as there:
            os.rename(path.name, to.name, src_dir_fd=here, dst_dir_fd=there)

    def remove(self, path: PurePosixPath) -> None:
        """Remove a file if it exists."""
        with self._at(path.parent) as at, suppress(FileNotFoundError):
            os.unlink(path.name, dir_fd=at)

    @contextmanager
    def locked(self, path: PurePosixPath) -> Iterator[None]:
        """Create and lock a file. Raises BlockingIOError if another process has locked it."""
        with suppress(FileNotFoundError):
            check_regular(self.status(path), path.name)
        with self._at(path.parent) as at:
            descriptor = os.open(path.name, _LOCK, 0o600, dir_fd=at)
        try:
            check_regular(os.fstat(descriptor), path.name)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        finally:
            os.close(descriptor)

    def link(self, path: PurePosixPath) -> str | None:
        """The target of a link; None if it is not a link."""
        try:
            with self._at(path.parent) as at:
                return os.readlink(path.name, dir_fd=at)
        except OSError as error:
            if error.errno == errno.EINVAL:
                return None
            raise

    def _listed(self, folder: PurePosixPath) -> Iterator[tuple[PurePosixPath, os.stat_result]]:
        with suppress(OSError), self._at(folder) as at:
            listing = os.open(".", _LIST, dir_fd=at)
            try:
                names = [entry.name for entry in os.scandir(listing)]
            finally:
                os.close(listing)
            for name in names:
                with suppress(OSError):  # it is gone, or may not be read
                    if not name.startswith("."):
                        yield folder / name, os.stat(name, dir_fd=at, follow_symlinks=False)

    @contextmanager
    def _at(self, folder: PurePosixPath, *, makes: bool = False) -> Iterator[int]:
        """Open a folder step by step; `makes`: make missing ones. Raises NotADirectoryError for a link."""
        at = os.dup(self._top)
        try:
            self._check_own(at)
            for name in folder.parts:
                above, at = at, _step(at, name, makes=makes)
                os.close(above)
                self._check_own(at)
            yield at
        finally:
            os.close(at)

    def _check_own(self, folder: int) -> None:
        if self._own and _identity(os.fstat(folder)) in self._own:
            raise PermissionError(errno.EPERM, "it is a folder of the archive itself, or in one")


def own_folders(settings: Settings) -> list[Path]:
    """The folders of the archive itself. Nothing in them is ever ingested."""
    return [settings.data, settings.data / "accounts", settings.keys_folder]


def others_may_write(status: os.stat_result) -> bool:
    """Whether users other than root may write in a folder with this status."""
    return status.st_uid != 0 or bool(status.st_mode & (stat.S_IWGRP | stat.S_IWOTH))


def _step(at: int, name: str, *, makes: bool) -> int:
    if name == "..":
        raise PermissionError(errno.EPERM, "a path has no `..` here")
    try:
        return os.open(name, _STEP | os.O_NOFOLLOW, dir_fd=at)
    except FileNotFoundError:
        if not makes:
            raise
    except OSError as error:
        if error.errno not in (errno.ENOTDIR, errno.ELOOP):
            raise
        raise NotADirectoryError(errno.ENOTDIR, f"{shown(name)} is a link, or no folder") from None
    with suppress(FileExistsError):
        os.mkdir(name, dir_fd=at)
    return _step(at, name, makes=False)


def _identity(status: os.stat_result) -> Identity:
    return status.st_dev, status.st_ino
