"""Searching recordings: the positions of one page, and the exact total.

The rarest of the links that must hold leads: its index gives positions in the order of time, and the
other conditions check what it finds. Without any, the timeline itself leads. `docs/search.md` explains.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from earwitness.archive.access.viewer import Viewer
from earwitness.archive.database.timeline import Window, newest_committed_id
from earwitness.archive.schema.recordings import recordings
from earwitness.archive.search.access_policies import permitted
from earwitness.archive.search.column_filters import Fact, facts, window_of
from earwitness.archive.search.endpoint_aliases import with_current_ids
from earwitness.archive.search.filters import RecordingSearch
from earwitness.archive.search.linked_filters import (
    Link,
    excluded,
    included,
    newer_than,
    text_link,
    transcribed,
)
from earwitness.archive.search.plan import COUNTED_AT_MOST, FEW, Cut, Place, Plan, count_of
from earwitness.archive.search.short_prefixes import set_apart
from earwitness.archive.search.times_of_day import time_conditions
from earwitness.archive.spelling.tokens import Reading
from earwitness.archive.text import query
from earwitness.archive.text.indexes import Searched, index_of
from earwitness.archive.text.query import Node
from earwitness.archive.text.sqlite import is_read_in
from earwitness.kernel.rights import Right

DEFAULT_PAGE_SIZE = 100

_COUNTED_AT_FIRST = 100
_NEWER_AT_MOST = FEW  # for their total to be counted apart: they lead it, and the rest is looked up


@dataclass(frozen=True, slots=True)
class Found:
    """A page's positions in the order asked for, the exact total, and what freeText asked, as it was read.

    `newest_id` is the newest interactionId of the moment in which the search began.
    """

    positions: list[int]
    total: int
    newest_id: int
    asked: Node | None
    reading: Reading
    plan: Plan
    place: Place | None
    """From where later pages may be read; None where nothing was found."""
    seconds: dict[str, float]
    """What the plan, the page and the total took; a total that came with the page is not there."""


@dataclass(frozen=True, slots=True)
class _Pinned:
    """The plan of what had been committed when a search began.

    `apart` is how its total is found sooner: that of everything, less that of the few that are newer.
    """

    plan: Plan
    apart: tuple[Plan, Plan] | None = None

    def total(self, connection: Connection) -> int:
        if self.apart is None:
            return self.plan.total(connection)
        everything, newer = self.apart
        return everything.total(connection) - newer.total(connection)


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
    seconds: dict[str, float] = {}
    with _timed(seconds, "plan"):
        searched = _searched(connection, viewer) if wanted.free_text else Searched()
        asked = query.parse(wanted.free_text, searched.index.reading) if wanted.free_text else None
        everything = _plan(connection, with_current_ids(connection, wanted), viewer, asked, searched)
        pinned = _Pinned(everything) if newest_id is None else _pin(connection, everything, newest_id)
    size = wanted.page_size or DEFAULT_PAGE_SIZE
    first = ((wanted.page or 1) - 1) * size
    if place is not None and place.passed > first:
        place = None
    cut = Cut(wanted.start_time_direction == "ASC", first, size, place)
    page, total, newest = _find(connection, pinned, cut, seconds)
    if newest_id is None:
        newest_id = newest_committed_id(connection) if newest is None else newest
    ended = Place(first + len(page), page[-1]) if page else place
    return Found(page, total, newest_id, asked, searched.index.reading, pinned.plan, ended, seconds)


def _find(
    connection: Connection, pinned: _Pinned, cut: Cut, seconds: dict[str, float]
) -> tuple[list[int], int, int | None]:
    """The page, the total and, where it comes with them, the newest interactionId."""
    plan = pinned.plan
    with _timed(seconds, "page"):
        if (few := plan.few(connection)) is not None:
            return _cut(few, cut), len(few), None
        if (whole := plan.whole(connection, cut)) is not None:
            return whole
        if plan.opens_at_once and cut.first == 0:
            return plan.opening(connection, cut)
    total = None
    if plan.counts_first:
        with _timed(seconds, "total"):
            total = pinned.total(connection)
    page: list[int] = []
    if total is None or cut.first < total or cut.place is not None:
        with _timed(seconds, "page"):
            page = plan.page(connection, cut, total)
    if total is None and cut.place is None and len(page) < cut.size and (page or cut.first == 0):
        total = cut.first + len(page)  # a page that is not full tells
    if total is None:
        with _timed(seconds, "total"):
            total = pinned.total(connection)
    return page, total, None


@contextmanager
def _timed(seconds: dict[str, float], part: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    seconds[part] = seconds.get(part, 0.0) + time.perf_counter() - began


def _pin(connection: Connection, everything: Plan, newest_id: int) -> _Pinned:
    """Leave out what was committed later: mostly nothing, or few beside all that there are."""
    newer = newer_than(newest_id)
    size = _size(connection, newer, Window(), _NEWER_AT_MOST)
    if not size:
        return _Pinned(everything)
    committed = Fact("recordingsSearchToken", recordings.c.interaction_id <= newest_id)
    older = replace(everything, facts=(*everything.facts, committed))
    return _Pinned(older, (everything, everything.led_by(newer, size)) if size < _NEWER_AT_MOST else None)


def _cut(few: list[int], cut: Cut) -> list[int]:
    """The same page as of a plan, of positions that are all there."""
    few = sorted(few, reverse=not cut.ascending)
    if cut.place is not None:
        at = cut.place.position
        few = [position for position in few if position != at and (position > at) == cut.ascending]
    return few[cut.onward : cut.onward + cut.size]


def _searched(connection: Connection, viewer: Viewer) -> Searched:
    return Searched(index_of(connection), viewer.may(Right.RECORDING_TRANSCRIPTION_VIEW))


def _plan(
    connection: Connection,
    wanted: RecordingSearch,
    viewer: Viewer,
    asked: Node | None,
    searched: Searched,
) -> Plan:
    window = window_of(wanted.date_time_range)
    links, conditions = permitted(connection, viewer, window)
    links += included(wanted, viewer)
    without = list(excluded(wanted, viewer))
    conditions += facts(wanted)
    conditions += [Fact("timeRanges", one) for one in time_conditions(connection, wanted.time_ranges)]
    if asked is not None:
        looked_up, read = set_apart(connection, asked, searched)
        if looked_up is not None:
            link, is_complement = text_link(connection, looked_up, searched)
            (without if is_complement else links).append(link)
        if read is not None:
            conditions.append(Fact("freeText", is_read_in(recordings.c.position, read, searched)))
        if searched.leaves_out_transcribed:
            without.append(transcribed())
    walks = connection.dialect.name == "sqlite"
    if walks and len(links) + len(without) > 1:
        sizes = _sizes(connection, links, window)
    else:
        sizes = [link.at_most for link in links]
    ranked = sorted(
        zip(links, sizes, strict=True), key=lambda pair: COUNTED_AT_MOST if pair[1] is None else pair[1]
    )
    leader, leader_size = ranked[0] if ranked else (None, None)
    checks = tuple(link for link, _ in ranked[1:])
    return Plan(window, leader, leader_size, checks, tuple(without), tuple(conditions), walks)


def _sizes(connection: Connection, links: list[Link], window: Window) -> list[int | None]:
    """How many positions each link has, counted no further than is needed to choose.

    Beside one that has few indeed it does not matter: None.
    """
    limit = _COUNTED_AT_FIRST
    while True:
        sizes: list[int] = []
        for link in links:
            sizes.append(_size(connection, link, window, limit))
            if sizes[-1] < _COUNTED_AT_FIRST:
                return [*sizes, *[None] * (len(links) - len(sizes))]
        if limit >= COUNTED_AT_MOST or any(size < limit for size in sizes):
            return [*sizes]
        limit *= 10


def _size(connection: Connection, link: Link, window: Window, limit: int) -> int:
    if link.at_most is not None and link.at_most < limit:
        return link.at_most
    return connection.scalar(count_of(link.positions(window).limit(limit))) or 0
