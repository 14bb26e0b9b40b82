"""Group commit: what several threads want to write at the same time is written in one transaction.

A commit waits for the disk. Meanwhile others queue, and the first of them then writes for all who wait.
"""

import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, TypeVar

Asked = TypeVar("Asked")
Outcome = TypeVar("Outcome")
Take = Callable[[], Sequence[Asked]]

MOST_TOGETHER = 32


@dataclass(slots=True, eq=False)
class _Waiting:
    """What one thread wants written, and what became of it."""

    asked: Any
    is_taken: bool = False
    is_done: bool = False
    outcome: Any = field(default=None)

    def end(self, outcome: Any) -> None:
        self.outcome, self.is_done = outcome, True


class GroupCommit:
    """The threads of this process that want to write the same kind of thing to one account."""

    def __init__(self, most: int = MOST_TOGETHER) -> None:
        self._most = most
        self._changed = threading.Condition()
        self._waiting: list[_Waiting] = []
        self._has_writer = False

    @property
    def waiting(self) -> int:
        """How many threads wait, with the one that writes, before it takes them."""
        return len(self._waiting)

    def write(
        self,
        asked: Asked,
        write_all: Callable[[Take[Asked]], Sequence[Outcome | Exception]],
        seconds: float = math.inf,
    ) -> Outcome:
        """Write something, together with what other threads want written. Returns its outcome, or raises it.

        `write_all` begins a transaction, then takes what waits, and returns the outcome of each when all is
        committed. If it raises before it takes anything, that is the outcome of all who waited as long; if it
        raises afterwards, of all that it took.
        Raises TimeoutError if it was not taken within `seconds`.
        """
        mine = _Waiting(asked)
        with self._changed:
            self._waiting.append(mine)
            self._wait(mine, monotonic() + seconds)
            if not mine.is_done:
                self._has_writer = True
                waited = [mine, *(one for one in self._waiting if one is not mine)]
                self._waiting = list(waited)
        if not mine.is_done:
            self._write(write_all, waited)
        if isinstance(mine.outcome, BaseException):
            raise mine.outcome
        outcome: Outcome = mine.outcome
        return outcome

    def _wait(self, mine: _Waiting, until: float) -> None:
        """Wait until it is written, or until this thread has to write."""
        while self._has_writer and not mine.is_done:
            left = math.inf if mine.is_taken else until - monotonic()
            if left <= 0:
                self._waiting.remove(mine)
                raise TimeoutError
            self._changed.wait(None if left == math.inf else left)

    def _write(self, write_all: Callable[[Take[Any]], Sequence[Any]], waited: list[_Waiting]) -> None:
        taken: list[_Waiting] = []

        def take() -> Sequence[Any]:
            with self._changed:
                taken.extend(self._waiting[: self._most])
                for one in taken:
                    one.is_taken = True
                self._waiting = self._waiting[self._most :]
            return [one.asked for one in taken]

        try:
            outcomes = write_all(take)
        except BaseException as error:
            ended = [(one, error) for one in taken or waited]
        else:
            ended = list(zip(taken, outcomes, strict=True))
        with self._changed:
            for one, outcome in ended:
                one.end(outcome)
            self._waiting = [one for one in self._waiting if not one.is_done]
            self._has_writer = False
            self._changed.notify_all()
