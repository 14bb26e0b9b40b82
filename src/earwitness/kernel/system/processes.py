"""Processes of ours: what they may hold, and when they end."""

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

# What a Python needs to start; all else, secrets first, stays here.
_ENVIRONMENT = ("PATH", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "LANG", "TZ", "CUDA_VISIBLE_DEVICES")


def end_with_parent() -> None:
    """End this process once the one that started it was killed: left over, it would keep what it holds."""
    if (parent := multiprocessing.parent_process()) is not None:
        threading.Thread(target=_end_after, args=(parent,), daemon=True).start()


def _end_after(parent: BaseProcess) -> None:
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)


def open_as_many_files_as_allowed() -> None:
    """Raise this process's limit of open files, and that of those it starts, as far as the system lets it.

    The usual 1,024 are for those who call select(2). Here each account holds some, and each connection.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def dump_no_core(*, for_good: bool = False) -> None:
    """Leave no memory behind on disk, with keys in it, if this process or one that it starts crashes.

    Done for good, none of them can allow it again.
    """
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0 if for_good else most))


def start_apart(
    command: Sequence[str], more: dict[str, str]
) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """Start a process that is told no secret. Its standard input is a socket, whose other end is given.

    `more` is added to its environment. Raises OSError.
    """
    environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    ours, theirs = socket.socketpair()
    with theirs:
        try:
            process = subprocess.Popen(  # noqa: S603 - nothing of it comes from outside
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
    """Why a process that says no more has ended, in words."""
    with suppress(subprocess.TimeoutExpired):
        code = process.wait(timeout=1)
        if code == -signal.SIGXCPU:
            return "it took too long"
        if code < 0:
            return f"it was ended by {signal.Signals(-code).name}"
    return "it stopped"
