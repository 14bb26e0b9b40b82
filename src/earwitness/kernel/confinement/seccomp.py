"""seccomp: which system calls a process may still make, in all of its threads (seccomp(2))."""

import ctypes
import os

from earwitness.kernel.confinement.filters import INSTRUCTION, Instruction, alone, program, trial
from earwitness.kernel.confinement.libc import syscall
from earwitness.kernel.confinement.system_calls import SECCOMP, Processor, this_processor

_SET_MODE_FILTER = 1
_IN_ALL_THREADS = 1


class _Program(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def seal(*, generates_code: bool = False, uses_devices: bool = False) -> bool:
    """Leave this process the system calls that `filters.program` lists. Gives whether that holds.

    To be called after PR_SET_NO_NEW_PRIVS.
    """
    if (processor := _tried_processor()) is None:
        return False
    listed = program(processor, os.getpid(), generates_code=generates_code, uses_devices=uses_devices)
    return _install(listed, processor)


def stay_alone() -> bool:
    """Start no process, reach none, and change no modes of files, until `seal` when all is loaded."""
    processor = _tried_processor()
    return processor is not None and _install(alone(processor, os.getpid()), processor)


def _tried_processor() -> Processor | None:
    """The processor that filters see here; None if there are none, or they see another.

    A program for one processor may run on another by a translator; a filter would then refuse everything.
    """
    processor = this_processor()
    is_seen = processor is not None and _install(trial(processor), processor) and os.getppid() == -1
    return processor if is_seen else None


def _install(listed: list[Instruction], processor: Processor) -> bool:
    number = SECCOMP.number(processor)
    assert number is not None  # noqa: S101 - each processor has it
    packed = b"".join(INSTRUCTION.pack(*one) for one in listed)
    wanted = _Program(len(listed), packed)
    address = ctypes.cast(ctypes.pointer(wanted), ctypes.c_void_p)
    try:
        # A positive answer is the thread that the filter could not be set in: then it is in none.
        return syscall(number, _SET_MODE_FILTER, _IN_ALL_THREADS, address) == 0
    except OSError:
        return False
