"""Lists child processes by /proc."""

from contextlib import suppress
from pathlib import Path

import pytest

LINUX = Path("/proc/self/task").exists()

needs_proc = pytest.mark.skipif(not LINUX, reason="reads /proc, as Linux has it")


def children(of: int | str = "self") -> set[int]:
    """The children of a process that it has not reaped yet."""
    found = set[int]()
    for thread in Path(f"/proc/{of}/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):  # a thread that has ended meanwhile
            found |= {int(pid) for pid in (thread / "children").read_text().split()}
    return found
