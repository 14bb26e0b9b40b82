"""Broad calls run in lanes of their own: quick calls are answered beside them."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from math import inf

import pytest

from earwitness.app import API, build
from earwitness.archive.database.time_limits import Allowance, check_time
from earwitness.http.limits.priority_lanes import PriorityLanes
from earwitness.kernel.errors import ClientLeft, OutOfTime
from earwitness.kernel.rights import Right
from earwitness.kernel.settings import Settings
from earwitness.operations import operations
from earwitness.operations.operations import Call
from tests.firm import Firm, transcript

FAST, BROAD, ALL = 0.05, 0.5, inf


@dataclass
class Work:
    """Work that takes seconds of a processor or, if it is `held`, until it is let go."""

    needs_seconds: float = 0
    held: bool = False
    let_go: asyncio.Event = field(default_factory=asyncio.Event)
    given: list[float] = field(default_factory=list)
    """The seconds of a processor it was allowed, each time it was begun."""

    async def __call__(self, allowed: Allowance) -> str:
        self.given.append(allowed.processor_seconds)
        if self.held:
            await self.let_go.wait()
        if self.needs_seconds > allowed.processor_seconds:
            raise OutOfTime("It takes longer.")
        return "done"


def _run(scene: Callable[[PriorityLanes], Awaitable[None]]) -> None:
    async def run() -> None:
        await scene(PriorityLanes())

    asyncio.run(run())


async def _stays() -> bool:
    return False


async def _begin(priority_lanes: PriorityLanes, *works: Work) -> list["asyncio.Task[str]"]:
    """Begin works one after another, each as far as it comes."""
    tasks = [asyncio.create_task(priority_lanes.run(work, 30, _stays)) for work in works]
    for _ in range(5):
        await asyncio.sleep(0)
    return tasks


async def _end(held: list[Work], tasks: "list[asyncio.Task[str]]") -> None:
    for work in held:
        work.let_go.set()
    assert await asyncio.gather(*tasks) == ["done"] * len(tasks)


def test_a_call_alone_may_take_all_its_time() -> None:
    async def scene(priority_lanes: PriorityLanes) -> None:
        work = Work(needs_seconds=29)
        assert await priority_lanes.run(work, 30, _stays) == "done"
        assert work.given == [ALL]

    _run(scene)


def test_beside_others_a_call_has_less_time_and_quick_ones_are_not_delayed() -> None:
    async def scene(priority_lanes: PriorityLanes) -> None:
        held = [Work(held=True) for _ in (ALL, BROAD)]
        quick = Work(needs_seconds=FAST)
        tasks = await _begin(priority_lanes, *held)
        assert await priority_lanes.run(quick, 30, _stays) == "done"
        assert [work.given for work in (*held, quick)] == [[ALL], [BROAD], [FAST]]
        await _end(held, tasks)

    _run(scene)


def test_a_call_that_takes_longer_waits_and_starts_again() -> None:
    async def scene(priority_lanes: PriorityLanes) -> None:
        held = [Work(held=True) for _ in (ALL, BROAD)]
        first, second = Work(needs_seconds=0.2), Work(needs_seconds=0.2)
        tasks = await _begin(priority_lanes, *held, first, second)
        assert (first.given, second.given) == ([FAST], [FAST])
        held[-1].let_go.set()
        assert await asyncio.gather(*tasks[1:]) == ["done"] * 3
        assert (first.given, second.given) == ([FAST, BROAD], [FAST, BROAD])
        await _end(held, tasks[:1])

    _run(scene)


def test_the_longest_call_goes_through_all_lanes_and_holds_up_no_other() -> None:
    async def scene(priority_lanes: PriorityLanes) -> None:
        first = Work(held=True)
        longest, broad = Work(needs_seconds=20), Work(needs_seconds=0.5)
        tasks = await _begin(priority_lanes, first, longest)
        assert await priority_lanes.run(broad, 30, _stays) == "done"
        await _end([first], tasks)
        assert (longest.given, broad.given) == ([BROAD, ALL], [BROAD])

    _run(scene)


def test_waiting_counts_as_part_of_the_time_of_a_call() -> None:
    async def scene(priority_lanes: PriorityLanes) -> None:
        held = [Work(held=True) for _ in (ALL, BROAD)]
        tasks = await _begin(priority_lanes, *held)
        with pytest.raises(OutOfTime, match="Other broad searches") as refused:
            await priority_lanes.run(Work(needs_seconds=1), 0.001, _stays)
        assert "Retry-After" in refused.value.headers
        await _end(held, tasks)

    _run(scene)


def test_a_burst_of_broad_calls_passes_the_fast_lane_a_few_at_a_time() -> None:
    async def scene(priority_lanes: PriorityLanes) -> None:
        held = [Work(held=True) for _ in (ALL, BROAD, *[FAST] * 4)]
        quick = Work()
        tasks = await _begin(priority_lanes, *held, quick)
        assert [work.given for work in (*held, quick)] == [[ALL], [BROAD], *[[FAST]] * 4, []]
        held[2].let_go.set()
        assert await tasks[-1] == "done"
        assert quick.given == [FAST]
        await _end(held, tasks)

    _run(scene)


def test_a_call_that_fails_frees_its_lane() -> None:
    async def fail(_allowed: Allowance) -> str:
        raise ValueError

    async def scene(priority_lanes: PriorityLanes) -> None:
        for _ in range(3):
            with pytest.raises(ValueError):
                await priority_lanes.run(fail, 30, _stays)
        work = Work(needs_seconds=29)
        assert await priority_lanes.run(work, 30, _stays) == "done"
        assert work.given == [ALL]

    _run(scene)


def test_a_call_whose_client_left_is_not_started_again() -> None:
    async def leaves() -> bool:
        return True

    async def scene(priority_lanes: PriorityLanes) -> None:
        held, broad = [Work(held=True) for _ in (ALL, BROAD)], Work(needs_seconds=0.2)
        tasks = await _begin(priority_lanes, *held)
        left = asyncio.create_task(priority_lanes.run(broad, 30, leaves))
        held[-1].let_go.set()
        with pytest.raises(ClientLeft):
            await left
        assert broad.given == [FAST]
        await _end(held, tasks)

    _run(scene)


# Over HTTP

MANY = 48
"""More than there are threads."""

_begun = threading.Semaphore(0)
_over = threading.Event()


@operations.read("/look-through-everything", right=Right.RECORDING_VIEW)
def look_through_everything(call: Call) -> int:
    """Look through everything until it is over."""
    _begun.release()
    while not _over.wait(0.001):
        check_time(call.connection)
    return 1


@pytest.fixture
def firm(settings: Settings) -> Iterator[Firm]:
    with Firm(settings, build(settings, routes=[*API, look_through_everything])) as firm:
        yield firm


def test_more_broad_calls_than_threads_hold_up_no_quick_call(firm: Firm) -> None:
    firm.ingest(transcript=transcript("Sell."))
    _over.clear()
    with ThreadPoolExecutor(MANY) as pool:
        broad = [pool.submit(firm.call, "POST", "/look-through-everything") for _ in range(MANY)]
        try:
            for _ in range(MANY):
                assert _begun.acquire(timeout=20)
            assert firm.search(freeText="sell") == ["call-1"]
            assert not any(one.done() for one in broad)
        finally:
            _over.set()
        assert [one.result().status_code for one in broad] == [200] * MANY
