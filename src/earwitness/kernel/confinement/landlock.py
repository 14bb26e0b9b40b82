"""Landlock: what a process may still do to files by their paths, and to other processes (landlock(7)).

It confines the thread that calls it and the threads that this one starts later. They cannot trace processes
outside or read their memory, even as root. From ABI 6 (Linux 6.12) they cannot send them signals or use their
abstract sockets.
"""

import ctypes
import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from earwitness.kernel.confinement.libc import syscall
from earwitness.kernel.confinement.system_calls import (
    LANDLOCK_ADD_RULE,
    LANDLOCK_CREATE_RULESET,
    LANDLOCK_RESTRICT_SELF,
)

WHOLE_ABI = 6
"""From this ABI on it covers signals and abstract sockets, too."""

# LANDLOCK_ACCESS_FS_…: the kinds of access to files that each ABI knows, with those of earlier ABIs.
_FILES = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
_WRITE_FILE, _READ_FILE, _READ_DIR, _IOCTL_DEV = 1 << 1, 1 << 2, 1 << 3, 1 << 15
_TCP, _TCP_ABI = 0b11, 4
_SIGNALS_AND_ABSTRACT_SOCKETS = 0b11
_VERSION = 1
_PATH_BENEATH = 1


class _Ruleset(ctypes.Structure):
    """struct landlock_ruleset_attr."""

    _fields_ = (("files", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    """struct landlock_path_beneath_attr."""

    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


def abi() -> int:
    """The ABI of Landlock in the kernel; 0 if there is none, or if it may not be used."""
    if sys.platform != "linux":
        return 0
    try:
        return syscall(LANDLOCK_CREATE_RULESET, None, 0, _VERSION)
    except OSError:
        return 0


def restrict(readable: Iterable[Path] = (), devices: Iterable[Path] = ()) -> int:
    """Let this thread only read the files below `readable` and use `devices`. Open files stay usable.

    Returns the ABI that is in force, 0 for none. Call it after PR_SET_NO_NEW_PRIVS, and before there is a
    second thread.
    """
    if not (known := abi()) or not _is_only_thread():
        return 0
    granted = dict.fromkeys(readable, _READ_FILE | _READ_DIR)
    granted |= dict.fromkeys(devices, _READ_FILE | _WRITE_FILE | _IOCTL_DEV)
    handled = max(bits for first, bits in _FILES.items() if first <= known)
    rules = _Ruleset(
        handled, _TCP if known >= _TCP_ABI else 0, _SIGNALS_AND_ABSTRACT_SOCKETS if known >= WHOLE_ABI else 0
    )
    try:
        ruleset = syscall(LANDLOCK_CREATE_RULESET, _address(rules), ctypes.sizeof(rules), 0)
    except OSError:
        return 0
    try:
        for path, access in granted.items():
            _allow(ruleset, path, access & handled)
        syscall(LANDLOCK_RESTRICT_SELF, ruleset, 0)
    except OSError:
        return 0
    finally:
        os.close(ruleset)
    return known


def _allow(ruleset: int, path: Path, access: int) -> None:
    """Allow access to a file or folder, if it exists and can be opened."""
    with suppress(OSError):
        parent = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            allowed = access if path.is_dir() else access & ~_READ_DIR
            syscall(LANDLOCK_ADD_RULE, ruleset, _PATH_BENEATH, _address(_Beneath(allowed, parent)), 0)
        finally:
            os.close(parent)


def _address(of: ctypes.Structure) -> ctypes.c_void_p:
    return ctypes.cast(ctypes.pointer(of), ctypes.c_void_p)


def _is_only_thread() -> bool:
    try:
        return len(os.listdir("/proc/self/task")) == 1  # noqa: PTH208 - the names are only counted
    except OSError:
        return True
