"""The outcomes of the requests that clients made, and how they are counted."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import httpx2

OK, BUSY, FAILED, REFUSED, BROKEN, SILENT = "2xx", "503", "5xx", "4xx", "broken", "no answer"
CLASSES = (OK, BUSY, FAILED, REFUSED, BROKEN, SILENT)
"""Success; a 503 or other 5xx with Retry-After; any other 5xx; a 4xx; no connection, or a broken one; a
request that was sent and not answered in time."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One request: the call, the target, the account, and what came back.

    Times are in seconds of the monotonic clock; `detail` is the status, or the name of the error.
    """

    call: str
    target: str
    account: int
    began: float
    ended: float
    kind: str
    detail: str

    @property
    def seconds(self) -> float:
        return self.ended - self.began


def kind_of(came: httpx2.Response | httpx2.TransportError) -> tuple[str, str]:
    """The class of an answer or an error, and its detail."""
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


class Outcomes:
    """All outcomes of a run, from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._outcomes: list[Outcome] = []

    def watcher(self, target: str, account: int) -> Callable[[str, float, object], None]:
        """A function that notes a request: its name, when it began, and its answer or error."""

        def note(call: str, began: float, came: object) -> None:
            if isinstance(came, httpx2.Response | httpx2.TransportError):
                self.add(Outcome(call, target, account, began, time.monotonic(), *kind_of(came)))

        return note

    def add(self, outcome: Outcome) -> None:
        with self._lock:
            self._outcomes.append(outcome)

    def between(self, began: float, ended: float) -> list[Outcome]:
        """The requests that began in this time."""
        with self._lock:
            return [one for one in self._outcomes if began <= one.began < ended]


def count(outcomes: Iterable[Outcome]) -> dict[str, int]:
    """How many outcomes there are of each class, and in total (`all`)."""
    counted = Counter(one.kind for one in outcomes)
    return {"all": counted.total()} | {kind: counted[kind] for kind in CLASSES}


def longest(outcomes: Iterable[Outcome]) -> float:
    return max((one.seconds for one in outcomes), default=0.0)


def first_success(outcomes: Iterable[Outcome], call: str, after: float) -> float | None:
    """Seconds from `after` to the first success of a call that began after it; None if there was none."""
    ended = [one.ended for one in outcomes if one.call == call and one.kind == OK and one.began >= after]
    return min(ended) - after if ended else None


def all_targets_again(
    outcomes: Iterable[Outcome], targets: Iterable[str], call: str, after: float
) -> float | None:
    """Seconds from `after` until the call had succeeded at every target; None if it did not."""
    by_target = [
        first_success((one for one in outcomes if one.target == target), call, after)
        for outcomes in [list(outcomes)]
        for target in targets
    ]
    known = [seconds for seconds in by_target if seconds is not None]
    return max(known) if known and len(known) == len(by_target) else None


def where(outcomes: Iterable[Outcome], main: int) -> str:
    """Where requests failed, if all failures were at one target, or in other accounts than the main one."""
    failed = [one for one in outcomes if one.kind != OK]
    targets, accounts = {one.target for one in failed}, {one.account for one in failed}
    if not failed:
        return ""
    if main not in accounts:
        return "the other account alone"
    return f"at {targets.pop()} alone" if len(targets) == 1 else ""
