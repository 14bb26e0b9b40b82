"""Opening files that others name or may replace: only regular files, and without waiting for a pipe."""

import errno
import os
import stat
from contextlib import suppress
from io import BufferedReader
from pathlib import Path

_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_PROTECTED_HARD_LINKS = Path("/proc/sys/fs/protected_hardlinks")


class NotRegular(OSError):
    """It is not a regular file, but a link, a folder, a pipe or a device."""


def open_regular(path: str | Path, flags: int = 0, *, dir_fd: int | None = None) -> BufferedReader:
    """Open a regular file to read it. Raises NotRegular, and OSError.

    `flags` are added to those of reading. With O_NOFOLLOW a link is not a regular file.
    """
    # Check before opening, because opening a device may have effects; and after, as it may be replaced.
    check_regular(os.stat(path, dir_fd=dir_fd, follow_symlinks=not flags & os.O_NOFOLLOW), path)
    descriptor = os.open(path, _READ | flags, dir_fd=dir_fd)
    try:
        check_regular(os.fstat(descriptor), path)
    except OSError:
        os.close(descriptor)
        raise
    return os.fdopen(descriptor, "rb")


def check_regular(status: os.stat_result, path: str | Path) -> None:
    """Raises NotRegular unless this is the status of a regular file."""
    if not stat.S_ISREG(status.st_mode):
        raise NotRegular(errno.EINVAL, "expected a regular file", str(path))


def are_hard_links_safe(switch: Path = _PROTECTED_HARD_LINKS) -> bool:
    """Whether users can make hard links only to files that they may read and write.

    The setting is `fs.protected_hardlinks`, see proc_sys_fs(5). Systems without it do not protect hard links.
    """
    with suppress(OSError, ValueError):
        return int(switch.read_text()) > 0
    return False
