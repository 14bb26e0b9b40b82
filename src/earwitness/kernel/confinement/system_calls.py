"""The system calls that a sealed process may still make, by their numbers on each kind of processor.

The numbers are the kernel's own: `arch/x86/entry/syscalls/syscall_64.tbl`, and for arm64
`include/uapi/asm-generic/unistd.h`. They never change.
"""

import platform
import sys
from dataclasses import dataclass
from typing import Literal

Processor = Literal["x86-64", "arm64"]

# AUDIT_ARCH_… of linux/audit.h: what the kernel calls a processor in a filter.
AUDIT: dict[Processor, int] = {"x86-64": 0xC000003E, "arm64": 0xC00000B7}

_MACHINES: dict[str, Processor] = {"x86_64": "x86-64", "aarch64": "arm64"}


@dataclass(frozen=True, slots=True)
class SystemCall:
    """The number of a system call on each processor; None where the processor lacks it."""

    x86_64: int | None
    arm64: int | None

    def number(self, processor: Processor) -> int | None:
        return self.x86_64 if processor == "x86-64" else self.arm64


# Calls that only use what the process has: its memory, its threads, its open files, the time.
ALLOWED = {
    "read": SystemCall(0, 63),
    "write": SystemCall(1, 64),
    "close": SystemCall(3, 57),
    "lseek": SystemCall(8, 62),
    "readv": SystemCall(19, 65),
    "writev": SystemCall(20, 66),
    "sendto": SystemCall(44, 206),
    "recvfrom": SystemCall(45, 207),
    "shutdown": SystemCall(48, 210),
    "poll": SystemCall(7, None),
    "ppoll": SystemCall(271, 73),
    "munmap": SystemCall(11, 215),
    "brk": SystemCall(12, 214),
    "mremap": SystemCall(25, 216),
    "madvise": SystemCall(28, 233),
    "mbind": SystemCall(237, 235),
    "rt_sigaction": SystemCall(13, 134),
    "rt_sigprocmask": SystemCall(14, 135),
    "rt_sigreturn": SystemCall(15, 139),
    "sigaltstack": SystemCall(131, 132),
    "restart_syscall": SystemCall(219, 128),
    "futex": SystemCall(202, 98),
    "futex_waitv": SystemCall(449, 449),
    "futex_wake": SystemCall(454, 454),
    "futex_wait": SystemCall(455, 455),
    "futex_requeue": SystemCall(456, 456),
    "set_robust_list": SystemCall(273, 99),
    "rseq": SystemCall(334, 293),
    "membarrier": SystemCall(324, 283),
    "sched_yield": SystemCall(24, 124),
    "sched_getaffinity": SystemCall(204, 123),
    "getcpu": SystemCall(309, 168),
    "getpid": SystemCall(39, 172),
    "gettid": SystemCall(186, 178),
    "getrandom": SystemCall(318, 278),
    "getrusage": SystemCall(98, 165),
    "times": SystemCall(100, 153),
    "sysinfo": SystemCall(99, 179),
    "uname": SystemCall(63, 160),
    "time": SystemCall(201, None),
    "gettimeofday": SystemCall(96, 169),
    "clock_gettime": SystemCall(228, 113),
    "clock_getres": SystemCall(229, 114),
    "clock_nanosleep": SystemCall(230, 115),
    "nanosleep": SystemCall(35, 101),
    "exit": SystemCall(60, 93),
    "exit_group": SystemCall(231, 94),
}

# Calls that are allowed only with some arguments, or refused with another error than EPERM: see `filters.py`.
MMAP = SystemCall(9, 222)
MPROTECT = SystemCall(10, 226)
CLONE = SystemCall(56, 220)
CLONE3 = SystemCall(435, 435)
PRCTL = SystemCall(157, 167)
PRLIMIT64 = SystemCall(302, 261)
TGKILL = SystemCall(234, 131)
IOCTL = SystemCall(16, 29)

# Calls that a process does not need even while it loads its libraries, and that Landlock does not cover, or
# not fully: starting and reaching other processes, changing the modes of files, and large parts of the
# kernel.
REFUSED_WHILE_LOADING = {
    "fork": SystemCall(57, None),
    "vfork": SystemCall(58, None),
    "execve": SystemCall(59, 221),
    "execveat": SystemCall(322, 281),
    "ptrace": SystemCall(101, 117),
    "process_vm_readv": SystemCall(310, 270),
    "process_vm_writev": SystemCall(311, 271),
    "kill": SystemCall(62, 129),
    "tkill": SystemCall(200, 130),
    "rt_sigqueueinfo": SystemCall(129, 138),
    "rt_tgsigqueueinfo": SystemCall(297, 240),
    "pidfd_open": SystemCall(434, 434),
    "pidfd_send_signal": SystemCall(424, 424),
    "pidfd_getfd": SystemCall(438, 438),
    "socket": SystemCall(41, 198),
    "io_uring_setup": SystemCall(425, 425),
    "chmod": SystemCall(90, None),
    "fchmod": SystemCall(91, 52),
    "fchmodat": SystemCall(268, 53),
    "fchmodat2": SystemCall(452, 452),
    "chown": SystemCall(92, None),
    "fchown": SystemCall(93, 55),
    "lchown": SystemCall(94, None),
    "fchownat": SystemCall(260, 54),
    "utime": SystemCall(132, None),
    "utimes": SystemCall(235, None),
    "utimensat": SystemCall(280, 88),
    "setxattr": SystemCall(188, 5),
    "lsetxattr": SystemCall(189, 6),
    "fsetxattr": SystemCall(190, 7),
    "removexattr": SystemCall(197, 14),
    "lremovexattr": SystemCall(198, 15),
    "fremovexattr": SystemCall(199, 16),
    "unshare": SystemCall(272, 97),
    "setns": SystemCall(308, 268),
    "bpf": SystemCall(321, 280),
    "perf_event_open": SystemCall(298, 241),
    "userfaultfd": SystemCall(323, 282),
    "add_key": SystemCall(248, 217),
    "request_key": SystemCall(249, 218),
    "keyctl": SystemCall(250, 219),
}

GETPPID = SystemCall(110, 173)

SECCOMP = SystemCall(317, 277)

# Calls newer than Linux 5.1 have the same number on all processors.
LANDLOCK_CREATE_RULESET = 444
LANDLOCK_ADD_RULE = 445
LANDLOCK_RESTRICT_SELF = 446


def this_processor() -> Processor | None:
    """The processor that this process runs on; None if there is no filter for it."""
    is_64_bit = sys.maxsize > 1 << 32
    return _MACHINES.get(platform.machine()) if sys.platform == "linux" and is_64_bit else None
