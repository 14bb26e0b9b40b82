"""The time by which a call must be answered, for all code that works for the call, in any thread.

The deadline is a number of seconds after the last progress of the call: its arrival, or a piece of a body
that was received or sent. Work that is not done for a call, such as a job or a command, has no deadline.
"""

import math
from contextvars import ContextVar
from time import monotonic

SLOWEST_BYTES_A_SECOND = 100_000
"""How fast text is ingested, on a slow machine that is busy with other work."""


class Deadline:
    """The time by which one call must be answered."""

    __slots__ = ("_seconds", "_until")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._until = monotonic() + seconds

    @property
    def seconds_left(self) -> float:
        """Negative after the deadline."""
        return self._until - monotonic()

    def moved(self) -> None:
        """Start the time again: something was received or sent."""
        self.wait_for(0)

    def wait_for(self, seconds: float) -> None:
        """Do not count a wait that the client asked for, or that is known to be long."""
        self._until = max(self._until, monotonic() + seconds + self._seconds)


deadline: ContextVar[Deadline | None] = ContextVar("deadline", default=None)


def seconds_left() -> float:
    """How long the current call may still take; infinite outside a call."""
    current = deadline.get()
    return math.inf if current is None else current.seconds_left


def moved() -> None:
    """Start the time of the current call again: a part of something large is done."""
    if current := deadline.get():
        current.moved()


def work_on(size_bytes: int) -> None:
    """Do not count the time that it takes to store a text of this size: that is part of the upload."""
    wait_for(size_bytes / SLOWEST_BYTES_A_SECOND)


def wait_for(seconds: float) -> None:
    """Do not count a wait that the client asked for."""
    if current := deadline.get():
        current.wait_for(seconds)
