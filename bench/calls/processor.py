"""Processor time of this process, and of the trees of processes that servers are made of."""

import os
import resource
from collections.abc import Iterator
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def used_here() -> float:
    """Seconds that this process has used, and its children that ended."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


def used_by_tree(root: int) -> float:
    """Seconds that a process has used with all below it, also those that ended and were waited for."""
    known = dict(_processes())
    children: dict[int, list[int]] = {}
    for pid, (parent, _) in known.items():
        children.setdefault(parent, []).append(pid)
    ticks, waiting = 0, [root]
    while waiting:
        pid = waiting.pop()
        ticks += known[pid][1] if pid in known else 0
        waiting += children.get(pid, [])
    return ticks / _TICKS


def _processes() -> Iterator[tuple[int, tuple[int, int]]]:
    """Each process with its parent and its ticks."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue  # it ended meanwhile
            yield int(folder.name), (int(fields[1]), sum(map(int, fields[11:15])))
