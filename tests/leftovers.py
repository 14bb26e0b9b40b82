"""Ends the PostgreSQL server of a test run, and deletes its folder, however the run ends."""

import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path

from tests.waiting import until


def removed_afterwards(folder: Path) -> subprocess.Popen[bytes]:
    """Start a process that removes a folder, and ends the server in it, once this process has ended.

    A run that is killed can clean nothing up itself. Close the `stdin` of the process to remove it earlier.
    """
    command = [sys.executable, "-m", "tests.leftovers", str(folder)]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, start_new_session=True, cwd=Path(__file__).parents[1]
    )


def _remove(folder: Path) -> None:
    for file in folder.glob("*/postmaster.pid"):
        with suppress(OSError, ValueError, IndexError):
            os.kill(int(file.read_text().splitlines()[0]), signal.SIGINT)  # it disconnects its clients
            until(partial(_is_gone, file), "PostgreSQL has stopped", seconds=30)
    shutil.rmtree(folder, ignore_errors=True)


def _is_gone(file: Path) -> bool:
    return not file.exists()


if __name__ == "__main__":
    sys.stdin.read()  # until the run closes it, or has ended
    _remove(Path(sys.argv[1]))
