"""The room that renditions take in the store: those that are being made, and those that are held.

Each has a share, of the size that is expected, or of what is written so far if that is more. A share is
claimed before anything is written, so that what many calls make at once stays within the limits, too.
"""

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from earwitness.http.limits.places import most_of_one
from earwitness.kernel.errors import Unavailable
from earwitness.kernel.settings import Settings
from earwitness.media.stores.free_space import STEP_BYTES, free_bytes, left_for_recordings

_RETRY_SECONDS = 60


@dataclass(frozen=True, slots=True)
class RoomLimits:
    """How large one rendition may be, how much all may take, and how much of the disk they leave free.

    `step_bytes` is claimed first where no size is expected, and free space is looked at after each step.
    """

    rendition_bytes: int = 16 << 30
    total_bytes: int = 64 << 30
    free_bytes: int = 0
    step_bytes: int = STEP_BYTES

    @property
    def account_bytes(self) -> int:
        return most_of_one(self.total_bytes)

    @property
    def largest_bytes(self) -> int:
        """The largest rendition that can ever be made."""
        return min(self.rendition_bytes, self.account_bytes)


USUAL_LIMITS = RoomLimits()


class RenditionRoom:
    """The room for all renditions of one process."""

    def __init__(
        self, limits: RoomLimits = USUAL_LIMITS, free_bytes: Callable[[], float] | None = None
    ) -> None:
        """`free_bytes` tells how much space is left where media is stored; None for any amount."""
        self.limits = limits
        self.give_way: Callable[[int | None], bool] = lambda _: False
        """Removes something that nobody uses, of one account or of any. Returns whether there was any."""
        self._free_bytes = free_bytes
        self._lock = threading.Lock()
        self._shares: set[Share] = set()

    @classmethod
    def of(cls, settings: Settings) -> "RenditionRoom":
        """The room that the settings allow."""
        limits = RoomLimits(
            rendition_bytes=settings.max_rendition_gib << 30,
            total_bytes=settings.renditions_gib << 30,
            free_bytes=left_for_recordings(settings),
        )
        return cls(limits, partial(free_bytes, settings))

    @property
    def claimed_bytes(self) -> int:
        """How much all shares have."""
        with self._lock:
            return sum(share.claimed for share in self._shares)

    @contextmanager
    def take(self, client_id: int, expected_bytes: int | None) -> Iterator["Share"]:
        """Hold a share for a rendition of an account. Raises Unavailable if there is no room for it."""
        share = Share(self, client_id)
        try:
            share.claim(self.limits.step_bytes if expected_bytes is None else expected_bytes)
            yield share
        finally:
            with self._lock:
                self._shares.discard(share)

    def claim(self, share: "Share", size: int) -> None:
        """Let a share have a size, if others have to give way for it, too. Raises Unavailable."""
        while lacking := self._claim(share, size):
            problem, only_of = lacking
            if not self.give_way(only_of):
                raise problem

    def _claim(self, share: "Share", size: int) -> tuple[Unavailable, int | None] | None:
        """Why there is no room, and the account that could make room; None for any."""
        free = (
            self._free_bytes() if self._free_bytes else math.inf
        )  # a disk that hangs must not hold the lock
        with self._lock:
            others = [one for one in self._shares if one is not share]
            of_account = sum(one.claimed for one in others if one.client_id == share.client_id)
            if of_account + size > self.limits.account_bytes:
                return _full("for this account"), share.client_id
            if sum(one.claimed for one in others) + size > self.limits.total_bytes:
                return _full("on this server"), None
            unwritten = sum(one.unwritten for one in others) + size - share.written
            if free - unwritten < self.limits.free_bytes:
                return _disk_low(), None
            share.claimed = size
            self._shares.add(share)
            return None


class Share:
    """What one rendition takes: the bytes that are claimed for it, and those that are written."""

    def __init__(self, room: RenditionRoom, client_id: int) -> None:
        self.client_id = client_id
        self.claimed = self.written = 0
        self._room = room
        self._look_again_at = 0

    @property
    def unwritten(self) -> int:
        return max(self.claimed - self.written, 0)

    def claim(self, size: int) -> None:
        """Claim so many bytes in all. Raises Unavailable."""
        self._room.claim(self, size)
        self._look_again_at = self.written + self._room.limits.step_bytes

    def write(self, count: int) -> None:
        """So many bytes are about to be written. Raises Unavailable if there is no room any more."""
        self.written += count
        if self.written > self.claimed:
            self.claim(self.written + self._room.limits.step_bytes)
        elif self.written > self._look_again_at:
            self.claim(self.claimed)

    def finish(self) -> None:
        """All is written."""
        self.claimed = self.written


def _full(where: str) -> Unavailable:
    return Unavailable(
        f"Too much is being converted or held for playback {where}. Try again later, or with streamThrough.",
        code="renditions-full",
        headers={"Retry-After": str(_RETRY_SECONDS)},
    )


def _disk_low() -> Unavailable:
    return Unavailable(
        "There is too little space to convert this recording. Try again later, or with streamThrough.",
        code="disk-low",
        headers={"Retry-After": str(_RETRY_SECONDS)},
    )
