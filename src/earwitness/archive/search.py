"""Searching recordings: the positions of one page, and the exact total.

The rarest of the links that must hold leads: its index gives positions in the order of time, and the
other conditions check what it finds. Without any, the timeline itself leads. `docs/search.md` explains.
"""

import time
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    CompoundSelect,
    Connection,
    Select,
    TextClause,
    bindparam,
    except_,
    func,
    intersect,
    select,
    text,
    union_all,
)

from earwitness.archive import free_text
from earwitness.archive.facts import facts, window_of
from earwitness.archive.filters import RecordingSearch
from earwitness.archive.free_text import Node
from earwitness.archive.links import Link, excluded, included, text_link
from earwitness.archive.schema.recordings import recordings
from earwitness.archive.short_prefixes import is_read_in, set_apart
from earwitness.archive.timeline import Window
from earwitness.archive.times_of_day import time_conditions
from earwitness.archive.viewer import Viewer, allowed_to

DEFAULT_PAGE_SIZE = 100
FEW = 2_000
"""So many positions are looked up one by one in the other links; more are compared as sets."""

_COUNTED_AT_FIRST, _COUNTED_AT_MOST = 100, 10_000
_COUNTED_APART_AT_MOST = 3
_HOW_MANY = func.count()
_ASCENDING, _DESCENDING = text("1"), text("1 DESC")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page ended: so many recordings were passed, and the last of them lies at this position."""

    passed: int
    position: int


@dataclass(frozen=True, slots=True)
class Found:
    """A page's positions in the order asked for, the exact total, and what freeText asked."""

    positions: list[int]
    total: int
    asked: Node | None
    plan: "Plan"
    place: Place | None
    """From where later pages may be read; None where nothing was found."""
    seconds: dict[str, float]
    """What the plan, the total and the page took."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a search is answered: what leads, what checks, and what is left out."""

    window: Window
    leader: Link | None
    leader_size: int | None
    checks: tuple[Link, ...]
    without: tuple[Link, ...]
    facts: tuple[ColumnElement[bool], ...] = field(repr=False)
    merges: bool
    """Whether the database walks several sets side by side in order (SQLite), or hashes them."""
    reads: bool
    """Whether words are read in what is found, and not looked up."""

    def total(self, connection: Connection) -> int:
        """How many there are. A set that is left out of many is counted apart and taken off."""
        if self._counts_apart:
            *others, left_out = self.without
            everything = replace(self, without=tuple(others))
            if self.leader is None:
                apart = replace(everything, leader=left_out)
            else:
                apart = replace(everything, checks=(*self.checks, left_out))
            return everything.total(connection) - apart.total(connection)
        if self._is_timeline:
            bounds = self.window.bounds
            return connection.scalar(_count_of_timeline(tuple(bounds)), bounds) or 0
        positions = self._positions(counting=True)
        if isinstance(positions, CompoundSelect):
            # Without a limit SQLite drops the order, and with it the walk side by side.
            positions = positions.order_by(_ASCENDING).limit(-1)
        return connection.scalar(select(_HOW_MANY).select_from(positions.subquery())) or 0

    @property
    def _counts_apart(self) -> bool:
        if not self.without or len(self.without) > _COUNTED_APART_AT_MOST:
            return False
        return self.leader is None or not self.merges or bool(self.checks)

    def page(
        self,
        connection: Connection,
        *,
        ascending: bool,
        first: int,
        size: int,
        place: Place | None = None,
        total: int | None = None,
    ) -> list[int]:
        """So many positions from the `first` on, in order; read on from a place where that is known."""
        if place is not None:
            window = replace(self.window, **{"after" if ascending else "before": place.position})
            onward, first = replace(self, window=window), first - place.passed
            return onward.page(connection, ascending=ascending, first=first, size=size, total=total)
        if self._is_timeline:
            bounds = self.window.bounds
            page = _page_of_timeline(tuple(bounds), ascending)
            return list(connection.scalars(page, bounds | {"size": size, "first": first}).all())
        order = _ASCENDING if ascending else _DESCENDING
        positions = self._in_order(order, first + size)
        if total is not None and self._sorts_all(connection, total, first + size):
            # A subquery with an offset is answered by itself.
            positions = select(self._positions(counting=False).offset(0).subquery().c[0])
        return list(connection.scalars(positions.order_by(order).limit(size).offset(first)).all())

    def _in_order(self, order: TextClause, wanted: int) -> Select[Any] | CompoundSelect[Any]:
        """So many of the first positions, or more, in order; where the leader is not, of its branches."""
        if self.leader is None or len(self.leader.branches) < 2:
            return self._positions(counting=False)
        branches = (replace(self, leader=branch) for branch in self.leader.branches)
        return union_all(
            *(branch._positions(counting=False).order_by(order).limit(wanted) for branch in branches)
        )

    def _sorts_all(self, connection: Connection, total: int, wanted: int) -> bool:
        """Whether to find all that there are is quicker than to look for as many as are wanted in order.

        PostgreSQL does not know how rare a word is, and would look for the few of one through everything.
        """
        return self._is_of_words and total * total <= wanted * newest_committed_id(connection)

    @property
    def _is_of_words(self) -> bool:
        return self.leader is not None and (self.leader.once is not None or self.leader.branches != ())

    @property
    def _is_timeline(self) -> bool:
        return self.leader is None and not (self.facts or self.without)

    @property
    def is_sparse(self) -> bool:
        return self.leader_size is not None and self.leader_size < FEW

    @property
    def counts_first(self) -> bool:
        """Whether the total tells how to look for the page, or that there is none.

        Else a page that is not full tells the total.
        """
        return not self.is_sparse and (self.leader is None or self._is_of_words)

    def _positions(self, *, counting: bool) -> Select[Any] | CompoundSelect[Any]:
        leader = self.leader
        if leader is None:
            position: ColumnElement[int] = recordings.c.position
            # Totals read the index of facts, which goes by start; pages walk the positions themselves.
            bounds = self.window.on_start(recordings.c.started_at) if counting else self.window.on(position)
            query = select(position).where(*bounds, *self.facts)
        else:
            position = leader.column
            query = select(position).select_from(leader.source)
            if self.facts:
                query = query.join(recordings, recordings.c.position == position).where(*self.facts)
            once = leader.once if counting else None
            query = query.where(leader.condition if once is None else once, *self.window.on(position))
            query = query.distinct() if leader.repeats and once is None else query
        if self.is_sparse:
            query = query.where(*(link.holds(position) for link in self.checks))
        elif not self.merges:
            query = query.where(*(position.in_(link.positions(self.window)) for link in self.checks))
        # What is left out is mostly not there: looking it up place by place, a page soon is full.
        merged = [link for link in self.without if self._is_merged(link, counting)]
        query = query.where(*(~link.holds(position) for link in self.without if link not in merged))
        if merged:
            return except_(query, *(link.positions(self.window) for link in merged))
        if self.checks and self.merges and not self.is_sparse:
            return intersect(query, *(link.positions(self.window) for link in self.checks))
        return query

    def _is_merged(self, link: Link, counting: bool) -> bool:
        """Whether what a link leaves out is walked beside the rest, and not looked up."""
        if not self.merges or self.is_sparse or self.checks:
            return False
        is_large = self.leader_size is None or self.leader_size >= _COUNTED_AT_MOST
        return link.walked or (counting and is_large)


