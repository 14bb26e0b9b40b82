"""How long a transaction may take, on SQLite and on PostgreSQL.

SQLite checks the time after a number of steps. PostgreSQL is told before each statement how long it has.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic, thread_time
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, OperationalError

from earwitness.archive.database.errors import meaning_of, out_of_time
from earwitness.kernel.errors import OutOfTime

_STEPS_BETWEEN_CHECKS = 50_000
_STILL_VALID = 0.9
"""PostgreSQL is told again when less than this share is left of what it was told."""

LEAST_SECONDS_OF_A_WRITE = 2
"""A write has at least this time: a refusal goes into the ledger even when the time of its call is over."""

_TELL_POSTGRESQL = (
    "SELECT set_config('statement_timeout', %s, true),"
    " set_config('idle_in_transaction_session_timeout', %s, true)"
)


@dataclass(frozen=True, slots=True)
class Allowance:
    """How long a read may take: seconds by the clock, and seconds of processor time.

    PostgreSQL does not say how much of a processor it uses: there, the clock measures both.
    """

    seconds: float
    processor_seconds: float = math.inf


@dataclass(slots=True)
class Limit:
    """When a transaction has to end: at a moment of the monotonic clock, or of the thread's own clock."""

    until: float
    thread_until: float = math.inf
    idle_ms: int = 0
    """How long PostgreSQL waits for the next statement; 0 is for ever."""
    problem: Callable[[], OutOfTime] = out_of_time
    told_seconds: float | None = None
    """The seconds that PostgreSQL was told. It counts them from the beginning of each statement."""

    @classmethod
    def of(cls, connection: Connection, allowed: Allowance) -> "Limit":
        if connection.dialect.name == "sqlite":
            return cls(monotonic() + allowed.seconds, thread_time() + allowed.processor_seconds)
        return cls(monotonic() + min(allowed.seconds, allowed.processor_seconds))

    @property
    def is_over(self) -> bool:
        if monotonic() > self.until:
            return True
        # The thread's clock is a system call, which takes longer than a small statement: a write has no need.
        return self.thread_until < math.inf and thread_time() > self.thread_until


@contextmanager
def limited(connection: Connection, limit: Limit | None) -> Iterator[None]:
    """Hold a transaction to its limit. Raises the limit's problem."""
    if limit is None:
        yield
        return
    info: dict[Any, Any] = connection.info
    driver: Any = connection.connection.driver_connection
    has_end = limit.until < math.inf
    is_checked = connection.dialect.name == "sqlite" and has_end
    if is_checked:
        driver.set_progress_handler(lambda: limit.is_over, _STEPS_BETWEEN_CHECKS)
    info[Limit] = limit
    try:
        yield
    except DBAPIError as error:
        if has_end and meaning_of(error) == "canceled":
            raise limit.problem() from None
        raise
    finally:
        del info[Limit]
        if is_checked:
            driver.set_progress_handler(None, 0)


def check_time(connection: Connection) -> None:
    """Raise OutOfTime if the time is over: for work that takes long outside the database."""
    limit = connection.info.get(Limit)
    if limit is not None and limit.is_over:
        raise limit.problem()


def keep_time(connection: Connection, cursor: Any, *_: object) -> None:
    """Before each statement: raise OutOfTime if the time is over, and tell PostgreSQL how much is left."""
    limit = connection.info.get(Limit)
    if limit is None:
        return
    check_time(connection)
    if connection.dialect.name != "postgresql":
        return
    left = limit.until - monotonic()
    if limit.told_seconds is None or left < limit.told_seconds * _STILL_VALID:
        limit.told_seconds = left
        milliseconds = "0" if left == math.inf else str(max(1, round(left * 1000)))
        try:
            cursor.execute(_TELL_POSTGRESQL, [milliseconds, str(limit.idle_ms)], prepare=True)
        except Exception as error:  # SQLAlchemy does not see errors of this statement
            connection.invalidate(error)
            raise OperationalError(_TELL_POSTGRESQL, None, error, connection_invalidated=True) from None
