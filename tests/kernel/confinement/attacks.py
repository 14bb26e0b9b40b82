"""The attacks of hostile code that has taken over a process: real ones, by system calls.

It is imported before the process is confined, since afterwards nothing can be. As a program,
`python -m tests.kernel.confinement.attacks LAYERS TRIED TARGET`, it confines itself as a decoder does, by the
layers that are named, and attacks; its line is what came of each attack, in JSON.
"""

import ctypes
import errno
import json
import os
import platform
import resource
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial

from earwitness.kernel.confinement import system_calls
from earwitness.kernel.confinement.landlock import restrict
from earwitness.kernel.confinement.privileges import give_up_privileges, keep_memory_private
from earwitness.kernel.confinement.seccomp import seal

Attempts = dict[str, Callable[[], str]]
"""Each attack by its name; it gives "done", or the name of the error."""

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long
_ON_ARM = platform.machine() == "aarch64"

_HERE = -100  # AT_FDCWD
_FORK_CHILD = 17
_SEIZE = 0x4206
_NOBODY = 65534
_UNNOTICED = signal.SIGWINCH

SECRET = b"the key that opens the archive: 7f3a"
DONE = "done"
BY_A_THREAD = ", by a thread"
EXECUTE = "execute"


@dataclass(frozen=True)
class Target:
    """The target: a process, the address of its secret, a folder of the archive, a listening socket."""

    pid: int
    address: int
    folder: str
    abstract: str

    def as_text(self) -> str:
        return json.dumps(asdict(self))


class _Piece(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("size", ctypes.c_size_t))


def call(x86_64: int | None, arm64: int | None, *arguments: "int | str | ctypes.Array[ctypes.c_char]") -> str:
    """Make a system call, and return its result."""
    number = arm64 if _ON_ARM else x86_64
    if number is None:
        return errno.errorcode[errno.ENOSYS]
    held = [ctypes.create_string_buffer(one.encode()) if isinstance(one, str) else one for one in arguments]
    given = [ctypes.c_long(one) if isinstance(one, int) else one for one in held]
    before = os.getpid()
    answer = _libc.syscall(ctypes.c_long(number), *given)
    if os.getpid() != before:
        os._exit(0)  # a process that was started
    return DONE if answer >= 0 else errno.errorcode.get(ctypes.get_errno(), "?")


def on_files(target: Target) -> Attempts:
    """Attacks on files by their paths."""
    folder = f"{target.folder}/"
    file = folder + "archive.db"
    return {
        "open to read": lambda: call(257, 56, _HERE, file, os.O_RDONLY),
        "open to write": lambda: call(257, 56, _HERE, file, os.O_WRONLY),
        "open a system's file": lambda: call(257, 56, _HERE, "/etc/passwd", os.O_RDONLY),
        "open by another root": lambda: call(257, 56, _HERE, f"/proc/self/root{file}", os.O_RDONLY),
        "open the folder": lambda: call(257, 56, _HERE, target.folder, os.O_RDONLY | os.O_DIRECTORY),
        "open the memory of the parent": lambda: call(257, 56, _HERE, f"/proc/{target.pid}/mem", os.O_RDWR),
        "open the environment of the parent": lambda: call(
            257, 56, _HERE, f"/proc/{target.pid}/environ", os.O_RDONLY
        ),
        "create": lambda: call(257, 56, _HERE, folder + "created", os.O_WRONLY | os.O_CREAT, 0o600),
        "create without a name": lambda: call(
            257, 56, _HERE, target.folder, os.O_RDWR | 0o20000000 | os.O_DIRECTORY, 0o600
        ),
        "truncate": lambda: call(76, 45, file, 0),
        "unlink": lambda: call(263, 35, _HERE, folder + "old.db", 0),
        "remove the folder": lambda: call(263, 35, _HERE, folder + "empty", 0x200),
        "link": lambda: call(265, 37, _HERE, file, _HERE, folder + "linked", 0),
        "symlink": lambda: call(266, 36, file, _HERE, folder + "pointing"),
        "mkdir": lambda: call(258, 34, _HERE, folder + "made", 0o700),
        "mknod": lambda: call(259, 33, _HERE, folder + "pipe", 0o010600, 0),
        "rename": lambda: call(316, 276, _HERE, file, _HERE, folder + "renamed", 0),
        EXECUTE: lambda: call(59, 221, "/bin/true", 0, 0),
    }


