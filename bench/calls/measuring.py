"""Measures a call and its floor in turns, in one run, so that other work on the machine slows down both."""

import statistics
import threading
import time
from collections.abc import Callable

from bench.calls.rows import Figure, Work
from bench.calls.site import Site

_TIMED_SECONDS = 0.25
"""The processor time of other processes is told in hundredths of a second, so a turn takes at least this."""

_MOST_TIMES = 200
_QUIET_SECONDS = 1.0
_A_WRITE = "/admin/tag"

Measure = Callable[[Site], Figure]


def nothing(_site: Site) -> None:
    """What has to be done before each turn, if nothing has."""


def processor(ours: Work, floor: Work, before: Work = nothing, *, floor_is_call: bool = False) -> Measure:
    """Processor time of a quick call: of the server and the database, beside that of the floor.

    `before` is done once.
    """

    def measure(site: Site) -> Figure:
        used_by_floor = site.used_by_server if floor_is_call else site.used_here
        before(site)
        often = _times(site, ours, site.used_by_server), _times(site, floor, used_by_floor)
        turns = [
            (
                _spent(site, ours, site.used_by_server, often[0]),
                _spent(site, floor, used_by_floor, often[1]),
            )
            for _ in range(site.rounds)
        ]
        return _medians(turns)

    return measure


def processor_of_change(ours: Work, floor: Work, before: Work = nothing) -> Measure:
    """Processor time of a change of much, until its job is through. `before` is done ahead of each turn."""

    def measure(site: Site) -> Figure:
        turns: list[tuple[float, float]] = []
        for _ in range(site.mass_rounds):
            before(site)
            site.hand.settle()
            turns.append((_spent(site, ours, site.used_by_server), _spent(site, floor, site.used_here)))
        return _medians(turns)

    return measure


def clock(ours: Callable[[Site], float], floor: Callable[[Site], float]) -> Measure:
    """Seconds that both tell themselves, by the clock."""

    def measure(site: Site) -> Figure:
        ours(site), floor(site)
        return _medians([(ours(site) * 1000, floor(site) * 1000) for _ in range(site.rounds)])

    return measure


def wait_beside(change: Work, before: Work = nothing) -> Measure:
    """The longest wait of another writer while a change is made, beside its median wait without."""

    def measure(site: Site) -> Figure:
        turns: list[tuple[float, float]] = []
        for _ in range(site.mass_rounds):
            before(site)
            site.hand.settle()
            quiet, beside = Writer(site), Writer(site)
            quiet.write_during(lambda: time.sleep(_QUIET_SECONDS))
            beside.write_during(lambda: change(site))
            turns.append((max(beside.waits), statistics.median(quiet.waits)))
        return _medians(turns)

    return measure


class Writer:
    """Adds tags without a pause, and notes how many milliseconds each took."""

    def __init__(self, site: Site) -> None:
        self._caller = site.another_caller()
        self._ended = threading.Event()
        self.waits: list[float] = []

    def write_during(self, work: Callable[[], object]) -> None:
        """Write in another thread while something is done, and until the write that was begun is answered."""
        writing = threading.Thread(target=self._write)
        writing.start()
        try:
            work()
        finally:
            self._ended.set()
            writing.join()

    def _write(self) -> None:
        while not self._ended.is_set():
            began = time.perf_counter()
            answer = self._caller.send("POST", _A_WRITE, {"tag": f"tag {time.time_ns()}"})
            self.waits.append((time.perf_counter() - began) * 1000)
            if answer.status not in {201, 503}:  # after the longest wait it is 503
                raise RuntimeError(f"POST {_A_WRITE}: {answer.status} {answer.body[:200]!r}")


def _times(site: Site, work: Work, used: Callable[[], float]) -> int:
    """How often something is repeated in a turn, so that it is long enough to be timed."""
    work(site)
    began, before, count = time.perf_counter(), used(), 0
    while count < _MOST_TIMES and used() - before < _TIMED_SECONDS:
        for _ in range(max(count, 1)):
            work(site)
        count += max(count, 1)
        if time.perf_counter() - began > 20 * _TIMED_SECONDS:
            break
    return min(count, _MOST_TIMES)


def _spent(site: Site, work: Work, used: Callable[[], float], times: int = 1) -> float:
    """Milliseconds of processor for doing something once."""
    before = used()
    for _ in range(times):
        work(site)
    return max(used() - before, 0.000_01) * 1000 / times


def _medians(turns: list[tuple[float, float]]) -> Figure:
    """The medians of both. Neither is 0, so that there is a ratio."""
    ours, floors = zip(*turns, strict=True)
    return Figure(statistics.median(ours), statistics.median(floors))
