"""The workers of this machine. Each job loop has a file, which is locked as long as its process lives.

    workers/<32 hex digits>     the job loop of this name; nobody locks the file of a dead process

Other workers of the machine see an unlocked file and take over the dead worker's jobs at once. Workers of
other machines are not seen here: if one dies, its leases run out.
"""

from collections.abc import Iterator
from pathlib import Path

from earwitness.media.stores.incoming import Incoming


class Presence:
    """The file of one job loop, among those of its data folder."""

    def __init__(self, data: Path) -> None:
        """Create and lock the file. Raises StorageFull and OSError."""
        self._all = Incoming(data / "workers")
        self._own = self._all.begin()

    @property
    def name(self) -> str:
        return self._own.path.name

    def dead_workers(self) -> Iterator[str]:
        """The names of workers that died. The file of each is removed when the next is asked for."""
        for marker in self._all.abandoned():
            yield marker.path.name
            marker.remove()

    def leave(self) -> None:
        """Remove the file."""
        self._own.remove()
        self._own.close()
