"""Finding files that are still being written, by processes of the same user, or for root by all processes."""

import os
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path

_PROCESSES = Path("/proc")


def open_for_writing(names: Collection[str]) -> set[tuple[int, int]]:
    """The files of these names, as device and inode, that a process has open for writing.

    Without `/proc` there are none.
    """
    held = set()
    for descriptor in _descriptors():
        with suppress(OSError):  # the process has ended, or may not be looked into
            if os.path.basename(os.readlink(descriptor)) in names and _writes(descriptor):  # noqa: PTH115, PTH119
                status = os.stat(descriptor)  # noqa: PTH116 - there are tens of thousands, and Path objects are slow
                held.add((status.st_dev, status.st_ino))
    return held


def _descriptors() -> Iterator[str]:
    with suppress(FileNotFoundError):
        for process in _PROCESSES.iterdir():
            if process.name.isdigit():
                with suppress(OSError):
                    yield from (entry.path for entry in os.scandir(process / "fd"))


def _writes(descriptor: str) -> bool:
    info = Path(descriptor.replace("/fd/", "/fdinfo/")).read_text()
    flags = next(line for line in info.splitlines() if line.startswith("flags:"))
    return int(flags.split()[1], 8) & os.O_ACCMODE != os.O_RDONLY
