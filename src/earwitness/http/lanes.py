"""The lanes of the road: calls that take long keep to their own, so that quick ones are not held up.

Nobody can tell beforehand how long a search takes. Side by side, a few that look through everything take
the processors from each quick one, and as many as there are threads hold up all. So a call that takes
longer than its lane allows is broken off, and goes on in the next, where few are let in and the rest wait
in line, without a thread or a connection. See `docs/decisions/0018-lanes.md`.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from time import monotonic
from typing import TypeVar

from earwitness.archive.databases import out_of_time
from earwitness.http.turns import Turns
from earwitness.kernel.errors import ClientLeft, OutOfTime

LIMITS_SECONDS = (0.03, 1.0)
"""How long a call may take in the lanes before the last: most take a fifth of the first."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Lane:
    """How long a call may take here, and how many more are let in."""

    seconds: float
    free: asyncio.Semaphore

    async def let_in(self, work: Callable[[float], Awaitable[T]], until: float) -> T:
        """Do work once there is room. Raises OutOfTime after the lane's seconds, or after `until`."""
        try:
            async with asyncio.timeout(until - monotonic()):
                await self.free.acquire()
        except TimeoutError:
            raise out_of_time() from None
        try:
            return await work(min(self.seconds, until - monotonic()))
        finally:
            self.free.release()


class Lanes:
    """A fast lane for all, and others for so many calls each, the last without a limit of its own.

    In the fast lane calls take turns, if there are any.
    """

    def __init__(
        self,
        calls_at_once: int = 1,
        turns: Turns | None = None,
        limits_seconds: tuple[float, ...] = LIMITS_SECONDS,
    ) -> None:
        self._turns = turns
        fast, *others = limits_seconds
        self._fast = _Lane(fast, asyncio.Semaphore(10**9))
        self._others = [_Lane(limit, asyncio.Semaphore(calls_at_once)) for limit in (*others, math.inf)]

    async def travel(
        self, work: Callable[[float], Awaitable[T]], seconds: float, has_left: Callable[[], Awaitable[bool]]
    ) -> T:
        """Do work that changes nothing and that raises OutOfTime after as many seconds as it is given.

        It is begun in the furthest lane that has room, and anew in each after it that it needs, unless who
        asked `has_left`. Raises OutOfTime after `seconds` in all, waiting included, or ClientLeft.
        """
        until = monotonic() + seconds

        async def go_on(seconds: float) -> T:
            if await has_left():
                raise ClientLeft("The client closed the connection.")
            return await work(seconds)

        async with self._turns.take() if self._turns else nullcontext():
            free = [at for at, lane in enumerate(self._others) if not lane.free.locked()]
            begun = self._others[free[-1]] if free else self._fast
            with suppress(OutOfTime):
                return await begun.let_in(work, until)
        for lane in self._others[free[-1] + 1 if free else 0 :]:
            with suppress(OutOfTime):
                return await lane.let_in(go_on, until)
        raise out_of_time()
