"""Threads for calls that take long, such as those that wait for a rendition."""

import math
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TypeVar

from anyio import CapacityLimiter, fail_after, to_thread

from earwitness.http.limits.places import most_of_one
from earwitness.kernel.deadlines import seconds_left
from earwitness.kernel.errors import Unavailable

_RETRY_SECONDS = 10

T = TypeVar("T")


class SlowCalls:
    """A limited number of threads, of which the calls of one account take at most three quarters.

    Calls that wait for a thread hold none, and delay no calls of other kinds.
    """

    def __init__(self, calls: int) -> None:
        self._most_of_one = most_of_one(calls)
        self._all = CapacityLimiter(calls)
        self._of_accounts: dict[int, CapacityLimiter] = {}
        self._threads = CapacityLimiter(math.inf)  # a call that may run waits for no thread

    async def run(self, client_id: int, work: Callable[[], T]) -> T:
        """Do work for an account in a thread, as soon as one is free for it.

        Raises Unavailable if none is free before the time of the call is over.
        """
        own = self._of_accounts.setdefault(client_id, CapacityLimiter(self._most_of_one))
        try:
            async with self._place(own):
                return await to_thread.run_sync(work, limiter=self._threads)
        finally:
            idle = not own.borrowed_tokens and not own.statistics().tasks_waiting
            if idle and self._of_accounts.get(client_id) is own:
                del self._of_accounts[client_id]

    @asynccontextmanager
    async def _place(self, own: CapacityLimiter) -> AsyncIterator[None]:
        async with AsyncExitStack() as held:
            try:
                with fail_after(seconds_left()):
                    await held.enter_async_context(own)
                    await held.enter_async_context(self._all)
            except TimeoutError:
                raise Unavailable(
                    "Too many recordings are being decoded or checked. Try again later.",
                    code="slow-calls-taken",
                    headers={"Retry-After": str(_RETRY_SECONDS)},
                ) from None
            yield
