"""seccomp: the system calls that all threads of a process may still make (seccomp(2))."""

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
    """Leave this process only the system calls of `filters.program`. Returns whether that is in force.

    Call it after PR_SET_NO_NEW_PRIVS.
    """
    if (processor := _tried_processor()) is None:
        return False
    listed = program(processor, os.getpid(), generates_code=generates_code, uses_devices=uses_devices)
    return _install(listed, processor)


def stay_alone() -> bool:
    """Refuse to start or reach processes and to change modes of files. `seal` follows when all is loaded."""
    processor = _tried_processor()
    return processor is not None and _install(alone(processor, os.getpid()), processor)


def _tried_processor() -> Processor | None:
    """The processor that filters see here. None if there are no filters, or if they see another processor.

    A program may run on another processor through an emulator. A filter would then refuse everything.
    """
    processor = this_processor()
    is_seen = processor is not None and _install(trial(processor), processor) and os.getppid() == -1
    return processor if is_seen else None


def _install(listed: list[Instruction], processor: Processor) -> bool:
    number = SECCOMP.number(processor)
    assert number is not None  # noqa: S101 - every processor has this call
    packed = b"".join(INSTRUCTION.pack(*one) for one in listed)
    filter_ = _Program(len(listed), packed)
    address = ctypes.cast(ctypes.pointer(filter_), ctypes.c_void_p)
    try:
        # A positive answer is a thread in which the filter could not be installed. It is then in no thread.
        return syscall(number, _SET_MODE_FILTER, _IN_ALL_THREADS, address) == 0
    except OSError:
        return False