def on_processes(target: Target) -> Attempts:
    """Attacks on the process that started this one."""
    pid = target.pid
    return {
        "read the parent's memory": partial(_across, target, 310, 270),
        "write the parent's memory": partial(_across, target, 311, 271),
        "trace the parent": lambda: call(101, 117, _SEIZE, pid, 0, 0),
        "kill the parent": lambda: call(62, 129, pid, _UNNOTICED),
        "kill a thread of the parent": lambda: call(234, 131, pid, pid, _UNNOTICED),
        "queue a signal for the parent": partial(_queue, pid),
    }


def on_abstract_sockets(target: Target) -> Attempts:
    """Attacks on servers that have no path."""
    return {"connect to an abstract socket": lambda: _connect(target.abstract)}


def by_privileges(target: Target) -> Attempts:
    """Attacks that need root's capabilities."""
    file, most = f"{target.folder}/archive.db", ctypes.create_string_buffer(b"\xff" * 16)
    return {
        "have its memory dumped": _is_dumpable,
        "chown": lambda: call(260, 54, _HERE, file, 65534, 65534, 0),
        "mount": lambda: call(165, 40, "none", target.folder, "tmpfs", 0, 0),
        "chroot": lambda: call(161, 51, target.folder),
        "raise a limit": lambda: call(302, 261, 0, resource.RLIMIT_NOFILE, most, 0),
        "set the clock": lambda: call(227, 112, 0, ctypes.create_string_buffer(16)),
    }


def on_the_machine(target: Target) -> Attempts:
    """All other attacks: only a filter of system calls can refuse them all."""
    file = f"{target.folder}/archive.db"
    return {
        "chmod": lambda: call(268, 53, _HERE, file, 0o777),
        "stat": lambda: call(262, 79, _HERE, file, ctypes.create_string_buffer(256), 0),
        "fork by clone": lambda: call(56, 220, _FORK_CHILD, 0, 0, 0, 0),
        "fork by clone3": lambda: call(435, 435, ctypes.create_string_buffer(88), 88),
        "fork": lambda: call(57, None),
        "an inet socket": lambda: call(41, 198, 2, 1, 0),
        "a datagram socket": lambda: call(41, 198, 2, 2, 0),
        "a unix socket": lambda: call(41, 198, 1, 1, 0),
        "a netlink socket": lambda: call(41, 198, 16, 3, 0),
        "io_uring": lambda: call(425, 425, 8, ctypes.create_string_buffer(120)),
        "bpf": lambda: call(321, 280, 0, ctypes.create_string_buffer(64), 64),
        "perf events": lambda: call(298, 241, ctypes.create_string_buffer(128), 0, -1, -1, 0),
        "userfaultfd": lambda: call(323, 282, 1),
        "memfd": lambda: call(319, 279, "code", 0),
        "execveat": lambda: call(322, 281, 0, "", 0, 0, 0x1000),
        "a namespace": lambda: call(272, 97, 0x10000000),
        "a thread in a namespace": lambda: call(56, 220, 0x10F00 | 0x40000000, 0, 0, 0, 0),
        "personality": lambda: call(135, 92, 0x0040000),
        "keyctl": lambda: call(250, 219, 0, 0xFFFFFFFD, 1),
        "to be dumpable again": lambda: call(157, 167, 4, 1, 0, 0, 0),
        "a limit of the parent": lambda: call(
            302, 261, target.pid, resource.RLIMIT_CPU, 0, ctypes.create_string_buffer(16)
        ),
        "an ioctl": lambda: call(16, 29, 0, 0x5412, ctypes.create_string_buffer(b"x")),
        "a pidfd": lambda: call(434, 434, target.pid, 0),
        "kill all": lambda: call(62, 129, -1, 0),
        "writable code": lambda: call(9, 222, 0, 4096, 7, 0x22, -1, 0),
    }


def attack(attempts: Attempts) -> dict[str, str]:
    """Try everything, from this thread and from one that is started now."""
    found = {name: attempt() for name, attempt in attempts.items()}
    thread = threading.Thread(
        target=lambda: found.update({f"{name}{BY_A_THREAD}": attempt() for name, attempt in attempts.items()})
    )
    thread.start()
    thread.join()
    return found


def all_attacks(target: Target) -> Attempts:
    return (
        on_files(target)
        | on_processes(target)
        | on_abstract_sockets(target)
        | by_privileges(target)
        | on_the_machine(target)
    )


