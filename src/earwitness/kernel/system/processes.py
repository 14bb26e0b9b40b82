"""Processes of Earwitness: how they start and end, their open files and their core dumps."""

import multiprocessing
import os
import resource
import signal
import socket
import subprocess
import threading
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.process import BaseProcess

# All that a Python process needs to start. Other variables, secrets among them, are not passed on.
_ENVIRONMENT = ("PATH", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "LANG", "TZ", "CUDA_VISIBLE_DEVICES")


def end_with_parent() -> None:
    """End this process when its parent is killed. Otherwise it would keep its locks and its port."""
    if (parent := multiprocessing.parent_process()) is not None:
        threading.Thread(target=_end_after, args=(parent,), daemon=True).start()


def _end_after(parent: BaseProcess) -> None:
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)


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
        code = process.wait(timeout=1)
        if code == -signal.SIGXCPU:
            return "it took too long"
        if code < 0:
            return f"it was ended by {signal.Signals(-code).name}"
    return "it stopped"
