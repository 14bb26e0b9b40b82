"""A filter like that of a container that forbids system calls, for this process and those it starts."""

import ctypes

from earwitness.kernel.confinement.filters import INSTRUCTION
from earwitness.kernel.confinement.libc import prctl
from earwitness.kernel.confinement.system_calls import (
    LANDLOCK_CREATE_RULESET,
    SECCOMP,
    SystemCall,
    this_processor,
)

_CALLS = {"landlock": SystemCall(LANDLOCK_CREATE_RULESET, LANDLOCK_CREATE_RULESET), "seccomp": SECCOMP}
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _FILTER = 38, 22, 2
_ALLOW, _REFUSE = 0x7FFF0000, 0x50001


def forbid(layers: str) -> None:
    """Let the system calls of some layers, by their names in a text, fail with EPERM."""
    processor = this_processor()
    assert processor
    for layer in layers.split():
        number = _CALLS[layer].number(processor)
        assert number
        listed = [(0x20, 0, 0, 0), (0x15, 0, 1, number), (0x06, 0, 0, _REFUSE), (0x06, 0, 0, _ALLOW)]
        packed = ctypes.create_string_buffer(b"".join(INSTRUCTION.pack(*one) for one in listed))
        described = (ctypes.c_uint64 * 2)(len(listed), ctypes.addressof(packed))
        prctl(_PR_SET_NO_NEW_PRIVS, 1)
        prctl(_PR_SET_SECCOMP, _FILTER, ctypes.addressof(described))
