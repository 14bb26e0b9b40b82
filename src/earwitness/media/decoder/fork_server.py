"""The fork server of decoding processes, as seen by the process that decodes with it.

It is started when something is first decoded, or when a server or a worker starts. Another takes its place
when it dies, when one of its children crashes, and after some number of children: all its children have the
same addresses, and hostile media could find these out bit by bit.
"""

import atexit
import os
import signal
import socket
import sys
import threading
from collections.abc import Sequence
from contextlib import ExitStack, suppress

from earwitness.kernel.system.fork_server import EXIT_CODE, NOT_FORKED
from earwitness.kernel.system.processes import cause_of_death, start_apart, words_of_exit

COMMAND = (sys.executable, "-P", "-m", "earwitness.media.decoding")
"""The fork server of decoding processes."""

# Each arena of the C library's allocator takes address space, which is limited.
_FEW_ARENAS = {"MALLOC_ARENA_MAX": "2"}
_LONGEST_REASON = 1000
_EXIT_SECONDS = 1

# Signals that end a process for what it did. SIGKILL and SIGXCPU come from its limits, or from outside.
_CRASHES = (
    *(signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGILL),
    *(signal.SIGFPE, signal.SIGTRAP, signal.SIGSYS),
)


class ForkServers:
    """The fork servers of this process: the one that forks now, and those that still have children.

    `answer_seconds` is how long one may take for what takes a millisecond; then it is ended, since it hangs.
    """

    def __init__(
        self, command: Sequence[str] = COMMAND, *, most_children: int = 1000, answer_seconds: float = 30
    ) -> None:
        self.answer_seconds = answer_seconds
        self._command = command
        self._most_children = most_children
        self._lock = threading.RLock()
        self._current: ForkServer | None = None
        self._replaced: list[ForkServer] = []
        self._sockets: set[socket.socket] = set()
        atexit.register(self.end)
        os.register_at_fork(after_in_child=self._forget)

    def fork(self) -> "ForkedChild":
        """Fork a child, and start a fork server if there is none. Raises OSError."""
        with self._lock:
            if (server := self._current) is not None:
                if server.children < self._most_children and not server.has_ended:
                    with suppress(BrokenPipeError, ConnectionResetError):  # it has just died
                        return self._child_of(server)
                self.replace(server)
            self._current = server = ForkServer(self._command, self.answer_seconds)
            self._sockets.add(server.control)
            return self._child_of(server)

    def replace(self, server: "ForkServer") -> None:
        """Fork no more children of this fork server, which ends after its last child."""
        with self._lock:
            if self._current is server:
                self._current = None
                self.close(server.control)
                self._replaced.append(server)
            self._replaced = [one for one in self._replaced if not one.has_ended]

    def end(self) -> None:
        """End all fork servers and their children."""
        with self._lock:
            servers = [*self._replaced, *filter(None, [self._current])]
            self._current, self._replaced = None, []
        for server in servers:
            self.close(server.control)
            server.kill()

    def close(self, *ends: socket.socket) -> None:
        """Close sockets of this process."""
        self._sockets.difference_update(ends)
        for end in ends:
            end.close()

    def _child_of(self, server: "ForkServer") -> "ForkedChild":
        end, leash = server.fork()
        self._sockets.update((end, leash))
        return ForkedChild(self, server, end, leash)

    def _forget(self) -> None:
        """In a process that was forked from this one: let go of what belongs to this one."""
        self._lock = threading.RLock()
        for server in (*self._replaced, *filter(None, [self._current])):
            server.forget()
        self._current, self._replaced = None, []
        self.close(*self._sockets)


class ForkServer:
    """A running fork server."""

    def __init__(self, command: Sequence[str], answer_seconds: float) -> None:
        self._process, self.control = start_apart(command, _FEW_ARENAS)
        self.control.settimeout(answer_seconds)
        self.children = 0

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def fork(self) -> tuple[socket.socket, socket.socket]:
        """Fork a child. Returns the other ends of its socket and its leash. Raises OSError."""
        with ExitStack() as unless_done:
            end, its_end = socket.socketpair()
            leash, its_leash = socket.socketpair()
            for one in (end, leash):
                unless_done.callback(one.close)
            with its_end, its_leash:
                socket.send_fds(self.control, [b"F"], [its_end.fileno(), its_leash.fileno()])
            unless_done.pop_all()
        self.children += 1
        return end, leash

    def why_it_ended(self) -> str:
        """Why it ended, in words: what it said itself, or what its exit code says."""
        cause = cause_of_death(self._process)
        with suppress(OSError):
            if self.has_ended and (reason := self.control.recv(_LONGEST_REASON, socket.MSG_PEEK)):
                return reason.decode("ascii", "replace")
        return f"the fork server of decoders is gone: {cause}"

    def kill(self) -> None:
        """End it, and its children with it."""
        self._process.kill()
        self._process.wait()

    def forget(self) -> None:
        """Let go of it in a process that did not start it."""
        self._process.returncode = 0


class ForkedChild:
    """A child of a fork server, and `end`, the other end of its socket."""

    def __init__(
        self, servers: ForkServers, server: ForkServer, end: socket.socket, leash: socket.socket
    ) -> None:
        self.end = end
        self._servers = servers
        self._server = server
        self._leash = leash
        self._has_ended = False
        self._exit_code: int | None = None

    def why_it_ended(self) -> str:
        """Why it no longer answers, in words."""
        self._wait(_EXIT_SECONDS)
        if not self._has_ended:
            return "it stopped"
        if self._exit_code is None:
            return self._server.why_it_ended()
        return (
            "no process could be forked" if self._exit_code == NOT_FORKED else words_of_exit(self._exit_code)
        )

    def kill(self) -> None:
        """Kill it if it lives, and wait until it has ended."""
        with suppress(OSError):
            self._leash.shutdown(socket.SHUT_WR)
        self._wait(self._servers.answer_seconds)
        self._servers.close(self.end, self._leash)
        if not self._has_ended:
            self._server.kill()
        if self._exit_code is not None and -self._exit_code in _CRASHES:
            self._servers.replace(self._server)

    def _wait(self, seconds: float) -> None:
        """Wait for its exit code, which does not come if the fork server dies."""
        if self._has_ended:
            return
        message = b""
        try:
            self._leash.settimeout(seconds)
            message = self._leash.recv(EXIT_CODE.size)
        except TimeoutError:
            return
        except OSError:
            pass  # the fork server died, or this process was forked from the one that asked for the child
        self._has_ended = True
        if message:
            (self._exit_code,) = EXIT_CODE.unpack(message)


DECODERS = ForkServers()
"""The fork servers of decoding processes."""
