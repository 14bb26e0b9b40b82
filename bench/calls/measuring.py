"""Measures a call and its floor in turns, in one run, so that other work on the machine slows down both."""

import statistics
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

from bench.calls.rows import Figure, Work
from bench.calls.site import Site

_TIMED_SECONDS = 0.25
"""The processor time of other processes is known in hundredths of a second, so a turn takes at least this."""

_MOST_TIMES, _LONGEST_TRIAL_SECONDS = 200, 5
_SHORT_MS = 1.0
"""Of a shorter floor, what every call takes is many times as much. That much is allowed beside the target."""

_LEAST = 0.001
"""In milliseconds. What was too short to be timed is not nothing, so that there is a ratio."""

MOST_WAITED = 70
"""The target of waits: 100 ms beside a small write of 1.4 ms, which is what one takes in memory."""

_QUIET_SECONDS = 1.0
_A_WRITE = "/admin/tag"

Measure = Callable[[Site], Figure]


def nothing(_site: Site) -> None:
    """What has to be done before each turn, if nothing has."""


def in_turns(rounds: int, ours: Callable[[], float], floor: Callable[[], float]) -> Figure:
    """The medians of two measurements, which are made in turns."""
    turns = [(ours(), floor()) for _ in range(rounds)]
    return Figure(*(max(statistics.median(one), _LEAST) for one in zip(*turns, strict=True)))


def spent(used: Callable[[], float], work: Callable[[], object], times: int = 1) -> float:
    """Milliseconds, of a clock or of processor time, for doing something once of so many times."""
    before = used()
    for _ in range(times):
        work()
    return (used() - before) * 1000 / times


def processor(
    ours: Work,
    floor: Work,
    before: Work = nothing,
    *,
    floor_is_call: bool = False,
    empty: Work | None = None,
) -> Measure:
    """Processor time of a quick call: of the server and the database, beside that of the floor.

    `before` is done once. `empty` is a call that does nothing, which is measured where the floor is short.
    """

    def measure(site: Site) -> Figure:
        used = site.used_by_server, site.used_by_server if floor_is_call else site.used_here
        before(site)
        works = [partial(work, site) for work in (ours, floor)]
        often = [often_enough(*one) for one in zip(works, used, strict=True)]
        each = [partial(spent, *one) for one in zip(used, works, often, strict=True)]
        figure = in_turns(site.rounds, *each)
        if empty is None or figure.floor >= _SHORT_MS:
            return figure
        return replace(figure, allowed=_alone(site, partial(empty, site)))

    return measure


def _alone(site: Site, call: Callable[[], object]) -> float:
    """The median processor time of a call."""
    often = often_enough(call, site.used_by_server)
    return statistics.median(spent(site.used_by_server, call, often) for _ in range(site.rounds))


def processor_of_change(ours: Work, floor: Work, before: Work = nothing) -> Measure:
    """Processor time of a change of much, until its job is through. `before` is done ahead of each turn."""

    def measure(site: Site) -> Figure:
        def change() -> float:
            before(site)
            site.hand.settle()
            return spent(site.used_by_server, partial(ours, site))

        return in_turns(site.mass_rounds, change, lambda: spent(site.used_here, partial(floor, site)))

    return measure


def wait_beside(change: Work, before: Work = nothing) -> Measure:
    """The longest wait of another writer while a change is made, beside its median wait without."""

    def measure(site: Site) -> Figure:
        def beside() -> float:
            before(site)
            site.hand.settle()
            return max(waits_during(site, partial(change, site)))

        def quiet() -> float:
            return statistics.median(waits_during(site, partial(time.sleep, _QUIET_SECONDS)))

        return in_turns(site.mass_rounds, beside, quiet)

    return measure


def waits_during(site: Site, work: Callable[[], object]) -> list[float]:
    """How many milliseconds a client that writes without a pause waits for each of its writes."""
    caller, ended, waits = site.another_caller(), threading.Event(), list[float]()

    def write() -> None:
        while not ended.is_set():
            began = time.perf_counter()
            answer = caller.send("POST", _A_WRITE, {"tag": f"tag {time.time_ns()}"})
            waits.append((time.perf_counter() - began) * 1000)
            if answer.status not in {201, 503}:  # 503 after the longest wait
                raise RuntimeError(f"POST {_A_WRITE}: {answer.status} {answer.body[:200]!r}")

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        try:
            work()
        finally:
            ended.set()
    writing.result()
    return waits


def often_enough(work: Callable[[], object], used: Callable[[], float]) -> int:
    """How often something is repeated in a turn, so that it is long enough to be timed."""
    work()
    until, before, count = time.monotonic() + _LONGEST_TRIAL_SECONDS, used(), 0
    while count < _MOST_TIMES and used() - before < _TIMED_SECONDS and time.monotonic() < until:
        for _ in range(max(count, 1)):
            work()
        count += max(count, 1)
    return min(count, _MOST_TIMES)