# A page of some days is what is asked for most, and to build its statements costs more than to run them.


@cache
def _count_of_timeline(bounds: tuple[str, ...]) -> Select[int]:
    return select(_HOW_MANY).select_from(_timeline(bounds)._positions(counting=True).subquery())


@cache
def _page_of_timeline(bounds: tuple[str, ...], ascending: bool) -> Select[Any] | CompoundSelect[Any]:
    in_order = _timeline(bounds)._positions(counting=False).order_by(_ASCENDING if ascending else _DESCENDING)
    return in_order.limit(bindparam("size", type_=BigInteger)).offset(bindparam("first", type_=BigInteger))


def _timeline(bounds: tuple[str, ...]) -> Plan:
    """A plan whose bounds are parameters of their names."""
    given: dict[str, Any] = {name: bindparam(name, type_=BigInteger) for name in bounds}
    return Plan(Window(**given), None, None, (), (), (), merges=False, reads=False)


def search(
    connection: Connection,
    wanted: RecordingSearch,
    viewer: Viewer,
    newest_id: int | None = None,
    place: Place | None = None,
) -> Found:
    """Find a page of what the viewer may see; `newest_id` leaves out what was committed after it.

    A page that lies beyond `place` is read from there. Raises BadRequest naming the filter that cannot be
    taken.
    """
    asked = free_text.parse(wanted.free_text) if wanted.free_text else None
    began = time.perf_counter()
    plan = _plan(connection, wanted, viewer, newest_id, asked)
    planned = time.perf_counter()
    ascending = wanted.start_time_direction == "ASC"
    size = wanted.page_size or DEFAULT_PAGE_SIZE
    first = ((wanted.page or 1) - 1) * size
    if place is not None and place.passed > first:
        place = None
    total = plan.total(connection) if plan.counts_first else None
    counted = time.perf_counter()
    page: list[int] = []
    if plan.is_sparse:
        few = plan.page(connection, ascending=ascending, first=0, size=FEW, total=plan.leader_size)
        page, total = _cut(few, ascending=ascending, first=first, size=size, place=place), len(few)
    elif total is None or first < total or place is not None:
        page = plan.page(connection, ascending=ascending, first=first, size=size, place=place, total=total)
    paged = time.perf_counter()
    if total is None:
        tells = place is None and len(page) < size and (page or first == 0)
        total = first + len(page) if tells else plan.total(connection)
    ended = Place(first + len(page), page[-1]) if page else place
    seconds = {"plan": planned - began, "page": paged - counted}
    seconds["total"] = counted - planned + time.perf_counter() - paged
    return Found(page, total, asked, plan, ended, seconds)


