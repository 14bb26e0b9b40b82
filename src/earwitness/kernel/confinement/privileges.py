"""What a process may not do to others any more, and what others may not do to it."""

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
    """Let no process of the same user read this one's memory, nor a core dump hold it.

    A program that is executed begins without this, so each does it at its start. Root can read all the same.
    """
    if sys.platform == "linux":
        with suppress(OSError):
            prctl(_PR_SET_DUMPABLE, 0)


def give_up_privileges(but: int = 0) -> None:
    """Gain nothing by executing programs, and keep of root's capabilities those in `but`.

    A service that runs as root else could raise its own limits again, or load code into the kernel.
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
