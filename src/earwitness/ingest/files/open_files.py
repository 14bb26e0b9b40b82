"""Which files are still written to, as far as this process may see: its own user's processes, all as root."""

import os
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path

_PROCESSES = Path("/proc")


def open_for_writing(names: Collection[str]) -> set[tuple[int, int]]:
    """The files of these names, as device and inode, that some process holds open for writing.

    Where there is no `/proc`, none.
    """
    held = set()
    for descriptor in _descriptors():
        with suppress(OSError):  # processes end, and those of others are closed to us
            if os.path.basename(os.readlink(descriptor)) in names and _writes(descriptor):  # noqa: PTH115, PTH119
                status = os.stat(descriptor)  # noqa: PTH116 - tens of thousands of these: no objects
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