def _cut(few: list[int], *, ascending: bool, first: int, size: int, place: Place | None) -> list[int]:
    """The same page as of a plan, of positions that are all there."""
    if place is not None:
        few = [
            position
            for position in few
            if position != place.position and (position > place.position) == ascending
        ]
        first -= place.passed
    return few[first : first + size]


def newest_committed_id(connection: Connection) -> int:
    """The highest interactionId of this moment: ids are handed out in the order of commits."""
    return connection.scalar(_NEWEST) or 0


_NEWEST = select(func.max(recordings.c.interaction_id))


def _plan(
    connection: Connection,
    wanted: RecordingSearch,
    viewer: Viewer,
    newest_id: int | None,
    asked: Node | None,
) -> Plan:
    window = window_of(wanted.date_time_range)
    links, without = list(included(wanted, viewer)), list(excluded(wanted, viewer))
    conditions = [*facts(wanted), *time_conditions(connection, wanted.time_ranges), *allowed_to(viewer)]
    looked_up, read = set_apart(connection, asked) if asked is not None else (None, None)
    if looked_up is not None:
        link, is_complement = text_link(connection, looked_up)
        (without if is_complement else links).append(link)
    if read is not None:
        conditions.append(is_read_in(recordings.c.position, read))
    if newest_id is not None:
        conditions.append(recordings.c.interaction_id <= newest_id)
    sizes = _sizes(connection, links, window) if len(links) + len(without) > 1 else [None]
    ranked = sorted(zip(links, sizes, strict=False), key=lambda pair: pair[1] or 0)
    leader, leader_size = ranked[0] if ranked else (None, None)
    checks = tuple(link for link, _ in ranked[1:])
    merges = connection.dialect.name == "sqlite"
    reads = read is not None
    return Plan(window, leader, leader_size, checks, tuple(without), tuple(conditions), merges, reads)


def _sizes(connection: Connection, links: list[Link], window: Window) -> list[int]:
    """How many positions each link has, counted no further than is needed to choose."""
    limit = _COUNTED_AT_FIRST
    while True:
        counted = [
            select(_HOW_MANY).select_from(link.positions(window).limit(limit).subquery()) for link in links
        ]
        sizes = [connection.scalar(count) or 0 for count in counted]
        if limit >= _COUNTED_AT_MOST or any(size < limit for size in sizes):
            return sizes
        limit *= 10
