"""Files and folders that only their owner can read, whatever the umask is and whoever made them."""

import os
import stat
from contextlib import suppress
from pathlib import Path

_BESIDE = ("", "-wal", "-shm", "-journal")
"""The files that SQLite writes beside a database. It gives new ones the mode of the database."""
_OURS = frozenset(
    {
        "accounts",
        "workers",
        "directory.db",
        "directory.db-wal",
        "directory.db-shm",
        "earwitness-installation",
        "earwitness-store",
        "lost+found",
    }
)


def keep_database_private(file: Path) -> None:
    """Make a database's file for its owner alone (0600), or take away the rights of others.

    Errors are left to SQLite, which opens the file next. A file that exists is not opened here: a process
    that closes any descriptor of a file loses all its locks on it.
    """
    with suppress(OSError):
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))
    for suffix in _BESIDE:
        _take_from_others(file.with_name(file.name + suffix), 0o600)


def keep_folder_private(folder: Path) -> None:
    """Make a folder for its owner alone (0700), or take the rights of others to it away."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    _take_from_others(folder, 0o700)


def keep_data_folder_private(folder: Path) -> None:
    """The same for the data folder. One that holds other things as well stays as it is."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with suppress(OSError):
        if {entry.name for entry in os.scandir(folder)} <= _OURS:
            _take_from_others(folder, 0o700)


def _take_from_others(path: Path, mode: int) -> None:
    with suppress(OSError):  # there is none, or another user owns it
        if stat.S_IMODE(path.stat().st_mode) & ~mode:
            path.chmod(mode)
