"""What clients saw: one row a request, and what of it counts as what."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import httpx2

OK, BUSY, FAILED, REFUSED, BROKEN, SILENT = "2xx", "503", "5xx", "4xx", "broken", "no answer"
CLASSES = (OK, BUSY, FAILED, REFUSED, BROKEN, SILENT)
"""Done; to be tried again, said with Retry-After; another 5xx; a 4xx; no connection, or one that broke;
a request that was sent and never answered."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A request of one client: its call, where it was sent, for which account, and what came back.

    Times are in seconds of the monotonic clock; `detail` is the status, or the name of the error.
    """

    call: str
    door: str
    account: int
    began: float
    ended: float
    kind: str
    detail: str

    @property
    def seconds(self) -> float:
        return self.ended - self.began


def kind_of(came: httpx2.Response | httpx2.TransportError) -> tuple[str, str]:
    """What an answer or an error counts as, and its detail."""
    if isinstance(came, httpx2.ConnectTimeout | httpx2.ConnectError):
        return BROKEN, type(came).__name__
    if isinstance(came, httpx2.TimeoutException):
        return SILENT, type(came).__name__
    if isinstance(came, httpx2.TransportError):
        return BROKEN, type(came).__name__
    status = came.status_code
    if status < 400:
        return OK, str(status)
    if status < 500:
        return REFUSED, str(status)
    return (BUSY if "retry-after" in came.headers else FAILED), str(status)


class Seen:
    """All outcomes of a run, from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._outcomes: list[Outcome] = []

    def watcher(self, door: str, account: int) -> Callable[[str, float, object], None]:
        """What a client of one door and account tells of each request: its name, when it began, what came."""

        def note(call: str, began: float, came: object) -> None:
            if isinstance(came, httpx2.Response | httpx2.TransportError):
                self.add(Outcome(call, door, account, began, time.monotonic(), *kind_of(came)))

        return note

    def add(self, outcome: Outcome) -> None:
        with self._lock:
            self._outcomes.append(outcome)

    def between(self, began: float, ended: float) -> list[Outcome]:
        """What began within a time."""
        with self._lock:
            return [one for one in self._outcomes if began <= one.began < ended]


def count(outcomes: Iterable[Outcome]) -> dict[str, int]:
    """How many there are of each class, and of all."""
    counted = Counter(one.kind for one in outcomes)
    return {"all": counted.total()} | {kind: counted[kind] for kind in CLASSES}


def longest(outcomes: Iterable[Outcome]) -> float:
    return max((one.seconds for one in outcomes), default=0.0)


def first_success(outcomes: Iterable[Outcome], call: str, after: float) -> float | None:
    """Seconds until a call succeeded that began after a moment; None if none did."""
    ended = [one.ended for one in outcomes if one.call == call and one.kind == OK and one.began >= after]
    return min(ended) - after if ended else None


def all_doors_again(
    outcomes: Iterable[Outcome], doors: Iterable[str], call: str, after: float
) -> float | None:
    """Seconds until the call had succeeded at every door; None if it did not."""
    by_door = [
        first_success((one for one in outcomes if one.door == door), call, after)
        for outcomes in [list(outcomes)]
        for door in doors
    ]
    known = [seconds for seconds in by_door if seconds is not None]
    return max(known) if known and len(known) == len(by_door) else None


def where(outcomes: Iterable[Outcome], main: int) -> str:
    """Where all that failed has failed, if that is one door, or only the accounts beside the main one."""
    failed = [one for one in outcomes if one.kind != OK]
    doors, accounts = {one.door for one in failed}, {one.account for one in failed}
    if not failed:
        return ""
    if main not in accounts:
        return "the other account alone"
    return f"at {doors.pop()} alone" if len(doors) == 1 else ""
