"""Priority lanes: calls that take long run in lanes of their own, so that they do not hold up quick calls.

Nobody can tell beforehand how long a search takes. A few broad searches take the processors from all quick
ones, and as many as there are threads hold up everything. So a call that takes longer than its lane allows is
stopped, and starts again in the next lane. That lane lets few calls in. The others wait, and hold neither a
thread nor a connection. See `docs/decisions/0018-priority-lanes-for-searches.md`.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from time import monotonic
from typing import TypeVar

from earwitness.archive.database.time_limits import Allowance
from earwitness.http.limits.fair_queue import FairQueue
from earwitness.kernel.errors import ClientLeft, OutOfTime

BROAD_SECONDS = 0.5
"""Processor time of a call in the second lane. The third lane has no limit of its own."""

WAITING_TIMES = 10
"""How many times its processor time a call may take by the clock: it waits for processors and disks."""

T = TypeVar("T")
Work = Callable[[Allowance], Awaitable[T]]
"""Work that changes nothing, and raises OutOfTime if it would take longer than it is allowed."""


@dataclass(frozen=True, slots=True)
class _Lane:
    """A lane: the processor time that a call may take in it, and how many more calls it lets in."""

    processor_seconds: float
    free: asyncio.Semaphore

    async def let_in(self, work: Work[T], until: float) -> T:
        """Do work as soon as there is room. Raises OutOfTime if it takes longer than the lane allows."""
        try:
            async with asyncio.timeout(until - monotonic()):
                await self.free.acquire()
        except TimeoutError:
            raise OutOfTime(
                "Other broad searches are running, and took all the time. Try again later, or ask for less.",
                headers={"Retry-After": "5"},
            ) from None
        try:
            seconds = min(until - monotonic(), self.processor_seconds * WAITING_TIMES)
            return await work(Allowance(seconds, self.processor_seconds))
        finally:
            self.free.release()


class PriorityLanes:
    """A fast lane, and two lanes for few calls each, the last without a limit of its own.

    Calls in the fast lane also wait in the fair queue, if there is one.
    """

    def __init__(
        self,
        fair_queue: FairQueue | None = None,
        *,
        fast_seconds: float = 0.05,
        fast_calls: int = 4,
        broad_calls: int = 1,
    ) -> None:
        """A call is fast up to `fast_seconds` of processor time. So many calls run in a lane at once."""
        self._fair_queue = fair_queue
        self._lanes = (
            _Lane(fast_seconds, asyncio.Semaphore(fast_calls)),
            _Lane(BROAD_SECONDS, asyncio.Semaphore(broad_calls)),
            _Lane(math.inf, asyncio.Semaphore(broad_calls)),
        )

    async def run(self, work: Work[T], seconds: float, has_left: Callable[[], Awaitable[bool]]) -> T:
        """Start work in the slowest lane that is free, and again in each slower one that it needs.

        Raises OutOfTime after `seconds` by the clock, waiting included. Raises ClientLeft if the client
        `has_left` before the work is started again.
        """
        until = monotonic() + seconds
        last = len(self._lanes) - 1

        async def go_on(allowed: Allowance) -> T:
            if await has_left():
                raise ClientLeft("The client closed the connection.")
            return await work(allowed)

        async with self._fair_queue.take() if self._fair_queue else nullcontext():
            begun = max((at for at, lane in enumerate(self._lanes) if not lane.free.locked()), default=0)
            if begun == last:
                return await self._lanes[last].let_in(work, until)
            with suppress(OutOfTime):
                return await self._lanes[begun].let_in(work, until)
        for lane in self._lanes[begun + 1 : last]:
            with suppress(OutOfTime):
                return await lane.let_in(go_on, until)
        return await self._lanes[last].let_in(go_on, until)
