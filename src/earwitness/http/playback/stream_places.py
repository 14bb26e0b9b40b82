"""The places for renditions that are sent while they are made."""

from collections.abc import Iterator
from contextlib import contextmanager

from earwitness.http.limits.places import Places
from earwitness.kernel.errors import Unavailable

STREAM_PLACES = 16
"""How many renditions are sent while they are made: each has a process for as long as its client reads."""
PATIENCE_SECONDS = 5
"""How long a call waits for a place. It holds a thread meanwhile."""
_RETRY_SECONDS = 10


class StreamPlaces:
    """A limited number of places, one for each rendition that is sent while it is made."""

    def __init__(self, places: int = STREAM_PLACES, *, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._places = Places(places)
        self._patience_seconds = patience_seconds

    @contextmanager
    def take(self, client_id: int) -> Iterator[None]:
        """Hold a place for an account, after a short wait if none is free. Raises Unavailable."""
        if not self._places.take(client_id, self._patience_seconds):
            raise Unavailable(
                "Too many recordings are being streamed. Try again later, or without streamThrough.",
                code="streams-taken",
                headers={"Retry-After": str(_RETRY_SECONDS)},
            )
        try:
            yield
        finally:
            self._places.give_back(client_id)
