"""A process with a secret and files for hostile code to attack, and whether it was harmed."""

import ctypes
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.kernel.confinement.attacks import SECRET, Target

_PR_SET_DUMPABLE = 4
_PR_SET_PTRACER = 0x59616D61


@contextmanager
def victim(folder: Path) -> Iterator[Target]:
    """This process, which any other may trace, as a target.

    Raises AssertionError if its files or its secret are not as they were.
    """
    archive = folder / "archive.db"
    archive.write_bytes(b"what was recorded")
    archive.chmod(0o600)
    (folder / "old.db").touch()
    (folder / "empty").mkdir()
    for option, value in ((_PR_SET_DUMPABLE, 1), (_PR_SET_PTRACER, 2**64 - 1)):
        ctypes.CDLL(None).prctl(option, ctypes.c_ulong(value))
    secret = ctypes.create_string_buffer(SECRET)
    name = f"earwitness-{secrets.token_hex(8)}"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(f"\0{name}")
        listening.listen(8)
        yield Target(os.getpid(), ctypes.addressof(secret), str(folder), name)
    assert secret.value == SECRET
    assert sorted(path.name for path in folder.iterdir()) == ["archive.db", "empty", "old.db"]
    assert archive.read_bytes() == b"what was recorded"
    assert archive.stat().st_mode & 0o7777 == 0o600
    assert archive.stat().st_uid == os.getuid()
