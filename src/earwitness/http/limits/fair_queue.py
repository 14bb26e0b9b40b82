"""Quick calls of one process go one after another: side by side they would all be slower.

Python runs one thread at a time, and SQLite's driver lets go of it at every row: two calls at once hand it
to and fro some hundred times each, which takes several times as long as their work. See
`docs/decisions/0013-fair-queue-for-quick-calls.md`.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager

LONGEST_SECONDS = 0.01
"""Who takes longer works on, but holds up nobody any more: most of its time is the database's own."""


class FairQueue:
    """Whose turn it is, in the order they came."""

    def __init__(self, longest_seconds: float = LONGEST_SECONDS) -> None:
        self._lock = asyncio.Lock()
        self._longest_seconds = longest_seconds

    @asynccontextmanager
    async def take(self) -> AsyncIterator[None]:
        """Wait for a turn; it ends with what is done in it, or when it took too long."""
        await self._lock.acquire()
        with ExitStack() as turn:
            turn.callback(self._lock.release)
            timer = asyncio.get_running_loop().call_later(self._longest_seconds, turn.close)
            turn.callback(timer.cancel)
            yield
