"""Processes of ours: what they may hold, and when they end."""

import multiprocessing
import os
import resource
import signal
import threading
from multiprocessing.process import BaseProcess


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
