"""Threads for calls that take long, such as those that wait for a rendition."""

from collections.abc import Callable
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

from earwitness.http.limits.places import most_of_one

T = TypeVar("T")


class SlowCalls:
    """A limited number of threads, of which the calls of one account take at most three quarters.

    Calls that wait for a thread hold none, and delay no calls of other kinds.
    """

    def __init__(self, calls: int) -> None:
        self._most_of_one = most_of_one(calls)
        self._all = CapacityLimiter(calls)
        self._of_accounts: dict[int, CapacityLimiter] = {}

    async def run(self, client_id: int, work: Callable[[], T]) -> T:
        """Do work for an account in a thread, as soon as one is free for it."""
        own = self._of_accounts.setdefault(client_id, CapacityLimiter(self._most_of_one))
        try:
            async with own:
                return await to_thread.run_sync(work, limiter=self._all)
        finally:
            idle = not own.borrowed_tokens and not own.statistics().tasks_waiting
            if idle and self._of_accounts.get(client_id) is own:
                del self._of_accounts[client_id]
