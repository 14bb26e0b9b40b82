"""Until when a call has to be answered, known to everything that is done for it, in whatever thread.

A deadline lies a number of seconds after the call last moved: when it came, and with each piece of a body
that arrives or leaves. What is not done for a call, such as a job or a command, has none.
"""

import math
from contextvars import ContextVar
from time import monotonic

SLOWEST_BYTES_A_SECOND = 100_000
"""Of text that is ingested, on a slow machine that does much else."""


class Deadline:
    """When one call is over."""

    __slots__ = ("_seconds", "_until")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._until = monotonic() + seconds

    @property
    def seconds_left(self) -> float:
        """Below 0 once it is over."""
        return self._until - monotonic()

    def moved(self) -> None:
        """Begin anew: something arrived, or left."""
        self.wait_for(0)

    def wait_for(self, seconds: float) -> None:
        """Let a wait that was asked for, or is known to be long, not count."""
        self._until = max(self._until, monotonic() + seconds + self._seconds)


deadline: ContextVar[Deadline | None] = ContextVar("deadline", default=None)


def seconds_left() -> float:
    """How long the call may still take that this is done for; without end where it is done for none."""
    current = deadline.get()
    return math.inf if current is None else current.seconds_left


def moved() -> None:
    """Say that the call goes on: a part of something large is done."""
    if current := deadline.get():
        current.moved()


def work_on(size_bytes: int) -> None:
    """Say that so much text is read and written for the call: that is still a part of its upload."""
    wait_for(size_bytes / SLOWEST_BYTES_A_SECOND)


def wait_for(seconds: float) -> None:
    """Say that the call will wait for so long, as it was asked to."""
    if current := deadline.get():
        current.wait_for(seconds)
