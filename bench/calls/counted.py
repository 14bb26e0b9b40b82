"""Runs `earwitness` and counts the statements that reach a database.

    python -m bench.calls.counted FILE serve …

The count is in the file, as eight bytes, and grows while the program runs.
"""

import mmap
import struct
import sys
import threading
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

_NUMBER = struct.Struct("<q")


def counted_in(file: Path) -> int:
    """How many statements there were so far."""
    count: int = _NUMBER.unpack(file.read_bytes())[0]
    return count


def make(file: Path) -> None:
    """Make the file, with nothing counted."""
    file.write_bytes(_NUMBER.pack(0))


def _count(file: Path) -> None:
    with file.open("r+b") as opened:
        counted = mmap.mmap(opened.fileno(), _NUMBER.size)
    lock = threading.Lock()

    def add(*_: Any) -> None:
        with lock:
            _NUMBER.pack_into(counted, 0, _NUMBER.unpack_from(counted)[0] + 1)

    event.listen(Engine, "before_cursor_execute", add)


if __name__ == "__main__":
    from earwitness.cli.main import app

    _count(Path(sys.argv.pop(1)))
    app()
