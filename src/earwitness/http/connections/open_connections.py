"""All open connections of one process. It limits their number, and checks each for what takes too long."""

import asyncio
import heapq
import logging
from collections import Counter
from typing import ClassVar, Protocol
from weakref import WeakKeyDictionary

from uvicorn.server import ServerState

from earwitness.http.connections.bounds import Bounds

log = logging.getLogger("earwitness.connections")

_LOGGED_EVERY_SECONDS = 60
_LATE_SECONDS = 1.0
_ONE_REFUSED_OF = 4
"""For every four connections that may be open, one refused connection may still be read from."""
_ONE_CLOSED_OF = 20
"""To make room, one in 20 connections is closed: several at once, since sorting all of them takes long."""


class OpenConnection(Protocol):
    """What `OpenConnections` needs of each connection."""

    @property
    def expendable(self) -> tuple[int, float] | None:
        """The order in which connections are closed to make room; None if this one must stay."""
        ...

    def check(self, now: float, passed: float, *, excused: bool) -> None:
        """End what takes too long. The last check was `passed` seconds ago; if excused, they do not count."""
        ...

    def make_room(self) -> None:
        """Close at once, to make room for a new connection."""
        ...


class OpenConnections:
    """The open connections of one process."""

    _of_servers: ClassVar["WeakKeyDictionary[ServerState, OpenConnections]"] = WeakKeyDictionary()

    def __init__(self, bounds: Bounds, loop: asyncio.AbstractEventLoop) -> None:
        self._bounds = bounds
        self._loop = loop
        self._connections: dict[OpenConnection, None] = {}
        """In the order in which they arrived: many may arrive at the same time of the loop."""
        self._refused: set[OpenConnection] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._checked_at = 0.0
        self._refusals = Counter[str]()
        self._logged_at = float("-inf")

    @classmethod
    def of(cls, server: ServerState, bounds: Bounds, loop: asyncio.AbstractEventLoop) -> "OpenConnections":
        """The open connections of a server. They are created with its first connection."""
        if (known := cls._of_servers.get(server)) is None:
            known = cls._of_servers[server] = cls(bounds, loop)
        return known

    def add(self, connection: OpenConnection) -> bool:
        """Add a connection, and close others if there are too many. False if no other can be closed."""
        if self._timer is None:
            self._check_again()
        if len(self._connections) >= self._bounds.connections:
            self._make_room()
        if len(self._connections) >= self._bounds.connections:
            return False
        self._connections[connection] = None
        return True

    def add_refused(self, connection: OpenConnection) -> bool:
        """Count a refused connection apart while it is still read from. False if there are too many."""
        self._connections.pop(connection, None)
        if len(self._refused) >= max(1, self._bounds.connections // _ONE_REFUSED_OF):
            return False
        self._refused.add(connection)
        return True

    def remove(self, connection: OpenConnection) -> None:
        self._connections.pop(connection, None)
        self._refused.discard(connection)

    def log_refusal(self, code: str) -> None:
        """Count a refusal, and log the counts at most once a minute, since an attacker causes many."""
        self._refusals[code] += 1
        self._log_if_due()

    def _make_room(self) -> None:
        """Close a few connections, those that have waited longest first."""
        numbered = enumerate(self._connections)
        expendable = ((connection.expendable, number, connection) for number, connection in numbered)
        going = [(order, number, connection) for order, number, connection in expendable if order is not None]
        for _, _, connection in heapq.nsmallest(max(1, self._bounds.connections // _ONE_CLOSED_OF), going):
            self._connections.pop(connection, None)
            connection.make_room()

    def _check_again(self) -> None:
        self._checked_at = self._loop.time()
        self._timer = self._loop.call_later(self._bounds.check_seconds, self._check)

    def _check(self) -> None:
        now = self._loop.time()
        passed = now - self._checked_at
        self._timer = None
        if self._connections or self._refused or self._refusals:
            self._check_again()
        # If the process was held up, or the machine slept, clients are not to blame for the time that passed.
        excused = passed > self._bounds.check_seconds + _LATE_SECONDS
        for connection in (*self._connections, *self._refused):
            connection.check(now, passed, excused=excused)
        self._log_if_due()

    def _log_if_due(self) -> None:
        now = self._loop.time()
        if not self._refusals or now - self._logged_at < _LOGGED_EVERY_SECONDS:
            return
        self._logged_at = now
        log.warning("connections refused", extra={"fields": dict(self._refusals)})
        self._refusals.clear()