def _across(target: Target, x86_64: int, arm64: int) -> str:
    here = ctypes.create_string_buffer(len(SECRET))
    ours = _Piece(ctypes.addressof(here), len(SECRET))
    theirs = _Piece(target.address, len(SECRET))
    came = call(x86_64, arm64, target.pid, ctypes.addressof(ours), 1, ctypes.addressof(theirs), 1, 0)
    return DONE if here.raw == SECRET else came


def _queue(pid: int) -> str:
    told = (int(_UNNOTICED).to_bytes(4, "little") + bytes(4) + (-1 & 0xFFFFFFFF).to_bytes(4, "little")).ljust(
        128, b"\0"
    )
    return call(129, 138, pid, _UNNOTICED, ctypes.create_string_buffer(told, 128))


def _write_to_any() -> str:
    """Write to anything that is open beside the three standard files, such as a socket of the fork server."""
    came = {call(1, 64, descriptor, "x", 1) for descriptor in range(3, 2048)}
    return came.pop() if len(came) == 1 else DONE


def _is_dumpable() -> str:
    return DONE if _libc.prctl(3, 0, 0, 0, 0) == 1 else errno.errorcode[errno.EPERM]


def _connect(name: str) -> str:
    number = 198 if _ON_ARM else 41
    end = _libc.syscall(ctypes.c_long(number), 1, 1, 0)
    if end < 0:
        return errno.errorcode[ctypes.get_errno()]
    address = ctypes.create_string_buffer(
        (1).to_bytes(2, sys.byteorder) + b"\0" + name.encode(), 3 + len(name)
    )
    try:
        return call(42, 203, end, address, 3 + len(name))
    finally:
        os.close(end)


def held_by_landlock(target: Target) -> Attempts:
    return on_files(target) | on_processes(target) | on_abstract_sockets(target)


def held_while_loading(target: Target) -> Attempts:
    return held_by_landlock(target) | not_on_files(target)


def not_on_files(target: Target) -> Attempts:
    """Attacks on other processes and new ones, on listening sockets, on modes of files, and on the kernel."""
    machine = on_the_machine(target)
    names = (
        "fork by clone",
        "fork by clone3",
        "fork",
        "an inet socket",
        "a datagram socket",
        "a unix socket",
    )
    kernel = ("io_uring", "a namespace", "bpf", "perf events", "userfaultfd", "keyctl", "chmod")
    others = {name: machine[name] for name in (*names, "a pidfd", *kernel)}
    return on_processes(target) | on_abstract_sockets(target) | others


def beside(target: Target) -> Attempts:
    """Attacks on a process that was forked from the same one, and by what was left open at the fork."""
    return on_processes(target) | {"use what is open": _write_to_any}


def not_on_the_list() -> Attempts:
    """Every number of a call that is not allowed, not even with some arguments."""
    some = (
        system_calls.MMAP,
        system_calls.MPROTECT,
        system_calls.CLONE,
        system_calls.PRCTL,
        system_calls.PRLIMIT64,
        system_calls.TGKILL,
    )
    known = {one.arm64 if _ON_ARM else one.x86_64 for one in (*system_calls.ALLOWED.values(), *some)}
    # The kernel lets these pass every filter, for its own probes; called by others they end the process.
    probes = set() if _ON_ARM else {335, 336}
    numbers = {number for number in range(600) if number not in known | probes}
    return {
        f"call {number}": partial(call, number, number, 0, 0, 0, 0, 0, 0)
        for number in sorted(numbers | set(range(0x40000000, 0x40000000 + 600)))
    }


TRIED: dict[str, Callable[[Target], Attempts]] = {
    "all": all_attacks,
    "held by landlock": held_by_landlock,
    "by privileges": by_privileges,
    "not on the list": lambda _: not_on_the_list(),
    "beside": beside,
}


def main() -> None:
    layers, tried, told = sys.argv[1:]
    attempts = TRIED[tried](Target(**json.loads(told)))
    if not layers:
        del attempts[EXECUTE]  # it would replace this process before the others are tried
    if "nobody" in layers:
        os.setgroups([])
        os.setgid(_NOBODY)
        os.setuid(_NOBODY)
    if layers:
        keep_memory_private()
        give_up_privileges()
    if "landlock" in layers and not restrict():
        sys.exit("no Landlock")
    if "seccomp" in layers and not seal():
        sys.exit("no seccomp")
    os.write(1, json.dumps(attack(attempts)).encode())
    os._exit(0)


if __name__ == "__main__":
    main()
