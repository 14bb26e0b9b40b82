"""The filter of system calls, as a program for the kernel's classic BPF machine (seccomp(2), bpf(4)).

A call that is not listed gets EPERM, so that a library which tries it goes on without it. Only hostile code
makes calls of another processor (32-bit calls on x86-64): they end the process with SIGSYS.
"""

import errno
import struct
from collections.abc import Iterator

from earwitness.kernel.confinement.system_calls import (
    ALLOWED,
    AUDIT,
    CLONE,
    CLONE3,
    GETPPID,
    IOCTL,
    MMAP,
    MPROTECT,
    PRCTL,
    PRLIMIT64,
    REFUSED_WHILE_LOADING,
    TGKILL,
    Processor,
    SystemCall,
)

Instruction = tuple[int, int, int, int]
"""code, how many to skip if true, how many to skip if false, k: `struct sock_filter`."""

INSTRUCTION = struct.Struct("=HBBI")

# linux/bpf_common.h: load a word, compare it with k, return k.
_LOAD, _IF_EQUAL, _IF_AT_LEAST, _IF_ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06

_ALLOW: Instruction = (_RETURN, 0, 0, 0x7FFF0000)
_REFUSE: Instruction = (_RETURN, 0, 0, 0x00050000 | errno.EPERM)
_NO_SUCH_CALL: Instruction = (_RETURN, 0, 0, 0x00050000 | errno.ENOSYS)
_END: Instruction = (_RETURN, 0, 0, 0x80000000)

# struct seccomp_data: the offsets of the call's number, the processor and the arguments.
_NUMBER, _PROCESSOR, _ARGUMENTS = 0, 4, 16
_ALL_BITS = 0xFFFFFFFF

_PROT_EXEC = 0x4
_CLONE_THREAD = 0x10000
# The flags with which C libraries start threads: shared memory, files and signals, and no new namespace.
_FLAGS_OF_THREADS = 0x7D0F00
_PR_SET_NAME = 15


def program(
    processor: Processor, pid: int, *, generates_code: bool = False, uses_devices: bool = False
) -> list[Instruction]:
    """The filter for a process.

    `generates_code`: it may write and run machine code, as libraries for linear algebra do. `uses_devices`:
    it may use `ioctl` on open devices, as libraries for GPUs do.
    """
    conditional = [
        *_on_itself_alone(pid),
        (PRCTL, [*_only_if(0, _PR_SET_NAME), _ALLOW]),
        (PRLIMIT64, [*_only_if(0, 0), *_only_if_none(2), _ALLOW]),
    ]
    allowed = list(ALLOWED.values())
    if generates_code:
        allowed += [MMAP, MPROTECT]
    else:
        conditional += [(call, [*_unless_any(2, _PROT_EXEC), _ALLOW]) for call in (MMAP, MPROTECT)]
    if uses_devices:
        allowed.append(IOCTL)
    blocks = [*conditional, *((call, [_ALLOW]) for call in allowed)]
    return [*_begin(processor), *_for_each(blocks, processor), _REFUSE]


def alone(processor: Processor, pid: int) -> list[Instruction]:
    """The filter for a process that still loads its libraries: it may not start or reach other processes."""
    blocks = [*_on_itself_alone(pid), *((call, [_REFUSE]) for call in REFUSED_WHILE_LOADING.values())]
    x32 = [(_IF_AT_LEAST, 0, 1, 0x40000000), _REFUSE] if processor == "x86-64" else []
    return [*_begin(processor), *x32, *_for_each(blocks, processor), _ALLOW]


def trial(processor: Processor) -> list[Instruction]:
    """A filter that refuses one call that nobody needs, if the processor is the expected one."""
    refused = _if_called(GETPPID, processor, [_REFUSE])
    begun = [(_LOAD, 0, 0, _PROCESSOR), (_IF_EQUAL, 1, 0, AUDIT[processor]), _ALLOW, (_LOAD, 0, 0, _NUMBER)]
    return [*begun, *refused, _ALLOW]


def _begin(processor: Processor) -> list[Instruction]:
    """End the process if a call is of another processor; then load the number of the call."""
    return [(_LOAD, 0, 0, _PROCESSOR), (_IF_EQUAL, 1, 0, AUDIT[processor]), _END, (_LOAD, 0, 0, _NUMBER)]


def _for_each(
    blocks: list[tuple[SystemCall, list[Instruction]]], processor: Processor
) -> Iterator[Instruction]:
    for call, block in blocks:
        yield from _if_called(call, processor, block)


def _if_called(call: SystemCall, processor: Processor, block: list[Instruction]) -> Iterator[Instruction]:
    """A block for one call. It ends by itself. Calls of x32 have other numbers, from 0x40000000 on."""
    if (number := call.number(processor)) is not None:
        yield (_IF_EQUAL, 0, len(block), number)
        yield from block


def _low(argument: int) -> int:
    """The offset of the low half of an argument, which is first on both processors."""
    return _ARGUMENTS + 8 * argument


def _only_if(argument: int, value: int) -> list[Instruction]:
    """Refuse unless the argument, a C int, has this value."""
    return [(_LOAD, 0, 0, _low(argument)), (_IF_EQUAL, 1, 0, value), _REFUSE]


def _only_if_none(argument: int) -> list[Instruction]:
    """Refuse unless the argument is a null pointer."""
    halves = _low(argument), _low(argument) + 4
    return [one for half in halves for one in ((_LOAD, 0, 0, half), (_IF_EQUAL, 1, 0, 0), _REFUSE)]


def _unless_any(argument: int, bits: int) -> list[Instruction]:
    """Refuse if the argument has any of these bits."""
    return [(_LOAD, 0, 0, _low(argument)), (_IF_ANY_BIT, 0, 1, bits), _REFUSE]


def _only_if_any(argument: int, bits: int) -> list[Instruction]:
    """Allow if the argument has any of these bits, else refuse."""
    return [(_LOAD, 0, 0, _low(argument)), (_IF_ANY_BIT, 1, 0, bits), _REFUSE, _ALLOW]


def _on_itself_alone(pid: int) -> list[tuple[SystemCall, list[Instruction]]]:
    """Rules by which a process may start threads but no process, and may end itself, as abort(3) does."""
    return [
        (CLONE, [*_unless_any(0, _ALL_BITS & ~_FLAGS_OF_THREADS), *_only_if_any(0, _CLONE_THREAD)]),
        (CLONE3, [_NO_SUCH_CALL]),  # a filter cannot see its flags; C libraries use clone then
        (TGKILL, [*_only_if(0, pid), _ALLOW]),
    ]
