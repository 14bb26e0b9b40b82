"""Opening files whose names others give, or may replace: regular ones alone, without ever waiting."""

import errno
import os
import stat
from contextlib import suppress
from io import BufferedReader
from pathlib import Path

_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_PROTECTED_HARD_LINKS = Path("/proc/sys/fs/protected_hardlinks")


class NotRegular(OSError):
    """Something is there, and is no regular file: a link, a folder, a pipe, a device."""


def open_regular(path: str | Path, flags: int = 0, *, dir_fd: int | None = None) -> BufferedReader:
    """Open a regular file to read it. Raises NotRegular, and OSError.

    `flags` are more than those of reading: with O_NOFOLLOW a link is no regular file.
    """
    # To open a device may make it act, so it is looked at before; and after, as it may be another by then.
    check_regular(os.stat(path, dir_fd=dir_fd, follow_symlinks=not flags & os.O_NOFOLLOW), path)
    descriptor = os.open(path, _READ | flags, dir_fd=dir_fd)
    try:
        check_regular(os.fstat(descriptor), path)
    except OSError:
        os.close(descriptor)
        raise
    return os.fdopen(descriptor, "rb")


def check_regular(status: os.stat_result, path: str | Path) -> None:
    """Raises NotRegular for what is no regular file."""
    if not stat.S_ISREG(status.st_mode):
        raise NotRegular(errno.EINVAL, "expected a regular file", str(path))


def are_hard_links_safe(switch: Path = _PROTECTED_HARD_LINKS) -> bool:
    """Whether users can make hard links only to files that they may read and write without them.

    The system's switch is `fs.protected_hardlinks`, see proc_sys_fs(5). Where there is none, it is off.
    """
    with suppress(OSError, ValueError):
        return int(switch.read_text()) > 0
    return False
