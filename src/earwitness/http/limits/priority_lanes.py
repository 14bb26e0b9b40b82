"""Priority lanes of calls: calls that take long keep to their own, so that quick ones are not held up.

Nobody can tell beforehand how long a search takes. Side by side, a few that look through everything take
the processors from each quick one, and as many as there are threads hold up all. So a call that takes
longer than its lane allows is broken off, and goes on in the next, where few are let in and the rest wait
in line, without a thread or a connection. See `docs/decisions/0018-priority-lanes-for-searches.md`.
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
"""Of a processor: what a call may take in the lane after the fast one. The last lane is for all else."""

WAITING_TIMES = 10
"""By the clock a call may take so many times as long, since it waits for processors and disks, too."""

T = TypeVar("T")
Work = Callable[[Allowance], Awaitable[T]]
"""What changes nothing, and raises OutOfTime where it would take longer than is allowed."""


@dataclass(frozen=True, slots=True)
class _Lane:
    """How many seconds of a processor a call may take here, and how many more calls are let in."""

    processor_seconds: float
    free: asyncio.Semaphore

    async def let_in(self, work: Work[T], until: float) -> T:
        """Do work once there is room. Raises OutOfTime where it takes longer than the lane allows."""
        try:
            async with asyncio.timeout(until - monotonic()):
                await self.free.acquire()
        except TimeoutError:
            raise OutOfTime(
                "Other broad searches took all the time there was; try again, or ask for less.",
                headers={"Retry-After": "5"},
            ) from None
        try:
            seconds = min(until - monotonic(), self.processor_seconds * WAITING_TIMES)
            return await work(Allowance(seconds, self.processor_seconds))
        finally:
            self.free.release()


class PriorityLanes:
    """A fast lane, and two for few calls each, the last without a limit of its own.

    In the fast lane calls wait in the fair queue, if there is one.
    """

    def __init__(
        self,
        fair_queue: FairQueue | None = None,
        *,
        fast_seconds: float = 0.05,
        fast_calls: int = 4,
        broad_calls: int = 1,
    ) -> None:
        """What takes up to `fast_seconds` of a processor is fast; so many calls at once go in a lane."""
        self._fair_queue = fair_queue
        self._lanes = (
            _Lane(fast_seconds, asyncio.Semaphore(fast_calls)),
            _Lane(BROAD_SECONDS, asyncio.Semaphore(broad_calls)),
            _Lane(math.inf, asyncio.Semaphore(broad_calls)),
        )

    async def travel(self, work: Work[T], seconds: float, has_left: Callable[[], Awaitable[bool]]) -> T:
        """Begin work in the furthest lane that has room, and anew in each after it that it needs.

        Raises OutOfTime after `seconds` by the clock, waiting included, and ClientLeft where who asked
        `has_left` before it is begun anew.
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
