"""Who works on this machine: a file for each job loop, locked as long as its process lives.

    workers/<32 hex digits>     the job loop of this name; that of a dead process is locked by nobody

What a worker leaves that dies is taken up at once by those that see its file. Of workers on other
machines nothing is known here: their leases run out.
"""

from collections.abc import Iterator
from pathlib import Path

from earwitness.media.stores.incoming import Incoming


class Presence:
    """One job loop among those of its data folder."""

    def __init__(self, data: Path) -> None:
        """Appear. Raises StorageFull and OSError."""
        self._all = Incoming(data / "workers")
        self._own = self._all.begin()

    @property
    def name(self) -> str:
        return self._own.path.name

    def fallen(self) -> Iterator[str]:
        """The names of those that died. Each is forgotten when the next is asked for."""
        for marker in self._all.abandoned():
            yield marker.path.name
            marker.remove()

    def leave(self) -> None:
        self._own.remove()
        self._own.close()
