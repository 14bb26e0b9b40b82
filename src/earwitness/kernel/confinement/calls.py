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
class Call:
    """The number of a system call on each processor; None where there is no such call."""

    x86_64: int | None
    arm64: int | None

    def number(self, processor: Processor) -> int | None:
        return self.x86_64 if processor == "x86-64" else self.arm64


# Those that can do nothing but use what the process has: its memory, its threads, its open files, the time.
ALLOWED = {
    "read": Call(0, 63),
    "write": Call(1, 64),
    "close": Call(3, 57),
    "lseek": Call(8, 62),
    "readv": Call(19, 65),
    "writev": Call(20, 66),
    "sendto": Call(44, 206),
    "recvfrom": Call(45, 207),
    "shutdown": Call(48, 210),
    "poll": Call(7, None),
    "ppoll": Call(271, 73),
    "munmap": Call(11, 215),
    "brk": Call(12, 214),
    "mremap": Call(25, 216),
    "madvise": Call(28, 233),
    "mbind": Call(237, 235),
    "rt_sigaction": Call(13, 134),
    "rt_sigprocmask": Call(14, 135),
    "rt_sigreturn": Call(15, 139),
    "sigaltstack": Call(131, 132),
    "restart_syscall": Call(219, 128),
    "futex": Call(202, 98),
    "futex_waitv": Call(449, 449),
    "futex_wake": Call(454, 454),
    "futex_wait": Call(455, 455),
    "futex_requeue": Call(456, 456),
    "set_robust_list": Call(273, 99),
    "rseq": Call(334, 293),
    "membarrier": Call(324, 283),
    "sched_yield": Call(24, 124),
    "sched_getaffinity": Call(204, 123),
    "getcpu": Call(309, 168),
    "getpid": Call(39, 172),
    "gettid": Call(186, 178),
    "getrandom": Call(318, 278),
    "getrusage": Call(98, 165),
    "times": Call(100, 153),
    "sysinfo": Call(99, 179),
    "uname": Call(63, 160),
    "time": Call(201, None),
    "gettimeofday": Call(96, 169),
    "clock_gettime": Call(228, 113),
    "clock_getres": Call(229, 114),
    "clock_nanosleep": Call(230, 115),
    "nanosleep": Call(35, 101),
    "exit": Call(60, 93),
    "exit_group": Call(231, 94),
}

# Those that pass with some arguments, or with another answer than EPERM: see `filters.py`.
MMAP = Call(9, 222)
MPROTECT = Call(10, 226)
CLONE = Call(56, 220)
CLONE3 = Call(435, 435)
PRCTL = Call(157, 167)
PRLIMIT64 = Call(302, 261)
TGKILL = Call(234, 131)
IOCTL = Call(16, 29)

# What a process that loads its libraries does not need either, and that Landlock does not hold, or not alone:
# to start other processes, reach them or talk to them; modes of files; and large parts of the kernel.
REFUSED_WHILE_LOADING = {
    "fork": Call(57, None),
    "vfork": Call(58, None),
    "execve": Call(59, 221),
    "execveat": Call(322, 281),
    "ptrace": Call(101, 117),
    "process_vm_readv": Call(310, 270),
    "process_vm_writev": Call(311, 271),
    "kill": Call(62, 129),
    "tkill": Call(200, 130),
    "rt_sigqueueinfo": Call(129, 138),
    "rt_tgsigqueueinfo": Call(297, 240),
    "pidfd_open": Call(434, 434),
    "pidfd_send_signal": Call(424, 424),
    "pidfd_getfd": Call(438, 438),
    "socket": Call(41, 198),
    "io_uring_setup": Call(425, 425),
    "chmod": Call(90, None),
    "fchmod": Call(91, 52),
    "fchmodat": Call(268, 53),
    "fchmodat2": Call(452, 452),
    "chown": Call(92, None),
    "fchown": Call(93, 55),
    "lchown": Call(94, None),
    "fchownat": Call(260, 54),
    "utime": Call(132, None),
    "utimes": Call(235, None),
    "utimensat": Call(280, 88),
    "setxattr": Call(188, 5),
    "lsetxattr": Call(189, 6),
    "fsetxattr": Call(190, 7),
    "removexattr": Call(197, 14),
    "lremovexattr": Call(198, 15),
    "fremovexattr": Call(199, 16),
    "unshare": Call(272, 97),
    "setns": Call(308, 268),
    "bpf": Call(321, 280),
    "perf_event_open": Call(298, 241),
    "userfaultfd": Call(323, 282),
    "add_key": Call(248, 217),
    "request_key": Call(249, 218),
    "keyctl": Call(250, 219),
}

GETPPID = Call(110, 173)

SECCOMP = Call(317, 277)

# One number everywhere, as all calls have it that are newer than Linux 5.1.
LANDLOCK_CREATE_RULESET = 444
LANDLOCK_ADD_RULE = 445
LANDLOCK_RESTRICT_SELF = 446


def this_processor() -> Processor | None:
    """The kind of processor that this process runs on; None if there is no filter for it."""
    is_64_bit = sys.maxsize > 1 << 32
    return _MACHINES.get(platform.machine()) if sys.platform == "linux" and is_64_bit else None
