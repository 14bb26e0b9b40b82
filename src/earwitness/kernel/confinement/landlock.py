"""Landlock: what a process may still do with files by their paths, and to other processes (landlock(7)).

It holds the thread that asks, and those that it starts later. They cannot trace a process outside, nor read
its memory, even as root. From ABI 6 (Linux 6.12) on no signal reaches it, and no abstract socket.
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
"""From which on it holds signals and abstract sockets too."""

# LANDLOCK_ACCESS_FS_…: what can be done to files, by the ABI that knows it first; each includes those before.
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
    """What the kernel knows of Landlock; 0: nothing, or it may not be used here."""
    if sys.platform != "linux":
        return 0
    try:
        return syscall(LANDLOCK_CREATE_RULESET, None, 0, _VERSION)
    except OSError:
        return 0


def restrict(readable: Iterable[Path] = (), devices: Iterable[Path] = ()) -> int:
    """Let this thread do nothing to files but read those below `readable`, and use `devices`.

    Files that are open stay usable. Gives the ABI that holds, 0 where there is none. To be called after
    PR_SET_NO_NEW_PRIVS, and before there is a second thread.
    """
    if not (known := abi()) or not _is_only_thread():
        return 0
    granted = dict.fromkeys(readable, _READ_FILE | _READ_DIR)
    granted |= dict.fromkeys(devices, _READ_FILE | _WRITE_FILE | _IOCTL_DEV)
    handled = max(bits for first, bits in _FILES.items() if first <= known)
    wanted = _Ruleset(
        handled, _TCP if known >= _TCP_ABI else 0, _SIGNALS_AND_ABSTRACT_SOCKETS if known >= WHOLE_ABI else 0
    )
    try:
        ruleset = syscall(LANDLOCK_CREATE_RULESET, _address(wanted), ctypes.sizeof(wanted), 0)
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
    """Allow access to a file, or below a folder. To what is not there, or cannot be had, none is allowed."""
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
        return len(os.listdir("/proc/self/task")) == 1  # noqa: PTH208 - no Path is needed of any
    except OSError:
        return True
