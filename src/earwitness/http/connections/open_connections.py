"""All connections of one process: how many there may be, who goes for whom, and who takes too long."""

import asyncio
import heapq
import logging
from collections import Counter
from typing import ClassVar, Protocol
from weakref import WeakKeyDictionary

from uvicorn.server import ServerState

from earwitness.http.connections.bounds import Bounds

log = logging.getLogger("earwitness.connections")

_TOLD_SECONDS = 60
_LATE_SECONDS = 1.0
_ONE_LEAVING_OF = 4
"""To so many connections there may be one that was refused and is still listened to."""
_ONE_EXPENDED_OF = 20
"""Of so many connections one is closed at once for new ones, since a look at all of them takes long."""


class Member(Protocol):
    """A connection, as the others know it."""

    @property
    def expendable(self) -> tuple[int, float] | None:
        """The order in which it goes where there are too many; None while it does something for somebody."""
        ...

    def look(self, now: float, passed: float, *, excused: bool) -> None:
        """End what takes too long. `passed` seconds after the last look; excused, they do not count."""
        ...

    def make_room(self) -> None:
        """Close at once, since others come."""
        ...


class Crowd:
    """The connections of one process."""

    _of_servers: ClassVar["WeakKeyDictionary[ServerState, Crowd]"] = WeakKeyDictionary()

    def __init__(self, bounds: Bounds, loop: asyncio.AbstractEventLoop) -> None:
        self._bounds = bounds
        self._loop = loop
        self._members: set[Member] = set()
        self._leaving: set[Member] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._looked_at = 0.0
        self._refused = Counter[str]()
        self._told_at = float("-inf")

    @classmethod
    def of(cls, server: ServerState, bounds: Bounds, loop: asyncio.AbstractEventLoop) -> "Crowd":
        """The crowd of a server, which begins with its first connection."""
        if (crowd := cls._of_servers.get(server)) is None:
            crowd = cls._of_servers[server] = cls(bounds, loop)
        return crowd

    def join(self, member: Member) -> bool:
        """Take a connection in, if need be for others. False: all there are do something, and none may go."""
        if self._timer is None:
            self._look_again()
        if len(self._members) >= self._bounds.connections:
            self._make_room()
        if len(self._members) >= self._bounds.connections:
            return False
        self._members.add(member)
        return True

    def part(self, member: Member) -> bool:
        """Count a connection no more, which still listens for a while. False: too many do already."""
        self._members.discard(member)
        if len(self._leaving) >= max(1, self._bounds.connections // _ONE_LEAVING_OF):
            return False
        self._leaving.add(member)
        return True

    def leave(self, member: Member) -> None:
        self._members.discard(member)
        self._leaving.discard(member)

    def tell(self, code: str) -> None:
        """Say in the log that something was refused, at most once a minute: attackers come in numbers."""
        self._refused[code] += 1
        self._tell_if_due()

    def _make_room(self) -> None:
        """Close a few at once, who has waited longest first."""
        expendable = ((member.expendable, id(member), member) for member in self._members)
        going = [(order, number, member) for order, number, member in expendable if order is not None]
        for _, _, member in heapq.nsmallest(max(1, self._bounds.connections // _ONE_EXPENDED_OF), going):
            self._members.discard(member)
            member.make_room()

    def _look_again(self) -> None:
        self._looked_at = self._loop.time()
        self._timer = self._loop.call_later(self._bounds.look_seconds, self._look)

    def _look(self) -> None:
        now = self._loop.time()
        passed = now - self._looked_at
        self._timer = None
        if self._members or self._leaving or self._refused:
            self._look_again()
        # Who could not be heard, since the process was held up or the machine slept, is not to blame for it.
        excused = passed > self._bounds.look_seconds + _LATE_SECONDS
        for member in (*self._members, *self._leaving):
            member.look(now, passed, excused=excused)
        self._tell_if_due()

    def _tell_if_due(self) -> None:
        now = self._loop.time()
        if not self._refused or now - self._told_at < _TOLD_SECONDS:
            return
        self._told_at = now
        log.warning("connections refused", extra={"fields": dict(self._refused)})
        self._refused.clear()
