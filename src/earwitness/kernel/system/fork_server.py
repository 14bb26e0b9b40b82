"""The fork server: a process that has loaded what its children need, and forks a child for each job.

Starting a process of Python and loading libraries takes several times as long as a short job; forking takes
a millisecond. The fork server has one thread, since a fork copies only one, and reads nothing from its
children.

Its standard input is the control socket. Each message on it is one byte and two descriptors (SCM_RIGHTS):
the socket of a new child, and its leash.

- When the child ends, its exit code is written to its leash.
- When the other end of its leash is closed, the child is killed.
- When the control socket is closed, the fork server ends after its last child. The death of the starter
  closes all leashes, too.
- When the fork server dies, the kernel kills its children, and their leashes are closed without an exit code.
- A fork server that cannot load what it needs sends the reason over the control socket, and ends.
"""

import os
import resource
import select
import signal
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

from earwitness.kernel.system.processes import end_with_forker

Work = Callable[[socket.socket], object]
"""What a child does with its socket. The child ends when this returns."""

EXIT_CODE = struct.Struct("=i")
"""The message on a leash: the exit code, or the negative number of the signal that ended the child."""

NOT_FORKED = 256
"""The exit code of a child that could not be forked. No process has it."""

_MOST_FILES = 1024


def serve_forks(control: socket.socket, work: Work) -> None:
    """Fork a child for each message, until the control socket is closed and the last child has ended."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _MOST_FILES if most == resource.RLIM_INFINITY else min(most, _MOST_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    _Forks(control, work, most).serve()


class _Forks:
    """The children of a fork server, by their process ids."""

    def __init__(self, control: socket.socket, work: Work, most_files: int) -> None:
        self._control = control
        self._work = work
        self._most_files = most_files
        self._leashes: dict[int, socket.socket] = {}
        self._is_open = True
        self._watched = select.poll()
        self._watched.register(control, select.POLLIN)
        self._woken, self._waking = socket.socketpair()
        self._watched.register(self._woken, select.POLLIN)

    def serve(self) -> None:
        for end in (self._woken, self._waking):
            end.setblocking(False)
        signal.set_wakeup_fd(self._waking.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        while self._is_open or self._leashes:
            ready = {descriptor for descriptor, _ in self._watched.poll()}
            # First those that have ended: until they are reaped, nobody else has their process id.
            self._reap()
            self._kill(ready)
            if self._control.fileno() in ready:
                self._take()

    def _reap(self) -> None:
        with suppress(BlockingIOError):
            self._woken.recv(4096)
        with suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                pid, status = ended
                leash = self._leashes.pop(pid)
                self._unwatch(leash)
                _tell(leash, os.waitstatus_to_exitcode(status))

    def _kill(self, ready: set[int]) -> None:
        for pid, leash in self._leashes.items():
            if leash.fileno() in ready:
                self._unwatch(leash)
                os.kill(pid, signal.SIGKILL)

    def _take(self) -> None:
        message, descriptors, _, _ = socket.recv_fds(self._control, 1, 2)
        ends = [socket.socket(fileno=descriptor) for descriptor in descriptors]
        if len(ends) == 2:
            self._fork(*ends)
        if not message:
            self._is_open = False
            self._watched.unregister(self._control)
        for end in ends[:1]:
            end.close()

    def _fork(self, end: socket.socket, leash: socket.socket) -> None:
        forker = os.getpid()
        try:
            pid = os.fork()
        except OSError:
            _tell(leash, NOT_FORKED)
            return
        if pid == 0:
            self._be_child(end, forker)
        self._leashes[pid] = leash
        self._watched.register(leash, select.POLLIN)

    def _be_child(self, end: socket.socket, forker: int) -> NoReturn:
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            # The child keeps its own socket alone: neither the control socket nor another child's leash.
            os.dup2(end.fileno(), 0)
            os.closerange(3, self._most_files)
            end_with_forker(forker)
            self._work(socket.socket(fileno=0))
            os._exit(0)
        finally:
            # Skip the clean-up of libraries: nothing needs it, and hostile input may have made it unsafe.
            os._exit(1)

    def _unwatch(self, leash: socket.socket) -> None:
        with suppress(KeyError):
            self._watched.unregister(leash)


def _tell(leash: socket.socket, exit_code: int) -> None:
    with leash, suppress(OSError):  # the starter may be gone
        leash.sendall(EXIT_CODE.pack(exit_code))
