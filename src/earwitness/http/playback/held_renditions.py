"""Renditions that are held for five minutes after their last use, and removed then.

A player that seeks asks for one part after the other, and a client that was told that a rendition takes long
asks again. Both get the rendition that was made before.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress

from earwitness.archive.media.playable import MediaObject
from earwitness.http.limits.places import Places
from earwitness.http.playback.rendering import FIRST_BYTE_SECONDS, RenditionRequest, make_rendition
from earwitness.http.playback.rendition_room import RenditionRoom
from earwitness.http.playback.rendition_size import RenditionTooLarge
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

    def __init__(self, client_id: int) -> None:
        self.client_id = client_id
        self.begun = threading.Lock()
        self.ended = threading.Event()
        self.stored: MediaObject | None = None
        self.failure: Exception | None = None
        self.users = 0
        self.is_held = True
        """Whether it is held after its last use. A rendition that is stored for good need not be."""
        self.leaving = ExitStack()
        self.expiry: threading.Timer | None = None

    @property
    def stays(self) -> bool:
        """Whether others may still ask for what was made, or for why it cannot be made."""
        return (self.is_held and self.stored is not None) or isinstance(self.failure, RenditionTooLarge)


class HeldRenditions:
    """The renditions that are held, and the places for making them."""

    def __init__(
        self,
        *,
        places: int = MAKING_PLACES,
        first_byte_seconds: float = FIRST_BYTE_SECONDS,
        make: _Make = make_rendition,
        room: RenditionRoom | None = None,
    ) -> None:
        self.room = room or RenditionRoom()
        self.room.give_way = self._give_way
        self._lock = threading.Lock()
        self._held: dict[_Name, _Held] = {}
        self._places = Places(places)
        self._first_byte_seconds = first_byte_seconds
        self._make = make
        self._is_closed = False

    @contextmanager
    def use(self, request: RenditionRequest) -> Iterator[MediaObject]:
        """Use a rendition, and make it if it is not held. Raises what `begin_rendition` raises.

        Raises Unavailable if it takes longer than the first byte may. The rendition is still made.
        """
        name = _name_of(request)
        held = self._take(name, request.archive.client_id)
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

    @contextmanager
    def made(self, request: RenditionRequest) -> Iterator[MediaObject | None]:
        """Use a rendition if it is held already; None if it would have to be made.

        Raises RenditionTooLarge if that was found when it was made.
        """
        name = _name_of(request)
        with self._lock:
            held = self._held.get(name)
            stored = held.stored if held is not None else None
            if held is not None and stored is not None:
                self._count(held)
        if held is None or stored is None:
            if held is not None and isinstance(held.failure, RenditionTooLarge):
                raise held.failure
            yield None
            return
        try:
            yield stored
        finally:
            self._give_back(name, held)

    def _begin(self, name: _Name, held: _Held, request: RenditionRequest) -> None:
        """Make it in a thread, which counts as a user of it. It fails if no place is free."""
        wait_for(self._first_byte_seconds)
        if not self._places.take(held.client_id, self._first_byte_seconds):
            held.failure = _taken()
            held.ended.set()
            return

        def work() -> None:
            try:
                held.stored = held.leaving.enter_context(self._make(request))
            except Exception as error:
                held.failure = error
            finally:
                self._end(name, held)

        self._take(name, held.client_id)
        try:
            threading.Thread(target=work, daemon=True).start()
        except RuntimeError:  # the system gives no more threads
            held.failure = _taken()
            self._end(name, held)

    def _end(self, name: _Name, held: _Held) -> None:
        self._places.give_back(held.client_id)
        held.ended.set()
        self._give_back(name, held)

    def close(self) -> None:
        """Remove all renditions that are not in use, and those in use after their last use."""
        with self._lock:
            self._is_closed = True
            unused = [name for name, held in self._held.items() if not held.users]
        for name in unused:
            self._remove(name)

    def _take(self, name: _Name, client_id: int) -> _Held:
        with self._lock:
            held = self._held.setdefault(name, _Held(client_id))
            self._count(held)
            return held

    def _count(self, held: _Held) -> None:
        held.users += 1
        if held.expiry:
            held.expiry.cancel()

    def _give_back(self, name: _Name, held: _Held) -> None:
        with self._lock:
            held.users -= 1
            if held.users:
                return
            # The dictionary is in the order of their last use.
            self._held[name] = self._held.pop(name)
            unused = [other for other, one in self._held.items() if not one.users]
            stays = held.stays and not self._is_closed and self._expires(name, held)
        for surplus in unused[:-_MOST_UNUSED] if stays else [name]:
            self._remove(surplus)

    def _expires(self, name: _Name, held: _Held) -> bool:
        """Whether it will be removed when its time is over."""
        held.expiry = threading.Timer(_HELD_SECONDS, self._remove, [name])
        held.expiry.daemon = True
        try:
            held.expiry.start()
        except RuntimeError:  # the system gives no more threads
            return False
        return True

    def _give_way(self, client_id: int | None) -> bool:
        """Remove what was unused for longest, of one account or of any. Returns whether there was any."""
        with self._lock:
            unused = [
                name
                for name, held in self._held.items()
                if not held.users and held.stored is not None and client_id in (None, held.client_id)
            ]
        return any(map(self._remove, unused))

    def _remove(self, name: _Name) -> bool:
        """Remove a rendition, unless it is in use. Returns whether it was removed."""
        with self._lock:
            held = self._held.get(name)
            if held is None or held.users:
                return False
            del self._held[name]
        if held.expiry:
            held.expiry.cancel()
        with suppress(OSError):
            held.leaving.close()
        return True


def _name_of(request: RenditionRequest) -> _Name:
    return request.playable.objects["raw"].name, request.format


def _taken() -> Unavailable:
    return Unavailable(
        "Too many recordings are being converted. Try again later.",
        code="conversions-taken",
        headers={"Retry-After": str(_RETRY_SECONDS)},
    )
