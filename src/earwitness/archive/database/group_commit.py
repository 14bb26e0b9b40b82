"""Group commit: what several threads want to write at the same time is written in one transaction.

A commit waits for the disk. Meanwhile others queue, and the first of them then writes for all who wait.
"""

import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Generic, TypeVar

Asked = TypeVar("Asked")
Outcome = TypeVar("Outcome")

MOST_TOGETHER = 32


@dataclass(slots=True, eq=False)
class _Waiting:
    """What one thread wants written, and what became of it."""

    asked: Any
    until: float
    """When its time is over, in seconds of the clock."""
    woken: threading.Lock = field(default_factory=threading.Lock)
    """Held until the thread is woken: it is done, or the thread is the next to write."""
    is_taken: bool = False
    is_writer: bool = False
    is_done: bool = False
    outcome: Any = None


class GroupCommit:
    """The threads of this process that want to write the same kind of thing to one account."""

    def __init__(self, most: int = MOST_TOGETHER, clock: Callable[[], float] = monotonic) -> None:
        self._most = most
        self._clock = clock
        self._lock = threading.Lock()
        self._waiting: list[_Waiting] = []
        self._has_writer = False

    @property
    def waiting(self) -> int:
        """How many threads wait, with the one that writes, before it takes them."""
        return len(self._waiting)

    def write(
        self,
        asked: Asked,
        write_all: Callable[["Take[Asked]"], Sequence[Outcome | Exception]],
        seconds: float = math.inf,
    ) -> Outcome:
        """Write something, together with what other threads want written. Returns its outcome, or raises it.

        `write_all` begins a transaction, then takes what waits, and returns the outcome of each when all is
        committed. If it raises before it takes anything, that is the outcome of all who waited as long, or of
        this thread alone where its own time is over; if it raises afterwards, of all that it took.
        As soon as all is committed it may call `pass_on` of what it is given: then the next thread writes,
        while this one does what is left, such as receipts.
        Raises TimeoutError if it was not taken within `seconds`.
        """
        mine = _Waiting(asked, self._clock() + seconds)
        mine.woken.acquire()
        with self._lock:
            self._waiting.append(mine)
            mine.is_writer = not self._has_writer
            self._has_writer = True
        if not mine.is_writer:
            self._wait(mine)
        if not mine.is_done:
            self._write(mine, write_all)
        if isinstance(mine.outcome, BaseException):
            raise mine.outcome
        outcome: Outcome = mine.outcome
        return outcome

    def _wait(self, mine: _Waiting) -> None:
        """Wait until it is written, or until this thread has to write."""
        left = max(mine.until - self._clock(), 0)
        if mine.woken.acquire(timeout=min(left, threading.TIMEOUT_MAX)):
            return
        with self._lock:
            if not mine.is_taken and not mine.is_writer and not mine.is_done:
                self._waiting.remove(mine)
                raise TimeoutError
        mine.woken.acquire()  # it is being written

    def _write(self, mine: _Waiting, write_all: Callable[["Take[Any]"], Sequence[Any]]) -> None:
        with self._lock:
            waited = list(self._waiting)
        take = Take[Any](self)
        try:
            outcomes = write_all(take)
            ended: list[tuple[_Waiting, Any]] = list(zip(take.taken, outcomes, strict=True))
        except BaseException as error:
            failed = [mine] if self._clock() >= mine.until else waited
            ended = [(one, error) for one in take.taken or failed]
        self._end(ended, take)

    def give(self, take: "Take[Any]") -> None:
        """Give what waits to the thread whose turn it is."""
        with self._lock:
            take.taken.extend(self._waiting[: self._most])
            for one in take.taken:
                one.is_taken = True
            self._waiting = self._waiting[self._most :]

    def pass_on(self, take: "Take[Any]") -> None:
        """Wake the next thread that writes."""
        with self._lock:
            if take.is_over:
                return
            take.is_over = True
            self._has_writer = bool(self._waiting)
            for one in self._waiting[:1]:
                one.is_writer = True
                one.woken.release()

    def _end(self, ended: Sequence[tuple[_Waiting, Any]], take: "Take[Any]") -> None:
        """Wake the threads whose outcome is known, and the next one that writes."""
        with self._lock:
            for one, outcome in ended:
                one.outcome, one.is_done = outcome, True
            self._waiting = [one for one in self._waiting if not one.is_done]
        self.pass_on(take)
        for one, _ in ended:
            one.woken.release()


class Take(Generic[Asked]):
    """The turn of a thread that writes, also for others. Called once, it takes what waits, in its order."""

    def __init__(self, group: GroupCommit) -> None:
        self._group = group
        self.taken: list[_Waiting] = []
        self.is_over = False
        """Whether the next thread may write."""

    def __call__(self) -> Sequence[Asked]:
        self._group.give(self)
        return [one.asked for one in self.taken]

    def pass_on(self) -> None:
        """Let the next thread write: what this one took is committed."""
        self._group.pass_on(self)
