"""Giving up privileges over other processes, and keeping other processes out."""

import ctypes
import sys
from contextlib import suppress

from earwitness.kernel.confinement.libc import prctl

_PR_SET_DUMPABLE = 4
_PR_SET_NO_NEW_PRIVS = 38

_CAPABILITY_VERSION_3 = 0x20080522
READ_ALL_FILES = 1 << 2
"""CAP_DAC_READ_SEARCH."""


def keep_memory_private() -> None:
    """Keep other processes of the same user from reading this one's memory, and keep it out of core dumps.

    Each program has to do this when it starts, since executing a program resets it. Root can still read the
    memory.
    """
    if sys.platform == "linux":
        with suppress(OSError):
            prctl(_PR_SET_DUMPABLE, 0)


def give_up_privileges(but: int = 0) -> None:
    """Give up root's capabilities except those in `but`, and gain none by executing programs.

    Otherwise a service that runs as root could raise its own limits again, or load code into the kernel.
    """
    if sys.platform != "linux":
        return
    with suppress(OSError):
        prctl(_PR_SET_NO_NEW_PRIVS, 1)
    libc = ctypes.CDLL(None)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    held = (ctypes.c_uint32 * 6)()
    if libc.capget(header, held) == 0:
        effective, permitted = held[0] & but, held[1] & but
        libc.capset(header, (ctypes.c_uint32 * 6)(effective, permitted))
