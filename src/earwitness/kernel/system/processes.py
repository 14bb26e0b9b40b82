"""Processes of Earwitness: how they start and end, their open files and their core dumps."""

import multiprocessing
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.process import BaseProcess

from earwitness.kernel.confinement.libc import prctl

# All that a Python process needs to start. Other variables, secrets among them, are not passed on.
_ENVIRONMENT = ("PATH", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "LANG", "TZ", "CUDA_VISIBLE_DEVICES")

_PR_SET_PDEATHSIG = 1


def end_with_parent() -> None:
    """End this process when its parent is killed. Otherwise it would keep its locks and its port."""
    if (parent := multiprocessing.parent_process()) is not None:
        threading.Thread(target=_end_after, args=(parent,), daemon=True).start()


def _end_after(parent: BaseProcess) -> None:
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)


def end_with_forker(forker: int) -> None:
    """Let the kernel kill this process when the one that forked it dies; that one has a single thread.

    `forker` is its process id. The kernel looks at the thread that forked, so this would end the process too
    early if that thread ended before its process.
    """
    if sys.platform != "linux":
        return
    with suppress(OSError):
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != forker:
        os._exit(1)


def open_as_many_files_as_allowed() -> None:
    """Raise the limit of open files, of this process and of those it starts, as far as the system allows.

    The usual limit of 1,024 is for programs that call select(2). Each account and each connection needs
    files.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def dump_no_core(*, for_good: bool = False) -> None:
    """Write no core dump when this process, or one that it starts, crashes: a dump would hold keys.

    With `for_good` none of these processes can allow it again.
    """
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0 if for_good else most))


def start_apart(
    command: Sequence[str], more: dict[str, str]
) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """Start a process that gets no secret. Its standard input is a socket, and the other end is returned.

    `more` is added to its environment. Raises OSError.
    """
    environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    ours, theirs = socket.socketpair()
    with theirs:
        try:
            process = subprocess.Popen(  # noqa: S603 - no part of the command comes from outside
                command,
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=environment | more,
                start_new_session=True,
            )
        except OSError:
            ours.close()
            raise
    return process, ours


def cause_of_death(process: subprocess.Popen[bytes]) -> str:
    """Why a process ended that no longer answers, in words."""
    with suppress(subprocess.TimeoutExpired):
        return words_of_exit(process.wait(timeout=1))
    return "it stopped"


def words_of_exit(code: int) -> str:
    """An exit code in words. That of a process that a signal ended is the signal's negative number."""
    if code == -signal.SIGXCPU:
        return "it took too long"
    return f"it was ended by {signal.Signals(-code).name}" if code < 0 else "it stopped"
