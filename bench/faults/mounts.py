"""A small disk for the data folder of one part. It can be filled up and made read-only."""

import errno
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_MIB, _FILES = 64, 800
_BUSY_SECONDS = 20


class Disk:
    """A tmpfs that is mounted on a folder. The kernel removes it with the mount namespace of the run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def mount(self) -> None:
        self._folder.mkdir(exist_ok=True, mode=0o700)
        options = f"size={_MIB}m,nr_inodes={_FILES}"
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", self._folder], check=True)

    def unmount(self) -> None:
        subprocess.run(["umount", "--lazy", self._folder], check=False)

    def fill(self) -> None:
        """Use up all bytes and all inodes."""
        ballast = self._folder / "ballast"
        ballast.mkdir()
        with _until_full():
            (ballast / "bytes").write_bytes(bytes(_MIB << 20))
        with _until_full():
            for number in range(_FILES):
                (ballast / str(number)).touch()

    def empty(self) -> None:
        ballast = self._folder / "ballast"
        for file in ballast.iterdir():
            file.unlink()
        ballast.rmdir()

    def read_only(self, wanted: bool) -> None:
        """Remount it. The kernel refuses while a file is being written, so this tries again for some time.

        Raises CalledProcessError.
        """
        command = ["mount", "-o", f"remount,{'ro' if wanted else 'rw'}", str(self._folder)]
        until = time.monotonic() + _BUSY_SECONDS
        while (tried := subprocess.run(command, stderr=subprocess.PIPE)).returncode:
            if time.monotonic() > until:
                tried.check_returncode()
            time.sleep(0.05)


@contextmanager
def _until_full() -> Iterator[None]:
    """Ignore the error of a full disk; let other errors pass."""
    try:
        yield
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
