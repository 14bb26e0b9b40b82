"""Clients that wait for changes. However many wait for an account, one look in a while serves them all.

A waiting client holds no thread, no connection to the database and no transaction. Changes may come from any
process, so each look asks the database. What a client may be told depends on what its user may see: users who
may see the same share one answer.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from anyio import CapacityLimiter, to_thread
from litestar import Request
from sqlalchemy import Connection

from earwitness.archive.access.viewer import Viewer
from earwitness.archive.accounts.accounts import Archive
from earwitness.archive.ledger.feed.kinds import shown_parts
from earwitness.archive.ledger.feed.own_access import newest_of_anybody
from earwitness.archive.ledger.feed.reading import FeedPage, changes_after
from earwitness.archive.ledger.integrating import has_unnumbered, newest_sequence
from earwitness.archive.upkeep.ledgers.feed_numbers import number_what_is_committed
from earwitness.http.connections.waits import Wait, waiting
from earwitness.kernel.deadlines import Deadline, deadline
from earwitness.kernel.errors import ClientLeft, Problem
from earwitness.kernel.rights import Right
from earwitness.operations.running import allowed

LOOK_SECONDS = 0.4
"""How often an account is looked at for which clients wait: they are told within a second."""

_LOOKS_AT_ONCE = 2
_LONGEST_LOOK_SECONDS = 10

AnyRequest = Request[Any, Any, Any]
Told = FeedPage | None
"""What a client is told; None if its user has to be looked up anew."""


@dataclass(slots=True, eq=False)
class Waiting:
    """A client that waits for changes after a place."""

    wait: Wait
    viewer: Viewer
    since: int
    limit: int
    told: asyncio.Future[Told]

    @property
    def shares_with(self) -> bytes:
        """The same for all clients that are told the same."""
        viewer = self.viewer
        sees_private = viewer.may(Right.RECORDING_PRIVATE_VIEW)
        takes_part_as = None if sees_private else (viewer.username_folded, viewer.person_id)
        sees = shown_parts(viewer), viewer.policies, takes_part_as
        return msgspec.json.encode((self.since, self.limit, sees))

    def tell(self, told: Told) -> None:
        if not self.told.done():
            self.told.set_result(told)


@dataclass(slots=True)
class _Room:
    """Those who wait for one account, and the task that looks for them."""

    waiting: set[Waiting] = field(default_factory=set)
    looks: asyncio.Task[None] | None = None


class Waits:
    """All clients of this process that wait."""

    def __init__(self) -> None:
        self._rooms: dict[int, _Room] = {}
        self._threads = CapacityLimiter(_LOOKS_AT_ONCE)

    @property
    def clients(self) -> int:
        """How many clients wait."""
        return sum(len(room.waiting) for room in self._rooms.values())

    async def wait(
        self, request: AnyRequest, archive: Archive, viewer: Viewer, since: int, limit: int, seconds: float
    ) -> Told:
        """Wait for changes after a place, at most so long. Raises ClientLeft, and what a look raises."""
        loop = asyncio.get_running_loop()
        room = self._rooms.setdefault(archive.client_id, _Room())
        left = loop.create_task(_leaves(request))
        with waiting(request.scope) as wait:
            one = Waiting(wait, viewer, since, limit, loop.create_future())
            room.waiting.add(one)
            room.looks = room.looks or loop.create_task(self._look_on(archive, room))
            try:
                ends: set[asyncio.Future[Any]] = {one.told, left}
                await asyncio.wait(ends, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            finally:
                room.waiting.discard(one)
                left.cancel()
        if one.told.done():
            return one.told.result()
        if left.done():
            raise ClientLeft("The client closed the connection.")
        return FeedPage(one.since, complete=True)

    async def _look_on(self, archive: Archive, room: _Room) -> None:
        """Look for those who wait, until nobody does."""
        while room.waiting:
            await asyncio.sleep(LOOK_SECONDS)
            deadline.set(Deadline(_LONGEST_LOOK_SECONDS))
            for one in room.waiting:
                if one.wait.is_over:
                    one.tell(FeedPage(one.since, complete=True))
            those = [one for one in room.waiting if not one.told.done()]
            try:
                found = await to_thread.run_sync(look, archive, those, limiter=self._threads)
            except Exception as error:
                for one in those:
                    if not one.told.done():
                        one.told.set_exception(error)
                continue
            for one, page in found:
                if page is not None and page.complete and not page.changes:
                    one.since = page.next
                else:
                    one.tell(page)
        del self._rooms[archive.client_id]


def look(archive: Archive, those: Sequence[Waiting]) -> list[tuple[Waiting, Told]]:
    """What there is for clients that wait, for those for whom there may be something."""
    if not those:
        return []
    oldest = min(one.since for one in those)
    with archive.read(allowed()) as connection:
        if newest_sequence(connection) == oldest and not has_unnumbered(connection):
            return []
    number_what_is_committed(archive)
    with archive.read(allowed()) as connection:
        newest = newest_sequence(connection)
        accessed = newest_of_anybody(connection, oldest) or 0
        pages: dict[bytes, Told] = {}
        found: list[tuple[Waiting, Told]] = []
        for one in those:
            if one.since == newest:
                continue
            if one.since < accessed:
                found.append((one, None))
                continue
            key = one.shares_with
            if key not in pages:
                pages[key] = _page(connection, one)
            found.append((one, pages[key]))
        return found


def _page(connection: Connection, one: Waiting) -> Told:
    try:
        return changes_after(connection, one.viewer, one.since, one.limit)
    except Problem:  # it is that of one user: each is to be told their own
        return None


async def _leaves(request: AnyRequest) -> None:
    """Wait until the client closes the connection."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
