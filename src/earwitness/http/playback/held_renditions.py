"""Renditions that are held for five minutes after their last use, and removed then.

A player that seeks asks for one part after the other, and a client that was told that a rendition takes long
asks again. Both get the rendition that was made before.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress

from earwitness.archive.media.playable import MediaObject
from earwitness.http.playback.rendering import FIRST_BYTE_SECONDS, RenditionRequest, make_rendition
from earwitness.kernel.deadlines import wait_for
from earwitness.kernel.errors import Unavailable

_HELD_SECONDS = 300
_MOST_UNUSED = 16
_RETRY_SECONDS = 10

MAKING_PLACES = 16
"""How many renditions are made whole at once, each in a thread, whether its client waits for it or leaves."""

_Make = Callable[[RenditionRequest], AbstractContextManager[MediaObject]]
_Name = tuple[str, str]
"""The name of the original's object, and a format."""


class _Held:
    """A rendition that is being made, was made, or could not be made."""

    def __init__(self) -> None:
        self.begun = threading.Lock()
        self.ended = threading.Event()
        self.stored: MediaObject | None = None
        self.failure: Exception | None = None
        self.users = 0
        self.is_held = True
        """Whether it is held after its last use. A rendition that is stored for good need not be."""
        self.leaving = ExitStack()
        self.expiry: threading.Timer | None = None


class HeldRenditions:
    """The renditions that are held, and the places for making them."""

    def __init__(
        self,
        *,
        places: int = MAKING_PLACES,
        first_byte_seconds: float = FIRST_BYTE_SECONDS,
        make: _Make = make_rendition,
    ) -> None:
        self._lock = threading.Lock()
        self._held: dict[_Name, _Held] = {}
        self._places = threading.BoundedSemaphore(places)
        self._first_byte_seconds = first_byte_seconds
        self._make = make
        self._is_closed = False

    @contextmanager
    def use(self, request: RenditionRequest) -> Iterator[MediaObject]:
        """Use a rendition, and make it if it is not held. Raises what `begin_rendition` raises.

        Raises Unavailable if it takes longer than the first byte may. The rendition is still made.
        """
        name = (request.playable.objects["raw"].name, request.format)
        held = self._take(name)
        held.is_held = not request.keep
        try:
            if held.begun.acquire(blocking=False):
                self._begin(name, held, request)
            wait_for(self._first_byte_seconds)
            if not held.ended.wait(self._first_byte_seconds):
                raise Unavailable(
                    f"The {request.format} is being made, which takes long. "
                    "Ask again later, or with streamThrough.",
                    code="rendition-in-the-making",
                    headers={"Retry-After": str(_RETRY_SECONDS)},
                )
            if held.failure is not None:
                raise held.failure
            assert held.stored is not None  # noqa: S101 - else it has a failure
            yield held.stored
        finally:
            self._give_back(name, held)

    def _begin(self, name: _Name, held: _Held, request: RenditionRequest) -> None:
        """Make it in a thread, which counts as a user of it. It fails if no place is free."""
        wait_for(self._first_byte_seconds)
        if not self._places.acquire(timeout=self._first_byte_seconds):
            held.failure = Unavailable(
                "Too many recordings are being converted. Try again later.",
                code="conversions-taken",
                headers={"Retry-After": str(_RETRY_SECONDS)},
            )
            held.ended.set()
            return

        def work() -> None:
            try:
                held.stored = held.leaving.enter_context(self._make(request))
            except Exception as error:
                held.failure = error
            finally:
                self._places.release()
                held.ended.set()
                self._give_back(name, held)

        self._take(name)
        threading.Thread(target=work, daemon=True).start()

    def close(self) -> None:
        """Remove all renditions that are not in use, and those in use after their last use."""
        with self._lock:
            self._is_closed = True
            unused = [name for name, held in self._held.items() if not held.users]
        for name in unused:
            self._remove(name)

    def _take(self, name: _Name) -> _Held:
        with self._lock:
            held = self._held.setdefault(name, _Held())
            held.users += 1
            if held.expiry:
                held.expiry.cancel()
            return held

    def _give_back(self, name: _Name, held: _Held) -> None:
        with self._lock:
            held.users -= 1
            if held.users:
                return
            # The dictionary is in the order of their last use.
            self._held[name] = self._held.pop(name)
            unused = [other for other, one in self._held.items() if not one.users]
            held.expiry = threading.Timer(_HELD_SECONDS, self._remove, [name])
            held.expiry.daemon = True
            held.expiry.start()
        stays = held.is_held and held.stored is not None and not self._is_closed
        for surplus in unused[:-_MOST_UNUSED] if stays else [name]:
            self._remove(surplus)

    def _remove(self, name: _Name) -> None:
        """Remove a rendition, unless it is in use."""
        with self._lock:
            held = self._held.get(name)
            if held is None or held.users:
                return
            del self._held[name]
        if held.expiry:
            held.expiry.cancel()
        with suppress(OSError):
            held.leaving.close()
