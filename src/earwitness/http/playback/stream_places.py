"""The places for renditions that are sent while they are made."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from earwitness.kernel.errors import Unavailable

STREAM_PLACES = 16
"""How many renditions are sent while they are made: each has a process for as long as its client reads."""
PATIENCE_SECONDS = 5
"""How long a call waits for a place. It holds a thread meanwhile."""
_RETRY_SECONDS = 10


class StreamPlaces:
    """A limited number of places, one for each rendition that is sent while it is made."""

    def __init__(self, places: int = STREAM_PLACES, *, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._free = threading.BoundedSemaphore(places)
        self._patience_seconds = patience_seconds

    @contextmanager
    def take(self) -> Iterator[None]:
        """Hold a place, after a short wait if none is free. Raises Unavailable."""
        if not self._free.acquire(timeout=self._patience_seconds):
            raise Unavailable(
                "Too many recordings are being streamed. Try again later, or without streamThrough.",
                code="streams-taken",
                headers={"Retry-After": str(_RETRY_SECONDS)},
            )
        try:
            yield
        finally:
            self._free.release()
