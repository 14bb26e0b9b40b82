"""Runs the quick calls of one process one after another, since at the same time all of them would be slower.

Python runs one thread at a time, and SQLite's driver lets another thread run at every row. Two calls at once
switch some hundred times, which takes several times as long as their work. See
`docs/decisions/0013-fair-queue-for-quick-calls.md`.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager

LONGEST_SECONDS = 0.01
"""After this time a call goes on without holding up others: it mostly waits for the database."""


class FairQueue:
    """Gives turns in the order of arrival."""

    def __init__(self, longest_seconds: float = LONGEST_SECONDS) -> None:
        self._lock = asyncio.Lock()
        self._longest_seconds = longest_seconds

    @asynccontextmanager
    async def take(self) -> AsyncIterator[None]:
        """Wait for a turn. It ends with the block, or after `longest_seconds`."""
        await self._lock.acquire()
        with ExitStack() as turn:
            turn.callback(self._lock.release)
            timer = asyncio.get_running_loop().call_later(self._longest_seconds, turn.close)
            turn.callback(timer.cancel)
            yield
